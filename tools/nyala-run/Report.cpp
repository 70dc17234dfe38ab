//===- Report.cpp - What is said of a generation --------------------------===//

#include "tools/nyala-run/Report.h"
#include "tools/run-support/Output.h"

#include <cstdio>

namespace nyala {

void reportGeneration(const Generation &result, size_t promptTokens, uint32_t context) {
  char text[256];
  std::snprintf(text, sizeof(text),
                "%zu prompt tokens at %.1f a second, first token after %.1f ms, %zu tokens at "
                "%.1f a second",
                promptTokens - result.keptTokens, result.prefillTokensPerSecond,
                result.firstTokenMs, result.ids.size(), result.decodeTokensPerSecond);
  writeMessage(text);
  if (result.keptTokens > 0)
    writeMessage("the session held " + std::to_string(result.keptTokens) +
                 " more tokens of the prompt");
  switch (result.finish) {
  case Finish::Stop:
    return writeMessage("ended: the model ended its text");
  case Finish::StopString:
    return writeMessage("ended: at a --stop text");
  case Finish::Length:
    return writeMessage("ended: all tokens that -n asks for");
  case Finish::Context:
    return writeMessage("ended: the context of " + std::to_string(context) + " positions is full");
  case Finish::Interrupted:
    return writeMessage("ended: interrupted");
  }
}

nlohmann::ordered_json toJson(const Generation &result, const Tokens &prompt, const Model &model) {
  return {{"prompt_ids", prompt},
          {"ids", result.ids},
          {"text", result.text},
          {"finish", getName(result.finish)},
          {"kept_tokens", result.keptTokens},
          {"cpu", model.getInfo().cpu},
          {"device", model.getInfo().device},
          {"timings",
           {{"prefill_tokens_per_second", result.prefillTokensPerSecond},
            {"decode_tokens_per_second", result.decodeTokensPerSecond},
            {"first_token_ms", result.firstTokenMs}}}};
}

} // namespace nyala
