//===- SessionFile.cpp - Saving and restoring a session -------------------===//
//
// Caches are as large as gigabytes and may be in a device's memory, so nothing
// is gathered first: saving reads the states, restoring writes them, both in
// pieces that are hashed while the processor's cache holds them.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/SessionFile.h"
#include "runtime/core/OutputFile.h"
#include "runtime/core/Session.h"
#include "runtime/core/Status.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace nyala::rt {
namespace {

constexpr size_t pieceBytes = size_t(1) << 20;

/// The content's checksum, piece by piece.
class Checksum {
public:
  Checksum() { XXH3_64bits_reset(&state); }
  void add(std::span<const std::byte> bytes) {
    XXH3_64bits_update(&state, bytes.data(), bytes.size());
  }
  uint64_t get() const { return XXH3_64bits_digest(&state); }

private:
  XXH3_state_t state;
};

/// Calls `body` on the pieces of `bytes`, in order.
template <typename Byte, typename Body> void forEachPiece(std::span<Byte> bytes, const Body &body) {
  for (size_t i = 0; i < bytes.size(); i += pieceBytes)
    body(bytes.subspan(i, std::min(pieceBytes, bytes.size() - i)));
}

/// Calls `body` with the pieces of `bytes` bytes from `begin` on: where each begins, and as much of
/// `buffer`.
template <typename Body>
void forEachPiece(uint64_t begin, uint64_t bytes, std::vector<std::byte> &buffer,
                  const Body &body) {
  buffer.resize(std::max<size_t>(buffer.size(), std::min<uint64_t>(pieceBytes, bytes)));
  for (uint64_t i = 0; i < bytes; i += pieceBytes)
    body(begin + i, std::span(buffer).first(std::min<uint64_t>(pieceBytes, bytes - i)));
}

uint64_t hashHeader(const SessionFileHeader &header) {
  return XXH3_64bits(&header, offsetof(SessionFileHeader, headerChecksum));
}

uint64_t getSlotBytes(const Device &device) {
  const artifact::Artifact &program = device.getArtifact().program();
  uint64_t bytes = 0;
  for (uint32_t i : getSessionStates(program, device.getTarget()))
    bytes += program.states()->Get(i)->slot_bytes();
  return bytes;
}

/// Tells apart what may not be restored: the artifact, and which of its states there are, where
/// devices have states of their own.
uint64_t getModel(const Device &device) {
  const artifact::Artifact &program = device.getArtifact().program();
  const std::vector<uint32_t> states = getSessionStates(program, device.getTarget());
  return XXH3_64bits_withSeed(states.data(), states.size() * sizeof(uint32_t),
                              device.getArtifact().getIdentity());
}

/// A saved session, checked against the model and the session that it is for.
class SessionFileReader {
public:
  SessionFileReader(const std::string &path, const Device &device, uint32_t context)
      : file(path), device(device), artifact(device.getArtifact()) {
    readHeader();
    checkModel(context);
    checkContent();
  }

  const SessionFileHeader &getHeader() const { return header; }
  /// Reads the next bytes of the content.
  void read(std::span<std::byte> bytes) {
    forEachPiece(bytes, [&](std::span<std::byte> piece) {
      file.read(offset, piece);
      offset += piece.size();
      checksum.add(piece);
    });
  }
  /// Is what read() gave what was checked? Throws if somebody wrote to the file meanwhile.
  void checkAllRead() const {
    if (checksum.get() != header.contentChecksum)
      throw Failure(NYALA_IO_ERROR, "'" + file.getPath() + "' was altered while it was read");
  }

private:
  [[noreturn]] void corrupt(const std::string &what) const {
    throw Failure(NYALA_CORRUPT,
                  "'" + file.getPath() + "' " + what + "; remove it and begin a new session");
  }
  void readHeader();
  void checkModel(uint32_t context) const;
  void checkContent();

