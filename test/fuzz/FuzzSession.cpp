//===- FuzzSession.cpp - Hostile saved sessions ---------------------------===//
//
// The input is a saved session of the unit tests' toy model. Its checksums are
// computed, and fields of its header that are 0 and name the model are set to
// the toy's. What restores must go on as any session does.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/SessionFile.h"
#include "runtime/nyala.h"
#include "test/fuzz/MemoryFile.h"
#include "test/unit/runtime/ArtifactBuilder.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstddef>
#include <cstring>

using namespace nyala;

namespace {

/// The model and a session, which all inputs share.
class Toy {
public:
  Toy() {
    const std::vector<uint8_t> bytes = test::buildArtifact(test::makeToy());
    nyala_artifact_header header;
    std::memcpy(&header, bytes.data(), sizeof(header));
    identity = header.program_checksum;
    const test::MemoryFile file(bytes);
    const nyala_session_options options = {0, 1, 0};
    if (nyala_model_open(file.getPath().c_str(), &model) != NYALA_OK ||
        nyala_session_create(model, &options, &session) != NYALA_OK)
      std::abort();
  }
  ~Toy() {
    nyala_session_close(session);
    nyala_model_close(model);
  }
  Toy(const Toy &) = delete;
  Toy &operator=(const Toy &) = delete;

  nyala_model *model = nullptr;
  nyala_session *session = nullptr;
  uint64_t identity;
};

std::vector<uint8_t> sign(const Toy &toy, std::span<const uint8_t> input) {
  std::vector<uint8_t> file(input.begin(), input.end());
  rt::SessionFileHeader header;
  if (file.size() < sizeof(header))
    return file;
  std::memcpy(&header, file.data(), sizeof(header));
  if (header.model == 0)
    header.model = toy.identity;
  header.contentChecksum = XXH3_64bits(file.data() + sizeof(header), file.size() - sizeof(header));
  header.headerChecksum = XXH3_64bits(&header, offsetof(rt::SessionFileHeader, headerChecksum));
  std::memcpy(file.data(), &header, sizeof(header));
  return file;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Toy toy;
  nyala_session *session = toy.session;
  const int32_t tokens[] = {1, 2, 3};
  if (nyala_session_rollback(session, 0) != NYALA_OK ||
      nyala_session_prefill(session, tokens, std::size(tokens)) != NYALA_OK)
    std::abort();

  const test::MemoryFile file(sign(toy, {data, size}));
  const nyala_status status = nyala_session_restore(session, file.getPath().c_str());
  if (status != NYALA_OK && nyala_session_position(session) != std::size(tokens))
    std::abort(); // a file that is refused changes nothing
  size_t noteLength = 0;
  nyala_session_note(session, &noteLength);
  if (status == NYALA_OK && noteLength > size)
    std::abort();
  int32_t token = 0;
  if (nyala_session_logits(session))
    nyala_session_sample(session, &token);
  if (nyala_session_position(session) < nyala_session_context(session) &&
      nyala_session_decode(session, 7) != NYALA_OK)
    std::abort();
  return 0;
}
