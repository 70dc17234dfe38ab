#include "tools/nyala-train/SafetensorsWriter.h"
#include "runtime/core/OutputFile.h"

#include <nlohmann/json.hpp>

#include <bit>

static_assert(std::endian::native == std::endian::little, "safetensors are written from memory");

namespace nyala::train {

/// The length of the header and the header, padded so that tensors are aligned.
static std::string makeHeader(std::span<const TensorToWrite> tensors,
                              const std::map<std::string, std::string> &metadata) {
  nlohmann::ordered_json header;
  header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const TensorToWrite &tensor : tensors) {
    uint64_t end = offset + tensor.values.size_bytes();
    header[tensor.name] = {
        {"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  uint64_t length = text.size();
  return std::string(reinterpret_cast<const char *>(&length), sizeof(length)) + text;
}

void writeSafetensors(const std::string &path, std::span<const TensorToWrite> tensors,
                      const std::map<std::string, std::string> &metadata) {
  rt::OutputFile file(path);
  std::string header = makeHeader(tensors, metadata);
  file.write(0, std::as_bytes(std::span(header)));
  uint64_t offset = header.size();
  for (const TensorToWrite &tensor : tensors) {
    if (tensor.order.empty())
      file.write(offset, std::as_bytes(tensor.values));
    uint64_t rowValues = tensor.order.empty() ? 0 : tensor.values.size() / tensor.order.size();
    std::vector<float> ordered;
    ordered.reserve(tensor.order.empty() ? 0 : tensor.values.size());
    for (uint32_t row : tensor.order) {
      std::span<const float> values = tensor.values.subspan(row * rowValues, rowValues);
      ordered.insert(ordered.end(), values.begin(), values.end());
    }
    file.write(offset, std::as_bytes(std::span(ordered)));
    offset += tensor.values.size_bytes();
  }
  file.commit();
}

} // namespace nyala::train
