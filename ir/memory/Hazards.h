//===- Hazards.h - Which steps must wait for which ---------------*- C++ -*-===//
#ifndef NYALA_IR_MEMORY_HAZARDS_H
#define NYALA_IR_MEMORY_HAZARDS_H

#include "ir/NyalaOps.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallVector.h"

namespace nyala {

/// Bytes `first` to `last` of one buffer; of the arena, which is one buffer, `index` is 0.
struct MemoryRange {
  BufferRegion region;
  int64_t index;
  int64_t first, last;

  bool operator==(const MemoryRange &) const = default;
  bool overlaps(const MemoryRange &other) const {
    return region == other.region && index == other.index && first <= other.last &&
           other.first <= last;
  }
  bool covers(const MemoryRange &other) const {
    return region == other.region && index == other.index && first <= other.first &&
           other.last <= last;
  }
};

/// Steps that touched the same memory before: the last writer of what a step reads, and writer and
/// readers of what it overwrites.
class Hazards {
public:
  using Waits = llvm::SmallSetVector<int64_t, 4>;

  void read(int64_t step, const MemoryRange &range, Waits &waits) {
    for (const Access &access : accesses)
      if (access.writes && access.range.overlaps(range))
        waits.insert(access.step);
    pending.push_back({step, false, range});
  }
  void write(int64_t step, const MemoryRange &range, Waits &waits) {
    for (const Access &access : accesses)
      if (access.range.overlaps(range))
        waits.insert(access.step);
    // What is overwritten as a whole needs not be waited for again.
    llvm::erase_if(accesses, [&](const Access &access) { return range.covers(access.range); });
    pending.push_back({step, true, range});
  }
  void endStep() {
    accesses.append(pending);
    pending.clear();
  }

private:
  struct Access {
    int64_t step;
    bool writes;
    MemoryRange range;
  };
  llvm::SmallVector<Access> accesses, pending;
};

} // namespace nyala

#endif // NYALA_IR_MEMORY_HAZARDS_H
