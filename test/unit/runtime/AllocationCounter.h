//===- AllocationCounter.h - How often was malloc called? -------*- C++ -*-===//
#ifndef NYALA_TEST_UNIT_RUNTIME_ALLOCATIONCOUNTER_H
#define NYALA_TEST_UNIT_RUNTIME_ALLOCATIONCOUNTER_H

#include <cstddef>

namespace nyala::test {

/// Calls of malloc, calloc, realloc and aligned_alloc (and of operator new, which uses them) by
/// all threads so far. Always 0 under a sanitizer, which has an allocator of its own.
size_t countAllocations();

/// Is the counter in place?
bool canCountAllocations();

} // namespace nyala::test

#endif // NYALA_TEST_UNIT_RUNTIME_ALLOCATIONCOUNTER_H
