//===- TileEmitter.cpp - Demand-driven generation of kernels --------------===//
#include "codegen/cpu/TileEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

#include "codegen/cpu/CpuInterfaces.cpp.inc"

TileEmitter::TileEmitter(ImplicitLocOpBuilder &builder, CpuTargetAttr target, Value rows,
                         int64_t maxRows, Value scratch)
    : Arithmetic(builder), target(target), rows(rows), maxRows(maxRows), fewRows(maxRows == 1),
      scratch(scratch) {
  // An op to insert before; removed as dead code by canonicalization.
  kernelPrologueEnd = arith::ConstantIndexOp::create(b, 0);
}

//===----------------------------------------------------------------------===//
// Demand
//===----------------------------------------------------------------------===//

SmallVector<Value> TileEmitter::pull(Value value, const Tile &tile) {
  if (Value buffer = buffers.lookup(value)) {
    SmallVector<Value> vectors;
    for (int64_t r = 0; r < tile.rows; ++r) {
      Value row = r == 0 ? tile.row : b.createOrFold<arith::AddIOp>(tile.row, index(r));
      for (int64_t v = 0; v < tile.vectors; ++v) {
        Value column =
            v == 0 ? tile.column : b.createOrFold<arith::AddIOp>(tile.column, index(v * kLanes));
        vectors.push_back(load(buffer, {row, column}, tile.lanes(v)));
      }
    }
    return vectors;
  }
  auto result = cast<OpResult>(value);
  Operation *op = result.getOwner();
  if (nyala::getFusionKind(op) == FusionKind::Root)
    return pullRoot(result, tile);
  if (auto tileOp = dyn_cast<CpuTileOpInterface>(op))
    return tileOp.emitTile(*this, result.getResultNumber(), tile);

  auto type = VectorType::get(kLanes, getElementTypeOrSelf(value));
  SmallVector<SmallVector<Value>> operands;
  for (Value operand : op->getOperands()) {
    if (auto constantOp = operand.getDefiningOp<arith::ConstantOp>())
      operands.push_back(
          SmallVector<Value>(tile.rows * tile.vectors, splat(constantOp, type.getShape())));
    else
      operands.push_back(pull(operand, tile));
  }
  SmallVector<Value> vectors;
  for (int64_t i = 0; i < tile.rows * tile.vectors; ++i) {
    SmallVector<Value> arguments;
    for (auto &operand : operands)
      arguments.push_back(operand[i]);
    vectors.push_back(emitElementwise(op, arguments, type));
  }
  return vectors;
}

Value TileEmitter::loadIndex(Value ids, Value row) {
  return arith::IndexCastOp::create(b, b.getIndexType(),
                                    memref::LoadOp::create(b, getBuffer(ids), row));
}

Value TileEmitter::pullElement(Value value, Value row) {
  if (Value buffer = buffers.lookup(value))
    return memref::LoadOp::create(b, buffer, row);
  Operation *op = value.getDefiningOp();
  if (auto constantOp = dyn_cast<arith::ConstantOp>(op))
    return splat(constantOp, {});
  if (isa<CpuTileOpInterface>(op))
    return memref::LoadOp::create(b, getBuffer(value), row);
  SmallVector<Value> arguments;
  for (Value operand : op->getOperands())
    arguments.push_back(pullElement(operand, row));
  return emitElementwise(op, arguments, getElementTypeOrSelf(value));
}

Value TileEmitter::splat(arith::ConstantOp constantOp, ArrayRef<int64_t> shape) {
  auto value = cast<SplatElementsAttr>(constantOp.getValue()).getSplatValue<TypedAttr>();
  if (shape.empty())
    return arith::ConstantOp::create(b, value);
  auto type = VectorType::get(shape, value.getType());
  return arith::ConstantOp::create(b, type, DenseElementsAttr::get(type, Attribute(value)));
}

Value TileEmitter::emitElementwise(Operation *op, ValueRange operands, Type type) {
  OperationState state(b.getLoc(), op->getName());
  state.addOperands(operands);
  state.addTypes(type);
  state.addAttributes(op->getAttrs());
  return b.create(state)->getResult(0);
}

SmallVector<Value> TileEmitter::pullRoot(OpResult value, const Tile &tile) {
  Block *block = b.getInsertionBlock();
  if (rootTile.value == value && rootTile.block == block && rootTile.tile == tile)
    return rootTile.vectors;
  auto root = cast<CpuTileOpInterface>(value.getOwner());
  rootTile = {value, tile, block, root.emitTile(*this, value.getResultNumber(), tile)};
  return rootTile.vectors;
}

