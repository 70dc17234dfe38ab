//===- Batches.h - Which tokens a step is trained on ------------*- C++ -*-===//
//
// Tokens are cut into windows of `length` tokens and the one after them, which
// the last is to predict: window w begins at w * length. An epoch is all
// windows once, in an order that the seed and the epoch's number decide; which
// windows a step has is a function of the seed and the step, so a run that is
// resumed needs to remember neither. docs/nyala-train.md has the same in Python.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_BATCHES_H
#define NYALA_TOOLS_NYALA_TRAIN_BATCHES_H

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace nyala::train {

/// Windows of `length` tokens with a target each.
uint64_t countWindows(uint64_t tokens, uint64_t length);

/// The order of an epoch's windows: Fisher and Yates's shuffle with numbers of SplitMix64, modulo.
std::vector<uint64_t> shuffleWindows(uint64_t windows, uint64_t seed, uint64_t epoch);

/// Writes window `window` of `tokens` and what follows each of its tokens.
void readWindow(std::span<const int32_t> tokens, uint64_t window, std::span<int32_t> inputs,
                std::span<int32_t> targets);

class Batches {
public:
  /// `tokens` outlive it. There must be a window.
  Batches(std::span<const int32_t> tokens, uint64_t length, uint64_t seed)
      : tokens(tokens), length(length), windows(countWindows(tokens.size(), length)), seed(seed) {}

  uint64_t getWindows() const { return windows; }
  /// The window that sequence `index`, counted from the beginning of training, is.
  uint64_t getWindow(uint64_t index);
  /// Fills whole sequences, `first` being the index of the first one.
  void fill(uint64_t first, std::span<int32_t> inputs, std::span<int32_t> targets);

private:
  std::span<const int32_t> tokens;
  uint64_t length, windows, seed;
  std::optional<uint64_t> epoch; ///< that `order` is of
  std::vector<uint64_t> order;
};

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_BATCHES_H
