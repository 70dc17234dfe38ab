//===- GgufLayout.h - Where the parts of a GGUF file are --------*- C++ -*-===//
//
// A GGUF file is lists of things with lengths before them: a change of bytes
// alone moves everything behind it out of place. This takes a file apart as far
// as it makes sense, lets a mutator change strings and lists, and puts it
// together with lengths and counts that fit. What it cannot read it keeps.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TEST_FUZZ_GGUFLAYOUT_H
#define NYALA_TEST_FUZZ_GGUFLAYOUT_H

#include "test/fuzz/Mutation.h"

#include <span>

namespace nyala::test {

class GgufLayout {
public:
  explicit GgufLayout(std::span<const uint8_t> bytes);

  void addChanges(Mutator &mutator);
  std::string assemble() const;

private:
  struct Entry {
    std::string key;
    uint32_t type, elementType;        ///< the second counts for arrays
    std::vector<std::string> elements; ///< one if it is no array; strings without their length
  };
  struct Info {
    std::string name;
    std::vector<uint64_t> dimensions;
    uint32_t type;
    uint64_t offset;
  };
  bool readEntry();
  bool readInfo();
  template <typename T> bool read(T &value);
  bool readString(std::string &text);
  bool readElement(uint32_t type, std::string &bytes);

  uint32_t version = 3;
  std::vector<Entry> entries;
  std::vector<Info> infos;
  std::string rest;              ///< the data, from the first multiple of the alignment on
  std::span<const uint8_t> left; ///< not yet read
};

} // namespace nyala::test

#endif // NYALA_TEST_FUZZ_GGUFLAYOUT_H
