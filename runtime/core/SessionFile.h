//===- SessionFile.h - Header of a saved session ----------------*- C++ -*-===//
//
// A saved session is this header, then without gaps: tokens (i32 each), logits
// (f32 each), the filled slots of every state, the note. All little endian.
// Session::save and Session::restore write and read it; docs/sessions.md.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_CORE_SESSIONFILE_H
#define NYALA_RUNTIME_CORE_SESSIONFILE_H

#include <cstdint>

namespace nyala::rt {

struct SessionFileHeader {
  static constexpr char expectedMagic[9] = "NYALASES";
  /// Raised whenever a reader of an older version could misread the file.
  static constexpr uint32_t currentVersion = 1;

  char magic[8];
  uint32_t version;
  uint32_t positions; ///< tokens, and filled slots of each state
  uint64_t model;     ///< of the artifact, and of which of its states a session has
  uint64_t slotBytes; ///< of one position, of all states together
  uint64_t logits;    ///< 0, or the model's vocabulary
  uint64_t noteBytes;
  uint64_t contentChecksum; ///< XXH3-64 of all that follows the header
  uint64_t headerChecksum;  ///< XXH3-64 of the 56 bytes before it
};
static_assert(sizeof(SessionFileHeader) == 64);

} // namespace nyala::rt

#endif // NYALA_RUNTIME_CORE_SESSIONFILE_H
