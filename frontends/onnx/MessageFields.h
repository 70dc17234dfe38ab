//===- MessageFields.h - The fields of a protobuf message -------*- C++ -*-===//
#ifndef NYALA_FRONTENDS_ONNX_MESSAGEFIELDS_H
#define NYALA_FRONTENDS_ONNX_MESSAGEFIELDS_H

#include <cstdint>
#include <optional>
#include <span>

namespace nyala::onnx {

/// A field in its encoding (protobuf.dev, "Encoding").
struct MessageField {
  uint64_t number;
  std::span<const uint8_t> whole; ///< with its tag
  /// Of strings, bytes, messages and packed lists.
  std::optional<std::span<const uint8_t>> content;
};

/// Cuts a message into its fields, in the order of the file.
class MessageFields {
public:
  explicit MessageFields(std::span<const uint8_t> message) : rest(message) {}

  /// Nullopt at the end, and where the message is malformed or cut off.
  std::optional<MessageField> next() {
    if (rest.empty() || broken)
      return std::nullopt;
    std::span<const uint8_t> from = rest;
    MessageField field;
    uint64_t tag = readNumber();
    field.number = tag >> 3;
    switch (tag & 7) {
    case 0: // a number of variable length
      readNumber();
      break;
    case 1:
      skip(8);
      break;
    case 2: {
      uint64_t length = readNumber();
      std::span<const uint8_t> at = rest;
      skip(length);
      if (!broken)
        field.content = at.first(length);
      break;
    }
    case 5:
      skip(4);
      break;
    default: // groups: not in ONNX
      broken = true;
    }
    if (broken)
      return std::nullopt;
    field.whole = from.first(from.size() - rest.size());
    return field;
  }

  bool isBroken() const { return broken; }

private:
  uint64_t readNumber() {
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest.empty())
        break;
      uint8_t byte = rest.front();
      rest = rest.subspan(1);
      number |= static_cast<uint64_t>(byte & 127) << shift;
      if (byte < 128)
        return number;
    }
    broken = true;
    return 0;
  }

  void skip(uint64_t length) {
    if (length > rest.size())
      broken = true;
    else
      rest = rest.subspan(length);
  }

  std::span<const uint8_t> rest;
  bool broken = false;
};

} // namespace nyala::onnx

#endif // NYALA_FRONTENDS_ONNX_MESSAGEFIELDS_H
