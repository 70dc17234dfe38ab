//===- SafetensorsHeader.h - The JSON in a safetensors file -----*- C++ -*-===//
//
// Internal to the safetensors reader.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_HF_SAFETENSORSHEADER_H
#define NYALA_FRONTENDS_HF_SAFETENSORSHEADER_H

#include "frontends/hf/SafetensorsFile.h"

namespace nyala::hf {

/// A tensor as the header describes it.
struct TensorEntry {
  std::string type;
  std::vector<uint64_t> shape;
  std::vector<uint64_t> offsets; ///< begin and end, from where the header ends
};

struct Header {
  std::map<std::string, TensorEntry> entries;
  std::map<std::string, std::string> metadata;
};

/// Parses a header: {NAME: {"dtype": …, "shape": […], "data_offsets": [begin, end]}, …}, besides
/// "__metadata__" with an object of strings, of which the last of a key counts. Throws nyala::Error
/// that names `path` for anything else: other values, unknown, missing or repeated keys, broken
/// JSON.
Header parseHeader(const std::string &path, std::string_view json);

} // namespace nyala::hf

#endif // NYALA_FRONTENDS_HF_SAFETENSORSHEADER_H
