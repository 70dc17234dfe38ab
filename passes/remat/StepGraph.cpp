//===- StepGraph.cpp - A training step's function as a graph --------------===//
#include "passes/remat/StepGraph.h"
#include "ir/TrainingOps.h"
#include "ir/Variants.h"
#include "ir/memory/EntryPlaces.h"
#include "passes/remat/Schedule.h"
#include "runtime/kernel_abi.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::remat;

/// Scratch of the runtime's workers is whole pages.
static constexpr int64_t kPageBytes = 4096;

static int64_t getStaticBytes(RankedTensorType type) {
  return llvm::divideCeil(type.getNumElements() * type.getElementTypeBitWidth(), 8);
}

/// The operand of the return that is the loss; null if there is none.
static OpOperand *findLoss(func::FuncOp function) {
  if (function.isExternal() || !llvm::hasSingleElement(function.getBody()))
    return nullptr;
  for (OpOperand &operand : function.getBody().front().getTerminator()->getOpOperands()) {
    auto name = function.getResultAttrOfType<StringAttr>(operand.getOperandNumber(),
                                                         NyalaDialect::kResultAttr);
    if (name && name.getValue() == "loss")
      return &operand;
  }
  return nullptr;
}

/// The op that computes a value that may be a view; null: an argument.
static Operation *findWriter(Value value) {
  Operation *op = value.getDefiningOp();
  while (op && ValuePlaces::isView(op))
    op = op->getOperand(0).getDefiningOp();
  return op;
}

bool nyala::remat::isTrainingStep(func::FuncOp function) {
  OpOperand *loss = findLoss(function);
  Operation *op = loss ? findWriter(loss->get()) : nullptr;
  // What only evaluates ends with the loss.
  return op && !isa<func::ReturnOp>(op->getNextNode());
}

namespace {

/// The places of a function's values where no dispatches have been formed: results of ops have
/// memory of their own, but for those that show or update what has, and for pointwise results of
/// the backward part, which take the place of an operand that nothing reads any more.
class OpPlaces {
public:
  explicit OpPlaces(func::FuncOp function) : function(function) {}

  /// The backward part begins after `lossOp`.
  LogicalResult build(Operation *lossOp) {
    this->lossOp = lossOp;
    for (BlockArgument argument : function.getArguments()) {
      bool state = !!function.getArgAttr(argument.getArgNumber(), NyalaDialect::kStateAttr);
      auto type = dyn_cast<RankedTensorType>(argument.getType());
      if (!type || !type.hasStaticShape())
        return function.emitOpError("argument ")
               << argument.getArgNumber() << " has type " << argument.getType()
               << ", expected a tensor of static shape";
      places.addObject(argument, {state ? BufferRegion::State : BufferRegion::Argument,
                                  static_cast<int64_t>(argument.getArgNumber()),
                                  {},
                                  getStaticBytes(type)});
    }
    for (Operation &op : function.getBody().front().without_terminator())
      if (failed(place(&op)))
        return failure();
    return success();
  }

  ValuePlaces places;
  SmallVector<Operation *> steps;

private:
  LogicalResult place(Operation *op) {
    if (auto load = dyn_cast<LoadOp>(op)) {
      places.addObject(load.getResult(), {BufferRegion::Weight, 0, load.getWeightAttr(),
                                          getStaticBytes(getTensorType(load.getResult()))});
      return success();
    }
    if (ValuePlaces::isView(op) && ValuePlaces::isContiguous(op))
      return places.contains(op->getOperand(0)) ? places.placeView(op) : success();
    if (op->hasTrait<OpTrait::ConstantLike>() || isa<tensor::EmptyOp>(op) || isInitial(op))
      return success();
    // What is repeated is read where it lies once.
    if (auto repeated = dyn_cast<linalg::BroadcastOp>(op); repeated && op->getNumResults() == 1) {
      if (places.contains(repeated.getInput()))
        places.placeOver(op->getResult(0), repeated.getInput());
      return success();
    }
    bool computes = false;
    for (OpResult result : op->getResults()) {
      if (!isa<TensorType>(result.getType()))
        continue;
      auto type = dyn_cast<RankedTensorType>(result.getType());
      if (!type || !type.hasStaticShape())
        return op->emitOpError("result ")
               << result.getResultNumber() << " has type " << result.getType()
               << ", expected a static shape: its memory is not known";
      computes = true;
      auto update = dyn_cast<InPlaceOpInterface>(op);
      OpOperand *updated = update ? update.getUpdatedOperand(result.getResultNumber()) : nullptr;
      if (updated && places.contains(updated->get()))
        places.placeOver(result, updated->get());
      else if (Value replaced = findReplaced(op))
        places.placeOver(result, replaced);
      else
        places.addObject(result, {BufferRegion::Arena, 0, {}, getStaticBytes(type)});
    }
    if (computes)
      steps.push_back(op);
    return success();
  }

