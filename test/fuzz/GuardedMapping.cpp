//===- GuardedMapping.cpp - Notices reads behind a mapped file ------------===//
//
// A file is mapped in whole pages, and behind its end the last one is zeros that
// nobody should read, but that AddressSanitizer takes for memory as good as any.
// The linker calls these in place of mmap and munmap (--wrap).
//
//===----------------------------------------------------------------------===//

#include <cstdint>

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static size_t getTail(size_t length) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return -length % page;
}

// NOLINTBEGIN(bugprone-reserved-identifier): names that the linker gives

extern "C" void *__wrap_mmap(void *address, size_t length, int protection, int flags,
                             int descriptor, off_t offset) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): MAP_FAILED is the system call's -1
  auto *base = reinterpret_cast<uint8_t *>(
      syscall(SYS_mmap, address, length, protection, flags, descriptor, offset));
  if (base != MAP_FAILED && descriptor >= 0)
    ASAN_POISON_MEMORY_REGION(base + length, getTail(length));
  return base;
}

extern "C" int __wrap_munmap(void *address, size_t length) {
  ASAN_UNPOISON_MEMORY_REGION(static_cast<uint8_t *>(address) + length, getTail(length));
  return static_cast<int>(syscall(SYS_munmap, address, length));
}

// NOLINTEND(bugprone-reserved-identifier)
