//===- RopeParameters.h - Rotary embedding of a model -----------*- C++ -*-===//
#ifndef NYALA_FRONTENDS_ROPEPARAMETERS_H
#define NYALA_FRONTENDS_ROPEPARAMETERS_H

#include "ir/NyalaAttrs.h"

#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"

namespace nyala {

class ModelBuilder;

/// The attributes of a model's nyala.rope ops.
struct RopeParameters {
  RopePairing pairing;
  int64_t dims;
  double base;
  double scale = 1;
  llvm::SmallVector<float> factors; ///< empty: ones
  /// What rotated queries and keys are to be multiplied by (YaRN's temperature, an attention
  /// factor). nyala.rope does not: multiply attention's scale by its square, which is the same, as
  /// it differs from 1 only where whole heads rotate.
  double magnitude = 1;
};

/// Throws if a head has more channels than there can be: factors are counted out before the shape
/// of any tensor has confirmed their number.
void checkHeadDim(const ModelBuilder &builder, int64_t headDim);

/// YaRN's interpolation by parts (Peng et al. 2023, arXiv:2309.00071, section 3.2): a pair of
/// channels that turns more than `fast` times over the original context keeps its frequency, one
/// that turns less than `slow` times is interpolated by `factor`, those between are blended.
struct YarnParameters {
  double factor;
  int64_t originalContext;
  double fast, slow;
  bool wholePairs = true; ///< bounds are whole pairs, as in the paper's own code
};
llvm::SmallVector<float> computeYarnFactors(const RopeParameters &rope, const YarnParameters &yarn);

/// Llama 3.1's: wavelengths above originalContext / low are divided by `factor`, those below
/// originalContext / high stay, and between the two frequencies are blended.
struct Llama3Parameters {
  double factor, low, high;
  int64_t originalContext;
};
llvm::SmallVector<float> computeLlama3Factors(const RopeParameters &rope,
                                              const Llama3Parameters &llama3);

/// nyala.rope on `heads` heads, located at `name`.
mlir::Value buildRope(ModelBuilder &builder, const llvm::Twine &name, mlir::Value input,
                      int64_t heads, const RopeParameters &parameters);

} // namespace nyala

#endif // NYALA_FRONTENDS_ROPEPARAMETERS_H
