//===- ProductRows.cpp - Activations as products read them ----------------===//
#include "codegen/cuda/ProductRows.h"
#include "codegen/cuda/ProductSchedule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

/// Can tiles of `value` not be computed from tiles of what lies in memory?
static bool dependsOnWholeRows(ThreadEmitter &e, Value value) {
  if (getTensorType(value).getRank() != 2 || e.getBuffer(value))
    return false;
  Operation *op = value.getDefiningOp();
  auto kind = nyala::getFusionKind(op);
  if (kind != FusionKind::ColumnLocal && kind != FusionKind::Lookup)
    return true;
  return llvm::any_of(op->getOperands(),
                      [&](Value operand) { return dependsOnWholeRows(e, operand); });
}

ProductRows::ProductRows(ThreadEmitter &e, ValueRange operands, ValueRange places)
    : e(e), operands(operands), places(places),
      wholeRows(
          llvm::any_of(operands, [&](Value operand) { return dependsOnWholeRows(e, operand); })) {}

void ProductRows::begin(Value row, int64_t count) {
  single = count == ProductUnit::kSingleRow;
  octets = std::max<int64_t>(count, 1);
  rows.assign(octets * places.size(), row);
  if (!single) {
    Value last = arith::SubIOp::create(e.b, e.getRows(), e.index(1));
    for (auto [i, place] : llvm::enumerate(rows)) {
      Value octet = arith::AddIOp::create(e.b, row, e.index(i / places.size() * kOctet));
      Value at = arith::AddIOp::create(e.b, octet, places[i % places.size()]);
      place = arith::MinUIOp::create(e.b, at, last);
    }
  }
  e.beginRow();
  memory.clear();
  if (wholeRows) {
    auto types =
        llvm::map_to_vector(operands, [](Value operand) { return getElementTypeOrSelf(operand); });
    memory = e.materializeRows(operands, row, types);
    return;
  }
  for (Value operand : operands) {
    Value buffer = e.getBuffer(operand);
    memory.push_back(buffer && single && isLong(operand) ? copy(buffer, row) : buffer);
  }
}

/// Would warps come back for more of the row, and wait for it each time?
bool ProductRows::isLong(Value operand) {
  int64_t bytes = getChannels(operand) * getElementTypeOrSelf(operand).getIntOrFloatBitWidth() / 8;
  return bytes > kDirectBytes && bytes % kCopyBytes == 0;
}

Value ProductRows::copy(Value buffer, Value row) {
  auto type = cast<MemRefType>(buffer.getType());
  Value shared = e.allocateShared(type.getShape().back(), type.getElementType());
  e.copyRow(buffer, row, shared);
  return shared;
}

Value ProductRows::load(unsigned operand, int64_t octet, unsigned place, Value column,
                        int64_t count) const {
  Type type = getElementTypeOrSelf(operands[operand]);
  auto vector = VectorType::get(count, type);
  Value row = rows[octet * places.size() + place];
  if (Value buffer = memory[operand]) {
    SmallVector<Value> indices{row, column};
    auto load = vector::LoadOp::create(
        e.b, vector, buffer,
        ArrayRef(indices).take_back(cast<MemRefType>(buffer.getType()).getRank()));
    load.setAlignment(count * type.getIntOrFloatBitWidth() / 8);
    return load;
  }
  SmallVector<Value> elements = e.pull(operands[operand], Tile{row, column, 0, count});
  // Numbers of 16 bits come as f32 that have been rounded.
  Value pulled = vector::FromElementsOp::create(
      e.b, VectorType::get(count, elements.front().getType()), elements);
  return pulled.getType() == vector ? pulled : arith::TruncFOp::create(e.b, vector, pulled);
}