  File file;
  const Device &device;
  const Artifact &artifact;
  SessionFileHeader header;
  uint64_t offset = sizeof(header);
  Checksum checksum;
};

void SessionFileReader::readHeader() {
  const uint64_t size = file.getSize();
  header = {};
  file.read(0, std::as_writable_bytes(std::span(&header, 1))
                   .first(std::min<uint64_t>(size, sizeof(header))));
  if (std::memcmp(header.magic, SessionFileHeader::expectedMagic, sizeof(header.magic)) != 0)
    throw Failure(NYALA_CORRUPT, "'" + file.getPath() + "' is not a saved session (it does not " +
                                     "begin with " + SessionFileHeader::expectedMagic + ")");
  if (size < sizeof(header))
    corrupt("is truncated: " + std::to_string(size) + " bytes, the header alone has 64");
  // The version comes before the checksum: another version may have another header.
  if (header.version != SessionFileHeader::currentVersion)
    throw Failure(NYALA_VERSION, "'" + file.getPath() + "' has session format " +
                                     std::to_string(header.version) + ", this runtime reads " +
                                     std::to_string(SessionFileHeader::currentVersion) +
                                     "; use the runtime that saved it, or begin a new session");
  if (hashHeader(header) != header.headerChecksum)
    corrupt("is altered: the checksum of its header does not match");
}

void SessionFileReader::checkModel(uint32_t context) const {
  const std::string name = "'" + file.getPath() + "'";
  if (header.model != getModel(device))
    throw Failure(NYALA_OTHER_MODEL, name + " was saved with another model than '" +
                                         artifact.getPath() + "', or on another device than " +
                                         device.getName() +
                                         "; open that one, or begin a new session");
  const uint64_t vocabulary = artifact.program().vocabulary();
  if (header.slotBytes != getSlotBytes(device) ||
      (header.logits != 0 && (header.logits != vocabulary || header.positions == 0)))
    corrupt("is malformed: its sizes are not those of the model");
  if (header.positions > context)
    throw Failure(NYALA_CONTEXT_FULL, name + " has " + std::to_string(header.positions) +
                                          " positions, the session's context " +
                                          std::to_string(context) +
                                          "; use a session with a longer context");
  // Positions fit into the states, so this does not overflow.
  const uint64_t size = file.getSize();
  const uint64_t withoutNote = sizeof(header) + header.positions * sizeof(int32_t) +
                               header.logits * sizeof(float) + header.positions * header.slotBytes;
  if (size < withoutNote || size - withoutNote < header.noteBytes)
    corrupt("is truncated: it has " + std::to_string(size) + " bytes, its header says more");
  if (size - withoutNote > header.noteBytes)
    corrupt("is altered: it has " + std::to_string(size) + " bytes, its header says fewer");
}

/// Checksum, and the range of token ids.
void SessionFileReader::checkContent() {
  std::vector<std::byte> piece(std::min<uint64_t>(pieceBytes, file.getSize() - offset));
  const uint64_t tokenEnd = offset + header.positions * sizeof(int32_t);
  const uint32_t vocabulary = artifact.program().vocabulary();
  bool inRange = true;
  while (offset < file.getSize()) {
    const auto bytes =
        std::span(piece).first(std::min<uint64_t>(pieceBytes, file.getSize() - offset));
    const uint64_t begin = offset;
    read(bytes);
    // Pieces begin at multiples of 4 bytes.
    for (size_t i = 0; begin + i < tokenEnd && i < bytes.size(); i += sizeof(uint32_t)) {
      uint32_t token;
      std::memcpy(&token, bytes.data() + i, sizeof(token));
      inRange &= token < vocabulary;
    }
  }
  if (checksum.get() != header.contentChecksum)
    corrupt("is altered: the checksum of its content does not match");
  if (!inRange)
    corrupt("is malformed: a token is out of range");
  offset = sizeof(header);
  checksum = {};
}

} // namespace

void Session::save(const std::string &path) const {
  SessionFileHeader header = {};
  std::memcpy(header.magic, SessionFileHeader::expectedMagic, sizeof(header.magic));
  header.version = SessionFileHeader::currentVersion;
  header.positions = getPosition();
  header.model = getModel(device);
  header.slotBytes = getSlotBytes(device);
  const float *logits = getLogits();
  header.logits = logits ? artifact.program().vocabulary() : 0;
  header.noteBytes = note.size();

  OutputFile file(path);
  uint64_t offset = sizeof(header);
  Checksum checksum;
  const auto write = [&](std::span<const std::byte> bytes) {
    forEachPiece(bytes, [&](std::span<const std::byte> piece) {
      checksum.add(piece);
      file.write(offset, piece);
      offset += piece.size();
    });
  };
  write(std::as_bytes(getTokens()));
  write(std::as_bytes(std::span(logits, header.logits)));
  std::vector<std::byte> buffer;
  forEachState(selected, getPosition(), [&](uint32_t state, uint64_t begin, uint64_t bytes) {
    forEachPiece(begin, bytes, buffer, [&](uint64_t place, std::span<std::byte> piece) {
      executor->readState(state, place, piece);
      write(piece);
    });
  });
  write(std::as_bytes(std::span(note)));

  header.contentChecksum = checksum.get();
  header.headerChecksum = hashHeader(header);
  file.write(0, std::as_bytes(std::span(&header, 1)));
  file.commit();
}

void Session::restore(const std::string &path) {
  SessionFileReader reader(path, device, context);
  const SessionFileHeader &header = reader.getHeader();
  std::string newNote(header.noteBytes, '\0');
  // From here on the old content is overwritten.
  rollback(0);
  note.clear();
  beginEvaluation();
  auto *logits = reinterpret_cast<float *>(restoredLogits.data());
  reader.read(std::as_writable_bytes(std::span(tokensOf(selected), header.positions)));
  reader.read(std::as_writable_bytes(std::span(logits, header.logits)));
  std::vector<std::byte> buffer;
  forEachState(selected, header.positions, [&](uint32_t state, uint64_t begin, uint64_t bytes) {
    forEachPiece(begin, bytes, buffer, [&](uint64_t place, std::span<std::byte> piece) {
      reader.read(piece);
      executor->writeState(state, place, piece);
    });
  });
  reader.read(std::as_writable_bytes(std::span(newNote)));
  reader.checkAllRead();
  sequences[selected].position = header.positions;
  setLogits(sequences[selected], nullptr, 0);
  sequences[selected].restored = header.logits > 0 ? logits : nullptr;
  note = std::move(newNote);
}

} // namespace nyala::rt
