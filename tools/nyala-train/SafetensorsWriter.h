//===- SafetensorsWriter.h - Tensors of f32 to a file -----------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_SAFETENSORSWRITER_H
#define NYALA_TOOLS_NYALA_TRAIN_SAFETENSORSWRITER_H

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace nyala::train {

struct TensorToWrite {
  std::string name;
  std::vector<int64_t> shape;
  std::span<const float> values; ///< row-major
  /// Row i of the file is row order[i] of the values; empty: as they are.
  std::vector<uint32_t> order;
};

/// Writes aside, waits until it is on the disk, and renames: at any moment there is the old file or
/// the new one, whole. Throws rt::Failure.
void writeSafetensors(const std::string &path, std::span<const TensorToWrite> tensors,
                      const std::map<std::string, std::string> &metadata);

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_SAFETENSORSWRITER_H
