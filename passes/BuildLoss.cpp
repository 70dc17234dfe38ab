//===- BuildLoss.cpp - @forward to the loss of a training step ------------===//
#include "ir/TrainingOps.h"
#include "passes/LossFunction.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"

namespace nyala {
#define GEN_PASS_DEF_BUILDLOSS
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

/// Turns a clone of a decoder's @forward into the function that computes the loss of a batch.
class DecoderLoss : LossFunction {
public:
  DecoderLoss(func::FuncOp function, int64_t batch, int64_t length)
      : LossFunction(function), rows(batch * length), length(length) {}

  LogicalResult build() {
    if (failed(findArguments()) || failed(replaceAttention()) || failed(replaceHead()))
      return failure();
    keepAllRows();
    makeRowsStatic();
    makeWeightsStates();
    if (failed(eraseArguments()))
      return failure();
    finish();
    return success();
  }

private:
  LogicalResult findArguments() {
    for (BlockArgument argument : body.getArguments()) {
      auto role =
          function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), NyalaDialect::kRoleAttr);
      if (role)
        roles[role.getValue()] = argument;
    }
    for (StringRef role : {"tokens", "positions", "wanted"})
      if (!roles.contains(role))
        return function.emitOpError("expected an argument with the role '") << role << "'";
    return success();
  }

  // %k1 = nyala.cache_append %k0, %k at %slots in %sequences
  // %v1 = nyala.cache_append %v0, %v at %slots in %sequences
  // %a = nyala.attention %q, %k1, %v1 at %positions in %sequences {…}
  //   ->
  // %a, %l = nyala.self_attention %q, %k, %v {…, length = T}
  LogicalResult replaceAttention() {
    for (auto attention : llvm::make_early_inc_range(body.getOps<AttentionOp>())) {
      auto keys = attention.getKeys().getDefiningOp<CacheAppendOp>();
      auto values = attention.getValues().getDefiningOp<CacheAppendOp>();
      for (CacheAppendOp append : {keys, values})
        if (!append || !isa<BlockArgument>(append.getCache()))
          return attention.emitOpError("attends to more than one update of a cache: a training "
                                       "step has the keys and values of its own rows alone");
      if (attention.getPositions() != roles["positions"])
        return attention.emitOpError("attends at positions that are computed; expected those of "
                                     "the rows");
      builder.setInsertionPoint(attention);
      RankedTensorType type = getTensorType(attention);
      auto sums = RankedTensorType::get(
          {type.getDimSize(0), static_cast<int64_t>(attention.getHeads())}, type.getElementType());
      auto replacement = SelfAttentionOp::create(
          builder, attention.getLoc(), type, sums, attention.getQuery(), keys.getInput(),
          values.getInput(), attention.getHeads(), attention.getKvHeads(), attention.getScale(),
          length, attention.getMask());
      attention.replaceAllUsesWith(replacement.getResult());
      attention.erase();
    }
    return success();
  }

  // %z = nyala.linear %x, %w
  // return %z, …
  //   ->
  // %l, %s = nyala.cross_entropy %x, %w at %targets
  // %m = arith.mulf %l, %loss_weights
  // %loss = nyala.sum_rows %m
  // return %loss
  LogicalResult replaceHead() {
    Value logits;
    for (OpOperand &operand : terminator->getOpOperands()) {
      auto name = function.getResultAttrOfType<StringAttr>(operand.getOperandNumber(),
                                                           NyalaDialect::kResultAttr);
      if (name && name.getValue() == "logits")
        logits = operand.get();
    }
    if (!logits)
      return function.emitOpError("expected a result marked ")
             << NyalaDialect::kResultAttr << " = \"logits\"";
    auto head = logits.getDefiningOp<LinearOp>();
    if (!head || head.getBias())
      return (logits.getDefiningOp() ? logits.getDefiningOp() : function.getOperation())
          ->emitOpError("computes the logits; expected a linear layer without bias, which "
                        "the loss can be fused with");

    builder.setInsertionPoint(terminator);
    Targets targets = addTargets(rows);
    auto column = getTensorType(targets.weights);
    auto loss = CrossEntropyOp::create(builder, head.getLoc(), column, column, head.getInput(),
                                       head.getWeight(), targets.ids);
    returnSum(head.getLoc(), loss.getLoss(), targets.weights);
    head.erase();
    return success();
  }

  // %y = nyala.gather %x, %wanted   ->   %x
  void keepAllRows() {
    for (auto gather : llvm::make_early_inc_range(body.getOps<GatherOp>()))
      if (gather.getIndices() == roles["wanted"]) {
        gather.replaceAllUsesWith(gather.getInput());
        gather.erase();
      }
  }

  void makeRowsStatic() {
    auto fix = [&](Value value) {
      auto type = dyn_cast<RankedTensorType>(value.getType());
      if (!type || type.getRank() > 2 || !type.isDynamicDim(0))
        return;
      SmallVector<int64_t> shape(type.getShape());
      shape[0] = rows;
      value.setType(type.clone(shape));
    };
    llvm::for_each(body.getArguments(), fix);
    for (Operation &op : body)
      llvm::for_each(op.getResults(), fix);
    for (auto [role, argument] : roles)
      function.setArgAttr(argument.getArgNumber(), NyalaDialect::kMaxRowsAttr,
                          builder.getI64IntegerAttr(rows));
  }

  /// Caches, and what says where their rows go.
  LogicalResult eraseArguments() {
    for (auto append : llvm::make_early_inc_range(body.getOps<CacheAppendOp>())) {
      if (!append.use_empty())
        return append.emitOpError("updates a cache that ")
               << append->use_begin()->getOwner()->getName()
               << " reads: a training step has no cache";
      append.erase();
    }
    llvm::BitVector erased(function.getNumArguments());
    for (BlockArgument argument : body.getArguments()) {
      unsigned number = argument.getArgNumber();
      auto role = function.getArgAttrOfType<StringAttr>(number, NyalaDialect::kRoleAttr);
      bool cache = getTensorType(argument).getRank() == 3;
      bool placement =
          role && llvm::is_contained({"sequences", "slots", "wanted"}, role.getValue());
      if (!cache && !placement)
        continue;
      if (!argument.use_empty())
        return (*argument.user_begin())->emitOpError("reads argument ")
               << number << " of @forward, which a training step does not have";
      erased.set(number);
    }
    LogicalResult done = function.eraseArguments(erased);
    assert(succeeded(done) && "the function has a body");
    return done;
  }

  int64_t rows, length;
  llvm::MapVector<StringRef, BlockArgument> roles;
};

