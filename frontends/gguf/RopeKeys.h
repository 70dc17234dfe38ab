//===- RopeKeys.h - Rotary embedding of GGUF models -------------*- C++ -*-===//
#ifndef NYALA_FRONTENDS_GGUF_ROPEKEYS_H
#define NYALA_FRONTENDS_GGUF_ROPEKEYS_H

#include "frontends/ModelBuilder.h"
#include "frontends/RopeParameters.h"
#include "frontends/gguf/GgufHyperparameters.h"

namespace nyala::gguf {

/// Reads the keys ARCHITECTURE.rope.* and the tensor rope_freqs.weight. Linear scaling becomes
/// `scale`, Llama 3's and YaRN's become `factors`. `context` is the default of the context length
/// before scaling.
RopeParameters readRopeParameters(ModelBuilder &builder, GgufHyperparameters &keys,
                                  RopePairing pairing, int64_t headDim, int64_t context);

} // namespace nyala::gguf

#endif // NYALA_FRONTENDS_GGUF_ROPEKEYS_H
