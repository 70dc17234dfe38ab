//===- ThreadEmitter.cpp - Demand-driven generation of GPU kernels --------===//
#include "codegen/cuda/ThreadEmitter.h"
#include "codegen/cuda/CudaTileModels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

#include "codegen/cuda/CudaInterfaces.cpp.inc"

ThreadEmitter::ThreadEmitter(ImplicitLocOpBuilder &builder, gpu::GPUFuncOp function,
                             CudaTargetAttr target, Value rows, int64_t maxRows, int64_t threads)
    : Arithmetic(builder), function(function), target(target), rows(rows), maxRows(maxRows),
      threads(threads) {
  // Ops to insert before; removed as dead code by canonicalization.
  entryEnd = arith::ConstantIndexOp::create(b, 0);
  thread = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
  threadColumn = arith::MulIOp::create(b, thread, index(kThreadColumns));
  lane = arith::RemUIOp::create(b, thread, index(kWarp));
  warp = arith::DivUIOp::create(b, thread, index(kWarp));
  tileIndex = gpu::BlockIdOp::create(b, gpu::Dimension::x);
  rowBlockIndex = gpu::BlockIdOp::create(b, gpu::Dimension::y);
  beginRow();
}

/// Loops of up to this many rounds are unrolled, so that their loads are under way together.
static constexpr int64_t kUnrolled = 8;

//===----------------------------------------------------------------------===//
// Demand
//===----------------------------------------------------------------------===//

SmallVector<Value> ThreadEmitter::pull(Value value, const Tile &tile) {
  for (auto &[demand, elements] : provided)
    if (demand == Demand{value, tile})
      return elements;
  if (Value buffer = rowBuffers.lookup({value, tile.row}))
    return load(buffer, tile);
  if (Value buffer = getBuffer(value))
    return load(buffer, tile);
  auto result = cast<OpResult>(value);
  Operation *op = result.getOwner();
  Type type = getElementTypeOrSelf(value);
  if (nyala::getFusionKind(op) == FusionKind::Root) {
    assert(dry && "a root's results are provided");
    Demand demand{value, tile};
    if (!llvm::is_contained(demands, demand))
      demands.push_back(demand);
    Type element = isa<FloatType>(type) ? Type(b.getF32Type()) : type;
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(element));
    return SmallVector<Value>(tile.count, zero);
  }
  if (auto tileOp = dyn_cast<CudaTileOpInterface>(op))
    return tileOp.emitTile(*this, result.getResultNumber(), tile);
  SmallVector<SmallVector<Value>> operands;
  for (Value operand : op->getOperands()) {
    if (operand.getDefiningOp<arith::ConstantOp>())
      operands.push_back(SmallVector<Value>(tile.count, pullElement(operand, tile.row)));
    else
      operands.push_back(pull(operand, tile));
  }
  SmallVector<Value> elements;
  for (int64_t i = 0; i < tile.count; ++i) {
    auto arguments = llvm::map_to_vector(operands, [&](auto &operand) { return operand[i]; });
    elements.push_back(pullScalar(op, arguments, type));
  }
  return elements;
}

/// An elementwise op on scalars. Numbers of 16 bits are f32 that have been rounded.
Value ThreadEmitter::pullScalar(Operation *op, ValueRange operands, Type type) {
  if (isa<arith::ExtFOp>(op))
    return operands.front();
  bool narrow = type.isBF16() || type.isF16();
  if (isa<arith::TruncFOp>(op))
    return roundTo(type, operands.front());
  OperationState state(b.getLoc(), op->getName());
  state.addOperands(operands);
  state.addTypes(narrow ? Type(b.getF32Type()) : type);
  state.addAttributes(op->getAttrs());
  Value result = b.create(state)->getResult(0);
  return narrow ? roundTo(type, result) : result;
}

Value ThreadEmitter::pullElement(Value value, Value row) {
  if (Value buffer = getBuffer(value))
    return load(buffer, {}, row, 0, 1)[0];
  Operation *op = value.getDefiningOp();
  if (auto constantOp = dyn_cast<arith::ConstantOp>(op)) {
    auto splat = cast<SplatElementsAttr>(constantOp.getValue()).getSplatValue<TypedAttr>();
    return arith::ConstantOp::create(b, splat);
  }
  if (auto gather = dyn_cast<GatherOp>(op))
    return pullElement(gather.getInput(), pullIndex(gather.getIndices(), row));
  SmallVector<Value> arguments;
  for (Value operand : op->getOperands())
    arguments.push_back(pullElement(operand, row));
  return pullScalar(op, arguments, getElementTypeOrSelf(value));
}