struct BuildLoss : nyala::impl::BuildLossBase<BuildLoss> {
  using BuildLossBase::BuildLossBase;

  void runOnOperation() override {
    if (failed(build()))
      signalPassFailure();
  }

private:
  /// A graph's inputs have roles of their own; rows of a decoder are tokens.
  static bool isGraph(func::FuncOp forward, const NamedAttrList &facts) {
    auto architecture = dyn_cast_or_null<StringAttr>(facts.get("architecture"));
    if (architecture && architecture.getValue() == "onnx")
      return true;
    return llvm::none_of(forward.getArguments(), [&](BlockArgument argument) {
      auto role =
          forward.getArgAttrOfType<StringAttr>(argument.getArgNumber(), NyalaDialect::kRoleAttr);
      return role && llvm::is_contained({"tokens", "positions", "wanted"}, role.getValue());
    });
  }

  LogicalResult build() {
    ModuleOp module = getOperation();
    // Rows are counted in 32 bits.
    if (batch < 1 || length < 1 || batch > std::numeric_limits<int32_t>::max() / length)
      return module.emitError("expected a batch of at least one sequence of at least one token, "
                              "2^31 tokens at most, got ")
             << batch.getValue() << " of " << length.getValue();
    SymbolTable symbols(module);
    auto forward = symbols.lookup<func::FuncOp>("forward");
    if (!forward || forward.isExternal())
      return module.emitError("expected a function @forward to build the loss of");
    if (!llvm::hasSingleElement(forward.getBody()))
      return forward.emitError("@forward has ")
             << forward.getBody().getBlocks().size() << " blocks; expected one";
    for (StringRef name : {"evaluate", "train_step"})
      if (Operation *taken = symbols.lookup(name))
        return taken->emitError("the name @")
               << name << " is taken; expected it free for the entry point";

    NamedAttrList facts(module->getAttrOfType<DictionaryAttr>(NyalaDialect::kModelAttr));
    bool graph = isGraph(forward, facts);
    OpBuilder builder(forward);
    func::FuncOp step = forward.clone();
    step.setName("train_step");
    builder.insert(step);
    if (failed(graph ? buildGraphLoss(step) : DecoderLoss(step, batch, length).build()))
      return failure();
    func::FuncOp evaluate = step.clone();
    evaluate.setName("evaluate");
    builder.insert(evaluate);
    forward.erase();

    if (graph) {
      useBatchStatistics(step);
      facts.set("batch",
                builder.getI64IntegerAttr(getTensorType(step.getArgument(0)).getDimSize(0)));
    } else {
      facts.set("batch", builder.getI64IntegerAttr(batch));
      facts.set("length", builder.getI64IntegerAttr(length));
    }
    module->setAttr(NyalaDialect::kModelAttr, facts.getDictionary(&getContext()));
    return success();
  }
};

} // namespace
