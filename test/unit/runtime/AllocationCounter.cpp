//===- AllocationCounter.cpp - How often was malloc called? ---------------===//

#include "test/unit/runtime/AllocationCounter.h"

#include <atomic>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

static std::atomic<size_t> allocations = 0;

size_t nyala::test::countAllocations() { return allocations.load(); }

#ifdef SANITIZED
bool nyala::test::canCountAllocations() { return false; }
#else
bool nyala::test::canCountAllocations() { return true; }

extern "C" {
// glibc's own functions behind the names that this program replaces.
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *pointer, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void *realloc(void *pointer, size_t size) {
  ++allocations;
  return __libc_realloc(pointer, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
}
#endif
