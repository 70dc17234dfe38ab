//===- FormDispatches.cpp - Fuse ops into dispatches ----------------------===//
#include "codegen/Passes.h"
#include "codegen/dispatch/DispatchRemarks.h"
#include "codegen/dispatch/DispatchTarget.h"
#include "ir/KernelTies.h"
#include "ir/TrainingOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

namespace nyala {
#define GEN_PASS_DEF_FORMDISPATCHES
#include "codegen/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

/// Ops that become one kernel, in their order.
struct Group {
  /// What it grows around; null: an elementwise op with those that wait for it.
  Operation *root = nullptr;
  llvm::SetVector<Operation *> ops;
  /// The argument whose leading dimension is the number of rows; null if there is none.
  BlockArgument rowSource;
  /// The number of rows where it is the same in every call, else 0.
  int64_t fixedRows = 0;
  /// Neighbours that stayed outside.
  SmallVector<std::pair<Operation *, MissedFusion>> missed;
};

/// Elementwise ops on at most so many elements wait for each other: a launch costs more than they.
constexpr int64_t kFewElements = 64;

/// Forms the dispatches of one entry function.
class DispatchFormer {
public:
  DispatchFormer(func::FuncOp function, const DispatchTarget &target, SymbolTable &symbols,
                 std::vector<FormedDispatch> &formed)
      : function(function), target(target), symbols(symbols), formed(formed) {}

  LogicalResult form() {
    if (!llvm::hasSingleElement(function.getBody()))
      return function.emitOpError("expected the body of an entry point to be one block");
    hoistLoads();
    for (Operation &op : function.getBody().front())
      if (nyala::getFusionKind(&op) == FusionKind::Root)
        growAround(&op);
    formRest();
    forgetFusedElsewhere();
    for (Group &group : groups)
      if (failed(outline(group)))
        return failure();
    return success();
  }

private:
  /// Loads depend on nothing: at the top they dominate every dispatch.
  void hoistLoads() {
    Block &block = function.getBody().front();
    for (Operation &op : llvm::make_early_inc_range(block))
      if (isa<LoadOp>(op))
        op.moveBefore(&block, block.begin());
  }

  void addGroup(Operation *op, Operation *root) {
    groups.emplace_back();
    groups.back().root = root;
    groups.back().ops.insert(op);
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (type && type.getRank() > 0 && type.getRank() < 3 && !type.isDynamicDim(0))
      groups.back().fixedRows = type.getDimSize(0);
    else
      groups.back().rowSource =
          dyn_cast_or_null<BlockArgument>(nyala::getRowSource(op->getResult(0)));
    owner[op] = groups.size() - 1;
  }

  /// Groups of what belongs to no root, in block order.
  void formRest() {
    if (target.growsRows())
      for (Operation &op : function.getBody().front())
        if (nyala::getFusionKind(&op) && !owner.contains(&op) && !absorbed(&op)) {
          addGroup(&op, &op);
          addConsumers(groups.back());
        }
    size_t first = groups.size();
    // From the end: an op joins the one that reads it.
    for (Operation &op : llvm::reverse(function.getBody().front()))
      if (nyala::getFusionKind(&op) && !owner.contains(&op) && !absorbed(&op) && !joinReader(&op))
        addGroup(&op, nullptr);
    std::reverse(groups.begin() + first, groups.end());
    for (size_t index = first; index < groups.size(); ++index)
      for (Operation *op : groups[index].ops)
        owner[op] = index;
  }

  /// Puts an elementwise op into the dispatch of the elementwise op that alone reads it, where this
  /// delays nothing large: the reader's other operands are computed before `op`.
  bool joinReader(Operation *op) {
    auto isPlain = [](Operation *op) {
      return !isa<FusibleOpInterface>(op) && nyala::getFusionKind(op) == FusionKind::ColumnLocal;
    };
    if (!isPlain(op) || !op->hasOneUse())
      return false;
    Operation *reader = *op->getUsers().begin();
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    if (!isPlain(reader) || reader->getResult(0).getType() != type)
      return false;
    auto it = owner.find(reader);
    if (it == owner.end() || groups[it->second].root)
      return false;
    bool few = type.hasStaticShape() && type.getNumElements() <= kFewElements;
    for (Value operand : reader->getOperands()) {
      Operation *definition = operand.getDefiningOp();
      if (!few && definition && definition != op && !isa<arith::ConstantOp>(definition) &&
          !definition->isBeforeInBlock(op))
        return false;
    }
    groups[it->second].ops.insert(op);
    owner[op] = it->second;
    return true;
  }

