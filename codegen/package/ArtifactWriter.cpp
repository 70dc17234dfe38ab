//===- ArtifactWriter.cpp - Program module to model.nyala -----------------===//
//
// The FlatBuffer holds offsets and checksums of what follows it. It is built
// twice: once to learn its size, which fixes all offsets, and again when the
// weights have been streamed and their checksum is known.
//
//===----------------------------------------------------------------------===//
#include "codegen/package/ArtifactWriter.h"
#include "codegen/package/LaunchRecord.h"
#include "codegen/package/OutputFile.h"
#include "codegen/package/TokenizerWriter.h"
#include "codegen/package/WeightWriter.h"
#include "ir/Kernels.h"
#include "ir/Variants.h"
#include "ir/storage/Error.h"
#include "runtime/artifact_header.h"
#include "runtime/kernel_abi.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <map>

using namespace mlir;
using namespace nyala;
using namespace nyala::package;

namespace fb = flatbuffers;
namespace art = nyala::artifact;

namespace {

class ArtifactWriter {
public:
  ArtifactWriter(ModuleOp module, ArrayRef<CodeImage> images,
                 const std::optional<TokenizerData> &tokenizer, const ArtifactOptions &options)
      : module(module), tokenizer(tokenizer), options(options), writer(module) {
    model = module->getAttrOfType<DictionaryAttr>(NyalaDialect::kModelAttr);
    if (!model)
      throw Error("the module has no '" + NyalaDialect::kModelAttr.str() + "' attribute");
    for (const CodeImage &image : images)
      addExecutable(image);
    collectWeights();
    collectStates();
  }

  ArtifactSummary write() {
    // The placeholder is not 0: FlatBuffers leave out fields with default values.
    weightsChecksum = options.absentWeights ? 0 : ~uint64_t(0);
    for (PlacedCode &executable : executables)
      executable.offset = ~uint64_t(0);
    weightsOffset = isInline() ? ~uint64_t(0) : 0;
    size_t programBytes = buildProgram().size();
    uint64_t codeEnd = sizeof(nyala_artifact_header) + programBytes;
    for (PlacedCode &executable : executables) {
      executable.offset = llvm::alignTo(codeEnd, NYALA_ARTIFACT_PAGE);
      codeEnd = executable.offset + executable.image.bytes.size();
    }
    weightsOffset = isInline() ? llvm::alignTo(codeEnd, NYALA_ARTIFACT_PAGE) : 0;

    OutputFile file(options.path);
    std::optional<OutputFile> weightsFile;
    if (options.externalWeights && !options.writtenWeights)
      weightsFile.emplace(getWeightsPath());
    if (options.writtenWeights)
      weightsChecksum = *options.writtenWeights;
    else if (!options.absentWeights)
      writeWeights(weightsFile ? *weightsFile : file);
    for (const PlacedCode &executable : executables)
      file.write(executable.offset,
                 bytesOf(executable.image.bytes.data(), executable.image.bytes.size()));
    fb::DetachedBuffer program = buildProgram();
    if (program.size() != programBytes)
      throw Error("internal error: the program's size changed while writing '" + options.path +
                  "'");
    file.write(sizeof(nyala_artifact_header), {program.data(), program.size()});
    uint64_t fileBytes = isInline() ? weightsOffset + weightBytes : codeEnd;
    // Without weights nothing is written where their segment begins: the file must reach it.
    if (isInline() && weightBytes == 0 && codeEnd < weightsOffset)
      file.write(weightsOffset - 1, uint8_t(0));
    writeHeader(file, program, fileBytes);
    if (weightsFile)
      weightsFile->commit();
    file.commit();
    ArtifactSummary summary{fileBytes,       weightBytes, arenaBytes,
                            kvBytesPerToken, stateBytes,  residentBytes,
                            weightsChecksum, 0,           {}};
    for (const auto &[device, index] : kernelIndex)
      summary.kernels += index.size();
    for (const PlacedCode &executable : executables)
      summary.variants.push_back(
          {executable.image.arch, executable.image.format, executable.image.bytes.size()});
    return summary;
  }

private:
  /// An executable.
  struct PlacedCode {
    ModuleOp variant;
    Device device;
    const CodeImage &image;
    uint64_t offset = 0; ///< in the file
  };

