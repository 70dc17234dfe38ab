//===- RopeParameters.h - Rotary embedding of GGUF models -------*- C++ -*-===//
#ifndef NYALA_FRONTENDS_GGUF_ROPEPARAMETERS_H
#define NYALA_FRONTENDS_GGUF_ROPEPARAMETERS_H

#include "ir/NyalaAttrs.h"

#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"

namespace nyala::gguf {

class ModelBuilder;

/// The attributes of a model's nyala.rope ops.
struct RopeParameters {
  int64_t dims;
  double base;
  double scale = 1;
  llvm::SmallVector<float> factors; ///< empty: ones
  /// What rotated queries and keys are to be multiplied by (YaRN's temperature, an attention
  /// factor). nyala.rope does not: multiply attention's scale by its square, which is the same, as
  /// it differs from 1 only where whole heads rotate.
  double magnitude = 1;
};

/// Reads the keys ARCHITECTURE.rope.* and the tensor rope_freqs.weight. Linear scaling becomes
/// `scale`, Llama 3's and YaRN's (Peng et al. 2023, arXiv:2309.00071) become `factors`. `context`
/// is the default of the context length before scaling.
RopeParameters readRopeParameters(ModelBuilder &builder, int64_t headDim, int64_t context);

/// nyala.rope on `heads` heads, located at `name`.
mlir::Value buildRope(ModelBuilder &builder, const llvm::Twine &name, RopePairing pairing,
                      mlir::Value input, int64_t heads, const RopeParameters &parameters);

} // namespace nyala::gguf

#endif // NYALA_FRONTENDS_GGUF_ROPEPARAMETERS_H
