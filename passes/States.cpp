//===- States.cpp - Values that live from call to call --------------------===//
#include "passes/States.h"

using namespace mlir;

void nyala::setStateType(BlockArgument state, RankedTensorType type) {
  Type before = state.getType();
  if (before == type)
    return;
  SmallVector<Value> worklist{state};
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    value.setType(type);
    for (Operation *user : value.getUsers())
      for (Value result : user->getResults())
        if (result.getType() == before)
          worklist.push_back(result);
  }
}

void nyala::updateFunctionType(func::FuncOp func) {
  Operation *terminator = func.getBody().front().getTerminator();
  func.setType(FunctionType::get(func.getContext(), func.getBody().getArgumentTypes(),
                                 terminator->getOperandTypes()));
}
