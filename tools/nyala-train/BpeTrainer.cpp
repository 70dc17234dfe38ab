#include "tools/nyala-train/BpeTrainer.h"
#include "runtime/text/PreTokenizer.h"

#include <algorithm>
#include <queue>
#include <unordered_map>

namespace nyala::train {
namespace {

/// The tokens of a piece of text, and how often it is there.
struct Word {
  std::vector<uint32_t> tokens;
  int64_t count;
};

/// Two tokens side by side; ordered as pairs are.
using Pair = uint64_t;
Pair makePair(uint32_t left, uint32_t right) { return Pair(left) << 32 | right; }

class BpeTrainer {
public:
  explicit BpeTrainer(std::span<const std::string_view> texts);

  TokenizerData train(int64_t vocabulary);

private:
  struct Uses {
    int64_t count = 0;
    std::vector<uint32_t> words; ///< that may have the pair; some more than once
  };
  /// A count as it was; it is stale if the pair's differs.
  struct Candidate {
    int64_t count;
    Pair pair;
    bool operator<(const Candidate &other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };

  void change(Pair pair, int64_t difference, uint32_t word);
  void mergeIn(uint32_t index, Pair pair, uint32_t result);

  std::vector<Word> words;
  std::unordered_map<Pair, Uses> pairs;
  std::priority_queue<Candidate> candidates;
  std::vector<Pair> changed; ///< since candidates were last added
};

BpeTrainer::BpeTrainer(std::span<const std::string_view> texts) {
  std::span<const std::string_view> splits = rt::getPreTokenizerFamily("gpt-2").splits;
  rt::PreTokenizer preTokenizer(splits);
  std::unordered_map<std::string_view, uint32_t> indices;
  std::vector<std::string_view> pieces;
  for (std::string_view text : texts) {
    pieces.clear();
    preTokenizer.split(text, pieces);
    for (std::string_view piece : pieces) {
      auto [found, isNew] = indices.emplace(piece, static_cast<uint32_t>(words.size()));
      if (isNew) {
        words.push_back({{}, 0});
        for (char byte : piece)
          words.back().tokens.push_back(static_cast<uint8_t>(byte));
      }
      ++words[found->second].count;
    }
  }
}

void BpeTrainer::change(Pair pair, int64_t difference, uint32_t word) {
  Uses &uses = pairs[pair];
  uses.count += difference;
  if (difference > 0)
    uses.words.push_back(word);
  changed.push_back(pair);
}

/// Replaces the pair by its merge in one word, from the left, and counts its pairs anew.
void BpeTrainer::mergeIn(uint32_t index, Pair pair, uint32_t result) {
  Word &word = words[index];
  std::vector<uint32_t> &tokens = word.tokens;
  auto isPair = [&](size_t i) {
    return i + 1 < tokens.size() && makePair(tokens[i], tokens[i + 1]) == pair;
  };
  std::vector<uint32_t> merged;
  for (size_t i = 0; i < tokens.size(); i += isPair(i) ? 2 : 1)
    merged.push_back(isPair(i) ? result : tokens[i]);
  if (merged.size() == tokens.size())
    return; // named more than once
  for (size_t i = 0; i + 1 < tokens.size(); ++i)
    change(makePair(tokens[i], tokens[i + 1]), -word.count, index);
  for (size_t i = 0; i + 1 < merged.size(); ++i)
    change(makePair(merged[i], merged[i + 1]), word.count, index);
  tokens = std::move(merged);
}

TokenizerData BpeTrainer::train(int64_t vocabulary) {
  TokenizerData data;
  data.model = "gpt2";
  data.preTokenizer = "gpt-2";
  for (int byte = 0; byte < 256; ++byte)
    data.tokens.emplace_back(1, static_cast<char>(byte));

  for (uint32_t index = 0; index < words.size(); ++index)
    for (size_t i = 0; i + 1 < words[index].tokens.size(); ++i)
      change(makePair(words[index].tokens[i], words[index].tokens[i + 1]), words[index].count,
             index);
  while (static_cast<int64_t>(data.tokens.size()) + 1 < vocabulary) {
    std::ranges::sort(changed);
    changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
    for (Pair pair : changed)
      if (int64_t count = pairs[pair].count; count >= 2)
        candidates.push({count, pair});
    changed.clear();
    while (!candidates.empty() && pairs[candidates.top().pair].count != candidates.top().count)
      candidates.pop();
    if (candidates.empty())
      break;
    Pair pair = candidates.top().pair;
    candidates.pop();
    auto left = static_cast<uint32_t>(pair >> 32), right = static_cast<uint32_t>(pair);
    auto result = static_cast<uint32_t>(data.tokens.size());
    data.merges.push_back({left, right, static_cast<uint32_t>(data.merges.size()), result});
    data.tokens.push_back(data.tokens[left] + data.tokens[right]);
    std::vector<uint32_t> users = std::move(pairs[pair].words);
    pairs[pair].words.clear();
    for (uint32_t index : users)
      mergeIn(index, pair, result);
  }

  data.kinds.assign(data.tokens.size(), TokenKind::Normal);
  data.eos = data.bos = static_cast<int32_t>(data.tokens.size());
  data.stops = {static_cast<uint32_t>(data.eos)};
  data.tokens.emplace_back(kEndOfText);
  data.kinds.push_back(TokenKind::Control);
  return data;
}

} // namespace

TokenizerData trainBpe(std::span<const std::string_view> texts, int64_t vocabulary) {
  return BpeTrainer(texts).train(vocabulary);
}

} // namespace nyala::train
