//===- Artifact.cpp - A model.nyala file, mapped and checked --------------===//

#include "runtime/core/Artifact.h"
#include "runtime/artifact_header.h"
#include "runtime/core/Status.h"
#include "runtime/kernel_abi.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace nyala::rt {

static_assert(sizeof(nyala_artifact_header) == 64);

static const char *const copyAgain = "; copy the file again, or compile the model again";

[[noreturn]] static void corrupt(const std::string &path, const std::string &what) {
  throw Failure(NYALA_CORRUPT, "'" + path + "' " + what + copyAgain);
}

static void checkSum(const std::string &path, const std::string &part,
                     std::span<const std::byte> bytes, uint64_t expected) {
  if (XXH3_64bits(bytes.data(), bytes.size()) != expected)
    corrupt(path, "is altered: the checksum of its " + part + " does not match");
}

Artifact::Artifact(const std::string &path)
    : file(path), mapping(Mapping::ofFile(file, 0, file.getSize(), Mapping::Access::Read)) {
  checkHeader();
  checkStructure(*root, path, file.getSize());
  for (const artifact::Executable *executable : *root->executables()) {
    const auto image = mapping.bytes().subspan(executable->offset(), executable->size());
    checkSum(path, "code for '" + executable->arch()->str() + "'", image, executable->checksum());
    // Drivers read text up to its end.
    if (executable->format()->string_view() == "ptx" &&
        (image.empty() || image.back() != std::byte(0)))
      corrupt(path, "is malformed: the ptx for '" + executable->arch()->str() + "' has no end");
  }
  openWeights();
}

/// Header, and the FlatBuffer's bounds, checksum and encoding. Sets `root` and `identity`.
void Artifact::checkHeader() {
  const std::string &path = getPath();
  const std::span<const std::byte> bytes = mapping.bytes();
  const std::string size = std::to_string(bytes.size());
  if (bytes.size() >= 4 && std::memcmp(bytes.data(), "GGUF", 4) == 0)
    throw Failure(NYALA_CORRUPT, "'" + path +
                                     "' is a gguf model, expected a compiled artifact; make one "
                                     "with 'nyala-compile " +
                                     path + " -o model.nyala'");
  const size_t magicBytes = sizeof(nyala_artifact_header::magic);
  if (bytes.size() < magicBytes || std::memcmp(bytes.data(), NYALA_ARTIFACT_MAGIC, magicBytes) != 0)
    corrupt(path, "is not a nyala artifact (it does not begin with " NYALA_ARTIFACT_MAGIC ")");
  nyala_artifact_header header;
  if (bytes.size() < sizeof(header))
    corrupt(path, "is truncated: " + size + " bytes, the header alone has 64");
  std::memcpy(&header, bytes.data(), sizeof(header));

  // The version comes before the checksum: another version may have another header.
  if (header.version != NYALA_ARTIFACT_VERSION) {
    const bool newer = header.version > NYALA_ARTIFACT_VERSION;
    throw Failure(NYALA_VERSION,
                  "'" + path + "' has artifact format " + std::to_string(header.version) +
                      ", this runtime reads " + std::to_string(NYALA_ARTIFACT_VERSION) + "; " +
                      (newer ? "update the runtime, or compile the model with this version of nyala"
                             : "compile the model again with this version of nyala"));
  }
  checkSum(path, "header", bytes.first(offsetof(nyala_artifact_header, header_checksum)),
           header.header_checksum);
  if (header.abi_version != NYALA_KERNEL_ABI_VERSION)
    throw Failure(NYALA_VERSION, "'" + path + "' has kernels for version " +
                                     std::to_string(header.abi_version) +
                                     " of the kernel abi, this runtime has " +
                                     std::to_string(NYALA_KERNEL_ABI_VERSION) +
                                     "; compile the model with the nyala of this runtime");
  if (header.file_size != bytes.size())
    corrupt(path, std::string(header.file_size > bytes.size() ? "is truncated" : "is altered") +
                      ": " + size + " bytes, its header says " + std::to_string(header.file_size));

  if (header.program_offset % 8 != 0 || header.program_offset < sizeof(header) ||
      header.program_offset > bytes.size() ||
      header.program_size > bytes.size() - header.program_offset ||
      header.program_size >= FLATBUFFERS_MAX_BUFFER_SIZE)
    corrupt(path, "is malformed: its program does not lie within the file");
  const auto program = bytes.subspan(header.program_offset, header.program_size);
  checkSum(path, "program", program, header.program_checksum);
  const auto *buffer = reinterpret_cast<const uint8_t *>(program.data());
  flatbuffers::Verifier verifier(buffer, program.size());
  if (!artifact::VerifyArtifactBuffer(verifier))
    corrupt(path, "is malformed: its program is not a valid flatbuffer");
  root = artifact::GetArtifact(buffer);
  identity = header.program_checksum;
}

