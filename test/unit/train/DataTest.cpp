#include "tools/nyala-train/Data.h"
#include "ir/storage/Error.h"
#include "tools/nyala-train/BpeTrainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

using namespace nyala;
using namespace nyala::train;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

std::string write(const std::string &name, const std::string &content) {
  std::string path = testing::TempDir() + "nyala-data-" + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

template <typename Action> std::string getError(Action action) {
  try {
    action();
  } catch (const Error &error) {
    return error.what();
  }
  return "nothing was thrown";
}

std::string getReadError(const std::string &name, const std::string &content) {
  return getError([&] { readData(write(name, content)); });
}

/// "ab" is token 256, the end of text 257.
TokenizerData makeTokenizer() {
  std::string_view text = "ab ab";
  return trainBpe(std::span(&text, 1), 258);
}

std::string makeNpy(const std::string &header, const std::string &data, char version = 1) {
  std::string length(version == 1 ? 2 : 4, '\0');
  length[0] = static_cast<char>(header.size());
  return std::string("\x93NUMPY") + version + '\0' + length + header + data;
}

TEST(Data, ReadsTextAsOneDocument) {
  Data data = readData(write("a.txt", "ab\nab"));
  ASSERT_EQ(data.documents.size(), 1u);
  EXPECT_TRUE(data.hasText());
  TextEncoder encoder(makeTokenizer());
  EXPECT_THAT(tokenize(data, &encoder, 258), ElementsAre(256, '\n', 256));
}

TEST(Data, JoinsLinesByTheEndOfText) {
  std::string path = write("a.jsonl", "{\"text\": \"ab\"}\n\n  \r\n{\"input_ids\": [1, 2]}\n"
                                      "{\"tokens\": [3], \"id\": 7}");
  Data data = readData(path);
  ASSERT_EQ(data.documents.size(), 3u);
  EXPECT_EQ(data.documents[1].place, path + ":4");
  TextEncoder encoder(makeTokenizer());
  EXPECT_THAT(tokenize(data, &encoder, 258), ElementsAre(256, 257, 1, 2, 257, 3));
}

TEST(Data, NamesTheLineOfAMistake) {
  EXPECT_THAT(getReadError("b.txt", ""), HasSubstr("the file is empty"));
  EXPECT_THAT(getReadError("b.txt", "a\nb\nc\xff"), HasSubstr("b.txt:3: "));
  EXPECT_THAT(getReadError("b.jsonl", "{\"text\": \"a\"}\n{\"text\": "),
              HasSubstr("b.jsonl:2: not JSON"));
  EXPECT_THAT(getReadError("b.jsonl", "{\"text\": \"a\xff\"}"), HasSubstr("b.jsonl:1: "));
  EXPECT_THAT(getReadError("b.jsonl", "[1]"), HasSubstr("b.jsonl:1: expected an object"));
  EXPECT_THAT(getReadError("b.jsonl", "{\"body\": 1}"), HasSubstr("b.jsonl:1: has none of"));
  EXPECT_THAT(getReadError("b.jsonl", "{\"text\": 1}"),
              HasSubstr("b.jsonl:1: text: expected a string, got 1"));
  EXPECT_THAT(getReadError("b.jsonl", "{\"tokens\": [1, -1]}"),
              HasSubstr("b.jsonl:1: tokens[1]: expected an integer"));
}

TEST(Data, ChecksIdsAndTokenizers) {
  Data ids = readData(write("c.jsonl", "{\"tokens\": [1, 300]}"));
  EXPECT_THAT(getError([&] { tokenize(ids, nullptr, 300); }),
              HasSubstr("c.jsonl:1: token 1 is 300, expected 0 to 299"));
  EXPECT_THAT(tokenize(ids, nullptr, 301), ElementsAre(1, 300));
  Data text = readData(write("c.txt", "ab"));
  EXPECT_THAT(getError([&] { tokenize(text, nullptr, 300); }), HasSubstr("--tokenizer"));
  TextEncoder encoder(makeTokenizer());
  EXPECT_THAT(getError([&] { tokenize(text, &encoder, 200); }),
              HasSubstr("the tokenizer gives token 256, expected less than 200"));
  EXPECT_THAT(getError([&] { checkLength(text, {1, 2, 3}, 3); }),
              HasSubstr("has 3 tokens, expected at least 4"));
  checkLength(text, {1, 2, 3}, 2);
}

TEST(Data, ReadsArraysOfNumPy) {
  std::string header = "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }";
  std::string values("\x05\0\0\0\x06\x01\0\0", 8);
  Data data = readData(write("d.npy", makeNpy(header, values)));
  EXPECT_THAT(data.documents[0].ids, ElementsAre(5, 262));
  data = readData(write("d.npy", makeNpy(header, values, 2)));
  EXPECT_THAT(data.documents[0].ids, ElementsAre(5, 262));
  header = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }";
  data = readData(write("d.npy", makeNpy(header, "\x01\x02\xff")));
  EXPECT_THAT(data.documents[0].ids, ElementsAre(1, 2, 255));
}

TEST(Data, RefusesOtherArrays) {
  auto refuse = [&](const std::string &type, const std::string &shape, const std::string &values) {
    return getReadError("e.npy", makeNpy("{'descr': '" + type +
                                             "', 'fortran_order': False, "
                                             "'shape': " +
                                             shape + ", }",
                                         values));
  };
  EXPECT_THAT(refuse("<f4", "(1,)", "1234"), HasSubstr("type '<f4', expected little-endian"));
  EXPECT_THAT(refuse(">i4", "(1,)", "1234"), HasSubstr("type '>i4'"));
  EXPECT_THAT(refuse("<i4", "(1, 1)", "1234"), HasSubstr("shape (1, 1), expected one dimension"));
  EXPECT_THAT(refuse("<i4", "()", "1234"), HasSubstr("expected one dimension"));
  EXPECT_THAT(refuse("<i4", "7", "1234"), HasSubstr("is no tuple"));
  EXPECT_THAT(refuse("<i4", "(2,)", "1234"), HasSubstr("truncated"));
  EXPECT_THAT(refuse("<i4", "(99999999999999,)", "1234"), HasSubstr("truncated"));
  EXPECT_THAT(refuse("|i1", "(1,)", "\xff"), HasSubstr("value 0 is below 0"));
  EXPECT_THAT(refuse("<u4", "(1,)", "\xff\xff\xff\xff"), HasSubstr("2^31 or more"));
  EXPECT_THAT(getReadError("e.npy", "PK and more bytes"), HasSubstr("not an array of NumPy"));
  EXPECT_THAT(getReadError("e.npy", makeNpy("{}", "")), HasSubstr("no 'descr'"));
  EXPECT_THAT(getReadError("e.npy", makeNpy(std::string(90, ' '), "").substr(0, 50)),
              HasSubstr("truncated"));
}

TEST(Data, TellsDataApart) {
  EXPECT_EQ(computeFingerprint({1, 2}), computeFingerprint({1, 2}));
  EXPECT_NE(computeFingerprint({1, 2}), computeFingerprint({2, 1}));
}

} // namespace
