//===- WeightOps.cpp - Ops that rearrange weights -------------------------===//
#include "ir/WeightOps.h"
#include "ir/reference/Checks.h"

#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace nyala;
using reference::Tensor;

LogicalResult InterleaveRowsOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (type.getRank() == 0 || type.getEncoding())
    return emitOpError("expected a plain weight with rows, got ") << type;
  auto groups = static_cast<int64_t>(getGroups()), dims = static_cast<int64_t>(getDims());
  int64_t rows = type.getDimSize(0);
  if (groups <= 0 || rows % groups != 0)
    return emitOpError("expected groups to divide the ") << rows << " rows, got " << groups;
  if (dims < 0 || dims % 2 != 0 || dims > rows / groups)
    return emitOpError("expected dims to be an even number of the ")
           << rows / groups << " rows of a group, got " << dims;
  return success();
}

int64_t InterleaveRowsOp::getSourceRow(int64_t row) {
  int64_t groupRows =
      cast<RankedTensorType>(getType()).getDimSize(0) / static_cast<int64_t>(getGroups());
  auto dims = static_cast<int64_t>(getDims());
  int64_t within = row % groupRows;
  return within < dims ? row - within + within / 2 + within % 2 * (dims / 2) : row;
}

FailureOr<SmallVector<Tensor>> InterleaveRowsOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[0];
  Tensor result(input.getShape());
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t r = 0; r < input.dim(0); ++r)
    llvm::copy(input.row(getSourceRow(r)), out.begin() + r * input.rowSize());
  return reference::single(std::move(result));
}

#define GET_OP_CLASSES
#include "ir/WeightOps.cpp.inc"
