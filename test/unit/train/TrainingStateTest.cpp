#include "tools/nyala-train/TrainingState.h"
#include "ir/storage/Error.h"
#include "runtime/core/Status.h"
#include "tools/nyala-train/SafetensorsWriter.h"
#include "tools/run-support/Output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

using namespace nyala;
using namespace nyala::train;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

const std::string path = testing::TempDir() + "nyala-state.safetensors";

template <typename Action> std::string getError(Action action) {
  try {
    action();
  } catch (const std::runtime_error &error) {
    return error.what();
  }
  return "nothing was thrown";
}

struct States {
  std::vector<float> weight{1, 2, 3, 4, 5, 6}, mean{-1};
  std::vector<StateValues> get() { return {{"w", 2, 3, weight}, {"mean:w", 1, 1, mean}}; }
};

const json identity = {{"model", {{"hidden_size", 64}}},
                       {"data", "7 tokens"},
                       {"options", {{"lr", 0.001}, {"train", ""}}}};

TEST(TrainingState, ComesBackAsItWas) {
  States states;
  saveTrainingState(path, {17, identity}, states.get());
  SavedTraining saved(path);
  EXPECT_EQ(saved.getRun().step, 17u);
  EXPECT_EQ(saved.getRun().identity, identity);
  saved.checkIdentity(identity);
  States other{{0, 0, 0, 0, 0, 0}, {0}};
  saved.restore(other.get());
  EXPECT_EQ(other.weight, states.weight);
  EXPECT_EQ(other.mean, states.mean);
}

TEST(TrainingState, NamesWhatDiffers) {
  saveTrainingState(path, {17, identity}, States().get());
  SavedTraining saved(path);
  auto getDifference = [&](const char *pointer, const json &value) {
    json other = identity;
    other[json::json_pointer(pointer)] = value;
    return getError([&] { saved.checkIdentity(other); });
  };
  EXPECT_THAT(getDifference("/options/lr", 0.002),
              HasSubstr("from step 17: 'options.lr' is 0.002, but was 0.001"));
  EXPECT_THAT(getDifference("/model/hidden_size", 65), HasSubstr("'model.hidden_size' is 65"));
  EXPECT_THAT(getDifference("/model/stripes", true),
              HasSubstr("'model.stripes' is true, but was none"));
  EXPECT_THAT(getDifference("/data", "8 tokens"), HasSubstr("'data' is '8 tokens'"));
  States states;
  states.weight.push_back(7);
  std::vector<StateValues> shapes = {{"w", 1, 7, states.weight}};
  EXPECT_THAT(getError([&] { saved.restore(shapes); }), HasSubstr("'w' is not of 1 x 7 f32"));
  std::vector<StateValues> names = {{"v", 1, 1, states.mean}};
  EXPECT_THAT(getError([&] { saved.restore(names); }), HasSubstr("has no state 'v'"));
}

TEST(TrainingState, RefusesDamagedFiles) {
  saveTrainingState(path, {17, identity}, States().get());
  for (uint64_t size :
       {uint64_t{0}, uint64_t{5}, uint64_t{60}, uint64_t{std::filesystem::file_size(path) - 1}}) {
    std::filesystem::resize_file(path, size);
    EXPECT_THAT(getError([] { SavedTraining saved(path); }), HasSubstr(path));
    saveTrainingState(path, {17, identity}, States().get());
  }
  std::vector<float> value = {1};
  TensorToWrite tensor{"w", {1}, value, {}};
  writeSafetensors(path, std::span(&tensor, 1), {});
  EXPECT_THAT(getError([] { SavedTraining saved(path); }), HasSubstr("is not the state"));
  writeSafetensors(path, std::span(&tensor, 1), {{"nyala_train", "{\"version\": 2}"}});
  EXPECT_THAT(getError([] { SavedTraining saved(path); }), HasSubstr("is of version 2"));
  writeSafetensors(path, std::span(&tensor, 1), {{"nyala_train", "{"}});
  EXPECT_THAT(getError([] { SavedTraining saved(path); }), HasSubstr("metadata: not JSON"));
}

TEST(SafetensorsWriter, OrdersRows) {
  std::vector<float> values = {1, 2, 3, 4, 5, 6}, vector = {7, 8};
  TensorToWrite tensors[] = {{"m", {3, 2}, values, {2, 0, 1}}, {"v", {2}, vector, {1, 0}}};
  writeSafetensors(path, tensors, {{"format", "pt"}});
  hf::SafetensorsFile file(path);
  auto read = [&](const char *name) {
    const hf::TensorInfo &tensor = *file.findTensor(name);
    auto *begin = reinterpret_cast<const float *>(file.bytes().data() + tensor.offset);
    return std::vector<float>(begin, begin + tensor.bytes / sizeof(float));
  };
  EXPECT_THAT(read("m"), ElementsAre(5, 6, 1, 2, 3, 4));
  EXPECT_THAT(read("v"), ElementsAre(8, 7));
  EXPECT_THAT(file.findTensor("m")->shape, ElementsAre(3, 2));
  EXPECT_EQ(file.findTensor("m")->offset % 8, 0u);
  EXPECT_EQ(file.getMetadata().at("format"), "pt");
}

TEST(SafetensorsWriter, LeavesTheOldFileWhereItFails) {
  EXPECT_THAT(getError([] { writeText("/nowhere/file", "text"); }),
              HasSubstr("cannot write '/nowhere/file'"));
}

} // namespace
