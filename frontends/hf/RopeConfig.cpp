#include "frontends/hf/RopeConfig.h"
#include "ir/storage/Error.h"

#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;

namespace nyala::hf {
namespace {

class RopeReader {
public:
  RopeReader(Config &config, Config &keys, RopeParameters &rope, int64_t context)
      : config(config), keys(keys), rope(rope), context(context) {}

  void read(bool alphaBase);

private:
  /// A number at a key where zero means that there is none.
  std::optional<double> getNonzero(std::string_view name) {
    double value = keys.has(name) ? keys.getNonNegative(name) : 0;
    return value == 0 ? std::nullopt : std::optional(value);
  }
  int64_t readOriginalContext() {
    int64_t inObject = keys.getSize("original_max_position_embeddings", context);
    return config.getSize("original_max_position_embeddings", inObject);
  }
  void readLlama3();
  void readYarn();
  void readAlpha();

  Config &config; ///< the whole
  Config &keys;   ///< of the rotary embedding
  RopeParameters &rope;
  int64_t context;
};

void RopeReader::readLlama3() {
  Llama3Parameters llama3 = {keys.getPositive("factor"), keys.getPositive("low_freq_factor"),
                             keys.getPositive("high_freq_factor"), readOriginalContext()};
  if (llama3.high <= llama3.low)
    keys.fail("high_freq_factor", llvm::formatv("is {0}, expected more than low_freq_factor, {1}",
                                                llama3.high, llama3.low));
  rope.factors = computeLlama3Factors(rope, llama3);
}

void RopeReader::readYarn() {
  int64_t originalContext = readOriginalContext();
  double factor = keys.getPositive("factor", static_cast<double>(context) / originalContext);
  if (factor < 1)
    keys.fail("factor", llvm::formatv("is {0}, expected at least 1 for yarn", factor));
  double fast = getNonzero("beta_fast").value_or(32), slow = getNonzero("beta_slow").value_or(1);
  if (fast <= slow)
    keys.fail("beta_fast", llvm::formatv("is {0}, expected more than beta_slow, {1}", fast, slow));
  bool truncate = keys.getBool("truncate", true);
  rope.factors = computeYarnFactors(rope, {factor, originalContext, fast, slow, truncate});

  std::optional<double> mscale = getNonzero("mscale"), ofAll = getNonzero("mscale_all_dim");
  auto magnify = [&](double by) { return 1 + 0.1 * by * std::log(factor); };
  double magnitude = mscale && ofAll ? magnify(*mscale) / magnify(*ofAll) : magnify(1);
  rope.magnitude = keys.getPositive("attention_factor", magnitude);
}

void RopeReader::readAlpha() {
  double alpha = keys.getPositive("alpha");
  // They belong to other types, but are stated together with alpha.
  keys.ignore({"factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim"});
  auto dims = static_cast<double>(rope.dims);
  rope.base *= std::pow(alpha, dims / (dims - 2));
  if (!isPlausible(rope.base) || rope.base <= 1)
    keys.fail("alpha",
              llvm::formatv("is {0}, which makes the base of the rotary embedding {1:E6}, expected "
                            "1 to 1e18",
                            alpha, rope.base));
}

void RopeReader::read(bool alphaBase) {
  std::string_view type = keys.getString("rope_type", keys.getString("type", "default"));
  if (type == "default")
    return;
  if (type == "linear") {
    rope.scale = 1 / keys.getPositive("factor");
  } else if (type == "llama3") {
    readLlama3();
  } else if (type == "yarn") {
    readYarn();
  } else if (alphaBase && type == "dynamic" && getNonzero("alpha")) {
    readAlpha();
  } else {
    keys.fail(keys.has("rope_type") ? "rope_type" : "type",
              "is " + quote(type) +
                  ", which is not supported, expected 'default', 'linear', 'llama3' or 'yarn'" +
                  (alphaBase ? ", or 'dynamic' with an alpha" : ""));
  }
}

} // namespace

RopeParameters readRopeParameters(const ModelBuilder &builder, Config &config, int64_t headDim,
                                  int64_t context, bool alphaBase,
                                  std::vector<std::string> &unread) {
  checkHeadDim(builder, headDim);
  if (headDim % 2 != 0 || headDim < 4)
    config.fail("head_dim", "(default: hidden_size by num_attention_heads) is " +
                                std::to_string(headDim) + ", expected an even number from 4 up");
  RopeParameters rope;
  rope.pairing = RopePairing::Half;
  rope.dims = headDim;

  static const nlohmann::json none = nlohmann::json::object();
  std::optional<Config> scaling = config.getObject("rope_scaling");
  std::optional<Config> parameters = config.getObject("rope_parameters");
  Config keys = scaling ? *scaling : parameters ? *parameters : Config(none, config.getPath());
  for (const char *layerType : {"full_attention", "sliding_attention"})
    if (keys.has(layerType))
      keys.fail(layerType, "asks for a rotary embedding by type of layer, which is not supported");
  for (Config *level : {&config, &keys})
    if (level->getPositive("partial_rotary_factor", 1) != 1)
      level->fail("partial_rotary_factor",
                  "asks for a rotation of a part of each head, which is not supported");

  // Read in both places, so that neither is taken for unknown.
  rope.base = config.getPositive("rope_theta", 10000);
  rope.base = keys.getPositive("rope_theta", rope.base);
  if (rope.base <= 1)
    (keys.has("rope_theta") ? keys : config)
        .fail("rope_theta", llvm::formatv("is {0}, expected more than 1", rope.base));
  RopeReader(config, keys, rope, context).read(alphaBase);
  for (std::string &key : keys.getUnread())
    unread.push_back(std::move(key));
  return rope;
}

} // namespace nyala::hf
