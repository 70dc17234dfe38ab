#include "tools/nyala-train/Batches.h"
#include "tools/nyala-train/SplitMix64.h"

#include <algorithm>
#include <numeric>

namespace nyala::train {

uint64_t countWindows(uint64_t tokens, uint64_t length) {
  return tokens == 0 ? 0 : (tokens - 1) / length;
}

std::vector<uint64_t> shuffleWindows(uint64_t windows, uint64_t seed, uint64_t epoch) {
  std::vector<uint64_t> order(windows);
  std::iota(order.begin(), order.end(), uint64_t(0));
  SplitMix64 random(SplitMix64(seed).next() + epoch);
  for (uint64_t i = windows - 1; i > 0; --i)
    std::swap(order[i], order[random.next() % (i + 1)]);
  return order;
}

void readWindow(std::span<const int32_t> tokens, uint64_t window, std::span<int32_t> inputs,
                std::span<int32_t> targets) {
  uint64_t begin = window * inputs.size();
  std::ranges::copy(tokens.subspan(begin, inputs.size()), inputs.begin());
  std::ranges::copy(tokens.subspan(begin + 1, inputs.size()), targets.begin());
}

uint64_t Batches::getWindow(uint64_t index) {
  uint64_t wanted = index / windows;
  if (epoch != wanted) {
    order = shuffleWindows(windows, seed, wanted);
    epoch = wanted;
  }
  return order[index % windows];
}

void Batches::fill(uint64_t first, std::span<int32_t> inputs, std::span<int32_t> targets) {
  for (uint64_t i = 0; i < inputs.size() / length; ++i)
    readWindow(tokens, getWindow(first + i), inputs.subspan(i * length, length),
               targets.subspan(i * length, length));
}

} // namespace nyala::train