void Artifact::openWeights() {
  const artifact::WeightSegment &segment = *root->weight_segment();
  if (segment.absent())
    return;
  std::string path = getPath();
  uint64_t available = file.getSize();
  if (segment.file()) {
    path = path.substr(0, path.rfind('/') + 1) + segment.file()->str();
    File weightFile = [&] {
      try {
        return File(path);
      } catch (const Failure &failure) {
        throw Failure(failure.getStatus(), std::string(failure.what()) + "; it holds the weights " +
                                               "of '" + getPath() + "' and belongs beside it");
      }
    }();
    available = weightFile.getSize();
    if (segment.offset() <= available && segment.size() <= available - segment.offset())
      externalWeights = Mapping::ofFile(weightFile, 0, available, Mapping::Access::Read);
  }
  if (segment.offset() > available || segment.size() > available - segment.offset())
    corrupt(path, "is truncated: " + std::to_string(available) + " bytes, its weights are " +
                      std::to_string(segment.size()) + " from byte " +
                      std::to_string(segment.offset()));
  weights = (segment.file() ? externalWeights : mapping)
                .bytes()
                .subspan(segment.offset(), segment.size());
  checkSum(path, "weights", weights, segment.checksum());
}

const std::byte *Artifact::weight(uint32_t index) const {
  if (!hasWeights())
    throw Failure(NYALA_UNSUPPORTED,
                  "'" + getPath() +
                      "' has no weights: it was compiled with --weights=none, for "
                      "timings with random numbers on a GPU; compile the model "
                      "without that option");
  return weights.data() + root->weights()->Get(index)->offset();
}

const artifact::Entry *Artifact::findEntry(std::string_view name, artifact::Target device) const {
  for (const artifact::Entry *entry : *root->entries())
    if (entry->name()->string_view() == name && entry->device() == device)
      return entry;
  return nullptr;
}

bool isSessionEntry(const artifact::Entry &entry) {
  return std::ranges::find(sessionEntries, entry.name()->string_view()) != std::end(sessionEntries);
}

bool servesSessions(const artifact::Artifact &program) {
  return std::ranges::any_of(*program.entries(),
                             [](const artifact::Entry *entry) { return isSessionEntry(*entry); });
}

const artifact::Executable *findExecutable(const artifact::Artifact &program,
                                           artifact::Target device) {
  for (const artifact::Executable *executable : *program.executables())
    if (executable->target() == device)
      return executable;
  return nullptr;
}

std::vector<uint32_t> getSessionStates(const artifact::Artifact &program, artifact::Target device) {
  std::vector<bool> used(program.states()->size()), usedElsewhere = used;
  for (const artifact::Entry *entry : *program.entries())
    for (const artifact::Step *step : *entry->steps())
      for (const artifact::Buffer *buffer : *step->buffers())
        if (buffer->region() == artifact::Region::State)
          (entry->device() == device ? used : usedElsewhere)[buffer->index()] = true;
  std::vector<uint32_t> states;
  for (uint32_t i = 0; i < used.size(); ++i)
    if (!program.states()->Get(i)->resident() && (used[i] || !usedElsewhere[i]))
      states.push_back(i);
  return states;
}

uint32_t getMaxSequences(const artifact::Artifact &program) {
  constexpr uint32_t none = std::numeric_limits<uint32_t>::max();
  uint32_t least = none;
  for (const artifact::State *state : *program.states())
    if (!state->resident())
      least = std::min(least, state->sequences());
  return least == none ? 1 : least;
}

int findCount(const artifact::Entry &entry, std::string_view name) {
  for (flatbuffers::uoffset_t i = 0; i < entry.counts()->size(); ++i)
    if (entry.counts()->Get(i)->name()->string_view() == name)
      return static_cast<int>(i);
  return -1;
}

} // namespace nyala::rt
