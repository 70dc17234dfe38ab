//===- Architectures.h - Model types of checkpoints -------------*- C++ -*-===//
//
// To add one whose layers are a Decoder's (frontends/Decoder.h): write the
// function that reads what distinguishes it, and add it to the table in
// Architectures.cpp (docs/importing.md).
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_HF_ARCHITECTURES_H
#define NYALA_FRONTENDS_HF_ARCHITECTURES_H

#include "frontends/Decoder.h"
#include "frontends/hf/Config.h"

namespace nyala::hf {

struct Architecture {
  llvm::StringLiteral modelType; ///< value of model_type
  /// Of transformers' configuration class, for keys that are absent.
  double epsilon;
  int64_t headDim; ///< 0: hidden_size by num_attention_heads
  bool alphaBase;  ///< see readRopeParameters
  llvm::StringLiteral queryNorm, keyNorm;
  /// Reads what goes beyond the keys that all have. Throws nyala::Error.
  void (*read)(Config &config, Decoder &decoder);
};

/// What stands before the model_type of a checkpoint whose layers share keys and values as its key
/// `kv_sharing` says: for each layer the one whose it uses (docs/importing.md). transformers knows
/// no such models, and so refuses them by name.
inline constexpr llvm::StringLiteral kSharingPrefix = "nyala_";

/// That of a model_type, which may have kSharingPrefix; null if there is none.
const Architecture *findArchitecture(llvm::StringRef modelType);
/// Throws nyala::Error unless the configuration is of one of the table's types, or of one with
/// kSharingPrefix before it.
const Architecture &chooseArchitecture(Config &config);

/// Sets the decoder's producers if the configuration's type has kSharingPrefix.
void readSharing(Config &config, Decoder &decoder);

/// Names of the checkpoint's tensors.
DecoderNames getNames(const Architecture &architecture);

} // namespace nyala::hf

#endif // NYALA_FRONTENDS_HF_ARCHITECTURES_H
