//===- FuzzTemplate.cpp - Hostile chat templates --------------------------===//
//
// The input is the template's source.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Status.h"
#include "runtime/text/ChatTemplate.h"

#include <cstdint>

using namespace nyala::rt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const Message messages[] = {{"system", "Be kind."},
                              {"user", " What is \"2 < 3\"?\n"},
                              {"assistant", "<think>\nhm\n</think>\n\ntr\u00fce"},
                              {"user", "\u4f60\u597d {{ x }}"}};
  try {
    const ChatTemplate chat({reinterpret_cast<const char *>(data), size}, "<s>", "</s>",
                            [] { return std::tm{}; });
    chat.render(messages, /*addGenerationPrompt=*/size % 2 == 0);
  } catch (const Failure &) {
  }
  return 0;
}
