#include "frontends/hf/CheckpointWeights.h"
#include "ir/storage/Error.h"

#include <filesystem>

using namespace nyala;
using namespace nyala::hf;

std::optional<StoredTensor> CheckpointWeights::find(std::string_view name) const {
  auto found = checkpoint.getTensors().find(name);
  if (found == checkpoint.getTensors().end())
    return std::nullopt;
  const auto &[file, info] = found->second;
  if (!info->format)
    throw Error(
        file->getPath() + ": tensor " + quote(name) + " is of type " + quote(info->type) +
        ", which is not supported, expected F32, F16 or BF16; save the model in one of them");
  std::string path = std::filesystem::absolute(file->getPath()).lexically_normal().string();
  return StoredTensor{info->shape, *info->format, std::move(path), info->offset,
                      file->bytes().subspan(info->offset, info->bytes)};
}

std::vector<std::string> CheckpointWeights::getNames() const {
  std::vector<std::string> names;
  names.reserve(checkpoint.getTensors().size());
  for (const auto &[name, tensor] : checkpoint.getTensors())
    names.emplace_back(name);
  return names;
}
