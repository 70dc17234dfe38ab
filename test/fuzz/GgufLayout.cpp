#include "test/fuzz/GgufLayout.h"

#include "frontends/gguf/GgufFileTypes.h"

#include <cstring>

namespace nyala::test {
namespace {

constexpr size_t alignment = 32;
constexpr auto stringType = static_cast<uint32_t>(gguf::ValueType::String);
constexpr auto arrayType = static_cast<uint32_t>(gguf::ValueType::Array);

/// Bytes of a value other than a string or an array; 0 for an unknown type.
size_t getValueBytes(uint32_t type) {
  constexpr size_t bytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return type < std::size(bytes) ? bytes[type] : 0;
}

template <typename T> void put(std::string &file, T value) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  file.append(raw, sizeof(T));
}

void putString(std::string &file, const std::string &text) {
  put<uint64_t>(file, text.size());
  file += text;
}

} // namespace

template <typename T> bool GgufLayout::read(T &value) {
  if (left.size() < sizeof(T))
    return false;
  std::memcpy(&value, left.data(), sizeof(T));
  left = left.subspan(sizeof(T));
  return true;
}

bool GgufLayout::readString(std::string &text) {
  uint64_t length;
  if (!read(length) || length > left.size())
    return false;
  text.assign(left.begin(), left.begin() + static_cast<ptrdiff_t>(length));
  left = left.subspan(length);
  return true;
}

bool GgufLayout::readElement(uint32_t type, std::string &bytes) {
  if (type == stringType)
    return readString(bytes);
  size_t size = getValueBytes(type);
  if (size == 0 || size > left.size())
    return false;
  bytes.assign(left.begin(), left.begin() + static_cast<ptrdiff_t>(size));
  left = left.subspan(size);
  return true;
}

bool GgufLayout::readEntry() {
  Entry entry;
  uint64_t count = 1;
  if (!readString(entry.key) || !read(entry.type))
    return false;
  entry.elementType = entry.type;
  if (entry.type == arrayType && (!read(entry.elementType) || !read(count)))
    return false;
  for (; count > 0; --count)
    if (!readElement(entry.elementType, entry.elements.emplace_back()))
      return false;
  entries.push_back(std::move(entry));
  return true;
}

bool GgufLayout::readInfo() {
  Info info;
  uint32_t rank;
  if (!readString(info.name) || !read(rank) || rank > left.size())
    return false;
  info.dimensions.resize(rank);
  for (uint64_t &size : info.dimensions)
    if (!read(size))
      return false;
  if (!read(info.type) || !read(info.offset))
    return false;
  infos.push_back(std::move(info));
  return true;
}

GgufLayout::GgufLayout(std::span<const uint8_t> bytes) : left(bytes) {
  uint32_t magic;
  uint64_t infoCount, entryCount;
  if (!read(magic) || !read(version) || !read(infoCount) || !read(entryCount))
    return;
  while (entryCount > 0 && readEntry())
    --entryCount;
  while (entryCount == 0 && infoCount > 0 && readInfo())
    --infoCount;
  size_t at = bytes.size() - left.size(), start = (at + alignment - 1) / alignment * alignment;
  if (start < bytes.size())
    rest.assign(bytes.begin() + static_cast<ptrdiff_t>(start), bytes.end());
}

void GgufLayout::addChanges(Mutator &mutator) {
  const auto copy = [](const auto &element) { return element; };
  mutator.list(entries, copy);
  mutator.list(infos, copy);
  for (Entry &entry : entries) {
    mutator.text(entry.key);
    mutator.number(entry.type);
    mutator.number(entry.elementType);
    mutator.list(entry.elements, copy);
    mutator.add([&] {
      if (!entry.elements.empty())
        mutateBytes(entry.elements[mutator.pick(entry.elements.size())]);
    });
    // Another entry's content: where a text is expected, say, the text of something else.
    mutator.add([&] {
      const Entry &other = entries[mutator.pick(entries.size())];
      entry.type = other.type;
      entry.elementType = other.elementType;
      entry.elements = std::vector(other.elements);
    });
  }
  for (Info &info : infos) {
    mutator.text(info.name);
    mutator.numbers(info.dimensions);
    mutator.number(info.type);
    mutator.number(info.offset);
  }
  mutator.text(rest);
}

std::string GgufLayout::assemble() const {
  std::string file = "GGUF";
  put(file, version);
  put<uint64_t>(file, infos.size());
  put<uint64_t>(file, entries.size());
  for (const Entry &entry : entries) {
    putString(file, entry.key);
    put(file, entry.type);
    if (entry.type == arrayType) {
      put(file, entry.elementType);
      put<uint64_t>(file, entry.elements.size());
    }
    for (const std::string &element : entry.elements)
      if (entry.elementType == stringType)
        putString(file, element);
      else
        file += element;
  }
  for (const Info &info : infos) {
    putString(file, info.name);
    put(file, static_cast<uint32_t>(info.dimensions.size()));
    for (uint64_t size : info.dimensions)
      put(file, size);
    put(file, info.type);
    put(file, info.offset);
  }
  if (!rest.empty())
    file.resize((file.size() + alignment - 1) / alignment * alignment);
  return file + rest;
}

} // namespace nyala::test