  /// All code for a device must have the kernels of the first.
  void addExecutable(const CodeImage &image) {
    auto variant = module.lookupSymbol<ModuleOp>(image.arch);
    if (!variant)
      throw Error("the module has no variant '" + image.arch + "'");
    Device device = getTargetDevice(getTarget(variant));
    llvm::StringMap<uint32_t> &index = kernelIndex[device];
    bool isFirst = index.empty();
    bool isSame = isFirst || index.size() == image.kernels.size();
    for (auto [number, kernel] : llvm::enumerate(image.kernels)) {
      if (isFirst)
        index[kernel.name] = number;
      auto expected = index.find(kernel.name);
      isSame &= expected != index.end() && expected->second == number;
    }
    if (!isSame)
      throw Error("variant '" + image.arch + "' has other kernels than the first for its device");
    executables.push_back({variant, device, image});
  }

  bool isInline() const { return !options.externalWeights && !options.absentWeights; }

  static ArrayRef<uint8_t> bytesOf(const void *data, size_t size) {
    return {static_cast<const uint8_t *>(data), size};
  }

  std::string getWeightsPath() const { return options.path + ".weights"; }

  //===--------------------------------------------------------------------===//
  // Weights and states
  //===--------------------------------------------------------------------===//

  /// In the order in which steps first use them: a token streams the file front to back.
  void collectWeights() {
    for (auto program : module.getOps<ProgramOp>())
      program.walk([&](StepOp step) {
        for (auto buffer : step.getBuffers().getAsRange<BufferAttr>())
          if (buffer.getRegion() == BufferRegion::Weight &&
              !weights.contains(buffer.getSymbol().getAttr())) {
            auto weight = module.lookupSymbol<WeightOp>(buffer.getSymbol());
            weights.insert({buffer.getSymbol().getAttr(), {weight, weightBytes}});
            weightBytes += llvm::alignTo(WeightWriter::getBytes(weight), NYALA_BUFFER_ALIGNMENT);
          }
      });
  }

  void collectStates() {
    for (auto program : module.getOps<ProgramOp>()) {
      arenaBytes = std::max<uint64_t>(arenaBytes, program.getArenaBytes());
      for (auto state : program.getStates().getAsRange<StateAttr>())
        states.insert({state.getName(), state});
    }
    servesSessions = llvm::any_of(module.getOps<ProgramOp>(), [](ProgramOp program) {
      return llvm::is_contained({"decode", "batch", "prefill"}, getEntryName(program));
    });
    for (auto &[name, state] : states) {
      uint64_t bytes = state.getSequences() * state.getSlots() * state.getSlotBytes();
      (state.getResident() ? residentBytes : stateBytes) += bytes;
      // Those of a training step are no caches.
      if (servesSessions && !state.getResident())
        kvBytesPerToken += state.getSlotBytes();
    }
  }

  void writeWeights(OutputFile &file) {
    XXH3_state_t *state = XXH3_createState();
    std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> guard(state, XXH3_freeState);
    XXH3_64bits_reset(state);
    uint64_t done = 0;
    std::vector<uint8_t> pending;
    auto flush = [&] {
      XXH3_64bits_update(state, pending.data(), pending.size());
      file.write(weightsOffset + done - pending.size(), pending);
      pending.clear();
      if (options.progress)
        options.progress(done, weightBytes);
    };
    auto append = [&](ArrayRef<uint8_t> bytes) {
      pending.insert(pending.end(), bytes.begin(), bytes.end());
      done += bytes.size();
      if (pending.size() >= (1 << 20))
        flush();
    };
    static constexpr uint8_t zeros[NYALA_BUFFER_ALIGNMENT] = {};
    for (auto &entry : weights) {
      writer.write(entry.second.op, append);
      append({zeros, static_cast<size_t>(llvm::alignTo(done, NYALA_BUFFER_ALIGNMENT) - done)});
    }
    flush();
    weightsChecksum = XXH3_64bits_digest(state);
  }

