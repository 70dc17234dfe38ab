#include "tools/nyala-train/GgufConfig.h"
#include "ir/NyalaDialect.h"
#include "ir/NyalaOps.h"
#include "ir/storage/Error.h"

#include <charconv>
#include <cmath>

using namespace mlir;

namespace nyala::train {
namespace {

class ConfigMaker {
public:
  explicit ConfigMaker(ModuleOp module) : module(module) {}

  nlohmann::json make();

private:
  [[noreturn]] static void fail(const std::string &what) {
    throw Error("the model " + what +
                ", which the configuration of a llama checkpoint cannot say; "
                "train from its Hugging Face directory instead");
  }

  int64_t getFact(StringRef name) {
    auto facts = module->getAttrOfType<DictionaryAttr>(NyalaDialect::kModelAttr);
    return facts.getAs<IntegerAttr>(name).getInt();
  }
  template <typename Op> Op findFirst() {
    Op found;
    module.walk([&](Op op) {
      found = op;
      return WalkResult::interrupt();
    });
    return found;
  }
  bool hasBias(const char *part) {
    return module.lookupSymbol<WeightOp>("blk.0." + std::string(part) + ".bias") != nullptr;
  }
  /// Of layers that have all a bias, or none.
  bool readBias(std::initializer_list<const char *> parts);
  static nlohmann::json makeRope(RopeOp rope);

  ModuleOp module;
};

/// As the double that the float is written as: 1e-05, not 9.99999974737875e-06.
double widen(float value) {
  char text[64];
  char *end = std::to_chars(text, text + sizeof(text), value).ptr;
  double wide = 0;
  std::from_chars(text, end, wide);
  return wide;
}

bool ConfigMaker::readBias(std::initializer_list<const char *> parts) {
  bool first = hasBias(*parts.begin());
  for (const char *part : parts)
    if (hasBias(part) != first)
      fail(std::string("has a bias of ") + (first ? *parts.begin() : part) + ", but none of " +
           (first ? part : *parts.begin()));
  return first;
}

nlohmann::json ConfigMaker::makeRope(RopeOp rope) {
  int64_t channels = cast<RankedTensorType>(rope.getInput().getType()).getDimSize(1);
  if (static_cast<int64_t>(rope.getDims() * rope.getHeads()) != channels)
    fail("rotates " + std::to_string(rope.getDims()) + " channels of wider heads");
  if (rope.getFactors())
    fail("scales the frequencies of its rotation each by its own factor");
  nlohmann::json parameters = {{"rope_type", "default"},
                               {"rope_theta", rope.getBase().convertToDouble()}};
  if (double scale = rope.getScale().convertToDouble(); scale != 1) {
    parameters["rope_type"] = "linear";
    parameters["factor"] = 1 / scale;
  }
  return parameters;
}

nlohmann::json ConfigMaker::make() {
  auto norm = findFirst<RmsNormOp>();
  auto rope = findFirst<RopeOp>();
  auto attention = findFirst<AttentionOp>();
  nlohmann::json parameters = makeRope(rope);
  int64_t dims = rope.getDims();
  if (cast<RankedTensorType>(attention.getResult().getType()).getDimSize(1) !=
      dims * getFact("heads"))
    fail("has heads whose values are of another width than their keys");
  if (attention.getScale().convertToFloat() != static_cast<float>(1 / std::sqrt(dims)))
    fail("scales attention otherwise than by the width of its heads");
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"hidden_act", "silu"},
          {"hidden_size", getFact("width")},
          {"intermediate_size", getFact("feed_forward")},
          {"num_hidden_layers", getFact("layers")},
          {"num_attention_heads", getFact("heads")},
          {"num_key_value_heads", getFact("kv_heads")},
          {"head_dim", dims},
          {"max_position_embeddings", getFact("context")},
          {"vocab_size", getFact("vocabulary")},
          {"rms_norm_eps", widen(norm.getEpsilon().convertToFloat())},
          {"attention_bias", readBias({"attn_q", "attn_k", "attn_v", "attn_output"})},
          {"mlp_bias", readBias({"ffn_gate", "ffn_up", "ffn_down"})},
          {"initializer_range", 0.02},
          {"rope_parameters", parameters}};
}

} // namespace

nlohmann::json makeGgufConfig(ModuleOp module) { return ConfigMaker(module).make(); }

} // namespace nyala::train
