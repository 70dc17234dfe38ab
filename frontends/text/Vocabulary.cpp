#include "frontends/text/Vocabulary.h"

#include <algorithm>

namespace nyala {

constexpr std::string_view stopTexts[] = {"<|im_end|>",      "<|endoftext|>", "<|eot_id|>",
                                          "<|end_of_text|>", "<|eom_id|>",    "</s>",
                                          "<end_of_turn>"};

std::optional<std::pair<std::string_view, std::string_view>> splitMerge(std::string_view merge) {
  size_t space = merge.find(' ', 1);
  if (space == std::string_view::npos || space + 1 == merge.size())
    return std::nullopt;
  return std::pair(merge.substr(0, space), merge.substr(space + 1));
}

void completeStops(TokenizerData &data) {
  for (uint32_t id = 0; id < data.tokens.size(); ++id)
    if (data.kinds[id] == TokenKind::Control &&
        std::ranges::find(stopTexts, data.tokens[id]) != std::end(stopTexts))
      data.stops.push_back(id);
  std::ranges::sort(data.stops);
  data.stops.erase(std::unique(data.stops.begin(), data.stops.end()), data.stops.end());
}

} // namespace nyala