  /// Has every use of `op` been given a copy of it inside its own dispatch?
  bool absorbed(Operation *op) {
    return copies.contains(op) && llvm::all_of(op->getUsers(), [&](Operation *user) {
             auto it = owner.find(user);
             if (it != owner.end())
               return groups[it->second].ops.contains(op);
             return absorbed(user);
           });
  }

  void growAround(Operation *root) {
    addGroup(root, root);
    Group &group = groups.back();
    addConsumers(group);
    addProducers(group, root);
  }

  /// Ops behind the root that read the same row, whose operands come from the group, each used
  /// once, or from before the root: column by column, or, in a row-wise dispatch, in whole.
  void addConsumers(Group &group) {
    bool rowwise = nyala::getFusionKind(group.root) != FusionKind::Root;
    int64_t maxRows = getMaxRows(group);
    for (Operation *op = group.root->getNextNode(); op; op = op->getNextNode()) {
      auto kind = nyala::getFusionKind(op);
      bool local = kind == FusionKind::ColumnLocal || (rowwise && kind == FusionKind::RowReduction);
      if (!local || owner.contains(op) || absorbed(op))
        continue;
      bool uses = false, fits = true;
      for (Value operand : op->getOperands()) {
        Operation *definition = operand.getDefiningOp();
        if (definition && group.ops.contains(definition)) {
          uses = true;
          // A value that is needed outside as well would be computed twice.
          fits &= operand.hasOneUse();
          // What is updated in place must lie somewhere.
          fits &= !isUpdated(op, operand);
        } else if (definition && !isa<arith::ConstantOp>(definition)) {
          fits &= definition->isBeforeInBlock(group.root);
        }
      }
      if (!uses)
        continue;
      std::string reason = "an operand is computed later, or a value has several uses";
      if (fits && target.fusesConsumer(op, group.root, maxRows, reason)) {
        group.ops.insert(op);
        owner[op] = &group - groups.data();
        continue;
      }
      group.missed.push_back({op, {op->getName(), reason}});
    }
  }

  /// An op that waits for another root is part of that one's dispatch: nothing was missed.
  void forgetFusedElsewhere() {
    for (Group &group : groups)
      llvm::erase_if(group.missed, [&](const auto &missed) {
        auto it = owner.find(missed.first);
        Operation *root = it == owner.end() ? nullptr : groups[it->second].root;
        return root && nyala::getFusionKind(root) == FusionKind::Root;
      });
  }

  static bool isUpdated(Operation *op, Value operand) {
    auto update = dyn_cast<InPlaceOpInterface>(op);
    return update && llvm::any_of(llvm::seq(op->getNumResults()), [&](unsigned result) {
             OpOperand *updated = update.getUpdatedOperand(result);
             return updated && updated->get() == operand;
           });
  }

  /// Whatever computes the root's operands, if the target wants it again inside.
  void addProducers(Group &group, Operation *consumer) {
    llvm::SetVector<Operation *> producers; // one op may give several operands
    for (Value operand : consumer->getOperands())
      if (Operation *op = operand.getDefiningOp())
        producers.insert(op);
    for (Operation *op : producers) {
      if (group.ops.contains(op) || owner.contains(op))
        continue;
      auto kind = nyala::getFusionKind(op);
      if (!kind || *kind == FusionKind::Root || isa<EmbeddingOp>(op))
        continue;
      std::string reason;
      if (!target.fusesProducer(op, group.root, getMaxRows(group), reason)) {
        group.missed.push_back({op, {op->getName(), reason}});
        continue;
      }
      group.ops.insert(op);
      copies.insert(op);
      // What a look-up reads has other rows than the group.
      if (*kind != FusionKind::Lookup)
        addProducers(group, op);
    }
  }

  /// Bound of a group's rows; 0 if there is none.
  int64_t getMaxRows(const Group &group) {
    if (group.fixedRows > 0)
      return group.fixedRows;
    if (!group.rowSource)
      return 0;
    auto attr = function.getArgAttrOfType<IntegerAttr>(group.rowSource.getArgNumber(),
                                                       NyalaDialect::kMaxRowsAttr);
    return attr ? attr.getInt() : 0;
  }