  //===--------------------------------------------------------------------===//
  // The program
  //===--------------------------------------------------------------------===//

  std::string getText(StringRef key) const {
    auto attr = model.getAs<StringAttr>(key);
    return attr ? attr.getValue().str() : std::string();
  }
  uint32_t getNumber(StringRef key) const {
    auto attr = model.getAs<IntegerAttr>(key);
    if (!attr)
      throw Error("the module's '" + NyalaDialect::kModelAttr.str() + "' has no '" + key.str() +
                  "'");
    return attr.getInt();
  }

  fb::DetachedBuffer buildProgram() {
    fb::FlatBufferBuilder b(1 << 20);
    std::vector<fb::Offset<art::KeyValue>> metadata;
    for (NamedAttribute entry : model)
      if (auto text = dyn_cast<StringAttr>(entry.getValue()))
        metadata.push_back(art::CreateKeyValueDirect(b, entry.getName().str().c_str(),
                                                     text.getValue().str().c_str()));
    // What a trainer's batch looks like.
    for (StringRef key : {"batch", "length"})
      if (auto number = model.getAs<IntegerAttr>(key))
        metadata.push_back(art::CreateKeyValueDirect(b, key.str().c_str(),
                                                     std::to_string(number.getInt()).c_str()));
    fb::Offset<art::Tokenizer> text;
    if (tokenizer)
      text = writeTokenizer(b, *tokenizer);
    std::vector<fb::Offset<art::Executable>> executableTable;
    for (const PlacedCode &executable : executables)
      executableTable.push_back(buildExecutable(b, executable));
    std::vector<fb::Offset<art::Weight>> weightTable;
    for (auto &entry : weights) {
      WeightOp op = entry.second.op;
      std::vector<int64_t> shape(op.getTensorType().getShape());
      weightTable.push_back(art::CreateWeightDirect(
          b, op.getSymName().str().c_str(), WeightWriter::getFormatName(op).c_str(), &shape,
          entry.second.offset, WeightWriter::getBytes(op)));
    }
    fb::Offset<fb::String> weightsName;
    if (options.externalWeights)
      weightsName = b.CreateString(llvm::sys::path::filename(getWeightsPath()).str());
    auto segment = art::CreateWeightSegment(b, weightsName, weightsOffset, weightBytes,
                                            weightsChecksum, options.absentWeights);
    std::vector<fb::Offset<art::State>> stateTable;
    for (auto &entry : states)
      stateTable.push_back(art::CreateStateDirect(
          b, entry.second.getName().str().c_str(), entry.second.getSequences(),
          entry.second.getSlots(), entry.second.getSlotBytes(), entry.second.getResident()));
    std::vector<fb::Offset<art::Entry>> entries;
    for (auto program : module.getOps<ProgramOp>())
      entries.push_back(buildEntry(b, program));
    b.Finish(art::CreateArtifactDirect(
                 b, "nyala " NYALA_VERSION, getText("architecture").c_str(),
                 getNumber("vocabulary"), getNumber("context"), getText("arithmetic").c_str(),
                 &metadata, text, &executableTable, &weightTable, segment, &stateTable, &entries),
             art::ArtifactIdentifier());
    return b.Release();
  }

