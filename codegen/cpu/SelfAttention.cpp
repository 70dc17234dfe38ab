//===- SelfAttention.cpp - Attention among the rows of a batch ------------===//
#include "codegen/cpu/SelfAttention.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

std::string nyala::cpu::getSelfAttentionObstacle(Value rows) {
  if (getTensorType(rows).isDynamicDim(0))
    return "expected a fixed number of rows; run nyala-build-loss first";
  return {};
}

//===----------------------------------------------------------------------===//
// Rows in memory
//===----------------------------------------------------------------------===//

HeadRows SelfAttentionEmitter::getHead(Value buffer, Value firstRow, Value head, int64_t dims) {
  return {buffer, firstRow, mul(head, dims), dims};
}

Value SelfAttentionEmitter::load(const HeadRows &head, Value row, Value channel, int64_t lanes) {
  return e.load(head.buffer, {add(head.firstRow, row), add(head.column, channel)}, lanes);
}

void SelfAttentionEmitter::store(Value vector, const HeadRows &head, Value row, Value channel,
                                 int64_t lanes) {
  e.store(vector, head.buffer, {add(head.firstRow, row), add(head.column, channel)}, lanes);
}

Value SelfAttentionEmitter::allocatePanels(int64_t dims) {
  return e.allocateScratch({getPaddedLength() / getPanelColumns(),
                            static_cast<int64_t>(llvm::alignTo(dims, kLanes)), getPanelColumns()},
                           e.b.getF32Type());
}

void SelfAttentionEmitter::packPanels(const HeadRows &head, Value panels) {
  auto pack = [&](Value first, int64_t rows) {
    Value panel = arith::DivUIOp::create(e.b, first, e.index(getPanelColumns()));
    Value lane = arith::RemUIOp::create(e.b, first, e.index(getPanelColumns()));
    e.forColumns(head.dims, [&](Value channel, int64_t lanes) {
      SmallVector<Value> vectors(kLanes, e.constant(e.f32Vector(), 0));
      for (int64_t i = 0; i < rows; ++i)
        vectors[i] = load(head, add(first, i), channel, lanes);
      e.transpose(vectors);
      for (auto [i, vector] : llvm::enumerate(vectors))
        e.store(vector, panels, {panel, add(channel, i), lane});
    });
  };
  int64_t full = length / kLanes * kLanes;
  e.forRange(e.index(0), e.index(full), kLanes, [&](Value first) { pack(first, kLanes); });
  if (full < length)
    pack(e.index(full), length - full);
  e.forRange(e.index(llvm::alignTo(length, kLanes)), e.index(getPaddedLength()), kLanes,
             [&](Value first) { pack(first, 0); });
}

void SelfAttentionEmitter::copyRows(const HeadRows &head, Value first, int64_t count, double factor,
                                    Value destination) {
  Value rest = arith::SubIOp::create(e.b, e.index(length), first);
  Value present = minimum(e.index(count), rest);
  Value scaling = e.constant(e.f32Vector(), factor), zero = e.constant(e.f32Vector(), 0);
  auto copy = [&](Value row, bool inside) {
    e.forColumns(head.dims, [&](Value channel, int64_t lanes) {
      Value vector = zero;
      if (inside)
        vector = arith::MulFOp::create(e.b, load(head, add(first, row), channel, lanes), scaling);
      e.store(vector, destination, {row, channel});
    });
  };
  e.forRange(e.index(0), present, 1, [&](Value row) { copy(row, true); });
  e.forRange(present, e.index(count), 1, [&](Value row) { copy(row, false); });
}
