//===- QuantizedPanel.cpp - A tile's integers, unpacked -------------------===//
#include "codegen/cpu/QuantizedPanel.h"
#include "codegen/cpu/PackedReader.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

/// Views of one piece of memory, or, without memory, just its size.
static QuantizedPanel layOut(TileEmitter &e, const PackedLayout &layout, int64_t vectors,
                             Value memory, int64_t &bytes) {
  bytes = 0;
  auto part = [&](ArrayRef<int64_t> inBlock, Type element) -> Value {
    SmallVector<int64_t> shape = {vectors, layout.getNumFullBlocks()};
    llvm::append_range(shape, inBlock);
    auto type = MemRefType::get(shape, element);
    int64_t offset = bytes;
    bytes += type.getNumElements() * element.getIntOrFloatBitWidth() / 8;
    if (!memory)
      return {};
    return memref::ViewOp::create(e.b, type, memory, e.index(offset), ValueRange());
  };
  Type f32 = e.b.getF32Type();
  QuantizedPanel panel;
  panel.quads = part({kBlockQuads, kLanes * kQuadColumns}, e.b.getI8Type());
  panel.scales = part({kLanes}, f32);
  if (layout.hasMinima())
    panel.minima = part({kLanes}, f32);
  if (layout.hasHalfScales())
    panel.halfScales = part({2, kLanes}, f32);
  return panel;
}

static void storeBlock(TileEmitter &e, PackedReader &reader, const PackedReader::Block &block,
                       const QuantizedPanel &panel, Value vector, Value number) {
  Value zero = e.index(0);
  auto bytes = VectorType::get(kLanes * kQuadColumns, e.b.getI8Type());
  for (int64_t q = 0; q < kBlockQuads; ++q) {
    Value quad = vector::BitCastOp::create(e.b, bytes, reader.getQuants(block, q * kQuadColumns));
    vector::StoreOp::create(e.b, quad, panel.quads, ValueRange{vector, number, e.index(q), zero});
  }
  e.store(block.scale, panel.scales, {vector, number, zero});
  if (panel.minima)
    e.store(block.minimum, panel.minima, {vector, number, zero});
  for (auto [half, scale] : llvm::enumerate(block.halfScales))
    e.store(scale, panel.halfScales, {vector, number, e.index(half), zero});
}

QuantizedPanel nyala::cpu::getQuantizedPanel(TileEmitter &e, QuantizedLinearOp op,
                                             const Tile &tile) {
  PackedLayout layout = getPackedLayout(getTensorType(op.getWeight()));
  int64_t bytes;
  layOut(e, layout, tile.vectors, Value(), bytes);
  Value memory = e.inTilePrologue(op, tile.column, [&] {
    Value made = e.allocateScratch({bytes}, e.b.getI8Type());
    QuantizedPanel panel = layOut(e, layout, tile.vectors, made, bytes);
    PackedReader reader(e, op.getWeight());
    reader.forTileBlocks(tile, [&](const PackedReader::Block &block, Value vector, Value number) {
      storeBlock(e, reader, block, panel, vector, number);
    });
    return made;
  });
  return layOut(e, layout, tile.vectors, memory, bytes);
}

Value nyala::cpu::loadQuad(TileEmitter &e, Value quads, int64_t v, Value block, int64_t quad) {
  Value bytes =
      vector::LoadOp::create(e.b, VectorType::get(kLanes * kQuadColumns, e.b.getI8Type()), quads,
                             ValueRange{e.index(v), block, e.index(quad), e.index(0)});
  return vector::BitCastOp::create(e.b, VectorType::get(kLanes, e.b.getI32Type()), bytes);
}