  //===--------------------------------------------------------------------===//
  // Outlining
  //===--------------------------------------------------------------------===//

  LogicalResult outline(Group &group) {
    // In block order: producers were found backwards.
    SmallVector<Operation *> ops(group.ops.begin(), group.ops.end());
    llvm::sort(ops, [](Operation *l, Operation *r) { return l->isBeforeInBlock(r); });

    llvm::SetVector<Value> inputs;
    SmallVector<Value> results;
    SmallVector<Operation *> constants;
    for (Operation *op : ops) {
      for (Value operand : op->getOperands()) {
        Operation *definition = operand.getDefiningOp();
        if (definition && group.ops.contains(definition))
          continue;
        if (isa_and_nonnull<arith::ConstantOp>(definition)) {
          if (!llvm::is_contained(constants, definition))
            constants.push_back(definition);
        } else {
          inputs.insert(operand);
        }
      }
      if (copies.contains(op) && group.root != op && !isOwnedBy(op, group))
        continue;
      for (Value result : op->getResults())
        if (llvm::any_of(result.getUsers(),
                         [&](Operation *user) { return !group.ops.contains(user); }))
          results.push_back(result);
    }
    int64_t maxRows = getMaxRows(group);
    if (maxRows == 0)
      return ops.back()->emitOpError("has no bound on its rows: expected an argument with '")
             << NyalaDialect::kMaxRowsAttr << "'; run nyala-specialize-entries first";

    KernelOp kernel = buildKernel(group, ops, constants, inputs.getArrayRef(), results, maxRows);
    Operation *anchor = group.root ? group.root : ops.back();
    OpBuilder builder(anchor);
    Value rows = arith::ConstantIndexOp::create(builder, anchor->getLoc(), group.fixedRows);
    if (group.fixedRows == 0)
      rows = tensor::DimOp::create(builder, anchor->getLoc(), group.rowSource, rows);
    tieStates(group, inputs.getArrayRef(), results, kernel);
    SmallVector<Type> types;
    SmallVector<int64_t> tied;
    for (auto [index, result] : llvm::enumerate(results)) {
      types.push_back(result.getType());
      tied.push_back(getTiedArgument(kernel, index).value_or(-1));
    }
    auto dispatch = DispatchOp::create(builder, anchor->getLoc(), types, kernel.getSymName(), rows,
                                       inputs.getArrayRef(), tied);
    for (auto [result, replacement] : llvm::zip_equal(results, dispatch.getResults()))
      result.replaceUsesWithIf(replacement,
                               [&](OpOperand &use) { return !group.ops.contains(use.getOwner()); });
    formed.push_back({dispatch, llvm::to_vector(llvm::make_second_range(group.missed))});
    for (Operation *op : llvm::reverse(ops))
      if (op->use_empty())
        op->erase();
    return success();
  }

  /// Ties each result that the function returns as the next value of a state to that state, if the
  /// group reads the old value only where it writes the new one. (Results of ops that update
  /// operands are tied without this.)
  void tieStates(const Group &group, ArrayRef<Value> inputs, ArrayRef<Value> results,
                 KernelOp kernel) {
    for (auto [index, result] : llvm::enumerate(results)) {
      if (isa<InPlaceOpInterface>(result.getDefiningOp()))
        continue;
      for (OpOperand &use : result.getUses()) {
        BlockArgument state = findState(use);
        const auto *input = llvm::find(inputs, state);
        if (!state || input == inputs.end() || !isReadInPlace(state, result, group))
          continue;
        kernel.setResultAttr(
            index, kTiedAttr,
            IntegerAttr::get(IntegerType::get(function.getContext(), 64), input - inputs.begin()));
      }
    }
  }

  /// The argument that holds the old value of the state whose next value `use` returns.
  BlockArgument findState(OpOperand &use) {
    if (!isa<func::ReturnOp>(use.getOwner()))
      return BlockArgument();
    auto name =
        function.getResultAttrOfType<StringAttr>(use.getOperandNumber(), NyalaDialect::kStateAttr);
    for (BlockArgument argument : function.getArguments())
      if (name && name == function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                                NyalaDialect::kStateAttr))
        return argument;
    return BlockArgument();
  }

