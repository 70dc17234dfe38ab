// nyala-test-dump-gguf: what nyala reads from a GGUF file, for comparison with another reader.
//
//   nyala-test-dump-gguf FILE           one JSON object: metadata, tensors, tokenizer
//   nyala-test-dump-gguf --values FILE  the f32 values of all tensors one after the other, raw
#include "frontends/gguf/GgufFile.h"
#include "ir/storage/Error.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <iostream>

using namespace nyala;
using namespace nyala::gguf;
using nlohmann::json;

static json dumpTensors(const GgufFile &file) {
  json tensors = json::array();
  for (const TensorInfo &tensor : file.getTensors())
    tensors.push_back({{"name", tensor.name},
                       {"shape", tensor.shape},
                       {"format", getInfo(tensor.format).name},
                       {"offset", tensor.offset},
                       {"bytes", tensor.bytes}});
  return tensors;
}

static json dumpTokenizer(const GgufFile &file) {
  std::optional<TokenizerData> data = readTokenizer(file);
  if (!data)
    return nullptr;
  // Tokens are bytes, not necessarily UTF-8: as arrays of numbers.
  json tokens = json::array(), kinds = json::array(), merges = json::array();
  for (const std::string &token : data->tokens) {
    json bytes = json::array();
    for (char c : token)
      bytes.push_back(static_cast<uint8_t>(c));
    tokens.push_back(std::move(bytes));
  }
  for (TokenKind kind : data->kinds)
    kinds.push_back(static_cast<int>(kind));
  for (const TokenizerData::Merge &merge : data->merges)
    merges.push_back({merge.left, merge.right, merge.rank, merge.result});
  json result = {{"model", data->model}, {"pre", data->preTokenizer}, {"tokens", tokens},
                 {"kinds", kinds},       {"merges", merges},          {"bos", data->bos},
                 {"eos", data->eos},     {"add_bos", data->addBos},   {"stops", data->stops}};
  if (data->chatTemplate)
    result["chat_template"] = *data->chatTemplate;
  return result;
}

static void dump(const GgufFile &file) {
  json metadata = json::object();
  for (const auto &[key, value] : file.getMetadata())
    std::visit([&, &name = key](const auto &typed) { metadata[name] = typed; }, value);
  json result = {{"version", file.getVersion()},
                 {"metadata", metadata},
                 {"tensors", dumpTensors(file)},
                 {"tokenizer", dumpTokenizer(file)}};
  std::cout << result.dump() << '\n';
}

static void dumpValues(const GgufFile &file) {
  std::vector<float> values;
  for (const TensorInfo &tensor : file.getTensors()) {
    const StoredFormatInfo &info = getInfo(tensor.format);
    values.resize(tensor.bytes / info.blockBytes * info.blockValues);
    dequantize(tensor.format, file.bytes().data() + tensor.offset, values.data(), values.size());
    std::fwrite(values.data(), sizeof(float), values.size(), stdout);
  }
  if (std::fflush(stdout) != 0)
    throw Error("cannot write the values to the standard output");
}

int main(int argc, char **argv) {
  bool values = argc == 3 && std::string_view(argv[1]) == "--values";
  if (argc != 2 && !values) {
    std::cerr << "usage: nyala-test-dump-gguf [--values] FILE\n";
    return 2;
  }
  try {
    GgufFile file(argv[argc - 1]);
    values ? dumpValues(file) : dump(file);
  } catch (const std::exception &error) {
    std::cerr << "nyala-test-dump-gguf: error: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
