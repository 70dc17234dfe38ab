//===- Decoder.h - Decoder models by description ----------------*- C++ -*-===//
//
// The architecture that most models share: blocks of RMSNorm, grouped-query
// attention with rotary positions and a gated feed-forward (Touvron et al.
// 2023, arXiv:2302.13971). A format's frontend reads what distinguishes a model
// into a Decoder, and says what its tensors are called.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_DECODER_H
#define NYALA_FRONTENDS_DECODER_H

#include "frontends/ModelBuilder.h"
#include "frontends/RopeParameters.h"

namespace nyala {

/// What a format calls a decoder's parts. Layers and norms are named without ".weight" and ".bias".
/// Names without tensors are places: caches and other ops are located there.
struct DecoderNames {
  llvm::StringLiteral embedding, norm, head;
  llvm::StringLiteral blocks; ///< what stands before a block's number: "blk."
  // In a block: "attn_q" is blk.0.attn_q.weight.
  llvm::StringLiteral attention, attentionNorm; ///< `attention` is a place
  llvm::StringLiteral query, key, value, attentionOutput;
  llvm::StringLiteral queryNorm, keyNorm;           ///< of models with a HeadNorm
  llvm::StringLiteral feedForward, feedForwardNorm; ///< `feedForward` is a place
  llvm::StringLiteral gate, up, down;
};

/// What `to` calls the tensor that `from` calls `name`; nullopt: `from` does not know it.
std::optional<std::string> renameTensor(llvm::StringRef name, const DecoderNames &from,
                                        const DecoderNames &to);

/// Where queries and keys are normalized, each head by itself, all heads with the same weight.
enum class HeadNorm { None, BeforeRope, AfterRope };

struct Decoder {
  int64_t layers, width, hidden, heads, kvHeads, keyDim, valueDim, vocabulary, context;
  double epsilon; ///< of all norms
  RopeParameters rope;
  ActivationKind activation = ActivationKind::Silu;
  HeadNorm headNorm = HeadNorm::None;
  Bias attentionBias = Bias::Never; ///< of queries, keys and values
  Bias outputBias = Bias::Never;    ///< of attention's output
  Bias feedForwardBias = Bias::Never;
  bool tied = false; ///< is the head the table of embeddings?
  /// The layer whose keys and values each layer attends to: itself or an earlier one, which attends
  /// to its own. Empty: all their own.
  std::vector<int64_t> producers;
  /// How many positions each layer attends to, 0: all. Empty: all.
  std::vector<int64_t> windows;
};

/// Adds the model's facts and builds @forward, from beginForward to endForward.
void buildDecoder(ModelBuilder &builder, const Decoder &decoder, const DecoderNames &names);

} // namespace nyala

#endif // NYALA_FRONTENDS_DECODER_H
