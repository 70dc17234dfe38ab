//===- SafetensorsBuilder.h - Small safetensors for tests -------*- C++ -*-===//
#ifndef NYALA_TEST_UNIT_HF_SAFETENSORSBUILDER_H
#define NYALA_TEST_UNIT_HF_SAFETENSORSBUILDER_H

#include <cstdint>
#include <cstring>
#include <string>

namespace nyala::hf::test {

/// The bytes of a file with this header, whatever it says, and this data.
inline std::string buildSafetensors(const std::string &header, const std::string &data = "") {
  uint64_t length = header.size();
  std::string file(sizeof(length), '\0');
  std::memcpy(file.data(), &length, sizeof(length));
  return file + header + data;
}

/// A tensor's entry in a header: NAME:{…}. `shape` is "2,3".
inline std::string describe(const std::string &name, const std::string &type,
                            const std::string &shape, uint64_t begin, uint64_t end) {
  return "\"" + name + "\":{\"dtype\":\"" + type + "\",\"shape\":[" + shape +
         "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

} // namespace nyala::hf::test

#endif // NYALA_TEST_UNIT_HF_SAFETENSORSBUILDER_H