  /// An operand of a pointwise op of the backward part whose memory its result may take: as
  /// large, computed by the backward part (what the forward part computes may be wanted again), and
  /// read for the last time.
  Value findReplaced(Operation *op) {
    auto isBackward = [&](Operation *other) {
      return lossOp && other && lossOp->isBeforeInBlock(other) &&
             !other->hasAttr(kRecomputationAttr);
    };
    if (!isPointwise(op) || !isBackward(op))
      return nullptr;
    for (Value operand : op->getOperands()) {
      Operation *writer = findWriter(operand);
      if (!places.contains(operand) || !isBackward(writer) || isa<linalg::BroadcastOp>(writer))
        continue;
      const MemoryObject &object = places.getObject(operand);
      const Place &place = places.getPlace(operand);
      if (object.region == BufferRegion::Arena && place.bytes == object.bytes &&
          operand.getType() == op->getResult(0).getType() && isReadLastBy(writer, op))
        return operand;
    }
    return nullptr;
  }

  /// Does nothing read the results of `writer`, or views of them, after `reader`?
  static bool isReadLastBy(Operation *writer, Operation *reader) {
    return llvm::all_of(writer->getUsers(), [&](Operation *user) {
      bool view = ValuePlaces::isView(user) || isa<linalg::BroadcastOp>(user);
      return user == reader || (view && isReadLastBy(user, reader)) ||
             (!view && user->isBeforeInBlock(reader));
    });
  }

  /// Does `op` only write what others add to (a bias, zeros), in the memory of their results?
  bool isInitial(Operation *op) {
    auto isInit = [](OpOperand &use) {
      auto user = dyn_cast<DestinationStyleOpInterface>(use.getOwner());
      return user && user.isDpsInit(&use);
    };
    return isa<DestinationStyleOpInterface>(op) && !op->use_empty() &&
           llvm::all_of(op->getUses(), isInit) &&
           llvm::none_of(op->getOperands(), [&](Value value) {
             return places.contains(value) && places.getObject(value).region == BufferRegion::Arena;
           });
  }

  func::FuncOp function;
  Operation *lossOp = nullptr;
};

class GraphBuilder {
public:
  GraphBuilder(func::FuncOp function, CostFunction getCost, int64_t workers)
      : function(function), getCost(getCost), workers(workers), entry(function),
        opPlaces(function) {}

  FailureOr<StepGraph> build() {
    OpOperand *loss = findLoss(function);
    if (!loss)
      return function.emitOpError("expected one block and a result with '")
             << NyalaDialect::kResultAttr << " = \"loss\"', where the forward part ends";
    if (failed(place(findWriter(loss->get()))))
      return failure();
    step.graph.fixedBytes = getFixedBytes();
    for (Operation *op : step.ops)
      addNode(op);
    findForwardPart(*loss);
    markKept();
    markGradients();
    markRecomputable();
    if (llvm::Error error = check(step.graph))
      return function.emitOpError(llvm::toString(std::move(error)));
    return std::move(step);
  }

private:
  Graph &graph() { return step.graph; }

  LogicalResult place(Operation *lossOp) {
    bool dispatches = !function.getBody().front().getOps<DispatchOp>().empty();
    if (failed(dispatches ? entry.build() : opPlaces.build(lossOp)))
      return failure();
    places = dispatches ? &entry.getPlaces() : &opPlaces.places;
    step.ops = dispatches ? entry.getStepOps() : opPlaces.steps;
    return success();
  }

  //===--------------------------------------------------------------------===//
  // Memory
  //===--------------------------------------------------------------------===//

