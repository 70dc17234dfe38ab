#include "tools/nyala-train/TrainedModel.h"
#include "codegen/package/WeightWriter.h"
#include "frontends/Import.h"
#include "frontends/gguf/Architectures.h"
#include "frontends/hf/Architectures.h"
#include "frontends/hf/HfImport.h"
#include "ir/NyalaDialect.h"
#include "ir/storage/Error.h"
#include "passes/Passes.h"
#include "passes/kv/KvMap.h"
#include "tools/nyala-train/GgufConfig.h"
#include "tools/nyala-train/SplitMix64.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <numbers>

#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace mlir;
namespace fs = std::filesystem;

namespace nyala::train {

std::vector<uint32_t> TrainedWeight::getOrder() const {
  std::vector<uint32_t> order;
  if (rotated == 0)
    return order;
  int64_t rows = shape.front(), channels = rows / rotated;
  for (int64_t head = 0; head < rotated; ++head)
    for (int64_t half = 0; half < 2; ++half)
      for (int64_t pair = 0; pair < channels / 2; ++pair)
        order.push_back(static_cast<uint32_t>(head * channels + 2 * pair + half));
  return order;
}

int64_t TrainedModel::getFact(StringRef name) const {
  auto facts = (*module)->getAttrOfType<DictionaryAttr>(NyalaDialect::kModelAttr);
  return facts.getAs<IntegerAttr>(name).getInt();
}

std::unique_ptr<TrainedModel> TrainedModel::read(MLIRContext &context,
                                                 const ModelRequest &request) {
  auto model = std::make_unique<TrainedModel>();
  if (!model->import(context, request) || !model->share(request.sharing))
    return nullptr;
  model->collectWeights();
  model->adaptConfig(request);
  return model;
}

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

static bool startsWithBrace(const std::string &path) {
  MappedFile file(path);
  StringRef text(reinterpret_cast<const char *>(file.bytes().data()), file.bytes().size());
  return text.ltrim().starts_with("{");
}

bool TrainedModel::import(MLIRContext &context, const ModelRequest &request) {
  std::error_code ignored;
  bool isDirectory = fs::is_directory(request.path, ignored);
  bool isConfig = !isDirectory && startsWithBrace(request.path);
  isGguf = !isDirectory && !isConfig;
  if (isConfig)
    config = hf::readConfig(request.path);
  if (isConfig && request.resizes) {
    auto tokens = static_cast<int64_t>(request.tokenizer->tokens.size());
    if (auto size = config.find("vocab_size");
        size != config.end() && size->is_number_integer() && size->get<int64_t>() != tokens)
      replacedVocabulary = size->get<int64_t>();
    config["vocab_size"] = request.tokenizer->tokens.size();
    module = hf::importConfig(context, request.path, config);
    if (failed(verify(*module)))
      return false;
  } else {
    module = importModel(context, request.path);
  }
  if (!module)
    return false;
  auto facts = (*module)->getAttrOfType<DictionaryAttr>(NyalaDialect::kModelAttr);
  if (!facts.getAs<IntegerAttr>("vocabulary"))
    throw Error(request.path +
                ": the model has no vocabulary; expected one of tokens: a GGUF file, " +
                "a checkpoint's directory or a config.json");
  if (isDirectory)
    config = hf::readConfig((fs::path(request.path) / "config.json").string());
  auto tokens = request.tokenizer ? static_cast<int64_t>(request.tokenizer->tokens.size()) : 0;
  if (tokens > getVocabulary())
    throw Error(request.path + ": the model's vocabulary has " + std::to_string(getVocabulary()) +
                " tokens, the tokenizer " + std::to_string(tokens) +
                "; give another tokenizer, or a config.json with room for it");
  return true;
}

bool TrainedModel::share(const KvSharing &sharing) {
  if (sharing.factor < 0 && sharing.map.empty())
    return true;
  ShareKvOptions options;
  options.factor = sharing.factor;
  options.map.assign(sharing.map.begin(), sharing.map.end());
  PassManager pm(module->getContext());
  pm.addPass(createShareKv(options));
  pm.addPass(createRemoveDeadState());
  return succeeded(pm.run(*module));
}

void TrainedModel::collectWeights() {
  auto forward = module->lookupSymbol<func::FuncOp>("forward");
  std::optional<RopePairing> pairing;
  forward.walk([&](RopeOp rope) { pairing = rope.getPairing(); });
  bool adjacent = isGguf && pairing == RopePairing::Adjacent;
  const hf::Architecture &llama = *hf::findArchitecture("llama");
  llvm::SmallPtrSet<Operation *, 16> seen;
  forward.walk([&](LoadOp load) {
    auto op = module->lookupSymbol<WeightOp>(load.getWeight());
    if (!seen.insert(op).second)
      return;
    std::string state = op.getSymName().str();
    TrainedWeight weight{op, state, state, op.getTensorType().getShape().vec()};
    if (isGguf) {
      std::optional<std::string> name =
          renameTensor(op.getSymName(), gguf::getLlamaNames(), hf::getNames(llama));
      if (!name)
        throw Error("tensor " + quote(op.getSymName()) + " has no place in a checkpoint");
      weight.name = *name;
      if (adjacent && StringRef(*name).contains(".q_proj."))
        weight.rotated = getFact("heads");
      else if (adjacent && StringRef(*name).contains(".k_proj."))
        weight.rotated = getFact("kv_heads");
    }
    weights.push_back(std::move(weight));
  });
}

//===----------------------------------------------------------------------===//
// config.json
//===----------------------------------------------------------------------===//

void TrainedModel::adaptConfig(const ModelRequest &request) {
  if (isGguf)
    config = makeGgufConfig(*module);
  bool hasHead = llvm::any_of(
      weights, [](const TrainedWeight &weight) { return weight.name == "lm_head.weight"; });
  config["tie_word_embeddings"] = !hasHead;
  config.erase("torch_dtype");
  config["dtype"] = "float32";
  std::string type = config["model_type"];
  if (!config.contains("architectures") || config["architectures"].empty())
    config["architectures"] = {type == "qwen2"   ? "Qwen2ForCausalLM"
                               : type == "qwen3" ? "Qwen3ForCausalLM"
                               : type == "llama" ? "LlamaForCausalLM"
                                                 : "HunYuanDenseV1ForCausalLM"};
  if (request.tokenizer && (isGguf || request.isOther)) {
    auto set = [&](const char *key, int32_t id) {
      config[key] = id < 0 ? nlohmann::json() : nlohmann::json(id);
    };
    set("bos_token_id", request.tokenizer->bos);
    set("eos_token_id", request.tokenizer->eos);
    config["pad_token_id"] = nullptr;
  }

  auto facts = (*module)->getAttrOfType<DictionaryAttr>(NyalaDialect::kModelAttr);
  auto sharing = facts.getAs<StringAttr>("kv_sharing");
  kv::KvMap map;
  bool isAsked = request.sharing.factor >= 0 || !request.sharing.map.empty();
  if (!isAsked || !sharing || failed(kv::parseMap(sharing.getValue(), map)))
    return;
  for (const char *key : {"use_cla", "cla_share_factor"})
    config.erase(key);
  config["kv_sharing"] = std::vector<int64_t>(map.begin(), map.end());
  if (!StringRef(type).starts_with(hf::kSharingPrefix)) {
    config["model_type"] = hf::kSharingPrefix.str() + type;
    config["architectures"][0] = "Nyala" + config["architectures"][0].get<std::string>();
  }
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// Box and Muller 1958.
static void drawNormal(SplitMix64 random, double deviation, std::span<float> values) {
  for (size_t i = 0; i < values.size(); i += 2) {
    double radius = deviation * std::sqrt(-2 * std::log(random.nextUnit()));
    double angle = 2 * std::numbers::pi * random.nextUnit();
    values[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < values.size())
      values[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
}

void TrainedModel::initialize(const TrainedWeight &weight, uint64_t seed,
                              std::span<float> values) const {
  WeightOp op = weight.op;
  if (op.getSource() || op.getInitialValue()) {
    package::WeightWriter writer(*module);
    size_t done = 0;
    writer.write(op, [&](ArrayRef<uint8_t> bytes) {
      std::memcpy(reinterpret_cast<uint8_t *>(values.data()) + done, bytes.data(), bytes.size());
      done += bytes.size();
    });
    return;
  }
  if (weight.shape.size() == 1) {
    std::ranges::fill(values, StringRef(weight.name).ends_with(".bias") ? 0.0f : 1.0f);
    return;
  }
  double deviation = 0.02;
  if (auto range = config.find("initializer_range"); range != config.end() && range->is_number())
    deviation = range->get<double>();
  drawNormal(SplitMix64(XXH3_64bits_withSeed(weight.name.data(), weight.name.size(), seed)),
             deviation, values);
}

} // namespace nyala::train
