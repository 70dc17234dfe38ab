//===- KernelTies.cpp - Results that live in a kernel's arguments ---------===//
#include "ir/KernelTies.h"

using namespace mlir;
using namespace nyala;

std::optional<int64_t> nyala::getTiedArgument(KernelOp kernel, unsigned result) {
  if (auto tied = kernel.getResultAttrOfType<IntegerAttr>(result, kTiedAttr))
    return tied.getInt() < 0 ? std::nullopt : std::optional(tied.getInt());
  auto value = dyn_cast<OpResult>(kernel.getBody().front().getTerminator()->getOperand(result));
  auto update = value ? dyn_cast<InPlaceOpInterface>(value.getOwner()) : InPlaceOpInterface();
  OpOperand *updated = update ? update.getUpdatedOperand(value.getResultNumber()) : nullptr;
  auto argument = updated ? dyn_cast<BlockArgument>(updated->get()) : BlockArgument();
  return argument ? std::optional<int64_t>(argument.getArgNumber()) : std::nullopt;
}
