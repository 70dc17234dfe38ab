#include "frontends/hf/Checkpoint.h"
#include "frontends/hf/JsonValue.h"
#include "ir/storage/Error.h"

#include <filesystem>
#include <set>

namespace fs = std::filesystem;

namespace nyala::hf {

bool isThere(const fs::path &path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// A file of PyTorch's own format, which holds programs, not only data. Empty: there is none.
static std::string findPickle(const std::string &directory) {
  for (const char *name : {"pytorch_model.bin", "pytorch_model.bin.index.json"})
    if (isThere(fs::path(directory) / name))
      return name;
  return "";
}

static constexpr const char *kSingle = "model.safetensors";
static constexpr const char *kIndex = "model.safetensors.index.json";

bool hasWeights(const std::string &directory) {
  fs::path folder(directory);
  return isThere(folder / kSingle) || isThere(folder / kIndex) || !findPickle(directory).empty();
}

Checkpoint::Checkpoint(const std::string &directory) : directory(directory) {
  fs::path single = fs::path(directory) / kSingle, index = fs::path(directory) / kIndex;
  if (isThere(single))
    addFile(single.string());
  else if (isThere(index))
    addShards(index.string());
  else if (std::string pickle = findPickle(directory); !pickle.empty())
    throw Error(directory + ": has weights in '" + pickle +
                "', which is not supported, expected model.safetensors; convert them: load the "
                "model with transformers and save it with save_pretrained");
  else
    throw Error(directory + ": has no weights, expected model.safetensors or "
                            "model.safetensors.index.json; a model without weights is given as the "
                            "path of its config.json");
}

void Checkpoint::addFile(const std::string &path) {
  const SafetensorsFile &file = *files.emplace_back(std::make_unique<SafetensorsFile>(path));
  for (const TensorInfo &tensor : file.getTensors())
    tensors[tensor.name] = {&file, &tensor};
}

/// Throws unless the name is that of a file in the same folder.
static void checkShardName(const std::string &indexPath, const std::string &name) {
  if (name.find('/') != std::string::npos || name.find('\0') != std::string::npos ||
      !name.ends_with(".safetensors"))
    throw Error(indexPath + ": names the shard " + quote(name) +
                ", expected a file NAME.safetensors in the same folder");
}

void Checkpoint::addShards(const std::string &indexPath) {
  // The largest real ones have a few MiB.
  nlohmann::json index = readJsonFile(indexPath, 16 << 20);
  auto map = index.find("weight_map");
  if (map == index.end() || !map->is_object() || map->empty())
    throw Error(indexPath + ": the key 'weight_map' is missing or empty, expected an object of "
                            "tensors and the files they are in");
  std::map<std::string, std::set<std::string>> shards; // path: the names of its tensors
  for (const auto &[tensor, shard] : map->items()) {
    if (!shard.is_string())
      throw Error(indexPath + ": tensor " + quote(tensor) + " is in a " + shard.type_name() +
                  ", expected the name of a file");
    const auto &name = shard.get_ref<const std::string &>();
    checkShardName(indexPath, name);
    fs::path path = fs::path(directory) / name;
    std::set<std::string> &names = shards[path.string()];
    if (names.empty() && !isThere(path))
      throw Error(indexPath + ": the shard " + quote(name) + " is missing in the folder");
    names.insert(tensor);
  }

  for (const auto &[path, expected] : shards) {
    addFile(path);
    auto fail = [&](const std::string &tensor, const char *message) {
      std::string text = path + ": tensor " + quote(tensor);
      throw Error(text.append(message).append(indexPath));
    };
    const SafetensorsFile &file = *files.back();
    for (const std::string &tensor : expected)
      if (!file.findTensor(tensor))
        fail(tensor, " is missing, which should be in this file according to ");
    for (const TensorInfo &tensor : file.getTensors())
      if (!expected.contains(tensor.name))
        fail(tensor.name, " should not be in this file according to ");
  }
}

} // namespace nyala::hf
