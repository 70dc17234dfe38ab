//===- MemoryFile.h - Bytes that readers of files can open ------*- C++ -*-===//
#ifndef NYALA_TEST_FUZZ_MEMORYFILE_H
#define NYALA_TEST_FUZZ_MEMORYFILE_H

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

namespace nyala::test {

/// A file without a name in any file system: readers get the path of its descriptor, and so are
/// fuzzed as they are, with the opening and mapping of files.
class MemoryFile {
public:
  explicit MemoryFile(std::span<const uint8_t> bytes)
      : descriptor(memfd_create("fuzz", MFD_CLOEXEC)),
        path("/proc/self/fd/" + std::to_string(descriptor)) {
    if (descriptor < 0 ||
        write(descriptor, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
      std::abort();
  }
  ~MemoryFile() { close(descriptor); }
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;

  const std::string &getPath() const { return path; }

private:
  int descriptor;
  std::string path;
};

} // namespace nyala::test

#endif // NYALA_TEST_FUZZ_MEMORYFILE_H
