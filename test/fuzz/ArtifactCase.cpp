#include "test/fuzz/ArtifactCase.h"

#include "runtime/artifact_generated.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstddef>
#include <cstring>

namespace nyala::test {
namespace {

constexpr size_t programOffset = caseSegmentOffset + NYALA_ARTIFACT_PAGE;

/// Puts the checksum of a range of the file, if there is such a range, into a field of the program.
void sign(std::vector<uint8_t> &file, const flatbuffers::Table &table, uint16_t field,
          uint64_t offset, uint64_t size) {
  const uint8_t *place = table.GetAddressOf(field);
  if (!place || offset > file.size() || size > file.size() - offset)
    return;
  uint64_t checksum = XXH3_64bits(file.data() + offset, size);
  std::memcpy(file.data() + (place - file.data()), &checksum, sizeof(checksum));
}

const flatbuffers::Table &asTable(const auto *table) {
  return *reinterpret_cast<const flatbuffers::Table *>(table);
}

void signSegments(std::vector<uint8_t> &file) {
  const uint8_t *program = file.data() + programOffset;
  flatbuffers::Verifier verifier(program, file.size() - programOffset);
  if (!artifact::VerifyArtifactBuffer(verifier))
    return;
  const artifact::Artifact &root = *artifact::GetArtifact(program);
  for (const artifact::Executable *executable : *root.executables())
    sign(file, asTable(executable), artifact::Executable::VT_CHECKSUM, executable->offset(),
         executable->size());
  const artifact::WeightSegment &weights = *root.weight_segment();
  if (!weights.file() && !weights.absent())
    sign(file, asTable(&weights), artifact::WeightSegment::VT_CHECKSUM, weights.offset(),
         weights.size());
}

} // namespace

std::vector<uint8_t> makeArtifactFile(std::span<const uint8_t> input) {
  nyala_artifact_header header;
  if (input.size() < sizeof(header))
    return {input.begin(), input.end()};
  std::memcpy(&header, input.data(), sizeof(header));
  const auto program = input.subspan(sizeof(header));
  std::vector<uint8_t> file(programOffset + program.size());
  std::ranges::copy(program, file.begin() + programOffset);
  signSegments(file);

  const auto setDefault = [](uint64_t &field, uint64_t value) { field = field ? field : value; };
  setDefault(header.file_size, file.size());
  setDefault(header.program_offset, programOffset);
  setDefault(header.program_size, program.size());
  if (header.program_offset <= file.size() &&
      header.program_size <= file.size() - header.program_offset)
    header.program_checksum = XXH3_64bits(file.data() + header.program_offset, header.program_size);
  header.header_checksum = XXH3_64bits(&header, offsetof(nyala_artifact_header, header_checksum));
  std::memcpy(file.data(), &header, sizeof(header));
  return file;
}

} // namespace nyala::test
