//===- GgufFileTypes.h - Type numbers in GGUF files -------------*- C++ -*-===//
//
// Internal to the GGUF reader. Numbers as in ggml's docs/gguf.md
// (gguf_metadata_value_type) and ggml.h (ggml_type).
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_GGUF_GGUFFILETYPES_H
#define NYALA_FRONTENDS_GGUF_GGUFFILETYPES_H

#include "ir/storage/StoredFormat.h"

namespace nyala::gguf {

enum class ValueType : uint32_t {
  Uint8 = 0,
  Int8 = 1,
  Uint16 = 2,
  Int16 = 3,
  Uint32 = 4,
  Int32 = 5,
  Float32 = 6,
  Bool = 7,
  String = 8,
  Array = 9,
  Uint64 = 10,
  Int64 = 11,
  Float64 = 12,
};

/// Nullopt for a tensor type that nyala does not read.
std::optional<StoredFormat> getStoredFormat(uint32_t tensorType);

/// ggml's name of a tensor type, also of those that nyala does not read or that ggml has withdrawn
/// ("Q2_K"); empty for an unknown number.
std::string_view getTensorTypeName(uint32_t tensorType);

} // namespace nyala::gguf

#endif // NYALA_FRONTENDS_GGUF_GGUFFILETYPES_H