  /// Do the group's ops read `state` only elementwise, on the way to `result` alone?
  bool isReadInPlace(BlockArgument state, Value result, const Group &group) {
    SmallVector<Value> values{state};
    for (size_t i = 0; i < values.size(); ++i)
      for (Operation *user : values[i].getUsers()) {
        if (!group.ops.contains(user)) {
          if (i > 0 && values[i] != result)
            return false;
          continue;
        }
        if (isa<FusibleOpInterface>(user) || user->getResult(0).getType() != state.getType())
          return false;
        if (!llvm::is_contained(values, user->getResult(0)))
          values.push_back(user->getResult(0));
      }
    return true;
  }

  bool isOwnedBy(Operation *op, const Group &group) {
    auto it = owner.find(op);
    return it != owner.end() && &groups[it->second] == &group;
  }

  KernelOp buildKernel(const Group &group, ArrayRef<Operation *> ops,
                       ArrayRef<Operation *> constants, ArrayRef<Value> inputs,
                       ArrayRef<Value> results, int64_t maxRows) {
    OpBuilder builder(function);
    Operation *named = group.root ? group.root : ops.back();
    SmallVector<Type> inputTypes, resultTypes;
    for (Value input : inputs)
      inputTypes.push_back(input.getType());
    for (Value result : results)
      resultTypes.push_back(result.getType());
    auto kernel = KernelOp::create(builder, named->getLoc(), getKernelName(named),
                                   builder.getFunctionType(inputTypes, resultTypes), maxRows,
                                   /*sym_visibility=*/StringAttr(), /*arg_attrs=*/ArrayAttr(),
                                   /*res_attrs=*/ArrayAttr());
    setDevice(kernel, getDevice(function));
    Block &block = kernel.getBody().emplaceBlock();
    IRMapping mapping;
    for (Value input : inputs)
      mapping.map(input, block.addArgument(input.getType(), input.getLoc()));
    builder.setInsertionPointToStart(&block);
    for (Operation *op : constants)
      builder.clone(*op, mapping);
    for (Operation *op : ops)
      builder.clone(*op, mapping);
    SmallVector<Value> returned;
    for (Value result : results)
      returned.push_back(mapping.lookup(result));
    ReturnOp::create(builder, named->getLoc(), returned);
    symbols.insert(kernel);
    return kernel;
  }

  /// "decode_linear_576x1536": the entry, the op, the columns it reads and writes;
  /// "train_step_matmul_512x576x1536": the rows and columns of the product, and what is summed
  /// over.
  std::string getKernelName(Operation *op) {
    std::string name = function.getSymName().str() + "_" + op->getName().stripDialect().str();
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    auto product = dyn_cast<StoredWeightOpInterface>(op);
    if (auto matmul = dyn_cast<MatmulOp>(op)) {
      int64_t depth = getTensorType(matmul.getA()).getDimSize(matmul.getTransposeA() ? 0 : 1);
      name += "_" + std::to_string(type.getDimSize(0)) + "x" + std::to_string(type.getDimSize(1)) +
              "x" + std::to_string(depth);
    } else if (product && nyala::getFusionKind(op) == FusionKind::Root) {
      RankedTensorType weight = getTensorType(product.getStoredWeight().get());
      name +=
          "_" + std::to_string(weight.getDimSize(1)) + "x" + std::to_string(weight.getDimSize(0));
    } else if (type && type.getRank() > 1) {
      name += "_" + std::to_string(type.getShape().back());
    }
    return name;
  }

  func::FuncOp function;
  const DispatchTarget &target;
  SymbolTable &symbols;
  std::vector<FormedDispatch> &formed;
  std::vector<Group> groups;
  /// The group that computes an op for all its uses.
  DenseMap<Operation *, size_t> owner;
  /// Ops that some groups compute for themselves.
  DenseSet<Operation *> copies;
};

struct FormDispatches : nyala::impl::FormDispatchesBase<FormDispatches> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (failed(getTargets(module)))
      return signalPassFailure();
    SymbolTable symbols(module);
    std::vector<FormedDispatch> formed;
    for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
      std::unique_ptr<DispatchTarget> target = createDispatchTarget(getDevice(function));
      if (function->hasAttr(NyalaDialect::kEntryAttr) &&
          failed(DispatchFormer(function, *target, symbols, formed).form()))
        return signalPassFailure();
    }
    remarkDispatches(module, formed);
  }
};

} // namespace
