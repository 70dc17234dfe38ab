//===- Report.h - What is said of a generation ------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_RUN_REPORT_H
#define NYALA_TOOLS_NYALA_RUN_REPORT_H

#include "tools/nyala-run/Generate.h"

#include <nlohmann/json.hpp>

namespace nyala {

/// On standard error: how fast it was and why it ended.
void reportGeneration(const Generation &result, size_t promptTokens, uint32_t context);

/// The object of --json.
nlohmann::ordered_json toJson(const Generation &result, const Tokens &prompt, const Model &model);

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_RUN_REPORT_H