  static int64_t align(int64_t bytes) { return llvm::alignTo(bytes, NYALA_BUFFER_ALIGNMENT); }

  int64_t getFixedBytes() {
    int64_t bytes = getScratchBytes() * workers + getOtherStates();
    for (BlockArgument argument : function.getArguments())
      bytes += align(entry.getBytes(argument));
    DenseSet<unsigned> counted;
    function.walk([&](Operation *op) {
      for (Value result : op->getResults()) {
        if (!places->contains(result))
          continue;
        BufferRegion region = places->getObject(result).region;
        if ((region == BufferRegion::Result || region == BufferRegion::Weight) &&
            counted.insert(places->getPlace(result).object).second)
          bytes += align(entry.getBytes(result));
      }
    });
    return bytes;
  }

  /// States that other entries alone have: the optimizer's, where gradients are accumulated.
  int64_t getOtherStates() {
    int64_t bytes = 0;
    StringSet<> counted;
    auto count = [&](func::FuncOp entry, bool adds) {
      for (BlockArgument argument : entry.getArguments()) {
        auto name =
            entry.getArgAttrOfType<StringAttr>(argument.getArgNumber(), NyalaDialect::kStateAttr);
        auto type = dyn_cast<RankedTensorType>(argument.getType());
        if (name && type && type.hasStaticShape() && counted.insert(name.getValue()).second && adds)
          bytes += align(getStaticBytes(type));
      }
    };
    count(function, /*adds=*/false);
    for (auto other : function->getParentOfType<ModuleOp>().getOps<func::FuncOp>())
      count(other, /*adds=*/true);
    return bytes;
  }

  /// What a worker has for kernels of the CPU: as much as that needs which needs most.
  int64_t getScratchBytes() {
    int64_t bytes = 0;
    for (ModuleOp variant : getVariants(function->getParentOfType<ModuleOp>(), Device::Cpu))
      for (auto kernel : variant.getOps<func::FuncOp>())
        if (auto scratch = kernel->getAttrOfType<IntegerAttr>("nyala.scratch_bytes"))
          bytes = std::max(bytes, scratch.getInt());
    return llvm::alignTo(bytes, kPageBytes);
  }

  /// The tensor that a value is, or lies in; -1: it is not in the arena.
  int getTensor(Value value) {
    if (!places->contains(value))
      return -1;
    const MemoryObject &object = places->getObject(value);
    if (object.region != BufferRegion::Arena)
      return -1;
    auto [it, isNew] = tensors.try_emplace(places->getPlace(value).object, graph().tensors.size());
    if (isNew)
      graph().tensors.push_back({align(object.bytes)});
    return it->second;
  }

  bool isState(Value value) {
    return places->contains(value) && places->getObject(value).region == BufferRegion::State;
  }
  unsigned getObject(Value value) { return places->getPlace(value).object; }

  //===--------------------------------------------------------------------===//
  // Nodes
  //===--------------------------------------------------------------------===//

  void addNode(Operation *op) {
    Node node;
    auto dispatch = dyn_cast<DispatchOp>(op);
    node.name = (dispatch ? dispatch.getKernel() : op->getName().getStringRef()).str();
    node.cost = getCost(op);
    auto add = [&](std::vector<int> &list, Value value) {
      int tensor = getTensor(value);
      if (tensor >= 0 && !llvm::is_contained(list, tensor))
        list.push_back(tensor);
    };
    int index = graph().nodes.size();
    for (Value operand : op->getOperands())
      add(node.inputs, operand);
    for (Value result : op->getResults()) {
      add(node.outputs, result);
      if (isState(result))
        firstUpdate.try_emplace(getObject(result), index);
    }
    graph().nodes.push_back(std::move(node));
  }

  void findForwardPart(OpOperand &loss) {
    Operation *op = findWriter(loss.get());
    while (graph().firstBackward < static_cast<int>(step.ops.size()) && op &&
           !op->isBeforeInBlock(step.ops[graph().firstBackward]))
      ++graph().firstBackward;
  }

  void markKept() {
    for (OpOperand &operand : function.getBody().front().getTerminator()->getOpOperands()) {
      int tensor = getTensor(operand.get());
      if (tensor < 0)
        continue;
      graph().tensors[tensor].kept = true;
      if (function.getResultAttr(operand.getOperandNumber(), kGradientAttr))
        graph().tensors[tensor].gradient = true;
    }
  }

