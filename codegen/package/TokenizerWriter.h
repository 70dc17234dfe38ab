//===- TokenizerWriter.h - Tokenizer to artifact ----------------*- C++ -*-===//
//
// Lays a tokenizer out so that the runtime uses it where it is mapped: all
// token texts in one byte vector, ids sorted by text, merges sorted by pair.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_PACKAGE_TOKENIZERWRITER_H
#define NYALA_CODEGEN_PACKAGE_TOKENIZERWRITER_H

#include "ir/storage/TokenizerData.h"
#include "runtime/artifact_generated.h"

namespace nyala::package {

/// Same data, same bytes. Of several merges of one pair the last (highest rank) counts, as in the
/// Hugging Face tokenizer. Throws nyala::Error for data that the runtime would refuse: ids out of
/// range, merges that do not spell what they join, more text than a FlatBuffer can hold.
flatbuffers::Offset<artifact::Tokenizer> writeTokenizer(flatbuffers::FlatBufferBuilder &builder,
                                                        const TokenizerData &tokenizer);

} // namespace nyala::package

#endif // NYALA_CODEGEN_PACKAGE_TOKENIZERWRITER_H