Value ThreadEmitter::pullIndex(Value value, Value row) {
  return arith::IndexCastOp::create(b, b.getIndexType(), pullElement(value, row));
}

void ThreadEmitter::provide(Value value, const Tile &tile, ArrayRef<Value> elements) {
  assert(static_cast<int64_t>(elements.size()) == tile.count);
  provided.push_back({Demand{value, tile}, SmallVector<Value>(elements)});
}

void ThreadEmitter::pullAhead(Value value, Value row) {
  int64_t whole = getChannels(value) / kThreadColumns * kThreadColumns;
  int64_t width = threads * kThreadColumns;
  if (whole > kUnrolled * width)
    return;
  for (int64_t offset = 0; offset < whole; offset += width) {
    Tile tile{row, threadColumn, offset, kThreadColumns};
    if (offset + width <= whole) {
      provide(value, tile, pull(value, tile));
      continue;
    }
    Value column = arith::AddIOp::create(b, threadColumn, index(offset));
    Value mine = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, column, index(whole));
    provide(value, tile, pullWhere(mine, [&] { return pull(value, tile); }));
  }
}

SmallVector<ThreadEmitter::Demand> ThreadEmitter::runDry(function_ref<void()> body) {
  assert(!dry && "runs dry already");
  auto branch = scf::IfOp::create(b, intConstant(b.getI1Type(), 0), /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  dry = true;
  body();
  dry = false;
  branch.erase();
  return std::exchange(demands, {});
}

SmallVector<ThreadEmitter::Demand> ThreadEmitter::explore(function_ref<void()> body) {
  assert(rowValues.empty() && rowBuffers.empty() && provided.empty() && "rows have begun");
  Operation *end = rowPrologueEnd;
  SmallVector<Demand> demanded = runDry([&] {
    beginRow();
    body();
  });
  rowValues.clear();
  rowBuffers.clear();
  provided.clear();
  rowPrologueEnd = end;
  return demanded;
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

Value ThreadEmitter::materializeRow(Value value, Value row, Type type) {
  return materializeRows(value, row, type)[0];
}

SmallVector<Value> ThreadEmitter::materializeRows(ValueRange values, Value row, TypeRange types) {
  return inRowPrologue(values.front().getAsOpaquePointer(), row, [&] {
    SmallVector<Value> memory;
    for (auto [value, type] : llvm::zip_equal(values, types))
      memory.push_back(allocateShared(getChannels(value), type));
    emitRow(values, row, memory);
    barrier();
    for (auto [value, type, buffer] : llvm::zip_equal(values, types, memory))
      if (type == getElementTypeOrSelf(value))
        rowBuffers[{value, row}] = buffer;
    return memory;
  });
}

void ThreadEmitter::emitRow(ValueRange values, Value row, ArrayRef<Value> destinations) {
  auto op = values.front().getDefiningOp<CudaTileOpInterface>();
  bool inMemory = getBuffer(values.front()) || rowBuffers.contains({values.front(), row});
  if (!op || inMemory || nyala::getFusionKind(op) == FusionKind::Root) {
    for (auto [value, destination] : llvm::zip_equal(values, destinations))
      emitRowByTiles(value, row, destination);
    return;
  }
  SmallVector<Value> all(op->getNumResults());
  for (auto [value, destination] : llvm::zip_equal(values, destinations))
    all[cast<OpResult>(value).getResultNumber()] = destination;
  op.emitRow(*this, row, all);
}

void ThreadEmitter::emitRowByTiles(Value value, Value row, Value destination) {
  if (getTensorType(value).getRank() == 1) {
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, thread, index(0));
    Value element = pullElement(value, row);
    when(isFirst, [&] { store(element, destination, {}, row, 0); });
    return;
  }
  forColumns(row, getChannels(value),
             [&](const Tile &tile) { store(pull(value, tile), destination, tile); });
}

SmallVector<Value> ThreadEmitter::inRowPrologue(const void *key, Value row,
                                                function_ref<SmallVector<Value>()> body) {
  if (auto known = rowValues.find({key, row}); known != rowValues.end())
    return known->second;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(rowPrologueEnd);
  // What `body` asks the prologue for comes before it.
  Operation *end = std::exchange(rowPrologueEnd, arith::ConstantIndexOp::create(b, 0));
  bool wasDry = std::exchange(dry, false);
  SmallVector<Value> made = body();
  dry = wasDry;
  rowPrologueEnd = end;
  rowValues[{key, row}] = made;
  return made;
}

void ThreadEmitter::beginRow() {
  rowValues.clear();
  rowBuffers.clear();
  provided.clear();
  rowPrologueEnd = arith::ConstantIndexOp::create(b, 0);
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

void ThreadEmitter::barrier() { gpu::BarrierOp::create(b); }

Value ThreadEmitter::shuffleXor(Value value, int64_t mask) {
  return gpu::ShuffleOp::create(b, value, static_cast<int32_t>(mask), kWarp, gpu::ShuffleMode::XOR)
      .getShuffleResult();
}

Value ThreadEmitter::reduceLanes(Value value, int64_t lanes, int64_t apart,
                                 function_ref<Value(Value, Value)> combine) {
  for (int64_t mask = lanes / 2; mask >= apart; mask /= 2)
    value = combine(value, shuffleXor(value, mask));
  return value;
}

Value ThreadEmitter::addLanes(Value value, int64_t lanes, int64_t apart) {
  return reduceLanes(value, lanes, apart, [&](Value l, Value r) -> Value {
    if (isa<FloatType>(l.getType()))
      return arith::AddFOp::create(b, l, r);
    return arith::AddIOp::create(b, l, r);
  });
}

Value ThreadEmitter::maxLanes(Value value, int64_t lanes, int64_t apart) {
  return reduceLanes(value, lanes, apart, [&](Value l, Value r) -> Value {
    if (isa<FloatType>(l.getType()))
      return arith::MaxNumFOp::create(b, l, r);
    return arith::MaxSIOp::create(b, l, r);
  });
}

Value ThreadEmitter::sumRow(Value row, int64_t columns, function_ref<Value(const Tile &)> element) {
  // -0 + x is x, whatever it is.
  return reduceRow(row, columns, -0.0, element,
                   [&](Value l, Value r) -> Value { return arith::AddFOp::create(b, l, r); });
}

Value ThreadEmitter::maxRow(Value row, int64_t columns, function_ref<Value(const Tile &)> element) {
  return reduceRow(row, columns, -std::numeric_limits<double>::infinity(), element,
                   [&](Value l, Value r) -> Value { return arith::MaxNumFOp::create(b, l, r); });
}

/// Thread t stands for virtual threads t, t + threads, …: their partial results, a butterfly over
/// each virtual warp, then these in ascending order.
Value ThreadEmitter::reduceRow(Value row, int64_t columns, double identity,
                               function_ref<Value(const Tile &)> element,
                               function_ref<Value(Value, Value)> combine) {
  assert(kVirtualThreads % threads == 0);
  int64_t whole = columns / kThreadColumns * kThreadColumns, rest = columns - whole;
  int64_t stride = kVirtualThreads * kThreadColumns, width = threads * kThreadColumns;
  Value none = constant(identity);
  auto at = [&](int64_t offset) -> Value {
    return arith::AddIOp::create(b, threadColumn, index(offset));
  };
  auto guarded = [&](arith::CmpIPredicate predicate, int64_t offset, int64_t count, Value partial) {
    Value mine = arith::CmpIOp::create(b, predicate, at(offset), index(whole));
    auto branch = scf::IfOp::create(
        b, mine,
        [&](OpBuilder &, Location) {
          Value next = combine(partial, element(Tile{row, threadColumn, offset, count}));
          scf::YieldOp::create(b, next);
        },
        [&](OpBuilder &, Location) { scf::YieldOp::create(b, partial); });
    return branch.getResult(0);
  };
  SmallVector<Value> partials; // of virtual threads `thread` + i * threads
  for (int64_t begin = 0; begin < std::min(columns, stride); begin += width) {
    Value partial = none;
    int64_t full = whole - begin < width ? 0 : (whole - begin - width) / stride + 1;
    if (full <= kUnrolled) {
      for (int64_t i = 0; i < full; ++i)
        partial =
            combine(partial, element(Tile{row, threadColumn, begin + i * stride, kThreadColumns}));
    } else {
      partial = forRange(index(begin), index(begin + full * stride), stride, partial,
                         [&](Value offset, ValueRange carried) {
                           Value column = arith::AddIOp::create(b, threadColumn, offset);
                           Value next = element(Tile{row, column, 0, kThreadColumns});
                           return SmallVector<Value>{combine(carried[0], next)};
                         })[0];
    }
    int64_t last = begin + full * stride;
    if (last < whole)
      partial = guarded(arith::CmpIPredicate::ult, last, kThreadColumns, partial);
    // The rest's thread is the one whose turn is at column `whole`.
    int64_t turn = whole / stride * stride + begin;
    if (rest > 0 && turn <= whole && whole < turn + width)
      partial = guarded(arith::CmpIPredicate::eq, turn, rest, partial);
    partials.push_back(reduceLanes(partial, kWarp, 1, combine));
  }
  if (threads > kWarp) {
    int64_t warps = threads / kWarp;
    Value memory = allocateShared(kVirtualThreads / kWarp, b.getF32Type());
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, index(0));
    when(isFirst, [&] {
      for (auto [i, partial] : llvm::enumerate(partials))
        store(partial, memory, {}, warp, static_cast<int64_t>(i) * warps);
    });
    barrier();
    int64_t count = std::min(llvm::divideCeil(columns, kWarp * kThreadColumns),
                             static_cast<uint64_t>(kVirtualThreads / kWarp));
    partials = load(memory, {}, index(0), 0, kVirtualThreads / kWarp);
    partials.truncate(count);
  }
  Value total = partials.front();
  for (Value partial : ArrayRef(partials).drop_front())
    total = combine(total, partial);
  return total;
}

void ThreadEmitter::forColumns(Value row, int64_t columns, function_ref<void(const Tile &)> body) {
  int64_t whole = columns / kThreadColumns * kThreadColumns, width = threads * kThreadColumns;
  int64_t full = whole / width * width;
  if (full / width <= kUnrolled) {
    for (int64_t offset = 0; offset < full; offset += width)
      body(Tile{row, threadColumn, offset, kThreadColumns});
  } else {
    forRange(index(0), index(full), width, [&](Value offset) {
      body(Tile{row, arith::AddIOp::create(b, threadColumn, offset), 0, kThreadColumns});
    });
  }
  auto guarded = [&](arith::CmpIPredicate predicate, int64_t count) {
    Value column = arith::AddIOp::create(b, threadColumn, index(full));
    Value mine = arith::CmpIOp::create(b, predicate, column, index(whole));
    when(mine, [&] { body(Tile{row, threadColumn, full, count}); });
  };
  if (full < whole)
    guarded(arith::CmpIPredicate::ult, kThreadColumns);
  if (whole < columns)
    guarded(arith::CmpIPredicate::eq, columns - whole);
}

void ThreadEmitter::forRange(Value lower, Value upper, int64_t step,
                             function_ref<void(Value)> body) {
  forRange(lower, upper, step, {}, [&](Value at, ValueRange) {
    body(at);
    return SmallVector<Value>();
  });
}

SmallVector<Value>
ThreadEmitter::forRange(Value lower, Value upper, int64_t step, ValueRange init,
                        function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(b, lower, upper, index(step), init);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!init.empty()) // else the loop has been made with its terminator
    scf::YieldOp::create(b, next);
  return SmallVector<Value>(loop.getResults());
}

void ThreadEmitter::when(Value condition, function_ref<void()> body) {
  auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  body();
}

SmallVector<Value> ThreadEmitter::pullWhere(Value condition,
                                            function_ref<SmallVector<Value>()> body) {
  SmallVector<Value> made;
  auto branch = scf::IfOp::create(
      b, condition,
      [&](OpBuilder &, Location) {
        made = body();
        scf::YieldOp::create(b, made);
      },
      [&](OpBuilder &, Location) {
        SmallVector<Value> zeros;
        for (Value value : made)
          zeros.push_back(arith::ConstantOp::create(b, b.getZeroAttr(value.getType())));
        scf::YieldOp::create(b, zeros);
      });
  return SmallVector<Value>(branch.getResults());
}