  fb::Offset<art::Executable> buildExecutable(fb::FlatBufferBuilder &b,
                                              const PlacedCode &executable) {
    const CodeImage &image = executable.image;
    std::vector<fb::Offset<fb::String>> features;
    if (auto target = dyn_cast<CpuTargetAttr>(getTarget(executable.variant)))
      for (StringAttr feature : target.getFeatures())
        features.push_back(b.CreateString(feature.getValue().str()));
    std::vector<fb::Offset<art::Kernel>> kernels;
    for (const CodeImage::Kernel &kernel : image.kernels) {
      Operation *function = lookupKernel(
          executable.variant, FlatSymbolRefAttr::get(module.getContext(), kernel.name), symbols);
      kernels.push_back(executable.device == Device::Cpu ? buildCpuKernel(b, kernel, function)
                                                         : buildGpuKernel(b, kernel, function));
    }
    return art::CreateExecutableDirect(
        b, toTarget(executable.device), image.arch.c_str(), &features, image.format.c_str(),
        executable.offset, image.bytes.size(), XXH3_64bits(image.bytes.data(), image.bytes.size()),
        &kernels);
  }

  /// An attribute of a kernel; 0 where it is absent.
  static int64_t getNumber(Operation *function, StringRef name) {
    auto number = function->getAttrOfType<IntegerAttr>(name);
    return number ? number.getInt() : 0;
  }

  static fb::Offset<art::Kernel>
  buildCpuKernel(fb::FlatBufferBuilder &b, const CodeImage::Kernel &kernel, Operation *function) {
    return art::CreateKernelDirect(
        b, kernel.name.c_str(), kernel.entry, getNumber(function, "nyala.scratch_bytes"),
        kernel.size, getNumber(function, "nyala.tiles"), function->hasAttr("nyala.per_row"));
  }

  static art::Target toTarget(Device device) {
    return device == Device::Cpu ? art::Target::Cpu : art::Target::Cuda;
  }

  fb::Offset<art::Entry> buildEntry(fb::FlatBufferBuilder &b, ProgramOp program) {
    std::vector<fb::Offset<art::Count>> counts;
    for (auto count : program.getCounts().getAsRange<CountAttr>())
      counts.push_back(art::CreateCountDirect(b, count.getName().str().c_str(), count.getMax()));
    std::vector<fb::Offset<art::Argument>> arguments;
    for (auto argument : program.getArguments().getAsRange<ArgumentAttr>())
      arguments.push_back(art::CreateArgument(b, getRole(argument.getRole()), argument.getCount()));
    std::vector<fb::Offset<art::Result>> results;
    for (auto result : program.getResults().getAsRange<ResultAttr>())
      results.push_back(art::CreateResultDirect(b, result.getName().str().c_str(),
                                                result.getCount(), result.getRowBytes()));
    std::vector<fb::Offset<art::Step>> steps;
    for (auto step : program.getBody().getOps<StepOp>())
      steps.push_back(buildStep(b, program, step));
    return art::CreateEntryDirect(b, getEntryName(program).str().c_str(), &counts, &arguments,
                                  &results, program.getArenaBytes(), &steps,
                                  toTarget(getDevice(program)));
  }

