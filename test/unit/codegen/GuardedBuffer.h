//===- GuardedBuffer.h - Memory that notices strays -------------*- C++ -*-===//
//
// Bytes that end (up to alignment) where an inaccessible page begins, with known
// bytes on both sides: a read or write past the end faults, a write before the
// beginning is found by check().
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TEST_UNIT_CODEGEN_GUARDEDBUFFER_H
#define NYALA_TEST_UNIT_CODEGEN_GUARDEDBUFFER_H

#include "runtime/kernel_abi.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <span>
#include <sys/mman.h>
#include <utility>

namespace nyala::test {

class GuardedBuffer {
public:
  /// `size` bytes of `kFill`, aligned as the runtime aligns buffers.
  explicit GuardedBuffer(size_t size) : size(size) {
    size_t aligned =
        (size + NYALA_BUFFER_ALIGNMENT - 1) / NYALA_BUFFER_ALIGNMENT * NYALA_BUFFER_ALIGNMENT;
    usable = (aligned + kPage) / kPage * kPage; // at least one line before the beginning
    void *mapped =
        mmap(nullptr, usable + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED || mprotect(static_cast<char *>(mapped) + usable, kPage, PROT_NONE))
      std::abort();
    base = static_cast<uint8_t *>(mapped);
    std::memset(base, kFill, usable);
    offset = usable - aligned;
  }
  explicit GuardedBuffer(std::span<const uint8_t> bytes) : GuardedBuffer(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), data());
  }
  GuardedBuffer(GuardedBuffer &&other) noexcept
      : base(std::exchange(other.base, nullptr)), usable(other.usable), offset(other.offset),
        size(other.size) {}
  GuardedBuffer &operator=(GuardedBuffer &&) = delete;
  ~GuardedBuffer() {
    if (base)
      munmap(base, usable + kPage);
  }

  uint8_t *data() const { return base + offset; }
  std::span<const uint8_t> bytes() const { return {data(), size}; }
  /// Is everything around the bytes as it was?
  bool check() const {
    auto isFill = [](uint8_t byte) { return byte == kFill; };
    return std::all_of(base, data(), isFill) && std::all_of(data() + size, base + usable, isFill);
  }

  /// As f32 a small negative number, as index an absurd one.
  static constexpr uint8_t kFill = 0xA5;

private:
  static constexpr size_t kPage = 4096;
  uint8_t *base;
  size_t usable, offset, size;
};

} // namespace nyala::test

#endif // NYALA_TEST_UNIT_CODEGEN_GUARDEDBUFFER_H
