//===- DispatchTarget.cpp - What targets ask of fusions -------------------===//
#include "codegen/dispatch/DispatchTarget.h"

using namespace mlir;
using namespace nyala;

bool DispatchTarget::keepsTiles(Operation *consumer, int64_t columns, std::string &reason) {
  auto aligned = [&](int64_t number) { return number % columns == 0; };
  std::string multiple = std::to_string(columns);
  if (auto split = dyn_cast<SplitOp>(consumer)) {
    for (Value result : split.getResults())
      if (!aligned(getChannels(result))) {
        reason = "a part of " + std::to_string(getChannels(result)) +
                 " columns is no multiple of " + multiple;
        return false;
      }
  }
  if (auto rotate = dyn_cast<RotateOp>(consumer)) {
    if (rotate.getPairing() != RopePairing::Adjacent) {
      reason = "pairs of channels lie in different tiles";
      return false;
    }
    if (!aligned(getChannels(rotate.getInput()) / rotate.getHeads()) ||
        !aligned(getChannels(rotate.getTable()))) {
      reason = "heads or their rotated parts are no multiples of " + multiple + " columns";
      return false;
    }
  }
  return true;
}
