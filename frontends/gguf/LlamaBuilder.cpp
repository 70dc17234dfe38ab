//===- LlamaBuilder.cpp - Architecture 'llama' of GGUF files --------------===//
//
// Decoder blocks of RMSNorm, grouped-query attention with rotary positions and
// a SwiGLU feed-forward (Touvron et al. 2023, arXiv:2302.13971). Converters
// write queries and keys of this architecture with the channels of each head
// permuted so that adjacent ones rotate together.
//
//===----------------------------------------------------------------------===//
#include "frontends/gguf/Architectures.h"
#include "frontends/gguf/ModelBuilder.h"
#include "frontends/gguf/RopeParameters.h"
#include "ir/NyalaOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cmath>

using namespace mlir;

namespace nyala::gguf {
namespace {

class LlamaBuilder {
public:
  explicit LlamaBuilder(ModelBuilder &builder)
      : builder(builder), keys(builder.getHyperparameters()) {}

  void build();

private:
  void readHyperparameters();
  void readHeads();
  int64_t readHeadDim(std::string_view name);
  void readVocabulary();
  mlir::Value buildAttention(mlir::Value input, int64_t layer);
  mlir::Value buildFeedForward(mlir::Value input, int64_t layer);

  ModelBuilder &builder;
  Hyperparameters &keys;
  int64_t layers, width, hidden, heads, kvHeads, keyDim, valueDim, vocabulary, context;
  double epsilon;
  RopeParameters rope;
};

void LlamaBuilder::readHeads() {
  heads = keys.getSize("attention.head_count");
  kvHeads = keys.getSize("attention.head_count_kv", heads);
  if (heads % kvHeads != 0)
    keys.fail("attention.head_count_kv", "is " + std::to_string(kvHeads) +
                                             ", expected a divisor of the " +
                                             std::to_string(heads) + " heads");
  keyDim = readHeadDim("attention.key_length");
  valueDim = readHeadDim("attention.value_length");
}

/// Channels of a head: stated, or an equal share of the width.
int64_t LlamaBuilder::readHeadDim(std::string_view name) {
  if (!keys.has(name) && width % heads != 0)
    keys.fail("embedding_length", "is " + std::to_string(width) + ", expected a multiple of the " +
                                      std::to_string(heads) + " heads or a key '" +
                                      keys.getKey(name) + "'");
  return keys.getSize(name, width / heads);
}

/// The vocabulary: as large as the tokenizer's, else as stated, else as the table of embeddings.
void LlamaBuilder::readVocabulary() {
  if (const auto *tokens = builder.getFile().getStrings("tokenizer.ggml.tokens")) {
    auto count = static_cast<int64_t>(tokens->size());
    vocabulary = keys.getSize("vocab_size", count);
    if (vocabulary != count)
      keys.fail("vocab_size", "is " + std::to_string(vocabulary) + ", expected " +
                                  std::to_string(count) + ", the number of the tokenizer's tokens");
  } else {
    vocabulary = keys.getSize("vocab_size", builder.getTensor("token_embd.weight").shape.front());
  }
}

void LlamaBuilder::readHyperparameters() {
  keys.refuse("expert_count", "a mixture of experts");
  keys.ignore({"expert_used_count", "expert_feed_forward_length", "expert_shared_count",
               "tensor_data_layout"});
  keys.refuse("attention.sliding_window", "attention to a sliding window");
  keys.refuse("attention.max_alibi_bias", "positions by ALiBi");
  keys.refuse("attention.clamp_kqv", "clamping of queries, keys and values");
  keys.refuse("attention.scale", "a scale of attention other than by the head's width");
  keys.refuse("attn_logit_softcapping", "a soft cap on attention");
  keys.refuse("final_logit_softcapping", "a soft cap on logits");
  keys.refuse("logit_scale", "a scale of logits");
  keys.refuse("residual_scale", "a scale of residuals");
  keys.refuse("embedding_scale", "a scale of embeddings");
  keys.refuse("use_parallel_residual", "parallel residuals");
  if (!keys.getBool("attention.causal", true))
    keys.fail("attention.causal", "is false, which is not supported, expected true");

  layers = keys.getSize("block_count");
  auto tensors = static_cast<int64_t>(builder.getFile().getTensors().size());
  if (layers > tensors)
    keys.fail("block_count", "is " + std::to_string(layers) + ", more than the file's " +
                                 std::to_string(tensors) + " tensors can make");
  width = keys.getSize("embedding_length");
  hidden = keys.getSize("feed_forward_length");
  context = keys.getSize("context_length");
  epsilon = keys.getPositive("attention.layer_norm_rms_epsilon");
  readHeads();
  readVocabulary();
  rope = readRopeParameters(builder, keyDim, context);

  builder.addFact("context", context);
  builder.addFact("vocabulary", vocabulary);
  builder.addFact("layers", layers);
  builder.addFact("width", width);
  builder.addFact("feed_forward", hidden);
  builder.addFact("heads", heads);
  builder.addFact("kv_heads", kvHeads);
}

mlir::Value LlamaBuilder::buildAttention(mlir::Value input, int64_t layer) {
  std::string block = "blk." + std::to_string(layer) + ".";
  mlir::Value normed = builder.buildRmsNorm(input, block + "attn_norm", epsilon);
  mlir::Value query = builder.buildLinear(normed, block + "attn_q", heads * keyDim);
  mlir::Value key = builder.buildLinear(normed, block + "attn_k", kvHeads * keyDim);
  mlir::Value value = builder.buildLinear(normed, block + "attn_v", kvHeads * valueDim);
  query = buildRope(builder, block + "attn_q.rope", RopePairing::Adjacent, query, heads, rope);
  key = buildRope(builder, block + "attn_k.rope", RopePairing::Adjacent, key, kvHeads, rope);
  mlir::Value keyCache = builder.buildCacheAppend(builder.getState(2 * layer), key);
  mlir::Value valueCache = builder.buildCacheAppend(builder.getState(2 * layer + 1), value);

  ImplicitLocOpBuilder &b = builder.at(block + "attn");
  auto scale = static_cast<float>(rope.magnitude * rope.magnitude / std::sqrt(keyDim));
  mlir::Value attended = AttentionOp::create(
      b, builder.getRowsType(heads * valueDim), query, keyCache, valueCache, builder.getPositions(),
      builder.getSequences(), heads, kvHeads, llvm::APFloat(scale),
      MaskAttr::get(b.getContext(), MaskKind::Causal, /*window=*/0));
  mlir::Value output = builder.buildLinear(attended, block + "attn_output", width);
  return arith::AddFOp::create(builder.at(block + "attn_residual"), input, output);
}

mlir::Value LlamaBuilder::buildFeedForward(mlir::Value input, int64_t layer) {
  std::string block = "blk." + std::to_string(layer) + ".";
  mlir::Value normed = builder.buildRmsNorm(input, block + "ffn_norm", epsilon);
  mlir::Value gate = builder.buildLinear(normed, block + "ffn_gate", hidden);
  mlir::Value up = builder.buildLinear(normed, block + "ffn_up", hidden);
  mlir::Value gated =
      GatedActivationOp::create(builder.at(block + "ffn_act"), ActivationKind::Silu, gate, up);
  mlir::Value down = builder.buildLinear(gated, block + "ffn_down", width);
  return arith::AddFOp::create(builder.at(block + "ffn_residual"), input, down);
}

void LlamaBuilder::build() {
  readHyperparameters();
  std::vector<State> states;
  for (int64_t layer = 0; layer < layers; ++layer) {
    std::string block = "blk." + std::to_string(layer) + ".";
    states.push_back({block + "keys", kvHeads * keyDim, {}});
    states.push_back({block + "values", kvHeads * valueDim, {}});
  }
  builder.beginForward(std::move(states));

  mlir::Value table = builder.loadWeight("token_embd.weight", {vocabulary, width});
  mlir::Value rows = EmbeddingOp::create(builder.at("token_embd"), builder.getRowsType(width),
                                         builder.getTokens(), table);
  for (int64_t layer = 0; layer < layers; ++layer)
    rows = buildFeedForward(buildAttention(rows, layer), layer);

  // Only the wanted rows go through the head, by far the widest product.
  rows =
      GatherOp::create(builder.at("wanted"), builder.getRowsType(width), rows, builder.getWanted());
  rows = builder.buildRmsNorm(rows, "output_norm", epsilon);
  bool tied = !builder.hasTensor("output.weight");
  mlir::Value head = tied ? table : builder.loadWeight("output.weight", {vocabulary, width});
  builder.endForward(LinearOp::create(builder.at("output"), builder.getRowsType(vocabulary), rows,
                                      head, /*bias=*/mlir::Value()));
}

} // namespace

void buildLlama(ModelBuilder &builder) { LlamaBuilder(builder).build(); }

} // namespace nyala::gguf
