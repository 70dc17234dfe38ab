#include "frontends/hf/HfImport.h"
#include "frontends/hf/Architectures.h"
#include "frontends/hf/CheckpointWeights.h"
#include "frontends/hf/JsonValue.h"
#include "frontends/hf/RopeConfig.h"
#include "ir/NyalaDialect.h"
#include "ir/storage/Error.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"

#include <filesystem>

using namespace mlir;
namespace fs = std::filesystem;

namespace nyala::hf {
namespace {

/// What transformers writes into every configuration, and what only training, generation or other
/// tools look at.
void ignoreHarmless(Config &config) {
  config.ignore({"_name_or_path",
                 "_attn_implementation",
                 "attention_dropout",
                 "auto_map",
                 "bos_token_id",
                 "dtype",
                 "eos_token_id",
                 "gradient_checkpointing",
                 "hidden_dropout",
                 "id2label",
                 "initializer_range",
                 "is_decoder",
                 "is_llama_config",
                 "label2id",
                 "output_attentions",
                 "output_hidden_states",
                 "pad_token_id",
                 "pretraining_tp",
                 "problem_type",
                 "return_dict",
                 "rope_interleaved",
                 "sep_token_id",
                 "torch_dtype",
                 "transformers.js_config",
                 "transformers_version",
                 "unk_token_id",
                 "use_cache",
                 "use_return_dict"});
}

void refuseUnsupported(Config &config) {
  config.refuse("quantization_config", "quantized weights");
  for (const char *name :
       {"num_experts", "num_local_experts", "n_routed_experts", "num_shared_expert"})
    config.refuseAbove(name, 1, "a mixture of experts");
  config.refuse("use_mixed_mlp_moe", "a mixture of experts");
  // Without experts, what else is said of them is of no consequence.
  config.ignore({"moe_topk", "moe_intermediate_size", "moe_layer_num_skipped", "moe_drop_tokens",
                 "moe_random_routing_dropped_token", "num_experts_per_tok", "norm_topk_prob",
                 "n_group", "topk_group", "routed_scaling_factor", "group_limited_greedy"});
  config.refuse("attn_logit_softcapping", "a soft cap on attention");
  config.refuse("final_logit_softcapping", "a soft cap on logits");
  config.refuse("logit_scale", "a scale of logits");
  config.refuse("residual_multiplier", "a scale of residuals");
  config.refuse("embedding_multiplier", "a scale of embeddings");
  config.refuse("is_encoder_decoder", "an encoder");
  config.refuse("add_cross_attention", "attention to an encoder");
}

ActivationKind readActivation(Config &config) {
  std::string_view name = config.getString("hidden_act", "silu");
  auto kind = llvm::StringSwitch<std::optional<ActivationKind>>(name)
                  .Cases({"silu", "swish"}, ActivationKind::Silu)
                  .Case("gelu", ActivationKind::Gelu)
                  .Cases({"gelu_pytorch_tanh", "gelu_new"}, ActivationKind::GeluTanh)
                  .Case("relu", ActivationKind::Relu)
                  .Default(std::nullopt);
  if (!kind)
    config.fail("hidden_act", "is " + quote(name) +
                                  ", which is not supported, expected 'silu', 'gelu', "
                                  "'gelu_pytorch_tanh' or 'relu'");
  return *kind;
}

/// Queries, keys and values have equally wide heads in all checkpoints.
void readHeads(Config &config, const Architecture &architecture, Decoder &decoder) {
  decoder.heads = config.getSize("num_attention_heads");
  decoder.kvHeads = config.getSize("num_key_value_heads", decoder.heads);
  if (decoder.heads % decoder.kvHeads != 0)
    config.fail("num_key_value_heads", "is " + std::to_string(decoder.kvHeads) +
                                           ", expected a divisor of the " +
                                           std::to_string(decoder.heads) + " heads");
  int64_t fallback = architecture.headDim;
  if (fallback == 0 && !config.has("head_dim")) {
    if (decoder.width % decoder.heads != 0)
      config.fail("hidden_size", "is " + std::to_string(decoder.width) +
                                     ", expected a multiple of the " +
                                     std::to_string(decoder.heads) + " heads or a key 'head_dim'");
    fallback = decoder.width / decoder.heads;
  }
  decoder.keyDim = decoder.valueDim = config.getSize("head_dim", fallback);
}

/// Is the head the table of embeddings? As for transformers, the tensors decide where a checkpoint
/// that says so has both.
bool readTied(ModelBuilder &builder, Config &config, const DecoderNames &names) {
  if (!config.getBool("tie_word_embeddings", false))
    return false;
  std::string head = (names.head + ".weight").str();
  if (!builder.hasTensor(head))
    return true;
  StoredTensor first = builder.getTensor((names.embedding + ".weight").str());
  StoredTensor second = builder.getTensor(head);
  if (first.format == second.format && first.shape == second.shape &&
      std::ranges::equal(first.bytes, second.bytes)) {
    builder.ignoreTensor(head);
    return true;
  }
  builder.warn("key 'tie_word_embeddings' is true, but tensor " + quote(head) +
               " differs from the embeddings; both are used");
  return false;
}

/// Layers are built before the first tensor that is missing is noticed.
void checkLayers(const ModelBuilder &builder, const Config &config, int64_t layers) {
  constexpr int64_t most = 4096;
  auto tensors = static_cast<int64_t>(builder.getFiles().getNames().size());
  if (!builder.getFiles().hasData() && layers > most)
    config.fail("num_hidden_layers",
                "is " + std::to_string(layers) + ", expected at most " + std::to_string(most));
  if (builder.getFiles().hasData() && layers > tensors)
    config.fail("num_hidden_layers", "is " + std::to_string(layers) +
                                         ", more than the checkpoint's " + std::to_string(tensors) +
                                         " tensors can make");
}

Decoder readDecoder(ModelBuilder &builder, Config &config, const Architecture &architecture,
                    const DecoderNames &names, std::vector<std::string> &unread) {
  ignoreHarmless(config);
  refuseUnsupported(config);
  Decoder decoder;
  decoder.layers = config.getSize("num_hidden_layers");
  checkLayers(builder, config, decoder.layers);
  decoder.width = config.getSize("hidden_size");
  decoder.hidden = config.getSize("intermediate_size");
  decoder.vocabulary = config.getSize("vocab_size");
  decoder.context = config.getSize("max_position_embeddings");
  decoder.epsilon = config.getPositive("rms_norm_eps", architecture.epsilon);
  decoder.activation = readActivation(config);
  readHeads(config, architecture, decoder);
  architecture.read(config, decoder);
  readSharing(config, decoder);
  decoder.rope = readRopeParameters(builder, config, decoder.keyDim, decoder.context,
                                    architecture.alphaBase, unread);
  // A norm undoes the factor, which the scale of attention would bring back.
  if (decoder.headNorm == HeadNorm::AfterRope && decoder.rope.magnitude != 1)
    config.fail("rope_scaling", "asks for an attention factor, which is not supported where heads "
                                "are normalized after their rotation");
  decoder.tied = readTied(builder, config, names);
  return decoder;
}

/// Tensors that older versions of transformers stored and that every reader computes itself.
void ignoreBuffers(ModelBuilder &builder) {
  for (const std::string &name : builder.getFiles().getNames())
    for (const char *buffer : {"inv_freq", "cos_cached", "sin_cached"})
      if (StringRef(name).ends_with(std::string("rotary_emb.") + buffer))
        builder.ignoreTensor(name);
}

/// `folder` is that of config.json.
OwningOpRef<ModuleOp> build(MLIRContext &context, const fs::path &folder, const Config &keys,
                            const WeightFiles &weights) {
  Config config = keys;
  const Architecture &architecture = chooseArchitecture(config);
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  ModelBuilder builder(*module, weights, architecture.modelType);
  builder.addFact("architecture", architecture.modelType);
  builder.addFact("name", folder.filename().string());
  std::vector<std::string> unread;
  DecoderNames names = getNames(architecture);
  Decoder decoder = readDecoder(builder, config, architecture, names, unread);
  buildDecoder(builder, decoder, names);
  ignoreBuffers(builder);
  llvm::append_range(unread, config.getUnread());
  builder.finish(config.getPath(), unread);

  if (isThere(folder / "tokenizer.json"))
    module.get()->setAttr(NyalaDialect::kTokenizerAttr, StringAttr::get(&context, folder.string()));
  return module;
}

void loadDialects(MLIRContext &context) {
  context.loadDialect<NyalaDialect, arith::ArithDialect, func::FuncDialect>();
}

} // namespace

nlohmann::json readConfig(const std::string &path) {
  constexpr size_t maxBytes = 1 << 20;
  return readJsonFile(path, maxBytes);
}

OwningOpRef<ModuleOp> importModel(MLIRContext &context, const std::string &directory) {
  loadDialects(context);
  fs::path absolute = fs::absolute(directory).lexically_normal();
  if (!absolute.has_filename())
    absolute = absolute.parent_path();
  std::string configPath = (fs::path(directory) / "config.json").string();
  if (!isThere(configPath))
    throw Error(directory + ": the directory has no config.json, expected a checkpoint: "
                            "config.json and model.safetensors");
  nlohmann::json json = readConfig(configPath);
  Config config(json, configPath);
  chooseArchitecture(config);
  return build(context, absolute, config, CheckpointWeights(directory));
}

OwningOpRef<ModuleOp> importConfig(MLIRContext &context, const std::string &path) {
  return importConfig(context, path, readConfig(path));
}

OwningOpRef<ModuleOp> importConfig(MLIRContext &context, const std::string &path,
                                   const nlohmann::json &config) {
  loadDialects(context);
  return build(context, fs::absolute(path).lexically_normal().parent_path(), Config(config, path),
               AbsentWeights(path));
}

} // namespace nyala::hf
