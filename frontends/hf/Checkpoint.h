//===- Checkpoint.h - Safetensors of a checkpoint folder --------*- C++ -*-===//
#ifndef NYALA_FRONTENDS_HF_CHECKPOINT_H
#define NYALA_FRONTENDS_HF_CHECKPOINT_H

#include "frontends/hf/SafetensorsFile.h"

#include <filesystem>
#include <memory>

namespace nyala::hf {

/// Is there such a file or folder, as far as can be told?
bool isThere(const std::filesystem::path &path);

/// Has the folder weights, of whatever format?
bool hasWeights(const std::string &directory);

/// The tensors of a folder: those of model.safetensors if it is there, else those of the shards
/// that model.safetensors.index.json names.
class Checkpoint {
public:
  struct Tensor {
    const SafetensorsFile *file;
    const TensorInfo *info;
  };

  /// Throws nyala::Error for a folder without such files, or with shards that are not what the
  /// index says: a shard is missing, outside the folder, lacks a tensor or has one more.
  explicit Checkpoint(const std::string &directory);

  /// By name.
  const std::map<std::string_view, Tensor> &getTensors() const { return tensors; }

private:
  void addFile(const std::string &path);
  void addShards(const std::string &indexPath);

  std::string directory;
  std::vector<std::unique_ptr<SafetensorsFile>> files;
  std::map<std::string_view, Tensor> tensors;
};

} // namespace nyala::hf

#endif // NYALA_FRONTENDS_HF_CHECKPOINT_H
