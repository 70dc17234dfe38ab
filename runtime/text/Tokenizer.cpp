#include "runtime/text/Tokenizer.h"

#include "runtime/core/Status.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <limits>
#include <span>
#include <string>

namespace nyala::rt {
namespace {

using artifact::TokenKind;

[[noreturn]] void corrupt(const std::string &what) {
  throw Failure(NYALA_CORRUPT, "corrupt tokenizer: " + what + "; compile the model again");
}

bool isSpecial(TokenKind kind) {
  return kind == TokenKind::Control || kind == TokenKind::UserDefined;
}

/// Merges are structs of little-endian words, laid out as in the memory of x86-64.
std::span<const artifact::Merge> mergesOf(const artifact::Tokenizer *data) {
  return {reinterpret_cast<const artifact::Merge *>(data->merges()->Data()),
          data->merges()->size()};
}

constexpr std::string_view ownSplits = "splits"; ///< the pre-tokenizer that is no family's

PreTokenizer makePreTokenizer(const artifact::Tokenizer *data) {
  std::string_view name = data->pre_tokenizer()->string_view();
  if (name != ownSplits)
    return PreTokenizer(getPreTokenizerFamily(name).splits);
  if (!data->splits())
    corrupt("the patterns of its pre-tokenizer are missing");
  if (data->splits()->size() > PreTokenizer::maxSplits)
    corrupt(std::to_string(data->splits()->size()) + " patterns of the pre-tokenizer");
  std::vector<std::string_view> splits;
  for (const flatbuffers::String *split : *data->splits())
    splits.push_back(split->string_view());
  return PreTokenizer(splits);
}

bool ignoresMerges(const artifact::Tokenizer *data) {
  std::string_view name = data->pre_tokenizer()->string_view();
  return name == ownSplits ? data->ignore_merges() : getPreTokenizerFamily(name).ignoresMerges;
}

} // namespace

/// Buffers of one encode call.
struct Tokenizer::Scratch {
  /// A token of the piece; neighbours are linked, so that a merge is O(1).
  struct Symbol {
    uint32_t token;
    uint32_t previous, next; ///< indices of symbols; `none` at the ends
  };
  /// A merge of the symbol at `at` with the one after it, as they were when it was found.
  struct Candidate {
    uint32_t rank, at, left, right, result;
    bool operator>(const Candidate &other) const {
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };
  static constexpr uint32_t none = std::numeric_limits<uint32_t>::max();

