//===- CheckpointWeights.h - A checkpoint for the model builder -*- C++ -*-===//
#ifndef NYALA_FRONTENDS_HF_CHECKPOINTWEIGHTS_H
#define NYALA_FRONTENDS_HF_CHECKPOINTWEIGHTS_H

#include "frontends/WeightFiles.h"
#include "frontends/hf/Checkpoint.h"

namespace nyala::hf {

/// Each tensor names the shard that it is in. Everything in a checkpoint is part of the model.
class CheckpointWeights : public WeightFiles {
public:
  explicit CheckpointWeights(const std::string &directory)
      : directory(directory), checkpoint(directory) {}

  const std::string &getPath() const override { return directory; }
  std::string_view getKind() const override { return "checkpoint"; }
  bool has(std::string_view name) const override { return checkpoint.getTensors().contains(name); }
  std::optional<StoredTensor> find(std::string_view name) const override;
  std::vector<std::string> getNames() const override;
  bool isPartOfModel(std::string_view name) const override { return true; }

private:
  std::string directory;
  Checkpoint checkpoint;
};

} // namespace nyala::hf

#endif // NYALA_FRONTENDS_HF_CHECKPOINTWEIGHTS_H
