//===- tokenize.cpp - Tokenizer on the command line, for tests --*- C++ -*-===//
//
// nyala-test-tokenize MODEL [--pre NAME] [--merges N] [--same-as OTHER]
//
// MODEL, OTHER: a GGUF file, or a directory with a tokenizer.json.
// Reads texts from standard input, each as a line "LENGTH MODE" and LENGTH
// bytes; writes a line for each, or "error: ...". Modes: plain, special: ids,
// special tokens being text or tokens (each encoding is decoded again; a
// difference is an error too); pieces: the lengths in bytes of what the
// pre-tokenizer cuts the text into. --pre replaces the file's pre-tokenizer,
// --merges keeps only the first N merges. --same-as compares the two models'
// tokenizers, field by field, and does nothing else.
// test/e2e/tokenizer_equality.py and test_tokenizer_json.py drive this.
//
//===----------------------------------------------------------------------===//
#include "codegen/package/TokenizerWriter.h"
#include "frontends/gguf/GgufFile.h"
#include "frontends/hf/HfTokenizer.h"
#include "ir/storage/Error.h"
#include "runtime/text/Tokenizer.h"

#include <chrono>
#include <exception>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

using namespace nyala;

namespace {

double milliseconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

std::string encodeLine(const rt::Tokenizer &tokenizer, const std::string &text, bool special) {
  std::string line, decoded;
  for (int32_t id : tokenizer.encode(text, special)) {
    line += (line.empty() ? "" : " ") + std::to_string(id);
    decoded += tokenizer.tokenBytes(id, true);
  }
  bool same = decoded == text ||
              decoded == std::string(tokenizer.tokenBytes(tokenizer.getBos(), true)) + text;
  return same ? line : "error: decoding gives another text";
}

std::string piecesLine(const rt::PreTokenizer &preTokenizer, const std::string &text) {
  std::vector<std::string_view> pieces;
  preTokenizer.split(text, pieces);
  std::string line;
  for (std::string_view piece : pieces)
    line += (line.empty() ? "" : " ") + std::to_string(piece.size());
  return line;
}

TokenizerData readData(const std::string &path) {
  auto data = std::filesystem::is_directory(path) ? hf::readTokenizer(path)
                                                  : gguf::readTokenizer(gguf::GgufFile(path));
  if (!data)
    throw Error(path + " has no tokenizer");
  return *data;
}

void requireSame(const TokenizerData &ours, const TokenizerData &theirs) {
  auto require = [](bool same, const char *what) {
    if (!same)
      throw Error(std::string("the tokenizers differ in ") + what);
  };
  require(ours.model == theirs.model, "model");
  require(ours.preTokenizer == theirs.preTokenizer, "pre-tokenizer");
  require(ours.splits == theirs.splits, "splits");
  require(ours.ignoreMerges == theirs.ignoreMerges, "ignoring merges");
  require(ours.tokens == theirs.tokens, "tokens");
  require(ours.kinds == theirs.kinds, "kinds");
  require(ours.merges == theirs.merges, "merges");
  require(ours.bos == theirs.bos && ours.eos == theirs.eos, "bos or eos");
  require(ours.addBos == theirs.addBos, "adding bos");
  require(ours.stops == theirs.stops, "stops");
  require(ours.chatTemplate == theirs.chatTemplate, "chat template");
}

void run(int argc, char **argv) {
  TokenizerData data = readData(argv[1]);
  for (int i = 2; i + 1 < argc; i += 2) {
    std::string_view option = argv[i];
    if (option == "--same-as")
      return requireSame(data, readData(argv[i + 1]));
    if (option == "--pre")
      data.preTokenizer = argv[i + 1];
    else if (option == "--merges")
      std::erase_if(data.merges, [most = std::stoul(argv[i + 1])](const auto &merge) {
        return merge.rank >= most;
      });
    else
      throw Error("unknown option " + std::string(option));
  }
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(package::writeTokenizer(builder, data));

  auto start = std::chrono::steady_clock::now();
  rt::Tokenizer tokenizer(flatbuffers::GetRoot<artifact::Tokenizer>(builder.GetBufferPointer()));
  auto made = std::chrono::steady_clock::now();
  tokenizer.validate();
  auto valid = std::chrono::steady_clock::now();
  std::cerr << "made in " << milliseconds(made - start) << " ms, validated in "
            << milliseconds(valid - made) << " ms\n";
  std::chrono::steady_clock::duration busy{};
  size_t length = 0, total = 0;
  std::string mode;
  while (std::cin >> length >> mode && std::cin.get() == '\n') {
    std::string text(length, '\0');
    if (!std::cin.read(text.data(), static_cast<std::streamsize>(length)))
      throw Error("standard input ends inside a text");
    auto begin = std::chrono::steady_clock::now();
    std::string line;
    try {
      line = mode == "pieces" ? piecesLine(tokenizer.getPreTokenizer(), text)
                              : encodeLine(tokenizer, text, mode == "special");
    } catch (const std::exception &error) {
      line = std::string("error: ") + error.what();
    }
    busy += std::chrono::steady_clock::now() - begin;
    total += length;
    std::cout << line << '\n';
  }
  std::cerr << total << " bytes in " << milliseconds(busy) << " ms\n";
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 2 || argc % 2 != 0) {
    std::cerr << "usage: nyala-test-tokenize MODEL [--pre NAME] [--merges N] [--same-as OTHER]\n";
    return 2;
  }
  try {
    run(argc, argv);
    return 0;
  } catch (const std::exception &error) {
    std::cerr << "nyala-test-tokenize: " << error.what() << '\n';
    return 1;
  }
}