  fb::Offset<art::Step> buildStep(fb::FlatBufferBuilder &b, ProgramOp program, StepOp step) {
    std::vector<art::Buffer> buffers;
    for (auto buffer : step.getBuffers().getAsRange<BufferAttr>()) {
      uint32_t index = buffer.getIndex();
      if (buffer.getRegion() == BufferRegion::Weight) {
        index = std::distance(weights.begin(), weights.find(buffer.getSymbol().getAttr()));
      } else if (buffer.getRegion() == BufferRegion::State) {
        auto state = cast<StateAttr>(program.getStates()[index]);
        index = std::distance(states.begin(), states.find(state.getName()));
      }
      // Both enums list the regions in the same order.
      buffers.emplace_back(static_cast<art::Region>(buffer.getRegion()), index, buffer.getOffset());
    }
    const llvm::StringMap<uint32_t> &index = kernelIndex[getDevice(program)];
    auto kernel = index.find(step.getKernel());
    if (kernel == index.end())
      throw Error("step calls kernel '" + step.getKernel().str() + "', which has no code");
    std::vector<uint32_t> waits(step.getWaits().begin(), step.getWaits().end());
    ArrayRef<int64_t> cost = step.getCost();
    std::vector<uint64_t> writes(step.getWrites().begin(), step.getWrites().end());
    fb::Offset<fb::String> label, key;
    fb::Offset<fb::Vector<uint32_t>> updates;
    fb::Offset<fb::Vector<uint8_t>> floats;
    // Only training steps are searched for values that are not finite, and profiled to be kept.
    if (!servesSessions) {
      if (auto attr = step->getAttrOfType<StringAttr>(kKeyAttr))
        key = b.CreateSharedString(attr.getValue().str());
      if (StringRef name = getLabel(step.getLoc()); !name.empty())
        label = b.CreateString(name.str());
      updates =
          b.CreateVector(std::vector<uint32_t>(step.getUpdates().begin(), step.getUpdates().end()));
      floats =
          b.CreateVector(std::vector<uint8_t>(step.getFloats().begin(), step.getFloats().end()));
    }
    return art::CreateStep(
        b, kernel->second, b.CreateVectorOfStructs(buffers), step.getRows(), b.CreateVector(waits),
        /*flops_per_row=*/cost[0], /*bytes_fixed=*/cost[2],
        /*bytes_per_row=*/cost[3], /*flops_per_row_position=*/cost[1],
        /*bytes_per_row_position=*/cost[4], b.CreateVector(writes), label, updates, floats, key);
  }

  /// The name that a location has, from the model's file; empty if it has none.
  static StringRef getLabel(Location location) {
    StringRef label;
    location->walk([&](Location part) {
      auto name = dyn_cast<NameLoc>(part);
      if (!name)
        return WalkResult::advance();
      label = name.getName();
      return WalkResult::interrupt();
    });
    return label;
  }

  static art::ArgumentRole getRole(StringRef role) {
    std::string joined = llvm::join(llvm::split(role, '_'), "");
    for (art::ArgumentRole value : art::EnumValuesArgumentRole())
      if (StringRef(art::EnumNameArgumentRole(value)).equals_insensitive(joined))
        return value;
    throw Error("unknown role '" + role.str() + "' of an argument");
  }

  void writeHeader(OutputFile &file, const fb::DetachedBuffer &program, uint64_t fileBytes) {
    nyala_artifact_header header{};
    std::memcpy(header.magic, NYALA_ARTIFACT_MAGIC, sizeof(header.magic));
    header.version = NYALA_ARTIFACT_VERSION;
    header.abi_version = NYALA_KERNEL_ABI_VERSION;
    header.file_size = fileBytes;
    header.program_offset = sizeof(header);
    header.program_size = program.size();
    header.program_checksum = XXH3_64bits(program.data(), program.size());
    header.header_checksum = XXH3_64bits(&header, offsetof(nyala_artifact_header, header_checksum));
    file.write(0, bytesOf(&header, sizeof(header)));
  }

  struct PlacedWeight {
    WeightOp op;
    uint64_t offset;
  };

  ModuleOp module;
  const std::optional<TokenizerData> &tokenizer;
  const ArtifactOptions &options;
  WeightWriter writer;
  DictionaryAttr model;
  std::vector<PlacedCode> executables;
  llvm::MapVector<StringAttr, PlacedWeight> weights;
  llvm::MapVector<StringRef, StateAttr> states;
  SymbolTableCollection symbols;
  std::map<Device, llvm::StringMap<uint32_t>> kernelIndex;
  bool servesSessions = false;
  uint64_t weightBytes = 0, arenaBytes = 0, kvBytesPerToken = 0, stateBytes = 0;
  uint64_t residentBytes = 0;
  uint64_t weightsOffset = 0, weightsChecksum = 0;
};

} // namespace

ArtifactSummary nyala::package::writeArtifact(ModuleOp module, ArrayRef<CodeImage> images,
                                              const std::optional<TokenizerData> &tokenizer,
                                              const ArtifactOptions &options) {
  return ArtifactWriter(module, images, tokenizer, options).write();
}
