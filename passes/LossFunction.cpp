//===- LossFunction.cpp - A function that becomes a loss ------------------===//
#include "passes/LossFunction.h"
#include "ir/TrainingOps.h"
#include "passes/States.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace nyala;

LossFunction::LossFunction(func::FuncOp function)
    : function(function), body(function.getBody().front()),
      terminator(cast<func::ReturnOp>(body.getTerminator())), builder(function.getContext()) {}

Value LossFunction::addArgument(Type type, StringRef key, StringRef value, int64_t rows) {
  unsigned index = function.getNumArguments();
  NamedAttrList attributes;
  attributes.set(key, builder.getStringAttr(value));
  if (rows > 0)
    attributes.set(NyalaDialect::kMaxRowsAttr, builder.getI64IntegerAttr(rows));
  Location loc = NameLoc::get(builder.getStringAttr(value));
  LogicalResult inserted =
      function.insertArgument(index, type, attributes.getDictionary(builder.getContext()), loc);
  assert(succeeded(inserted) && "the function has a body");
  (void)inserted;
  return function.getArgument(index);
}

// %w = nyala.load @m.weight : tensor<NxKxf32>   ->   an argument {nyala.state = "m.weight"}
// %v = nyala.load @n.weight : tensor<Cxf32>     ->   an argument of one row, and its only row
// %f = nyala.load @f : tensor<NxCx3x3xf32>      ->   an argument of N rows, and its view
void LossFunction::makeWeightsStates() {
  llvm::MapVector<StringAttr, SmallVector<LoadOp>> loads;
  for (auto load : body.getOps<LoadOp>())
    loads[load.getWeightAttr().getAttr()].push_back(load);
  for (auto &[name, uses] : loads) {
    LoadOp first = uses.front();
    RankedTensorType type = getTensorType(first);
    bool vector = type.getRank() == 1;
    int64_t rows = vector ? 1 : type.getDimSize(0);
    auto matrix = RankedTensorType::get({rows, type.getNumElements() / rows}, type.getElementType(),
                                        type.getEncoding());
    Value value = addArgument(matrix, NyalaDialect::kStateAttr, name.getValue());
    builder.setInsertionPoint(first);
    ReassociationIndices columns = llvm::to_vector<2>(llvm::seq<int64_t>(1, type.getRank()));
    if (vector)
      value = tensor::CollapseShapeOp::create(builder, first.getLoc(), type, value,
                                              ArrayRef<ReassociationIndices>{{0, 1}});
    else if (type.getRank() > 2)
      value = tensor::ExpandShapeOp::create(builder, first.getLoc(), type, value,
                                            ArrayRef<ReassociationIndices>{{0}, columns});
    for (LoadOp load : uses) {
      load.replaceAllUsesWith(value);
      load.erase();
    }
  }
}

LossFunction::Targets LossFunction::addTargets(int64_t rows) {
  auto ids = RankedTensorType::get({rows}, builder.getI32Type());
  auto column = RankedTensorType::get({rows, 1}, builder.getF32Type());
  Value targets = addArgument(ids, NyalaDialect::kRoleAttr, "targets", rows);
  return {targets, addArgument(column, NyalaDialect::kRoleAttr, "loss_weights", rows)};
}

// %m = arith.mulf %l, %loss_weights
// %loss = nyala.sum_rows %m
// return %loss
void LossFunction::returnSum(Location loc, Value losses, Value weights) {
  builder.setInsertionPoint(terminator);
  Value weighted = arith::MulFOp::create(builder, loc, losses, weights);
  Value sum = SumRowsOp::create(builder, loc, RankedTensorType::get({1, 1}, builder.getF32Type()),
                                weighted, /*squared=*/false);
  terminator->setOperands(sum);
}

void LossFunction::finish() {
  updateFunctionType(function);
  function.removeResAttrsAttr();
  function.setResultAttr(0, NyalaDialect::kResultAttr, builder.getStringAttr("loss"));
  function->setAttr(NyalaDialect::kEntryAttr, builder.getUnitAttr());
}
