//===- QuantizedTerms.cpp - What rows add to all their products -----------===//
#include "codegen/cpu/QuantizedTerms.h"
#include "ir/storage/PackedLayout.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

/// Lane i is the sum of elements 2i and 2i + 1 of row `row`, from twice `column` on.
static Value loadPairs(TileEmitter &e, Value buffer, Value row, Value column, int64_t lanes) {
  Value first = arith::MulIOp::create(e.b, column, e.index(2));
  Value low = e.load(buffer, {row, first}, std::min(2 * lanes, kLanes));
  Value high = low; // unless there are more
  if (2 * lanes > kLanes)
    high = e.load(buffer, {row, arith::AddIOp::create(e.b, first, e.index(kLanes))},
                  2 * lanes - kLanes);
  auto everySecond = [&](int64_t start) -> Value {
    SmallVector<int64_t> mask;
    for (int64_t i = 0; i < kLanes; ++i)
      mask.push_back(start + 2 * i);
    return vector::ShuffleOp::create(e.b, low, high, mask);
  };
  return arith::AddIOp::create(e.b, everySecond(0), everySecond(1));
}

Value nyala::cpu::getQuantizedTerms(TileEmitter &e, QuantizedLinearOp op) {
  Value sums = e.getBuffer(op.getSums()), scales = e.getBuffer(op.getScales());
  return e.inKernelPrologue(op, [&] {
    PackedLayout layout = getPackedLayout(getTensorType(op.getWeight()));
    int64_t columns = layout.getNumFullBlocks() * (layout.hasHalfScales() ? 2 : 1);
    Type type = layout.hasMinima() ? Type(e.b.getF32Type()) : e.b.getI32Type();
    Value terms = e.allocateScratch({e.getMaxRows(), columns}, type);
    Value rows = e.getRows();
    auto product = cast<CpuTileOpInterface>(op.getOperation());
    if (product.getPromptBlock(e.getTarget(), e.getMaxRows()) > 0)
      rows = arith::SelectOp::create(e.b, e.isPrompt(), e.index(0), rows);
    e.forRange(e.index(0), rows, 1, [&](Value row) {
      e.forColumns(columns, [&](Value column, int64_t lanes) {
        Value term = layout.hasHalfScales() ? e.load(sums, {row, column}, lanes)
                                            : loadPairs(e, sums, row, column, lanes);
        if (layout.hasMinima())
          term = arith::MulFOp::create(e.b, arith::SIToFPOp::create(e.b, e.f32Vector(), term),
                                       e.load(scales, {row, column}, lanes));
        else
          term = arith::MulIOp::create(e.b, term,
                                       e.intConstant(term.getType(), -layout.getQuantOffset()));
        e.store(term, terms, {row, column}, lanes);
      });
    });
    return terms;
  });
}

Value nyala::cpu::getGroupTerms(TileEmitter &e, QuantizedLinearOp op, int64_t groupBlocks) {
  Value sums = e.getBuffer(op.getSums()), scales = e.getBuffer(op.getScales());
  // The same for all products of these values.
  return e.inKernelPrologue(op.getSums().getAsOpaquePointer(), [&] {
    int64_t blocks = getChannels(op.getScales());
    int64_t full = blocks / groupBlocks, rest = blocks % groupBlocks;
    Value terms = e.allocateScratch({e.getMaxRows(), full + (rest > 0)}, e.b.getF32Type());
    Value rows = arith::SelectOp::create(e.b, e.isPrompt(), e.getRows(), e.index(0));
    e.forRange(e.index(0), rows, 1, [&](Value row) {
      auto element = [&](Value block, int64_t lanes) -> Value {
        Value sum = loadPairs(e, sums, row, block, lanes);
        return arith::MulFOp::create(e.b, arith::SIToFPOp::create(e.b, e.f32Vector(), sum),
                                     e.load(scales, {row, block}, lanes));
      };
      auto emit = [&](Value group, int64_t count) {
        Value first = arith::MulIOp::create(e.b, group, e.index(groupBlocks));
        Value term = e.sumColumns(first, count, element);
        memref::StoreOp::create(e.b, term, terms, ValueRange{row, group});
      };
      e.forRange(e.index(0), e.index(full), 1, [&](Value group) { emit(group, groupBlocks); });
      if (rest > 0)
        emit(e.index(full), rest);
    });
    return terms;
  });
}
