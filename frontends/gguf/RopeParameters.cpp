#include "frontends/gguf/RopeParameters.h"
#include "frontends/gguf/ModelBuilder.h"
#include "ir/NyalaOps.h"
#include "ir/storage/Error.h"

#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <cmath>
#include <numbers>

using namespace mlir;

namespace nyala::gguf {

/// YaRN by parts (section 3.2 of the paper): a pair of channels that turns more than `beta_fast`
/// times over the original context keeps its frequency, one that turns less than `beta_slow` times
/// is interpolated by `factor`, those between are blended linearly. Bounds are whole pairs, as in
/// the paper's own code.
static SmallVector<float> computeYarnFactors(Hyperparameters &keys, const RopeParameters &rope,
                                             double factor, int64_t originalContext) {
  double fast = keys.getPositive("rope.scaling.yarn_beta_fast", 32);
  double slow = keys.getPositive("rope.scaling.yarn_beta_slow", 1);
  auto pairTurning = [&](double turns) {
    return rope.dims * std::log(originalContext / (turns * 2 * std::numbers::pi)) /
           (2 * std::log(rope.base));
  };
  double low = std::max(0.0, std::floor(pairTurning(fast)));
  double high = std::min(rope.dims - 1.0, std::ceil(pairTurning(slow)));
  SmallVector<float> factors;
  for (int64_t pair = 0; pair < rope.dims / 2; ++pair) {
    double ramp = std::clamp((pair - low) / std::max(0.001, high - low), 0.0, 1.0);
    factors.push_back(static_cast<float>(1 / (ramp / factor + (1 - ramp))));
  }
  return factors;
}

static SmallVector<float> readFactors(ModelBuilder &builder, StringRef tensor, int64_t count) {
  SmallVector<float> factors = builder.readValues(tensor, count);
  for (float factor : factors)
    if (!isPlausible(factor))
      builder.fail("tensor " + quote(tensor) + " holds " + llvm::formatv("{0}", factor).str() +
                   ", expected positive numbers (1e-18 to 1e18)");
  return factors;
}

static void readScaling(ModelBuilder &builder, RopeParameters &rope, int64_t context) {
  Hyperparameters &keys = builder.getHyperparameters();
  keys.ignore({"rope.scaling.finetuned"});
  // "rope.scale_linear" is the older name. A factor without a type means linear scaling.
  double factor = keys.getPositive("rope.scaling.factor", keys.getPositive("rope.scale_linear", 1));
  int64_t originalContext = keys.getSize("rope.scaling.original_context_length", context);
  std::string_view type = keys.getString("rope.scaling.type", "linear");
  rope.magnitude = keys.getPositive("rope.scaling.attn_factor", 1);
  if (type == "linear") {
    rope.scale = 1 / factor;
  } else if (type == "yarn") {
    if (factor < 1)
      keys.fail("rope.scaling.factor",
                llvm::formatv("is {0}, expected at least 1 for yarn", factor));
    for (const char *name : {"yarn_ext_factor", "yarn_attn_factor", "yarn_log_multiplier"})
      keys.refuse(std::string("rope.scaling.") + name, "a variant of yarn");
    rope.factors = computeYarnFactors(keys, rope, factor, originalContext);
    rope.magnitude *= 1 + 0.1 * std::log(factor);
  } else if (type != "none") {
    keys.fail("rope.scaling.type", "is " + quote(type) +
                                       ", which is not supported, expected 'none', 'linear' or "
                                       "'yarn'");
  }
}

RopeParameters readRopeParameters(ModelBuilder &builder, int64_t headDim, int64_t context) {
  Hyperparameters &keys = builder.getHyperparameters();
  RopeParameters rope;
  rope.dims = keys.getSize("rope.dimension_count", headDim);
  // Bounded, as they are counted out below before the shape of any tensor has confirmed them.
  constexpr int64_t most = 1 << 16;
  if (headDim > most)
    builder.fail("a head has " + std::to_string(headDim) + " channels, expected at most " +
                 std::to_string(most));
  if (rope.dims % 2 != 0 || rope.dims > headDim)
    keys.fail("rope.dimension_count", "(default: a head's channels) is " +
                                          std::to_string(rope.dims) +
                                          ", expected an even number of at most a head's " +
                                          std::to_string(headDim) + " channels");
  rope.base = keys.getPositive("rope.freq_base", 10000);
  if (rope.base <= 1)
    keys.fail("rope.freq_base", llvm::formatv("is {0}, expected more than 1", rope.base));
  readScaling(builder, rope, context);
  if (rope.magnitude != 1 && rope.dims != headDim)
    keys.fail("rope.dimension_count",
              "is " + std::to_string(rope.dims) + " of a head's " + std::to_string(headDim) +
                  " channels, which is not supported with yarn or an attention factor, expected "
                  "all of them");

  constexpr StringRef tensor = "rope_freqs.weight";
  if (builder.hasTensor(tensor)) {
    SmallVector<float> factors = readFactors(builder, tensor, rope.dims / 2);
    if (!rope.factors.empty())
      builder.fail("tensor " + quote(tensor) +
                   " and yarn scaling together are not supported, expected one of them");
    rope.factors = std::move(factors);
  }
  return rope;
}

mlir::Value buildRope(ModelBuilder &builder, const Twine &name, RopePairing pairing,
                      mlir::Value input, int64_t heads, const RopeParameters &parameters) {
  ImplicitLocOpBuilder &b = builder.at(name);
  DenseF32ArrayAttr factors =
      parameters.factors.empty() ? DenseF32ArrayAttr() : b.getDenseF32ArrayAttr(parameters.factors);
  return RopeOp::create(b, pairing, input, builder.getPositions(), heads,
                        llvm::APFloat(parameters.base), parameters.dims,
                        llvm::APFloat(parameters.scale), factors);
}

} // namespace nyala::gguf
