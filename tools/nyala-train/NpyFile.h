//===- NpyFile.h - Arrays of integers in NumPy's format ---------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_NPYFILE_H
#define NYALA_TOOLS_NYALA_TRAIN_NPYFILE_H

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace nyala::train {

/// The values of a 1-D array of little-endian integers of 1 to 8 bytes (NEP 1: a magic, a version,
/// the length of a header, the header as a Python dict, the values). Throws nyala::Error naming
/// `path` for anything else, and for values below 0 or from 2^31 up.
std::vector<int32_t> readNpyIntegers(const std::string &path, std::span<const uint8_t> bytes);

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_NPYFILE_H
