//===- QuantizedPanel.h - A tile's integers, unpacked -----------*- C++ -*-===//
//
// Products of many rows unpack the integers of a tile's weights once, into the
// worker's scratch, and multiply one block of rows after the other with them.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CPU_QUANTIZEDPANEL_H
#define NYALA_CODEGEN_CPU_QUANTIZEDPANEL_H

#include "codegen/cpu/TileEmitter.h"
#include "ir/storage/PackedLayout.h"

namespace nyala::cpu {

/// Columns that a lane of a vector of integers holds.
inline constexpr int64_t kQuadColumns = 4;
/// Quads of a block.
inline constexpr int64_t kBlockQuads = PackedLayout::kBlockColumns / kQuadColumns;

/// V is the vectors of the tile (of 16 columns of the result, which are rows of the weight), blocks
/// those of 32 columns of the weight. Lanes are columns of the result.
struct QuantizedPanel {
  /// memref<V x blocks x 8 x 64 x i8>: the bytes of PackedReader::getQuants(). Quad q of a block is
  /// 16 lanes of 4 unsigned bytes each, columns 4q to 4q + 3: an operand of vpdpbusd.
  mlir::Value quads;
  mlir::Value scales; ///< memref<V x blocks x 16 x f32>
  mlir::Value minima; ///< memref<V x blocks x 16 x f32>, or null
  mlir::Value
      halfScales; ///< memref<V x blocks x 2 x 16 x f32>, of columns 0..15 and 16..31, or null
};

/// The panel of `tile`'s columns of op's weight; the tile prologue fills it, once for each tile.
QuantizedPanel getQuantizedPanel(TileEmitter &e, QuantizedLinearOp op, const Tile &tile);

/// A quad of vector `v` of such memory, vector<16xi32>.
mlir::Value loadQuad(TileEmitter &e, mlir::Value quads, int64_t v, mlir::Value block, int64_t quad);

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_QUANTIZEDPANEL_H
