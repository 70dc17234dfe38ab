//===- Llama.cpp - Architecture 'llama' of GGUF files ---------------------===//
//
// Converters write queries and keys of this architecture with the channels of
// each head permuted so that adjacent ones rotate together.
//
//===----------------------------------------------------------------------===//
#include "frontends/Decoder.h"
#include "frontends/gguf/Architectures.h"
#include "frontends/gguf/RopeKeys.h"

using namespace mlir;

namespace nyala::gguf {
namespace {

constexpr DecoderNames names = {
    .embedding = "token_embd",
    .norm = "output_norm",
    .head = "output",
    .blocks = "blk.",
    .attention = "attn",
    .attentionNorm = "attn_norm",
    .query = "attn_q",
    .key = "attn_k",
    .value = "attn_v",
    .attentionOutput = "attn_output",
    .queryNorm = "",
    .keyNorm = "",
    .feedForward = "ffn",
    .feedForwardNorm = "ffn_norm",
    .gate = "ffn_gate",
    .up = "ffn_up",
    .down = "ffn_down",
};

void refuseUnsupported(GgufHyperparameters &keys) {
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
}

/// Channels of a head: stated, or an equal share of the width.
int64_t readHeadDim(GgufHyperparameters &keys, const Decoder &decoder, std::string_view name) {
  if (!keys.has(name) && decoder.width % decoder.heads != 0)
    keys.fail("embedding_length",
              "is " + std::to_string(decoder.width) + ", expected a multiple of the " +
                  std::to_string(decoder.heads) + " heads or a key '" + keys.getKey(name) + "'");
  return keys.getSize(name, decoder.width / decoder.heads);
}

void readHeads(GgufHyperparameters &keys, Decoder &decoder) {
  decoder.heads = keys.getSize("attention.head_count");
  decoder.kvHeads = keys.getSize("attention.head_count_kv", decoder.heads);
  if (decoder.heads % decoder.kvHeads != 0)
    keys.fail("attention.head_count_kv", "is " + std::to_string(decoder.kvHeads) +
                                             ", expected a divisor of the " +
                                             std::to_string(decoder.heads) + " heads");
  decoder.keyDim = readHeadDim(keys, decoder, "attention.key_length");
  decoder.valueDim = readHeadDim(keys, decoder, "attention.value_length");
}

/// The vocabulary: as large as the tokenizer's, else as stated, else as the table of embeddings.
int64_t readVocabulary(ModelBuilder &builder, GgufHyperparameters &keys) {
  const auto *tokens = keys.getFile().getStrings("tokenizer.ggml.tokens");
  if (!tokens)
    return keys.getSize("vocab_size", builder.getTensor("token_embd.weight").shape.front());
  auto count = static_cast<int64_t>(tokens->size());
  int64_t vocabulary = keys.getSize("vocab_size", count);
  if (vocabulary != count)
    keys.fail("vocab_size", "is " + std::to_string(vocabulary) + ", expected " +
                                std::to_string(count) + ", the number of the tokenizer's tokens");
  return vocabulary;
}

} // namespace

const DecoderNames &getLlamaNames() { return names; }

void buildLlama(ModelBuilder &builder, GgufHyperparameters &keys) {
  refuseUnsupported(keys);
  Decoder decoder;
  decoder.layers = keys.getSize("block_count");
  auto tensors = static_cast<int64_t>(keys.getFile().getTensors().size());
  if (decoder.layers > tensors)
    keys.fail("block_count", "is " + std::to_string(decoder.layers) + ", more than the file's " +
                                 std::to_string(tensors) + " tensors can make");
  decoder.width = keys.getSize("embedding_length");
  decoder.hidden = keys.getSize("feed_forward_length");
  decoder.context = keys.getSize("context_length");
  decoder.epsilon = keys.getPositive("attention.layer_norm_rms_epsilon");
  readHeads(keys, decoder);
  decoder.vocabulary = readVocabulary(builder, keys);
  decoder.rope =
      readRopeParameters(builder, keys, RopePairing::Adjacent, decoder.keyDim, decoder.context);
  decoder.attentionBias = decoder.outputBias = decoder.feedForwardBias = Bias::IfStored;
  decoder.tied = !builder.hasTensor((names.head + ".weight").str());
  buildDecoder(builder, decoder, names);
}

} // namespace nyala::gguf
