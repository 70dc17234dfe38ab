//===- Generate.h - The generation loop -------------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_RUN_GENERATE_H
#define NYALA_TOOLS_NYALA_RUN_GENERATE_H

#include "tools/nyala-run/Options.h"
#include "tools/run-support/Model.h"

#include <functional>
#include <utility>

namespace nyala {

/// Why a generation ended.
enum class Finish { Stop, StopString, Length, Context, Interrupted };

struct Generation {
  Tokens ids; ///< all that were generated, a stop token included
  std::string text;
  std::vector<std::vector<std::pair<int32_t, float>>> topLogits; ///< per id, largest first
  Finish finish = Finish::Length;
  size_t keptTokens = 0; ///< of the prompt, that the session held before
  double prefillTokensPerSecond = 0;
  double decodeTokensPerSecond = 0; ///< of the tokens after the first
  double firstTokenMs = 0;          ///< from the prompt's tokens to the first generated one
};

/// "stop", "stop-string", "length", "context" or "interrupted".
const char *getName(Finish finish);

/// Generates what follows `prompt`, of which the session keeps what it holds already. `print` gets
/// the text as it comes, in whole characters, held back where it may be the beginning of a stop
/// string. `constraint`: which tokens may come; null: any. An interrupt ends the generation; what
/// there is is returned.
Generation generate(const Model &model, Session &session, std::span<const int32_t> prompt,
                    const RunOptions &options, const std::function<void(std::string_view)> &print,
                    nyala_constraint *constraint = nullptr);

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_RUN_GENERATE_H
