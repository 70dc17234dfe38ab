//===- GgufBuilder.h - Small GGUF files for tests ---------------*- C++ -*-===//
//
// Writes GGUF in memory, faulty on request, and reads it through a file.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TEST_UNIT_GGUF_GGUFBUILDER_H
#define NYALA_TEST_UNIT_GGUF_GGUFBUILDER_H

#include "frontends/gguf/GgufFile.h"
#include "frontends/gguf/GgufFileTypes.h"
#include "ir/storage/Error.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include <unistd.h>

namespace nyala::gguf::test {

/// Little-endian bytes, as GGUF writes scalars and strings.
class Bytes {
public:
  template <typename T> Bytes &put(T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    text.append(raw, sizeof(T));
    return *this;
  }
  Bytes &putString(std::string_view value) {
    put<uint64_t>(value.size());
    text += value;
    return *this;
  }
  std::string text;
};

struct GgufBuilder {
  uint32_t version = 3;
  uint64_t alignment = 32; ///< of the data; the file says so only if told by `add`
  std::optional<uint64_t> tensorCount, entryCount; ///< false ones
  Bytes entries, infos, data;
  uint64_t entriesWritten = 0, infosWritten = 0;

  /// An entry whose value is already encoded.
  GgufBuilder &addRaw(std::string_view key, uint32_t type, const Bytes &value) {
    entries.putString(key).put(type).text += value.text;
    ++entriesWritten;
    return *this;
  }
  template <typename T> GgufBuilder &add(std::string_view key, ValueType type, T value) {
    return addRaw(key, static_cast<uint32_t>(type), Bytes().put(value));
  }
  GgufBuilder &addString(std::string_view key, std::string_view value) {
    return addRaw(key, static_cast<uint32_t>(ValueType::String), Bytes().putString(value));
  }
  template <typename T>
  GgufBuilder &addArray(std::string_view key, ValueType type, const std::vector<T> &values) {
    Bytes bytes;
    bytes.put(type).put<uint64_t>(values.size());
    for (const T &value : values)
      if constexpr (std::is_convertible_v<T, std::string_view>)
        bytes.putString(value);
      else
        bytes.put(value);
    return addRaw(key, static_cast<uint32_t>(ValueType::Array), bytes);
  }
  GgufBuilder &addStrings(std::string_view key, const std::vector<std::string> &values) {
    return addArray(key, ValueType::String, values);
  }

  /// Only the info; `dimensions` in the file's order, the fastest first.
  GgufBuilder &addInfo(std::string_view name, const std::vector<int64_t> &dimensions, uint32_t type,
                       uint64_t offset) {
    infos.putString(name).put<uint32_t>(static_cast<uint32_t>(dimensions.size()));
    for (int64_t size : dimensions)
      infos.put(size);
    infos.put(type).put(offset);
    ++infosWritten;
    return *this;
  }
  GgufBuilder &addTensor(std::string_view name, const std::vector<int64_t> &dimensions,
                         uint32_t type, std::string_view content) {
    data.text.resize((data.text.size() + alignment - 1) / alignment * alignment);
    addInfo(name, dimensions, type, data.text.size());
    data.text += content;
    return *this;
  }

  std::string build() const {
    Bytes file;
    file.text = "GGUF";
    file.put(version).put(tensorCount.value_or(infosWritten));
    file.put(entryCount.value_or(entriesWritten));
    file.text += entries.text + infos.text;
    if (!data.text.empty())
      file.text.resize((file.text.size() + alignment - 1) / alignment * alignment);
    return file.text + data.text;
  }
};

/// The path of the one file that a test writes at a time.
inline std::string getTestFile() {
  return testing::TempDir() + "nyala-test-" + std::to_string(getpid()) + ".gguf";
}

inline GgufFile readGguf(const std::string &bytes) {
  struct Remover {
    ~Remover() { unlink(getTestFile().c_str()); } // what is mapped stays
  } remover;
  std::ofstream(getTestFile(), std::ios::binary) << bytes;
  return GgufFile(getTestFile());
}

/// The message of the error of `action` without the file's path; empty if there was none.
template <typename Fn> std::string getError(Fn action) {
  try {
    action();
  } catch (const Error &error) {
    std::string message = error.what(), prefix = getTestFile() + ": ";
    EXPECT_TRUE(message.starts_with(prefix)) << message;
    return message.substr(std::min(prefix.size(), message.size()));
  }
  return "";
}

inline std::string getReadError(const std::string &bytes) {
  return getError([&] { readGguf(bytes); });
}

/// The shortest useful byte-level tokenizer.
inline GgufBuilder &addTokenizer(GgufBuilder &builder) {
  return builder.addString("tokenizer.ggml.model", "gpt2")
      .addString("tokenizer.ggml.pre", "smollm")
      .addStrings("tokenizer.ggml.tokens",
                  {"<|endoftext|>", "<|im_end|>", "a", "b", "\u0120", "ab", "\u0120a"})
      .addArray<int32_t>("tokenizer.ggml.token_type", ValueType::Int32, {3, 3, 1, 1, 1, 1, 1})
      .addStrings("tokenizer.ggml.merges", {"a b", "\u0120 a"})
      .add<uint32_t>("tokenizer.ggml.bos_token_id", ValueType::Uint32, 0)
      .add<uint32_t>("tokenizer.ggml.eos_token_id", ValueType::Uint32, 1)
      .addString("tokenizer.chat_template", "{{ messages }}");
}

} // namespace nyala::gguf::test

#endif // NYALA_TEST_UNIT_GGUF_GGUFBUILDER_H
