#include "frontends/gguf/GgufWeights.h"

#include <algorithm>

using namespace nyala;
using namespace nyala::gguf;

std::optional<StoredTensor> GgufWeights::find(std::string_view name) const {
  const TensorInfo *tensor = file.findTensor(name);
  if (!tensor)
    return std::nullopt;
  return StoredTensor{tensor->shape, tensor->format, absolutePath, tensor->offset,
                      file.bytes().subspan(tensor->offset, tensor->bytes)};
}

std::vector<std::string> GgufWeights::getNames() const {
  std::vector<std::string> names;
  names.reserve(file.getTensors().size());
  for (const TensorInfo &tensor : file.getTensors())
    names.push_back(tensor.name);
  return names;
}

/// Parts of every decoder by their standard names in GGUF (ggml's docs/gguf.md): a tensor named so
/// takes part in the model's function. Others (of an image encoder, say) belong to something else.
bool GgufWeights::isPartOfModel(std::string_view name) const {
  constexpr std::string_view prefixes[] = {"blk.", "token_", "position_", "output", "rope_"};
  // Inverse frequencies that early converters stored; every reader computes them instead.
  if (name.ends_with(".attn_rot_embd.weight") || name.ends_with(".attn_rot_embd"))
    return false;
  return std::ranges::any_of(prefixes,
                             [&](std::string_view prefix) { return name.starts_with(prefix); });
}
