#include "tools/nyala-train/NpyFile.h"
#include "ir/storage/Error.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <string_view>

namespace nyala::train {
namespace {

class NpyReader {
public:
  NpyReader(const std::string &path, std::span<const uint8_t> bytes) : path(path), bytes(bytes) {}

  std::vector<int32_t> read();

private:
  [[noreturn]] void fail(const std::string &message) const { throw Error(path + ": " + message); }
  void readPreamble();
  std::string_view getValue(std::string_view key) const;
  uint64_t readCount() const;

  const std::string &path;
  std::span<const uint8_t> bytes;
  std::string_view header;
  size_t dataBegin = 0;
};

void NpyReader::readPreamble() {
  constexpr std::string_view magic = "\x93NUMPY";
  std::string_view text(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  if (!text.starts_with(magic) || bytes.size() < 12)
    fail("not an array of NumPy: it starts with " + quote(text.substr(0, 8)));
  int version = bytes[6];
  if (version < 1 || version > 3)
    fail("is of version " + std::to_string(version) + " of NumPy's format, expected 1, 2 or 3");
  size_t lengthBytes = version == 1 ? 2 : 4, length = 0;
  std::memcpy(&length, bytes.data() + 8, lengthBytes);
  dataBegin = 8 + lengthBytes + length;
  if (dataBegin > bytes.size())
    fail("truncated: a header of " + std::to_string(length) + " bytes does not fit in the file");
  header = text.substr(8 + lengthBytes, length);
}

/// What stands after 'KEY': in the header, which NumPy writes in one way.
std::string_view NpyReader::getValue(std::string_view key) const {
  size_t found = header.find("'" + std::string(key) + "':");
  if (found == std::string_view::npos)
    fail("its header has no '" + std::string(key) + "'");
  std::string_view rest = header.substr(found + key.size() + 3);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return rest;
}

uint64_t NpyReader::readCount() const {
  std::string_view shape = getValue("shape");
  if (!shape.starts_with('('))
    fail("its header's 'shape' is no tuple");
  shape = shape.substr(0, std::min(shape.find(')'), shape.size() - 1) + 1);
  uint64_t count = 0;
  auto [end, error] = std::from_chars(shape.data() + 1, shape.data() + shape.size(), count);
  std::string_view rest(end, static_cast<size_t>(shape.data() + shape.size() - end));
  if (error != std::errc() || (rest != ",)" && rest != ")"))
    fail("has the shape " + std::string(shape) + ", expected one dimension; flatten it");
  return count;
}

std::vector<int32_t> NpyReader::read() {
  readPreamble();
  std::string_view type = getValue("descr");
  type = type.substr(0, type.find(',')); // '<i4', with quotes
  bool integer = type.size() == 5 && (type[1] == '<' || type[1] == '|') &&
                 (type[2] == 'i' || type[2] == 'u') &&
                 std::string_view("1248").find(type[3]) != std::string_view::npos;
  if (!integer)
    fail("holds values of type " + std::string(type) +
         ", expected little-endian integers such as '<i4' or '<u2'");
  auto size = static_cast<size_t>(type[3] - '0');
  uint64_t count = readCount(), room = (bytes.size() - dataBegin) / size;
  if (count > room)
    fail("truncated: " + std::to_string(count) + " values of " + std::to_string(size) +
         " bytes do not fit in the " + std::to_string(bytes.size() - dataBegin) +
         " bytes after the header");
  std::vector<int32_t> values(count);
  for (size_t i = 0; i < count; ++i) {
    uint64_t value = 0;
    const uint8_t *place = bytes.data() + dataBegin + i * size;
    std::memcpy(&value, place, size);
    bool negative = type[2] == 'i' && place[size - 1] >= 0x80;
    if (negative || value > static_cast<uint64_t>(std::numeric_limits<int32_t>::max()))
      fail("value " + std::to_string(i) + " is " + (negative ? "below 0" : "2^31 or more") +
           ", expected ids of tokens");
    values[i] = static_cast<int32_t>(value);
  }
  return values;
}

} // namespace

std::vector<int32_t> readNpyIntegers(const std::string &path, std::span<const uint8_t> bytes) {
  return NpyReader(path, bytes).read();
}

} // namespace nyala::train
