#include "frontends/gguf/RopeKeys.h"
#include "ir/storage/Error.h"

#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;

namespace nyala::gguf {

static SmallVector<float> readFactors(ModelBuilder &builder, StringRef tensor, int64_t count) {
  SmallVector<float> factors = builder.readValues(tensor, count);
  for (float factor : factors)
    if (!isPlausible(factor))
      builder.fail("tensor " + quote(tensor) + " holds " + llvm::formatv("{0}", factor).str() +
                   ", expected positive numbers (1e-18 to 1e18)");
  return factors;
}

static void readScaling(GgufHyperparameters &keys, RopeParameters &rope, int64_t context) {
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
    double fast = keys.getPositive("rope.scaling.yarn_beta_fast", 32);
    double slow = keys.getPositive("rope.scaling.yarn_beta_slow", 1);
    rope.factors = computeYarnFactors(rope, {factor, originalContext, fast, slow});
    rope.magnitude *= 1 + 0.1 * std::log(factor);
  } else if (type != "none") {
    keys.fail("rope.scaling.type", "is " + quote(type) +
                                       ", which is not supported, expected 'none', 'linear' or "
                                       "'yarn'");
  }
}

RopeParameters readRopeParameters(ModelBuilder &builder, GgufHyperparameters &keys,
                                  RopePairing pairing, int64_t headDim, int64_t context) {
  RopeParameters rope;
  rope.pairing = pairing;
  rope.dims = keys.getSize("rope.dimension_count", headDim);
  checkHeadDim(builder, headDim);
  if (rope.dims % 2 != 0 || rope.dims > headDim)
    keys.fail("rope.dimension_count", "(default: a head's channels) is " +
                                          std::to_string(rope.dims) +
                                          ", expected an even number of at most a head's " +
                                          std::to_string(headDim) + " channels");
  rope.base = keys.getPositive("rope.freq_base", 10000);
  if (rope.base <= 1)
    keys.fail("rope.freq_base", llvm::formatv("is {0}, expected more than 1", rope.base));
  readScaling(keys, rope, context);
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

} // namespace nyala::gguf