Value TileEmitter::getBuffer(Value value) {
  if (Value buffer = buffers.lookup(value))
    return buffer;
  SmallVector<Value> values = getJointResults(value);
  inKernelPrologue([&] {
    SmallVector<Value> memory;
    for (Value result : values) {
      auto type = cast<RankedTensorType>(result.getType());
      SmallVector<int64_t> shape(type.getShape()); // rows by channels, or ids
      shape[0] = getMaxRows(result);
      memory.push_back(allocateScratch(shape, type.getElementType()));
    }
    forRange(index(0), getRows(value), 1, [&](Value row) { emitRow(values, row, memory); });
    for (auto [result, buffer] : llvm::zip_equal(values, memory))
      buffers[result] = buffer;
    return Value();
  });
  return buffers.lookup(value);
}

SmallVector<Value> TileEmitter::getJointResults(Value value) {
  auto op = value.getDefiningOp<CpuTileOpInterface>();
  if (op && op.hasJointRows())
    return llvm::to_vector_of<Value>(op->getResults());
  return {value};
}

Value TileEmitter::getRows(Value value) {
  RankedTensorType type = getTensorType(value);
  return type.isDynamicDim(0) ? rows : index(type.getDimSize(0));
}

Value TileEmitter::getRowsInBlocks(int64_t block) {
  return arith::MulIOp::create(b, arith::DivUIOp::create(b, rows, index(block)), index(block));
}

Value TileEmitter::isPrompt() {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, rows, index(kContractRows));
}

int64_t TileEmitter::getMaxRows(Value value) const {
  RankedTensorType type = getTensorType(value);
  return type.isDynamicDim(0) ? maxRows : type.getDimSize(0);
}

void TileEmitter::emitRowByTiles(Value value, Value row, Value destination) {
  int64_t columns = getChannels(value);
  forColumns(columns, [&](Value column, int64_t lanes) {
    // Each vector is a tile of its own: its prologue is right here.
    beginTile();
    Tile tile{row, 1, column, 1, lanes};
    store(pull(value, tile)[0], destination, {row, column}, lanes);
  });
}

void TileEmitter::emitRow(ValueRange values, Value row, ArrayRef<Value> destinations) {
  Value first = values.front();
  auto op = first.getDefiningOp<CpuTileOpInterface>();
  if (getTensorType(first).getRank() == 1 && (!op || hasBuffer(first))) {
    memref::StoreOp::create(b, pullElement(first, row), destinations.front(), row);
    return;
  }
  if (!op || hasBuffer(first))
    return emitRowByTiles(first, row, destinations.front());
  SmallVector<Value> all(op->getNumResults());
  for (auto [value, destination] : llvm::zip_equal(values, destinations))
    all[cast<OpResult>(value).getResultNumber()] = destination;
  op.emitRow(*this, row, all);
}

Value TileEmitter::inTilePrologue(Operation *key, Value column, function_ref<Value()> body) {
  Value &value = tileValues[{key, column}];
  if (!value) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(tilePrologueEnd);
    Value made = body();
    tileValues[{key, column}] = made; // the map may have grown meanwhile
    return made;
  }
  return value;
}

void TileEmitter::inRowBlock(Value row, function_ref<void()> body) {
  rowBlock = row;
  rowBlockPrologueEnd = arith::ConstantIndexOp::create(b, 0);
  rowBlockValues.clear();
  body();
  rowBlock = Value();
}

Value TileEmitter::inRowBlockPrologue(Operation *key, Value column, function_ref<Value()> body) {
  if (Value value = rowBlockValues.lookup({key, column}))
    return value;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(rowBlockPrologueEnd);
  Value made = body();
  rowBlockValues[{key, column}] = made;
  return made;
}

Tile TileEmitter::shifted(const Tile &tile, int64_t columns) {
  if (columns == 0)
    return tile;
  Tile result = tile;
  Value &column = shiftedColumns[{tile.column, columns}];
  if (!column) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(tilePrologueEnd);
    column = arith::AddIOp::create(b, tile.column, index(columns));
  }
  result.column = column;
  return result;
}

void TileEmitter::beginTile() {
  tileValues.clear();
  shiftedColumns.clear();
  tilePrologueEnd = arith::ConstantIndexOp::create(b, 0);
}

Value TileEmitter::inKernelPrologue(const void *key, function_ref<Value()> body) {
  if (Value value = kernelValues.lookup(key))
    return value;
  Value made = inKernelPrologue(body);
  kernelValues[key] = made;
  return made;
}

