#include "tools/nyala-train/Checkpoint.h"
#include "ir/storage/Error.h"
#include "ir/storage/MappedFile.h"
#include "runtime/core/Status.h"
#include "tools/nyala-train/SafetensorsWriter.h"
#include "tools/run-support/Output.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace nyala::train {

/// A file that rt::OutputFile writes aside.
static bool isUnfinished(std::string_view name) {
  constexpr std::string_view files[] = {
      "config.json",           "generation_config.json",  "loss.svg",
      "model.safetensors",     "special_tokens_map.json", "tokenizer.json",
      "tokenizer_config.json", "chat_template.jinja",     "training_state.safetensors"};
  return std::ranges::any_of(files, [&](std::string_view file) {
    return name.starts_with(file) && name.substr(file.size()).starts_with(".tmp-");
  });
}

Checkpoint::Checkpoint(const std::string &directory) : directory(directory) {
  std::error_code error;
  isNew = fs::create_directories(directory, error);
  if (error)
    throw Error("cannot create '" + directory + "': " + rt::describeError(error.value()));
  descriptor = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    throw Error("cannot open '" + directory + "': " + rt::describeError(errno));
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    close(descriptor);
    throw Error("another nyala-train is writing to '" + directory +
                "'; wait for it, or choose "
                "another directory");
  }
  for (const fs::directory_entry &entry : fs::directory_iterator(directory, error))
    if (isUnfinished(entry.path().filename().string()))
      fs::remove(entry.path(), error);
}

Checkpoint::~Checkpoint() {
  std::error_code ignored;
  if (isNew)
    fs::remove(directory, ignored); // only if nothing is in it
  close(descriptor);
}

bool Checkpoint::hasState() const {
  std::error_code ignored;
  return fs::exists(getStatePath(), ignored);
}

void Checkpoint::clear() const {
  for (const std::string &path : {getStatePath(), getPath("model.safetensors")}) {
    std::error_code error;
    fs::remove(path, error);
    if (error)
      throw Error("cannot remove '" + path + "': " + rt::describeError(error.value()));
  }
}

static bool holds(const std::string &path, const std::string &text) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored))
    return false;
  MappedFile file(path);
  return std::ranges::equal(file.bytes(), std::span(text),
                            [](uint8_t a, char b) { return a == static_cast<uint8_t>(b); });
}

void Checkpoint::write(const TrainedModel &model, const std::map<std::string, std::string> &texts,
                       const RunState &run, std::span<const StateValues> states) const {
  for (const auto &[name, text] : texts)
    if (!holds(getPath(name), text))
      writeText(getPath(name), text);
  saveTrainingState(getStatePath(), run, states);
  std::vector<TensorToWrite> tensors;
  for (const TrainedWeight &weight : model.getWeights()) {
    auto state = std::ranges::find(states, weight.state, &StateValues::name);
    tensors.push_back({weight.name, weight.shape, state->values, weight.getOrder()});
  }
  writeSafetensors(getPath("model.safetensors"), tensors, {{"format", "pt"}});
}

} // namespace nyala::train
