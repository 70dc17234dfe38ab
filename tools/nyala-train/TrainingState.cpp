#include "tools/nyala-train/TrainingState.h"
#include "frontends/hf/JsonValue.h"
#include "ir/storage/Error.h"
#include "tools/nyala-train/SafetensorsWriter.h"

#include <algorithm>
#include <cstring>
#include <optional>

using nlohmann::json;

namespace nyala::train {

static constexpr const char *kKey = "nyala_train";
static constexpr uint64_t kVersion = 1;

void saveTrainingState(const std::string &path, const RunState &run,
                       std::span<const StateValues> states) {
  std::vector<TensorToWrite> tensors;
  for (const StateValues &state : states)
    tensors.push_back({state.name,
                       {static_cast<int64_t>(state.rows), static_cast<int64_t>(state.columns)},
                       state.values,
                       {}});
  json description = run.identity;
  description["version"] = kVersion;
  description["step"] = run.step;
  writeSafetensors(path, tensors, {{kKey, description.dump()}});
}

SavedTraining::SavedTraining(const std::string &path) : file(path) {
  auto found = file.getMetadata().find(kKey);
  if (found == file.getMetadata().end())
    throw Error(path + ": is not the state of a training: its metadata has no '" + kKey + "'");
  std::string place = path + ": metadata";
  json parsed = hf::parseJson(place, found->second);
  hf::JsonValue root(place, "", parsed);
  if (uint64_t version = root.get("version").asInteger(1 << 20); version != kVersion)
    throw Error(path + ": is of version " + std::to_string(version) + ", expected " +
                std::to_string(kVersion) + "; go on with the nyala-train that wrote it");
  run.step = root.get("step").asInteger(uint64_t{1} << 62);
  parsed.erase("version");
  parsed.erase("step");
  run.identity = std::move(parsed);
}

/// "options.lr is 0.002, the checkpoint has 0.001" for the first value that differs.
static std::optional<std::string> describeDifference(const json &saved, const json &wanted,
                                                     const std::string &name) {
  if (saved == wanted)
    return std::nullopt;
  if (saved.is_object() && wanted.is_object()) {
    json all = saved;
    all.update(wanted);
    for (const auto &[key, ignored] : all.items()) {
      std::string member = name;
      member += (name.empty() ? "" : ".") + key;
      json absent;
      std::optional<std::string> difference =
          describeDifference(saved.value(key, absent), wanted.value(key, absent), member);
      if (difference)
        return difference;
    }
  }
  auto format = [](const json &value) {
    return value.is_null()     ? "none"
           : value.is_string() ? quote(value.get<std::string>())
                               : value.dump();
  };
  return "'" + name + "' is " + format(wanted) + ", but was " + format(saved);
}

void SavedTraining::checkIdentity(const json &identity) const {
  if (std::optional<std::string> difference = describeDifference(run.identity, identity, ""))
    throw Error(file.getPath() + ": cannot go on from step " + std::to_string(run.step) + ": " +
                *difference +
                "; give what it was trained with, or begin anew with --overwrite instead of "
                "--resume");
}

void SavedTraining::restore(std::span<const StateValues> states) const {
  for (const StateValues &state : states) {
    const hf::TensorInfo *tensor = file.findTensor(state.name);
    if (!tensor)
      throw Error(file.getPath() + ": has no state '" + state.name + "'");
    std::vector<int64_t> shape = {static_cast<int64_t>(state.rows),
                                  static_cast<int64_t>(state.columns)};
    if (tensor->shape != shape || tensor->format != StoredFormat::F32)
      throw Error(file.getPath() + ": state '" + state.name + "' is not of " +
                  std::to_string(state.rows) + " x " + std::to_string(state.columns) + " f32");
    std::memcpy(state.values.data(), file.bytes().data() + tensor->offset, tensor->bytes);
    file.release(*tensor);
  }
}

} // namespace nyala::train
