#include "frontends/hf/Architectures.h"
#include "ir/storage/Error.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace nyala::hf {

static Bias readBias(Config &config, std::string_view name) {
  return config.getBool(name, false) ? Bias::Always : Bias::Never;
}

/// Layers that see only so many positions. A window is stated even where it is switched off.
static void readWindows(Config &config, Decoder &decoder) {
  constexpr std::string_view sliding = "sliding_attention";
  bool inUse = config.getBool("use_sliding_window", false);
  config.ignore({"sliding_window", "max_window_layers"});
  int64_t window = inUse ? config.getSize("sliding_window") : 0;
  std::vector<std::string> types = config.getStrings("layer_types");
  if (types.empty()) {
    if (window == 0)
      return;
    int64_t fullLayers = config.has("max_window_layers")
                             ? static_cast<int64_t>(config.getNonNegative("max_window_layers"))
                             : 28;
    for (int64_t layer = 0; layer < decoder.layers; ++layer)
      decoder.windows.push_back(layer < fullLayers ? 0 : window);
    return;
  }
  if (static_cast<int64_t>(types.size()) != decoder.layers)
    config.fail("layer_types", "has " + std::to_string(types.size()) + " entries, expected " +
                                   std::to_string(decoder.layers) + ", one for each layer");
  for (const std::string &type : types) {
    if (type != "full_attention" && type != sliding)
      config.fail("layer_types", "holds " + quote(type) +
                                     ", which is not supported, expected 'full_attention' or "
                                     "'sliding_attention'");
    if (type == sliding && window == 0)
      config.fail("layer_types", "holds 'sliding_attention', but use_sliding_window and "
                                 "sliding_window do not say how far it reaches");
    decoder.windows.push_back(type == sliding ? window : 0);
  }
}

static void readLlama(Config &config, Decoder &decoder) {
  config.refuse("sliding_window", "attention to a sliding window");
  decoder.attentionBias = decoder.outputBias = readBias(config, "attention_bias");
  decoder.feedForwardBias = readBias(config, "mlp_bias");
}

static void readQwen2(Config &config, Decoder &decoder) {
  decoder.attentionBias = Bias::Always;
  readWindows(config, decoder);
}

static void readQwen3(Config &config, Decoder &decoder) {
  decoder.attentionBias = decoder.outputBias = readBias(config, "attention_bias");
  decoder.headNorm = HeadNorm::BeforeRope;
  readWindows(config, decoder);
}

/// Besides what transformers knows, cross-layer attention as Tencent's own code has it: of each
/// `cla_share_factor` layers only the first has keys and values. Hunyuan's keys of other model
/// families are refused where they ask for something.
static void readHunyuan(Config &config, Decoder &decoder) {
  decoder.attentionBias = decoder.outputBias = readBias(config, "attention_bias");
  decoder.feedForwardBias = readBias(config, "mlp_bias");
  if (config.getBool("use_qk_norm", true))
    decoder.headNorm = HeadNorm::AfterRope;
  // What only says more of the features below, or of images.
  config.ignore({"attention_head_dim",
                 "dense_list",
                 "norm_type",
                 "use_rotary_pos_emb",
                 "org_vocab_size",
                 "kv_lora_rank",
                 "q_lora_rank",
                 "qk_nope_head_dim",
                 "qk_rope_head_dim",
                 "v_head_dim",
                 "class_num",
                 "pool_type",
                 "mask_init_id",
                 "num_media_embeds",
                 "skip_cls_token",
                 "eod_token_id",
                 "im_start_id",
                 "im_end_id",
                 "im_newline_id",
                 "text_start_id",
                 "text_end_id",
                 "video_start_id",
                 "video_end_id",
                 "image_token_id",
                 "pad_id",
                 "unk_id"});
  config.refuse("sliding_window", "attention to a sliding window");
  config.refuse("use_mla", "latent attention");
  config.refuse("position_embedding_xdrope", "positions in several dimensions");
  config.refuse("add_classification_head", "a head for classes");

  config.ignore({"cla_share_factor"});
  if (!config.getBool("use_cla", false))
    return;
  int64_t factor = config.getSize("cla_share_factor");
  if (factor == 1)
    return;
  for (int64_t layer = 0; layer < decoder.layers; ++layer)
    decoder.producers.push_back(layer - layer % factor);
}

static constexpr Architecture architectures[] = {
    {"llama", 1e-6, 0, false, "", "", readLlama},
    {"qwen2", 1e-6, 0, false, "", "", readQwen2},
    {"qwen3", 1e-6, 128, false, "self_attn.q_norm", "self_attn.k_norm", readQwen3},
    {"hunyuan_v1_dense", 1e-5, 0, true, "self_attn.query_layernorm", "self_attn.key_layernorm",
     readHunyuan},
};

const Architecture *findArchitecture(StringRef modelType) {
  modelType.consume_front(kSharingPrefix);
  const Architecture *found = llvm::find_if(
      architectures, [&](const Architecture &entry) { return entry.modelType == modelType; });
  return found == std::end(architectures) ? nullptr : found;
}

const Architecture &chooseArchitecture(Config &config) {
  std::string supported = llvm::join(
      llvm::map_range(architectures,
                      [](const Architecture &entry) { return "'" + entry.modelType.str() + "'"; }),
      ", ");
  std::string_view type = config.getString("model_type", "");
  if (type.empty())
    config.fail("model_type", "is missing, expected one of: " + supported);
  for (const std::string &name : config.getStrings("architectures"))
    if (!StringRef(name).ends_with("ForCausalLM"))
      config.fail("architectures", "is " + quote(name) +
                                       ", which is not supported, expected a model that predicts "
                                       "the next token (…ForCausalLM)");
  const Architecture *chosen = findArchitecture(type);
  if (!chosen)
    config.fail("model_type",
                "is " + quote(type) + ", which is not supported, expected one of: " + supported);
  return *chosen;
}

void readSharing(Config &config, Decoder &decoder) {
  if (!StringRef(config.getString("model_type", "")).starts_with(kSharingPrefix))
    return;
  std::vector<int64_t> map = config.getIndices("kv_sharing");
  if (static_cast<int64_t>(map.size()) != decoder.layers)
    config.fail("kv_sharing", "has " + std::to_string(map.size()) + " entries, expected " +
                                  std::to_string(decoder.layers) + ", one for each layer");
  for (int64_t layer = 0; layer < decoder.layers; ++layer)
    if (map[layer] > layer || map[map[layer]] != map[layer])
      config.fail("kv_sharing", "gives layer " + std::to_string(layer) + " the keys of layer " +
                                    std::to_string(map[layer]) +
                                    ", expected itself or an earlier layer that has its own");
  decoder.producers = std::move(map);
}

DecoderNames getNames(const Architecture &architecture) {
  return {
      .embedding = "model.embed_tokens",
      .norm = "model.norm",
      .head = "lm_head",
      .blocks = "model.layers.",
      .attention = "self_attn",
      .attentionNorm = "input_layernorm",
      .query = "self_attn.q_proj",
      .key = "self_attn.k_proj",
      .value = "self_attn.v_proj",
      .attentionOutput = "self_attn.o_proj",
      .queryNorm = architecture.queryNorm,
      .keyNorm = architecture.keyNorm,
      .feedForward = "mlp",
      .feedForwardNorm = "post_attention_layernorm",
      .gate = "mlp.gate_proj",
      .up = "mlp.up_proj",
      .down = "mlp.down_proj",
  };
}

} // namespace nyala::hf
