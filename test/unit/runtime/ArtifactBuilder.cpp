//===- ArtifactBuilder.cpp - Artifacts made by hand -----------------------===//

#include "test/unit/runtime/ArtifactBuilder.h"
#include "test/unit/runtime/ToyKernels.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <numeric>
#include <stdexcept>

using namespace nyala::artifact;
using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

namespace nyala::test {

int32_t toyWeight(size_t token) { return static_cast<int32_t>(token * 37 % 1009); }

static uint64_t entryOf(nyala_kernel_fn function) {
  return reinterpret_cast<const char *>(function) - __start_toy_kernels;
}

static ArtifactSpec::Entry makeToyEntry(const std::string &name, uint32_t rows, uint32_t wanted) {
  const uint64_t arrayBytes = (rows * 4 + 63) / 64 * 64;
  const auto argument = [](uint32_t i) { return Buffer(Region::Argument, i, 0); };
  const Buffer hashes(Region::Arena, 0, 0), picked(Region::Arena, 0, arrayBytes);
  const Buffer history(Region::State, 0, 0), calls(Region::State, 1, 0);
  return {
      name,
      {{"rows", rows}, {"wanted", wanted}},
      {{ArgumentRole::Tokens, 0},
       {ArgumentRole::Positions, 0},
       {ArgumentRole::Sequences, 0},
       {ArgumentRole::Slots, 0},
       {ArgumentRole::Wanted, 1}},
      {{"logits", 1, toyVocabulary * sizeof(float)}},
      2 * arrayBytes,
      {{0, {argument(0), argument(2), argument(3), history}, 0, {}},
       {1, {argument(1), argument(2), history, hashes}, 0, {0}},
       {2, {argument(4), hashes, picked}, 1, {1}},
       {3, {picked, Buffer(Region::Weight, 0, 0), Buffer(Region::Result, 0, 0), calls}, 1, {2}}}};
}

ArtifactSpec makeToy(uint32_t context, uint32_t prefillRows, uint32_t prefillWanted,
                     uint32_t sequences) {
  ArtifactSpec spec;
  spec.vocabulary = toyVocabulary;
  spec.context = context;
  spec.code.assign(__start_toy_kernels, __stop_toy_kernels);
  spec.executables = {
      {.offset = toyCodeOffset,
       .size = spec.code.size(),
       .checksum = {},
       .kernels = {{"append", entryOf(toyAppend), 0, 0, 1, true},
                   {"hash", entryOf(toyHash), context * sizeof(int32_t), 0, 1, true},
                   {"pick", entryOf(toyPick), 0},
                   {"logits", entryOf(toyLogits), 0, 0, toyVocabulary},
                   {"spin", entryOf(toySpin), 0, 0, 1, true}}}};
  for (size_t i = 0; i < toyVocabulary; ++i) {
    const int32_t value = toyWeight(i);
    const auto *bytes = reinterpret_cast<const uint8_t *>(&value);
    spec.weightBytes.insert(spec.weightBytes.end(), bytes, bytes + sizeof(value));
  }
  spec.weights = {{"weight", 0, spec.weightBytes.size()}};
  spec.weightOffset = toyWeightOffset;
  spec.states = {{"history", sequences, context, toySlotBytes}, {"calls", sequences, context, 4}};
  spec.entries = {makeToyEntry("decode", 1, 1),
                  makeToyEntry("prefill", prefillRows, prefillWanted)};
  ArtifactSpec::Tokenizer tokenizer;
  for (int byte = 0; byte < 256; ++byte)
    tokenizer.tokens.emplace_back(1, static_cast<char>(byte));
  tokenizer.tokens.insert(tokenizer.tokens.end(), {"<|end|>", "<|start|>"});
  tokenizer.kinds.assign(256, TokenKind::Normal);
  tokenizer.kinds.insert(tokenizer.kinds.end(), {TokenKind::Control, TokenKind::Control});
  tokenizer.stops = {256};
  tokenizer.chatTemplate = "{% for m in messages %}<|start|>{{ m['role'] }}:{{ m['content'] }}"
                           "<|end|>{% endfor %}{% if add_generation_prompt %}<|start|>{% endif %}";
  spec.tokenizer = tokenizer;
  return spec;
}

ArtifactSpec makeToyTraining(bool accumulates) {
  const auto argument = [](uint32_t i) { return Buffer(Region::Argument, i, 0); };
  const Buffer loss(Region::Arena, 0, 0), w(Region::State, 0, 0), sum(Region::State, 1, 0);
  const auto result = [](uint32_t i) { return Buffer(Region::Result, i, 0); };
  using Step = ArtifactSpec::Step;
  const Step computeLoss = {
      .kernel = 0,
      .buffers = {argument(0), argument(1), argument(2), argument(3), w, loss},
      .rows = 0,
      .waits = {},
      .writes = {{4}},
      .label = "head",
      .floats = {1}};
  const Step report = {.kernel = 1,
                       .buffers = {loss, result(0), result(1)},
                       .rows = 1,
                       .waits = {0},
                       .writes = {{4, 4}},
                       .floats = {1, 1}};
  const Step update = {.kernel = 2,
                       .buffers = {result(1), argument(4), w},
                       .rows = 2,
                       .waits = {1},
                       .writes = {{}},
                       .updates = {2}};
  const Step accumulate = {
      .kernel = 3, .buffers = {loss, sum}, .rows = 1, .waits = {0}, .writes = {{}}, .updates = {1}};
  const Step apply = {.kernel = 4,
                      .buffers = {argument(0), w, sum, result(0)},
                      .rows = 0,
                      .waits = {},
                      .writes = {{4}},
                      .updates = {1, 2},
                      .floats = {1}};
  const std::vector<std::pair<std::string, uint32_t>> counts = {{"6", 6}, {"1", 1}, {"2", toyRows}};
  const std::vector<std::pair<ArgumentRole, uint32_t>> batch = {{ArgumentRole::Tokens, 0},
                                                                {ArgumentRole::Positions, 0},
                                                                {ArgumentRole::Targets, 0},
                                                                {ArgumentRole::LossWeights, 0}};
  auto withRate = batch;
  withRate.emplace_back(ArgumentRole::Rate, 1);
  const std::vector<ArtifactSpec::Result> results = {{"loss", 1, 4}, {"gradient_norm", 1, 4}};

  ArtifactSpec spec;
  spec.vocabulary = toyVocabulary;
  spec.context = 64;
  spec.metadata = {{"batch", "2"}, {"length", "3"}};
  spec.code.assign(__start_toy_kernels, __stop_toy_kernels);
  spec.executables = {{.offset = toyCodeOffset,
                       .size = spec.code.size(),
                       .checksum = {},
                       .kernels = {{"loss", entryOf(toyLoss), 0},
                                   {"report", entryOf(toyReport), 0},
                                   {"update", entryOf(toyUpdate), 0, 0, 1, true},
                                   {"accumulate", entryOf(toyAccumulate), 0},
                                   {"apply", entryOf(toyApply), 0}}}};
  spec.weightOffset = toyWeightOffset;
  spec.states = {{"w", 1, toyRows, toyColumns * sizeof(float)}, {"sum", 1, 1, sizeof(float)}};
  if (accumulates)
    spec.entries = {
        {"accumulate", counts, batch, results, 64, {computeLoss, report, accumulate}},
        {"update", {{"1", 1}}, {{ArgumentRole::Rate, 0}}, {{"gradient_norm", 0, 4}}, 0, {apply}}};
  else
    spec.entries = {{"train_step", counts, withRate, results, 64, {computeLoss, report, update}},
                    {"evaluate", counts, batch, results, 64, {computeLoss, report}}};
  return spec;
}

ArtifactSpec makeToyOnGpu(const std::string &ptx, const std::string &arch) {
  ArtifactSpec spec = makeToy(toySlots, 8, 8, 2);
  spec.code.assign(ptx.begin(), ptx.end());
  spec.code.push_back(0); // the text's end
  spec.weightOffset =
      toyCodeOffset + (spec.code.size() / NYALA_ARTIFACT_PAGE + 1) * NYALA_ARTIFACT_PAGE;
  const auto kernel = [](const char *name, uint64_t tiles, uint32_t threads, uint32_t rowBlock) {
    return ArtifactSpec::Kernel{.name = name,
                                .entry = 0,
                                .scratchBytes = 0,
                                .tiles = tiles,
                                .threads = threads,
                                .rowBlock = rowBlock,
                                .sharedBytes = std::string_view(name) == "hash" ? 4096U : 0U,
                                .workspaceBytes = 1 << 16,
                                .overlaps = std::string_view(name) != "pick"};
  };
  spec.executables = {
      {.target = Target::Cuda,
       .arch = arch,
       .features = {},
       .format = "ptx",
       .offset = toyCodeOffset,
       .size = spec.code.size(),
       .checksum = {},
       .kernels = {kernel("append", 1, 32, 4), kernel("hash", 2, 64, 1), kernel("pick", 1, 32, 0),
                   kernel("logits", toyVocabulary, 128, 0), kernel("copy", 1, 32, 0),
                   kernel("make", 1, 32, 0)}}};
  const Buffer weight(Region::Weight, 0, 0), resident(Region::State, 2, 0);
  spec.states.push_back({"weight.resident", 1, toyVocabulary, 4, true});
  spec.entries.insert(spec.entries.begin() + 1, makeToyEntry("batch", 2, 2));
  for (ArtifactSpec::Entry &entry : spec.entries)
    entry.steps[3].buffers[1] = resident;
  const std::vector<std::pair<std::string, uint32_t>> counts = {{"1", 1}};
  spec.entries.push_back({"init", counts, {}, {}, 64, {{4, {weight, resident}, 0, {}}}});
  spec.entries.push_back({"randomize", counts, {}, {}, 0, {{5, {resident}, 0, {}}}});
  for (ArtifactSpec::Entry &entry : spec.entries)
    entry.device = Target::Cuda;
  return spec;
}

ArtifactSpec makeToyForGpu() {
  ArtifactSpec spec = makeToy();
  const ArtifactSpec::MatmulCall call = {.columns = toyVocabulary,
                                         .depth = 2,
                                         .activations = 0,
                                         .weight = 1,
                                         .residual = -1,
                                         .result = 2};
  ArtifactSpec::Executable cubin = {
      .target = Target::Cuda,
      .arch = "sm_90a",
      .features = {},
      .format = "cubin",
      .offset = toyCodeOffset,
      .size = spec.code.size(),
      .checksum = {},
      .kernels = {{.name = "write", .entry = 0, .scratchBytes = 0, .threads = 128},
                  {.name = "product",
                   .entry = 0,
                   .scratchBytes = 0,
                   .tiles = 8,
                   .threads = 256,
                   .rowBlock = 64,
                   .sharedBytes = 1024,
                   .workspaceBytes = 65536 + 64,
                   .libraryCall = call,
                   .overlaps = true}}};
  spec.executables.push_back(cubin);
  cubin.format = "ptx";
  spec.code.push_back(0); // the text's end
  cubin.size = spec.code.size();
  spec.executables.push_back(cubin);
  for (ArtifactSpec::Executable &executable : spec.executables)
    executable.size = spec.code.size();
  spec.states.push_back({"w.resident", 1, toyVocabulary, 4, true});
  const Buffer resident(Region::State, 2, 0);
  ArtifactSpec::Entry init = {
      "init", {{"1", 1}}, {}, {}, 0, {{0, {Buffer(Region::Weight, 0, 0), resident}, 0, {}}}};
  ArtifactSpec::Entry decode = makeToyEntry("decode", 1, 1);
  decode.steps = {
      {1, {Buffer(Region::Arena, 0, 0), resident, Buffer(Region::Result, 0, 0)}, 1, {}}};
  init.device = decode.device = Target::Cuda;
  spec.entries.insert(spec.entries.end(), {init, decode});
  return spec;
}

static Offset<Tokenizer> buildTokenizer(FlatBufferBuilder &builder,
                                        const ArtifactSpec::Tokenizer &spec) {
  std::vector<uint8_t> bytes;
  std::vector<uint32_t> offsets = {0}, sorted, specials;
  for (uint32_t i = 0; i < spec.tokens.size(); ++i) {
    bytes.insert(bytes.end(), spec.tokens[i].begin(), spec.tokens[i].end());
    offsets.push_back(bytes.size());
    (spec.kinds[i] == TokenKind::Normal ? sorted : specials).push_back(i);
  }
  std::sort(specials.begin(), specials.end(), [&](uint32_t a, uint32_t b) {
    return std::pair(spec.tokens[b].size(), a) < std::pair(spec.tokens[a].size(), b);
  });
  const std::vector<Merge> merges;
  return CreateTokenizerDirect(builder, "gpt2", "gpt-2", &bytes, &offsets, &spec.kinds, &sorted,
                               &specials, &merges, spec.bos, static_cast<int32_t>(spec.stops[0]),
                               spec.addBos, &spec.stops,
                               spec.chatTemplate.empty() ? nullptr : spec.chatTemplate.c_str());
}

static Offset<Executable> buildExecutable(FlatBufferBuilder &builder,
                                          const ArtifactSpec::Executable &spec,
                                          const std::vector<uint8_t> &code) {
  std::vector<Offset<flatbuffers::String>> features;
  for (const std::string &feature : spec.features)
    features.push_back(builder.CreateString(feature));
  std::vector<Offset<Kernel>> kernels;
  for (const ArtifactSpec::Kernel &kernel : spec.kernels) {
    Offset<MatmulCall> call;
    if (const auto &product = kernel.libraryCall)
      call = CreateMatmulCall(builder, product->columns, product->depth, product->activations,
                              product->weight, product->residual, product->result);
    kernels.push_back(CreateKernelDirect(
        builder, kernel.name.c_str(), kernel.entry, kernel.scratchBytes, kernel.size, kernel.tiles,
        kernel.tilesPerRow, kernel.threads, kernel.rowBlock, kernel.sharedBytes,
        kernel.workspaceBytes, call, kernel.overlaps));
  }
  return CreateExecutableDirect(
      builder, spec.target, spec.arch.c_str(), &features, spec.format.c_str(), spec.offset,
      spec.size, spec.checksum.value_or(XXH3_64bits(code.data(), code.size())), &kernels);
}

static Offset<Entry> buildEntry(FlatBufferBuilder &builder, const ArtifactSpec::Entry &spec) {
  std::vector<Offset<Count>> counts;
  for (const auto &[name, max] : spec.counts)
    counts.push_back(CreateCountDirect(builder, name.c_str(), max));
  std::vector<Offset<Argument>> arguments;
  for (const auto &[role, count] : spec.arguments)
    arguments.push_back(CreateArgument(builder, role, count));
  std::vector<Offset<Result>> results;
  for (const ArtifactSpec::Result &result : spec.results)
    results.push_back(
        CreateResultDirect(builder, result.name.c_str(), result.count, result.rowBytes));
  std::vector<Offset<Step>> steps;
  for (const ArtifactSpec::Step &step : spec.steps)
    steps.push_back(CreateStepDirect(
        builder, step.kernel, &step.buffers, step.rows, &step.waits, step.cost.flopsPerRow,
        step.cost.bytesFixed, step.cost.bytesPerRow, step.cost.flopsPerRowPosition,
        step.cost.bytesPerRowPosition, step.writes ? &*step.writes : nullptr,
        step.label.empty() ? nullptr : step.label.c_str(),
        step.updates.empty() ? nullptr : &step.updates,
        step.floats.empty() ? nullptr : &step.floats));
  for (size_t i = 1; i < spec.lastStepCount; ++i)
    steps.push_back(steps.back());
  return CreateEntryDirect(builder, spec.name.c_str(), &counts, &arguments, &results,
                           spec.arenaBytes, &steps, spec.device);
}

static void place(std::vector<uint8_t> &file, uint64_t offset, const std::vector<uint8_t> &bytes) {
  file.resize(std::max<size_t>(file.size(), offset + bytes.size()));
  std::copy(bytes.begin(), bytes.end(), file.begin() + static_cast<ptrdiff_t>(offset));
}

std::vector<uint8_t> buildProgram(const ArtifactSpec &spec) {
  FlatBufferBuilder builder;
  std::vector<Offset<Executable>> executables;
  for (const ArtifactSpec::Executable &executable : spec.executables)
    executables.push_back(buildExecutable(builder, executable, spec.code));
  std::vector<Offset<Weight>> weights;
  const std::vector<int64_t> shape = {toyVocabulary};
  for (const ArtifactSpec::Weight &weight : spec.weights)
    weights.push_back(CreateWeightDirect(builder, weight.name.c_str(), "i32", &shape, weight.offset,
                                         weight.size));
  std::vector<Offset<State>> states;
  for (const ArtifactSpec::State &state : spec.states)
    states.push_back(CreateStateDirect(builder, state.name.c_str(), state.sequences, state.slots,
                                       state.slotBytes, state.resident));
  std::vector<Offset<Entry>> entries;
  for (const ArtifactSpec::Entry &entry : spec.entries)
    entries.push_back(buildEntry(builder, entry));
  std::vector<Offset<KeyValue>> metadata;
  for (const auto &[key, value] : spec.metadata)
    metadata.push_back(CreateKeyValueDirect(builder, key.c_str(), value.c_str()));
  Offset<Tokenizer> tokenizer;
  if (spec.tokenizer)
    tokenizer = buildTokenizer(builder, *spec.tokenizer);
  const auto segment = CreateWeightSegmentDirect(
      builder, spec.weightFile.empty() ? nullptr : spec.weightFile.c_str(), spec.weightOffset,
      spec.weightSize.value_or(spec.weightBytes.size()),
      XXH3_64bits(spec.weightBytes.data(), spec.weightBytes.size()), spec.weightsAbsent);
  FinishArtifactBuffer(builder,
                       CreateArtifactDirect(builder, "test", "toy", spec.vocabulary, spec.context,
                                            "f32", &metadata, tokenizer, &executables, &weights,
                                            segment, &states, &entries));
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

std::vector<uint8_t> buildArtifact(const ArtifactSpec &spec) {
  const std::vector<uint8_t> program = buildProgram(spec);
  if (program.size() > toyCodeOffset - sizeof(nyala_artifact_header))
    throw std::logic_error("the toy's program grew into its code");
  std::vector<uint8_t> file;
  place(file, sizeof(nyala_artifact_header), program);
  place(file, toyCodeOffset, spec.code);
  if (spec.weightFile.empty() && !spec.weightsAbsent)
    place(file, spec.weightOffset, spec.weightBytes);

  nyala_artifact_header header = {};
  std::memcpy(header.magic, NYALA_ARTIFACT_MAGIC, sizeof(header.magic));
  header.version = spec.version;
  header.abi_version = spec.abiVersion;
  header.file_size = file.size();
  header.program_offset = sizeof(header);
  header.program_size = program.size();
  std::memcpy(file.data(), &header, sizeof(header));
  signArtifact(file);
  return file;
}

void signArtifact(std::vector<uint8_t> &file) {
  nyala_artifact_header header;
  std::memcpy(&header, file.data(), sizeof(header));
  header.program_checksum = XXH3_64bits(file.data() + header.program_offset, header.program_size);
  header.header_checksum = XXH3_64bits(&header, offsetof(nyala_artifact_header, header_checksum));
  std::memcpy(file.data(), &header, sizeof(header));
}

TemporaryDirectory::TemporaryDirectory() {
  std::string name = std::filesystem::temp_directory_path() / "nyala-test-XXXXXX";
  if (!mkdtemp(name.data()))
    throw std::runtime_error("cannot create " + name);
  directory = name;
}

TemporaryDirectory::~TemporaryDirectory() { std::filesystem::remove_all(directory); }

std::string TemporaryDirectory::write(const std::string &name,
                                      const std::vector<uint8_t> &bytes) const {
  std::ofstream(path(name), std::ios::binary)
      .write(reinterpret_cast<const char *>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return path(name);
}

} // namespace nyala::test
