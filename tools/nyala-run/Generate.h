//===- Generate.h - The generation loop -------------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_RUN_GENERATE_H
#define NYALA_TOOLS_NYALA_RUN_GENERATE_H

#include "tools/run-support/Model.h"
#include "tools/nyala-run/Options.h"

#include <functional>
#include <utility>

namespace nyala {

/// Why a generation ended.
enum class Finish { Stop, StopString, Length, Context };

struct Generation {
  Tokens ids; ///< all that were generated, a stop token included
  std::string text;
  std::vector<std::vector<std::pair<int32_t, float>>> topLogits; ///< per id, largest first
  Finish finish = Finish::Length;
  double prefillTokensPerSecond = 0;
  double decodeTokensPerSecond = 0; ///< of the tokens after the first
  double firstTokenMs = 0;          ///< from the prompt's tokens to the first generated one
};

/// "stop", "stop-string", "length" or "context".
const char *getName(Finish finish);

/// Appends `prompt` to the session and generates. `print` gets the text as it comes, in whole
/// characters, held back where it may be the beginning of a stop string.
Generation generate(const Model &model, Session &session, std::span<const int32_t> prompt,
                    const RunOptions &options, const std::function<void(std::string_view)> &print);

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_RUN_GENERATE_H