  std::vector<std::string_view> pieces;
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap; ///< lowest rank on top, of equal ones the leftmost
};

Tokenizer::Tokenizer(const artifact::Tokenizer *data)
    : data(data), kinds(data->kinds()), offsets(data->offsets()),
      preTokenizer(makePreTokenizer(data)), ignoreMerges(ignoresMerges(data)) {
  if (data->model()->string_view() != "gpt2")
    throw Failure(NYALA_UNSUPPORTED, "unknown tokenizer model '" + data->model()->str() +
                                         "': this runtime has gpt2 (byte-level BPE)");
  checkRanges();
  byteTokens.fill(-1);
  for (uint32_t id = 0; id < size(); ++id) {
    std::string_view text = spelling(id);
    TokenKind kind = kinds->Get(id);
    if (text.size() != 1 || !(kind == TokenKind::Normal || kind == TokenKind::UserDefined))
      continue;
    int32_t &token = byteTokens[static_cast<uint8_t>(text[0])];
    if (token < 0 || (kind == TokenKind::Normal && kinds->Get(token) != TokenKind::Normal))
      token = static_cast<int32_t>(id);
  }
  for (uint32_t id : *data->specials())
    if (!spelling(id).empty())
      specials.push_back(id);
  std::ranges::sort(specials, {}, [&](uint32_t id) { return std::pair(spelling(id), id); });
  for (size_t byte = 0; byte < specialsOfByte.size(); ++byte) {
    auto begin = std::ranges::lower_bound(specials, byte, {}, [&](uint32_t id) {
      return size_t{static_cast<uint8_t>(spelling(id)[0])};
    });
    specialsOfByte[byte] = static_cast<uint32_t>(begin - specials.begin());
  }
}

void Tokenizer::checkRanges() const {
  size_t count = kinds->size();
  if (count > static_cast<size_t>(std::numeric_limits<int32_t>::max()))
    corrupt(std::to_string(count) + " tokens");
  if (offsets->size() != count + 1)
    corrupt(std::to_string(count) + " tokens need " + std::to_string(count + 1) + " offsets, got " +
            std::to_string(offsets->size()));
  if (offsets->Get(0) != 0 || offsets->Get(count) != data->bytes()->size())
    corrupt("token texts do not cover the text bytes");
  for (uint32_t id = 0; id < count; ++id) {
    if (offsets->Get(id) > offsets->Get(id + 1))
      corrupt("token " + std::to_string(id) + " ends before it starts");
    if (kinds->Get(id) > TokenKind::Unused)
      corrupt("token " + std::to_string(id) + " is of unknown kind " +
              std::to_string(static_cast<unsigned>(kinds->Get(id))));
  }
  auto check = [&](int64_t id, const char *what) {
    if (id < 0 || id >= static_cast<int64_t>(count))
      corrupt(std::string(what) + " names token " + std::to_string(id) + ", but there are only " +
              std::to_string(count));
  };
  for (uint32_t id : *data->sorted())
    check(id, "the sorted list");
  for (uint32_t id : *data->specials())
    check(id, "the list of special tokens");
  for (uint32_t id : *data->stops())
    check(id, "the list of stop tokens");
  for (const artifact::Merge &merge : mergesOf(data))
    check(std::max({merge.left(), merge.right(), merge.result()}), "a merge");
  if (data->bos() != -1)
    check(data->bos(), "bos");
  if (data->eos() != -1)
    check(data->eos(), "eos");
}

void Tokenizer::validate() const {
  size_t normal = 0, special = 0;
  for (uint32_t id = 0; id < size(); ++id) {
    normal += kinds->Get(id) == TokenKind::Normal;
    special += isSpecial(kinds->Get(id));
  }
  // Strictly ascending lists of the right kind and length have every token exactly once.
  const auto &sorted = *data->sorted();
  if (sorted.size() != normal)
    corrupt("the sorted list has " + std::to_string(sorted.size()) + " of " +
            std::to_string(normal) + " normal tokens");
  for (uint32_t i = 0; i < normal; ++i) {
    if (kinds->Get(sorted[i]) != TokenKind::Normal)
      corrupt("token " + std::to_string(sorted[i]) + " of the sorted list is not a normal one");
    if (i == 0)
      continue;
    int order = spelling(sorted[i - 1]).compare(spelling(sorted[i]));
    if (order > 0 || (order == 0 && sorted[i - 1] >= sorted[i]))
      corrupt("the sorted list is not sorted at entry " + std::to_string(i));
  }
  const auto &specials = *data->specials();
  if (specials.size() != special)
    corrupt("the list of special tokens has " + std::to_string(specials.size()) + " of " +
            std::to_string(special));
  for (uint32_t i = 0; i < special; ++i) {
    if (!isSpecial(kinds->Get(specials[i])))
      corrupt("token " + std::to_string(specials[i]) + " of the special list is not special");
    if (i == 0)
      continue;
    size_t before = spelling(specials[i - 1]).size(), length = spelling(specials[i]).size();
    if (before < length || (before == length && specials[i - 1] >= specials[i]))
      corrupt("the list of special tokens is not sorted at entry " + std::to_string(i));
  }
  const artifact::Merge *previous = nullptr;
  for (const artifact::Merge &merge : mergesOf(data)) {
    if (previous && (previous->left() > merge.left() ||
                     (previous->left() == merge.left() && previous->right() >= merge.right())))
      corrupt("the merges are not sorted at the pair of tokens " + std::to_string(merge.left()) +
              " and " + std::to_string(merge.right()));
    std::string_view left = spelling(merge.left()), right = spelling(merge.right()),
                     result = spelling(merge.result());
    if (left.empty() || right.empty() || result.size() != left.size() + right.size() ||
        !result.starts_with(left) || !result.ends_with(right))
      corrupt("the merge of tokens " + std::to_string(merge.left()) + " and " +
              std::to_string(merge.right()) + " does not spell token " +
              std::to_string(merge.result()));
    previous = &merge;
  }
}

std::string_view Tokenizer::spelling(uint32_t id) const {
  uint32_t begin = offsets->Get(id), end = offsets->Get(id + 1);
  return {reinterpret_cast<const char *>(data->bytes()->Data()) + begin, end - begin};
}

std::string_view Tokenizer::tokenBytes(int32_t id, bool special) const {
  if (id < 0 || static_cast<size_t>(id) >= size())
    return {};
  std::string_view text = spelling(static_cast<uint32_t>(id));
  TokenKind kind = kinds->Get(static_cast<uint32_t>(id));
  bool silent =
      kind == TokenKind::Control || kind == TokenKind::Unknown || kind == TokenKind::Unused;
  return silent && !special ? text.substr(0, 0) : text;
}

bool Tokenizer::isStop(int32_t id) const {
  return id >= 0 && std::find(data->stops()->begin(), data->stops()->end(),
                              static_cast<uint32_t>(id)) != data->stops()->end();
}

std::span<const artifact::TokenNode> Tokenizer::getTokenTree() const {
  const auto *tree = data->token_tree();
  if (!tree)
    return {};
  // Laid out as in the memory of x86-64, as merges are.
  return {reinterpret_cast<const artifact::TokenNode *>(tree->Data()), tree->size()};
}

const artifact::Merge *Tokenizer::findMerge(uint32_t left, uint32_t right) const {
  auto merges = mergesOf(data);
  uint64_t key = uint64_t(left) << 32 | right;
  auto keyOf = [](const artifact::Merge &merge) {
    return uint64_t(merge.left()) << 32 | merge.right();
  };
  auto found = std::ranges::lower_bound(merges, key, {}, keyOf);
  return found != merges.end() && keyOf(*found) == key ? &*found : nullptr;
}

int32_t Tokenizer::findNormal(std::string_view text) const {
  std::span<const uint32_t> sorted(data->sorted()->data(), data->sorted()->size());
  auto found =
      std::ranges::lower_bound(sorted, text, {}, [&](uint32_t id) { return spelling(id); });
  return found != sorted.end() && spelling(*found) == text ? static_cast<int32_t>(*found) : -1;
}

int32_t Tokenizer::findSpecial(std::string_view text) const {
  size_t firstByte = static_cast<uint8_t>(text[0]);
  std::span<const uint32_t> candidates =
      std::span(specials).first(specialsOfByte[firstByte + 1]).subspan(specialsOfByte[firstByte]);
  int32_t longest = -1;
  // All candidates start with the first `length` bytes of the text. Those that end there come
  // first; of several that are written alike the first one counts.
  for (size_t length = 1; !candidates.empty(); ++length) {
    auto ended = std::ranges::upper_bound(candidates, length, {},
                                          [&](uint32_t id) { return spelling(id).size(); });
    if (ended != candidates.begin())
      longest = static_cast<int32_t>(candidates.front());
    if (length == text.size())
      break;
    auto next = std::ranges::equal_range(
        ended, candidates.end(), static_cast<uint8_t>(text[length]), {},
        [&](uint32_t id) { return static_cast<uint8_t>(spelling(id)[length]); });
    candidates = {next.begin(), next.end()};
  }
  return longest;
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool special) const {
  std::vector<int32_t> ids;
  encode(text, special, ids);
  return ids;
}

void Tokenizer::encode(std::string_view text, bool special, std::vector<int32_t> &ids) const {
  if (size_t bad = checkText(text); bad != std::string_view::npos)
    throw Failure(NYALA_INVALID_TEXT, describeBadText(text, bad));
  size_t before = ids.size();
  try {
    Scratch scratch;
    if (special && data->add_bos() && data->bos() >= 0)
      ids.push_back(data->bos());
    size_t plainBegin = 0;
    for (size_t at = 0; special && at < text.size();) {
      int32_t token = findSpecial(text.substr(at));
      if (token < 0) {
        ++at;
        continue;
      }
      encodePlain(text.substr(plainBegin, at - plainBegin), plainBegin, scratch, ids);
      // A chat template writes the beginning-of-sequence token itself.
      bool again = at == 0 && ids.size() > before && token == data->bos();
      if (!again)
        ids.push_back(token);
      at += spelling(static_cast<uint32_t>(token)).size();
      plainBegin = at;
    }
    encodePlain(text.substr(plainBegin), plainBegin, scratch, ids);
  } catch (...) {
    ids.resize(before);
    throw;
  }
}

void Tokenizer::encodePlain(std::string_view text, size_t offset, Scratch &scratch,
                            std::vector<int32_t> &ids) const {
  if (text.size() >= Scratch::none)
    throw Failure(NYALA_INVALID_ARGUMENT,
                  "text is too long to tokenize: " + std::to_string(text.size()) +
                      " bytes, at most 4294967294 at once");
  for (size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<uint8_t>(text[i]);
    if (byteTokens[byte] >= 0)
      continue;
    char hex[8];
    std::snprintf(hex, sizeof hex, "0x%02X", byte);
    throw Failure(NYALA_INVALID_TEXT, "the model's vocabulary has no token for byte " +
                                          std::string(hex) + " at byte offset " +
                                          std::to_string(offset + i) +
                                          " of the text; remove that character");
  }
  scratch.pieces.clear();
  preTokenizer.split(text, scratch.pieces);
  for (std::string_view piece : scratch.pieces)
    encodePiece(piece, scratch, ids);
}

void Tokenizer::encodePiece(std::string_view piece, Scratch &scratch,
                            std::vector<int32_t> &ids) const {
  if (piece.size() == 1) {
    ids.push_back(byteTokens[static_cast<uint8_t>(piece[0])]);
    return;
  }
  if (ignoreMerges) {
    if (int32_t token = findNormal(piece); token >= 0) {
      ids.push_back(token);
      return;
    }
  }

  constexpr uint32_t none = Scratch::none;
  auto &symbols = scratch.symbols;
  auto &heap = scratch.heap;
  auto count = static_cast<uint32_t>(piece.size());
  symbols.clear();
  heap.clear();
  for (uint32_t i = 0; i < count; ++i)
    symbols.push_back({static_cast<uint32_t>(byteTokens[static_cast<uint8_t>(piece[i])]),
                       i == 0 ? none : i - 1, i + 1 == count ? none : i + 1});
  auto consider = [&](uint32_t at) {
    uint32_t left = symbols[at].token, right = symbols[symbols[at].next].token;
    const artifact::Merge *merge = findMerge(left, right);
    if (!merge)
      return false;
    heap.push_back({merge->rank(), at, left, right, merge->result()});
    return true;
  };
  for (uint32_t i = 0; i + 1 < count; ++i)
    consider(i);
  std::make_heap(heap.begin(), heap.end(), std::greater<>());

  // Every merge adds at most two candidates and removes a symbol: O(n log n).
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    Scratch::Candidate merge = heap.back();
    heap.pop_back();
    Scratch::Symbol &left = symbols[merge.at];
    uint32_t gone = left.next;
    // Outdated: one of the two has been merged with its other neighbour since. (A symbol that was
    // merged into the one before it has `none` as token.)
    if (left.token != merge.left || gone == none || symbols[gone].token != merge.right)
      continue;
    left.token = merge.result;
    left.next = symbols[gone].next;
    symbols[gone].token = none;
    if (left.next != none) {
      symbols[left.next].previous = merge.at;
      if (consider(merge.at))
        std::push_heap(heap.begin(), heap.end(), std::greater<>());
    }
    if (left.previous != none && consider(left.previous))
      std::push_heap(heap.begin(), heap.end(), std::greater<>());
  }
  // The first symbol is never merged away.
  for (uint32_t at = 0; at != none; at = symbols[at].next)
    ids.push_back(static_cast<int32_t>(symbols[at].token));
}

} // namespace nyala::rt