  /// Where an optimizer is part of the step, gradients are what updates of states read that has the
  /// states' type.
  void markGradients() {
    for (Operation *op : step.ops) {
      DenseSet<Type> updated;
      for (Value result : op->getResults())
        if (isState(result))
          updated.insert(result.getType());
      for (Value operand : op->getOperands())
        if (int tensor = getTensor(operand); tensor >= 0 && updated.contains(operand.getType()) &&
                                             findWriterIndex(tensor) >= graph().firstBackward)
          graph().tensors[tensor].gradient = true;
    }
  }

  int findWriterIndex(int tensor) {
    for (auto [index, node] : llvm::enumerate(graph().nodes))
      if (llvm::is_contained(node.outputs, tensor))
        return index;
    return -1;
  }

  /// A forward node may run again if it is pure, alone writes all of its results, and what it reads
  /// is as it was for as long as somebody may want it again: no input is written later, no state
  /// updated before the last backward node that reads what follows from its results.
  void markRecomputable() {
    std::vector<int> writers(graph().tensors.size()), lastWriter(writers.size(), -1),
        wanted(lastWriter);
    for (auto [index, node] : llvm::enumerate(graph().nodes)) {
      for (int tensor : node.outputs) {
        lastWriter[tensor] = index;
        ++writers[tensor];
      }
      if (static_cast<int>(index) >= graph().firstBackward)
        for (int tensor : node.inputs)
          wanted[tensor] = index;
    }
    for (int index = graph().firstBackward - 1; index >= 0; --index) {
      Node &node = graph().nodes[index];
      Operation *op = step.ops[index];
      int last = -1;
      for (int tensor : node.outputs)
        last = std::max(last, wanted[tensor]);
      bool unchanged = llvm::all_of(op->getOperands(), [&](Value operand) {
        if (!isState(operand))
          return true;
        auto update = firstUpdate.find(getObject(operand));
        return update == firstUpdate.end() || update->second >= last;
      });
      node.recomputable =
          unchanged && isPure(op) && ownsResults(op) &&
          llvm::all_of(node.outputs, [&](int tensor) { return writers[tensor] == 1; }) &&
          llvm::all_of(node.inputs, [&](int tensor) { return lastWriter[tensor] < index; });
      if (!node.recomputable)
        continue;
      for (int tensor : node.inputs)
        wanted[tensor] = std::max(wanted[tensor], last);
    }
  }

  static bool isPure(Operation *op) {
    auto dispatch = dyn_cast<DispatchOp>(op);
    auto kernel = dispatch ? dyn_cast_or_null<KernelOp>(SymbolTable::lookupNearestSymbolFrom(
                                 dispatch, dispatch.getKernelAttr()))
                           : KernelOp();
    if (!kernel)
      return isMemoryEffectFree(op);
    return llvm::all_of(kernel.getBody().front().without_terminator(),
                        [](Operation &inner) { return isMemoryEffectFree(&inner); });
  }

  /// Is each result a tensor of its own: no part of one, no result of the function?
  bool ownsResults(Operation *op) {
    return op->getNumResults() > 0 && llvm::all_of(op->getResults(), [&](Value result) {
             if (!isa<TensorType>(result.getType()))
               return true;
             int tensor = getTensor(result);
             if (tensor < 0 || graph().tensors[tensor].kept)
               return false;
             bool part = llvm::any_of(result.getUsers(), [&](Operation *user) {
               return isa<tensor::ConcatOp>(user) && !llvm::is_contained(step.ops, user);
             });
             return !part && places->getPlace(result).offset == 0;
           });
  }

  func::FuncOp function;
  CostFunction getCost;
  int64_t workers;
  EntryPlaces entry;
  OpPlaces opPlaces;
  const ValuePlaces *places = nullptr;
  StepGraph step;
  DenseMap<unsigned, int> tensors;     ///< by object
  DenseMap<unsigned, int> firstUpdate; ///< of states, by object: the node
};

} // namespace

FailureOr<StepGraph> nyala::remat::buildStepGraph(func::FuncOp function, CostFunction getCost,
                                                  int64_t workers) {
  return GraphBuilder(function, getCost, workers).build();
}
