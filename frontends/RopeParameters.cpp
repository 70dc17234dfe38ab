#include "frontends/RopeParameters.h"
#include "frontends/ModelBuilder.h"
#include "ir/NyalaOps.h"

#include <algorithm>
#include <cmath>
#include <numbers>

using namespace mlir;
using namespace nyala;

void nyala::checkHeadDim(const ModelBuilder &builder, int64_t headDim) {
  constexpr int64_t most = 1 << 16;
  if (headDim > most)
    builder.fail("a head has " + std::to_string(headDim) + " channels, expected at most " +
                 std::to_string(most));
}

SmallVector<float> nyala::computeYarnFactors(const RopeParameters &rope,
                                             const YarnParameters &yarn) {
  auto pairTurning = [&](double turns) {
    return rope.dims * std::log(yarn.originalContext / (turns * 2 * std::numbers::pi)) /
           (2 * std::log(rope.base));
  };
  double low = pairTurning(yarn.fast), high = pairTurning(yarn.slow);
  if (yarn.wholePairs) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(0.0, low);
  high = std::min(rope.dims - 1.0, high);
  SmallVector<float> factors;
  for (int64_t pair = 0; pair < rope.dims / 2; ++pair) {
    double ramp = std::clamp((pair - low) / std::max(0.001, high - low), 0.0, 1.0);
    factors.push_back(static_cast<float>(1 / (ramp / yarn.factor + (1 - ramp))));
  }
  return factors;
}

SmallVector<float> nyala::computeLlama3Factors(const RopeParameters &rope,
                                               const Llama3Parameters &llama3) {
  SmallVector<float> factors;
  for (int64_t pair = 0; pair < rope.dims / 2; ++pair) {
    double wave = 2 * std::numbers::pi * std::pow(rope.base, 2.0 * pair / rope.dims);
    double kept = (llama3.originalContext / wave - llama3.low) / (llama3.high - llama3.low);
    kept = std::clamp(kept, 0.0, 1.0);
    factors.push_back(static_cast<float>(1 / ((1 - kept) / llama3.factor + kept)));
  }
  return factors;
}

mlir::Value nyala::buildRope(ModelBuilder &builder, const Twine &name, mlir::Value input,
                             int64_t heads, const RopeParameters &parameters) {
  ImplicitLocOpBuilder &b = builder.at(name);
  DenseF32ArrayAttr factors =
      parameters.factors.empty() ? DenseF32ArrayAttr() : b.getDenseF32ArrayAttr(parameters.factors);
  return RopeOp::create(b, parameters.pairing, input, builder.getPositions(), heads,
                        llvm::APFloat(parameters.base), parameters.dims,
                        llvm::APFloat(parameters.scale), factors);
}