Value TileEmitter::inKernelPrologue(function_ref<Value()> body) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(kernelPrologueEnd);
  // Rows are computed by tiles of their own; whatever rows they need in turn comes before them.
  auto savedValues = std::move(tileValues);
  auto savedColumns = std::move(shiftedColumns);
  Operation *savedTileEnd = tilePrologueEnd, *savedKernelEnd = kernelPrologueEnd;
  kernelPrologueEnd = arith::ConstantIndexOp::create(b, 0);
  Value value = body();
  tileValues = std::move(savedValues);
  shiftedColumns = std::move(savedColumns);
  tilePrologueEnd = savedTileEnd;
  kernelPrologueEnd = savedKernelEnd;
  return value;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value TileEmitter::allocateScratch(ArrayRef<int64_t> shape, Type elementType) {
  auto type = MemRefType::get(shape, elementType);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(kernelPrologueEnd);
  Value view = memref::ViewOp::create(b, type, scratch, index(scratchBytes), ValueRange());
  int64_t bytes = type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  scratchBytes += llvm::alignTo(bytes, 64);
  return view;
}

Value TileEmitter::load(Value buffer, ValueRange indices, int64_t lanes) {
  auto type = VectorType::get(kLanes, cast<MemRefType>(buffer.getType()).getElementType());
  Value loaded;
  if (lanes == kLanes) {
    loaded = vector::LoadOp::create(b, type, buffer, indices);
  } else {
    Value mask = vector::ConstantMaskOp::create(b, VectorType::get(kLanes, b.getI1Type()),
                                                ArrayRef<int64_t>{lanes});
    Value zeros = arith::ConstantOp::create(b, b.getZeroAttr(type));
    loaded = vector::MaskedLoadOp::create(b, type, buffer, indices, mask, zeros);
  }
  if (!type.getElementType().isF16())
    return loaded;
  return halfToFloat(arith::BitcastOp::create(b, type.clone(b.getI16Type()), loaded));
}

void TileEmitter::store(Value vector, Value buffer, ValueRange indices, int64_t lanes) {
  if (cast<MemRefType>(buffer.getType()).getElementType().isF16())
    vector = floatToHalf(vector);
  if (lanes == kLanes) {
    vector::StoreOp::create(b, vector, buffer, indices);
    return;
  }
  Value mask = vector::ConstantMaskOp::create(b, VectorType::get(kLanes, b.getI1Type()),
                                              ArrayRef<int64_t>{lanes});
  vector::MaskedStoreOp::create(b, buffer, indices, mask, vector);
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

void TileEmitter::forRange(Value lower, Value upper, int64_t step, function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, lower, upper, index(step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void TileEmitter::forColumns(int64_t columns, function_ref<void(Value, int64_t)> body) {
  int64_t full = columns / kLanes * kLanes;
  if (full == kLanes)
    body(index(0), kLanes);
  else if (full > 0)
    forRange(index(0), index(full), kLanes, [&](Value column) { body(column, kLanes); });
  if (full < columns)
    body(index(full), columns - full);
}

Value TileEmitter::sumColumns(Value first, int64_t columns,
                              function_ref<Value(Value, int64_t)> element) {
  return sumColumns(first, columns, 1, [&](Value column, int64_t lanes) {
    return SmallVector<Value>{element(column, lanes)};
  })[0];
}

SmallVector<Value>
TileEmitter::sumColumns(Value first, int64_t columns, unsigned count,
                        function_ref<SmallVector<Value>(Value, int64_t)> elements) {
  SmallVector<Value> sums(count, constant(f32Vector(), 0));
  int64_t full = columns / kLanes * kLanes;
  if (full > 0) {
    auto loop = scf::ForOp::create(b, index(0), index(full), index(kLanes), sums);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value column = arith::AddIOp::create(b, first, loop.getInductionVar());
    SmallVector<Value> next;
    for (auto [sum, element] : llvm::zip_equal(loop.getRegionIterArgs(), elements(column, kLanes)))
      next.push_back(arith::AddFOp::create(b, sum, element));
    scf::YieldOp::create(b, next);
    sums.assign(loop.result_begin(), loop.result_end());
  }
  if (full < columns) {
    Value column = arith::AddIOp::create(b, first, index(full));
    // Lanes above were loaded as zeros, but what was computed from them need not be zero.
    SmallVector<Value> last = elements(column, columns - full);
    Value inside = vector::ConstantMaskOp::create(b, VectorType::get(kLanes, b.getI1Type()),
                                                  ArrayRef<int64_t>{columns - full});
    for (auto [sum, element] : llvm::zip_equal(sums, last)) {
      element = arith::SelectOp::create(b, inside, element, constant(f32Vector(), 0));
      sum = arith::AddFOp::create(b, sum, element);
    }
  }
  for (Value &sum : sums)
    sum = reduceAdd(sum);
  return sums;
}
