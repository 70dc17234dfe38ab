//===- Seeds.cpp - Valid inputs that a corpus starts from -----------------===//
//
// nyala-fuzz-seeds FOLDER writes FOLDER/<target>/<name> for every target.
//
//===----------------------------------------------------------------------===//

#include "TokenizerCase_generated.h"
#include "runtime/core/SessionFile.h"
#include "runtime/nyala.h"
#include "test/fuzz/ArtifactCase.h"
#include "test/unit/gguf/GgufBuilder.h"
#include "test/unit/hf/SafetensorsBuilder.h"
#include "test/unit/hf/TokenizerFiles.h"
#include "test/unit/runtime/ArtifactBuilder.h"
#include "test/unit/text/TokenizerFixture.h"

#include <onnx/onnx_pb.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

using namespace nyala;
using gguf::ValueType;
using gguf::test::GgufBuilder;

namespace {

std::filesystem::path folder;

void write(const std::string &name, std::string_view bytes) {
  std::filesystem::create_directories((folder / name).parent_path());
  std::ofstream(folder / name, std::ios::binary) << bytes;
}

std::string readFile(const std::filesystem::path &path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

std::vector<std::pair<std::string, std::string>> readTemplates() {
  std::vector<std::pair<std::string, std::string>> templates;
  for (const auto &file : std::filesystem::directory_iterator(NYALA_TEST_DIR "/data/templates"))
    if (file.path().extension() == ".jinja")
      templates.emplace_back(file.path().stem(), readFile(file.path()));
  return templates;
}

/// What the templates of models seldom use, so that every construct is in the corpus.
constexpr const char *constructs[] = {
    "{% set l = [3, 'x', none, 1.5] %}{{ l[1:] + l[::-1] }}{{ 'ab' * 2 ~ [1] * 3 }}{{ (1, 2) < (1, "
    "3) }}",
    "{{ 7 // 2 - -7 % 3 * 2.5 / 4 }}{{ 1e16 }}{{ 1 < 2 <= 3 != 4 >= 3 > 1 == true }}{{ 'a' not in "
    "'abc' }}",
    "{{ messages | map(attribute='role') | list | reverse | join(', ') }}{{ 'caf\u00e9' | reverse "
    "}}",
    "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}{{ [0, 1] | select | "
    "first }}",
    "{{ messages | rejectattr('role', 'in', ['user']) | map('length') | list | last }}{{ 'abc' | "
    "last }}",
    "{{ {'b': [1, 2.0, none], 'a': '\u00e9\"\\n\U0001F600'} | tojson(indent=2, sort_keys=true) }}",
    "{{ [1, 'a', {'k': (1,)}] | tojson(ensure_ascii=true, separators=(',', ':')) }}{{ {1: 2} | "
    "items | list }}",
    "{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{{ loop.previtem }}{{ loop.nextitem "
    "}}{% endfor %}",
    "{% for x in 'ab' if x != 'b' %}{{ loop.index0 }}{{ loop.revindex }}{% else %}none{% endfor "
    "%}{{ loop }}",
    "{% macro f(a, b='d') %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}{{ f(b=1, a=f(2, 3)) }}",
    "{% set b %} text {{ 1 }}{% endset %}{% set a, c = b.strip(), 2 %}{{ a.upper() }}{{ 'it "
    "is'.title() }}",
    "{{ 'a,b,,c'.split(',', 2) }}{{ ' a b '.rsplit(none, 1) }}{{ 'a\nb\r\nc'.splitlines() }}",
    "{{ 'xxaxx'.lstrip('x') }}{{ 'abc'.startswith(('x', 'a')) }}{{ 'abcab'.replace('ab', 'x', 1) "
    "}}",
    "{{ 'abcab'.find('ca') }}{{ 'aXbX'.count('X') }}{{ 'abc'.removeprefix('a') }}{{ ', "
    "'.join(['a', 'b']) }}",
    "{{ {'a': 1}.get('b', 2) }}{{ {'a': 1}.keys() | list }}{{ dict({'a': 1}, b=2) }}{{ {}[(1, 2)] "
    "}}",
    "{{ ' 12 ' | int + 'x' | int(7) }}{{ '<a>' | e }}{{ '<a>' | safe }}{{ 'a\nb\n\nc' | indent(2, "
    "true) }}",
    "{{ 'foo bar-baz' | title | replace('o', '0') | trim('F') }}{{ x | default('d', true) }}{{ 5 | "
    "string }}",
    "{{ 4 is divisibleby 2 and 3 is odd or 1.5 is number }}{{ [] is sequence }}{{ x is not defined "
    "}}",
    "{{ strftime_now('%d %B %Y %I:%M %p %-d') }}{{ range(9, 0, -3) | list }}{{ "
    "raise_exception('no') }}",
    "{% set n = namespace(x=1, y=[]) %}{% for i in [1, 2] %}{% set n.x = n.x + i %}{% endfor %}{{ "
    "n.x }}",
};

//===----------------------------------------------------------------------===//
// GGUF
//===----------------------------------------------------------------------===//

void addKeys(GgufBuilder &builder) {
  builder.addString("general.architecture", "llama")
      .add<uint32_t>("general.alignment", ValueType::Uint32, 32)
      .add<uint32_t>("llama.block_count", ValueType::Uint32, 1)
      .add<float>("llama.attention.layer_norm_rms_epsilon", ValueType::Float32, 1e-5f)
      .add<int8_t>("i8", ValueType::Int8, -1)
      .add<uint8_t>("bool", ValueType::Bool, 1)
      .add<double>("f64", ValueType::Float64, 0.5)
      .add<int64_t>("i64", ValueType::Int64, -2)
      .addArray<uint8_t>("bools", ValueType::Bool, {0, 1})
      .addArray<float>("floats", ValueType::Float32, {1, 2})
      .addArray<uint16_t>("u16s", ValueType::Uint16, {1, 2, 3})
      .addArray<uint64_t>("u64s", ValueType::Uint64, {1, 2});
}

/// A tensor of each type that is read.
void addTensors(GgufBuilder &builder) {
  for (uint32_t type = 0; type < 64; ++type)
    if (std::optional<StoredFormat> format = gguf::getStoredFormat(type)) {
      size_t values = getInfo(*format).blockValues;
      builder.addTensor("t" + std::to_string(type), {static_cast<int64_t>(values)}, type,
                        std::string(storedBytes(*format, values), 'x'));
    }
  builder.addTensor("matrix", {4, 2}, 0, std::string(32, 'y'));
}

void writeGguf() {
  GgufBuilder keys, tensors, tokenizer, bytes;
  addKeys(keys);
  write("gguf/keys", keys.build());
  addTensors(tensors);
  write("gguf/tensors", tensors.build());
  write("gguf/tokenizer", gguf::test::addTokenizer(tokenizer).build());
  bytes.version = 2;
  bytes.addString("tokenizer.ggml.model", "gpt2")
      .addString("tokenizer.ggml.pre", "llama-bpe")
      .addStrings("tokenizer.ggml.tokens", {"<0x41>", "b", "\u0100", "caf\u00c3\u00a9", "<unk>"})
      .addArray<int32_t>("tokenizer.ggml.token_type", ValueType::Int32, {6, 4, 1, 5, 2})
      .addStrings("tokenizer.ggml.merges", {})
      .add<uint32_t>("tokenizer.ggml.eot_token_id", ValueType::Uint32, 4)
      .add<uint8_t>("tokenizer.ggml.add_bos_token", ValueType::Bool, 0);
  write("gguf/bytes", bytes.build());
}

//===----------------------------------------------------------------------===//
// Checkpoints
//===----------------------------------------------------------------------===//

void writeSafetensors() {
  using hf::test::describe;
  const auto put = [](const std::string &name, const std::string &header, size_t dataBytes) {
    write("safetensors/" + name,
          hf::test::buildSafetensors(header, std::string(dataBytes, '\x3c')));
  };
  put("empty", "{}", 0);
  put("plain",
      "{\"__metadata__\":{\"format\":\"pt\"}," + describe("a", "F32", "2,3", 0, 24) + "," +
          describe("b", "F16", "3", 24, 30) + "," + describe("c", "BF16", "1,2", 30, 34) + "}  ",
      34);
  put("others",
      "{" + describe("a", "F4", "3", 0, 2) + "," + describe("b", "I64", "1", 2, 10) + "," +
          describe("c", "F32", "0,5", 10, 10) + "," + describe("d", "BOOL", "", 10, 11) + "," +
          describe("e", "ZEBRA", "7", 11, 12) + "}",
      12);
  write("safetensors/index", "{\"metadata\": {\"total_size\": 24}, \"weight_map\": {\"a\": "
                             "\"model-00001-of-00002.safetensors\"}}");
  write("safetensors/config", "{\"model_type\": \"llama\", \"hidden_size\": 64, "
                              "\"rms_norm_eps\": 1e-05, \"rope_scaling\": null, "
                              "\"architectures\": [\"LlamaForCausalLM\"]}");
}

//===----------------------------------------------------------------------===//
// ONNX
//===----------------------------------------------------------------------===//

using ::onnx::TensorProto;

TensorProto &addInitializer(::onnx::GraphProto &graph, const char *name, TensorProto::DataType type,
                            std::initializer_list<int64_t> shape) {
  TensorProto &tensor = *graph.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(type);
  tensor.mutable_dims()->Assign(shape.begin(), shape.end());
  return tensor;
}

::onnx::NodeProto &addNode(::onnx::GraphProto &graph, const char *op,
                           std::initializer_list<const char *> inputs, const char *output) {
  ::onnx::NodeProto &node = *graph.add_node();
  node.set_op_type(op);
  node.mutable_input()->Assign(inputs.begin(), inputs.end());
  node.add_output(output);
  return node;
}

/// A small network, with a tensor for each way to store one.
void writeOnnx() {
  ::onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  ::onnx::GraphProto &graph = *model.mutable_graph();
  ::onnx::ValueInfoProto &input = *graph.add_input();
  input.set_name("x");
  ::onnx::TypeProto_Tensor &type = *input.mutable_type()->mutable_tensor_type();
  type.set_elem_type(TensorProto::FLOAT);
  for (int64_t size : {1, 2, 5, 5})
    type.mutable_shape()->add_dim()->set_dim_value(size);
  graph.add_output()->set_name("y");

  addInitializer(graph, "w", TensorProto::FLOAT, {3, 2, 3, 3})
      .set_raw_data(std::string(216, '\x3e'));
  const float bias[] = {1, 2, 3};
  addInitializer(graph, "b", TensorProto::FLOAT, {3}).mutable_float_data()->Assign(bias, bias + 3);
  const int32_t halves[] = {0x3c00, 0x4000};
  addInitializer(graph, "h", TensorProto::FLOAT16, {2})
      .mutable_int32_data()
      ->Assign(halves, halves + 2);
  const int64_t shape[] = {1, -1};
  addInitializer(graph, "s", TensorProto::INT64, {2})
      .mutable_int64_data()
      ->Assign(shape, shape + 2);
  TensorProto &external = addInitializer(graph, "e", TensorProto::BFLOAT16, {27, 2});
  external.set_data_location(TensorProto::EXTERNAL);
  for (auto [key, value] : {std::pair("location", "data"), {"offset", "0"}, {"length", "108"}}) {
    ::onnx::StringStringEntryProto &entry = *external.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  }
  addNode(graph, "Conv", {"x", "w", "b"}, "c");
  addNode(graph, "Relu", {"c"}, "r");
  addNode(graph, "Reshape", {"r", "s"}, "f");
  ::onnx::AttributeProto &value = *addNode(graph, "Constant", {}, "k").add_attribute();
  value.set_name("value");
  value.set_type(::onnx::AttributeProto::TENSOR);
  value.mutable_t()->set_data_type(TensorProto::DOUBLE);
  value.mutable_t()->add_double_data(0.5);
  addNode(graph, "Mul", {"f", "k"}, "y");
  write("onnx/external", model.SerializeAsString());
  graph.mutable_initializer()->RemoveLast();
  write("onnx/network", model.SerializeAsString());
}

//===----------------------------------------------------------------------===//
// Tokenizers
//===----------------------------------------------------------------------===//

void writeTokenizer(const char *preTokenizer) {
  TokenizerData data;
  data.model = "gpt2";
  data.preTokenizer = preTokenizer;
  if (data.preTokenizer == "splits")
    data.splits = {R"(\p{N}{1,3}|[!-/])", R"((?i:'s)?+\p{L}+| ?[^\s\x41]+$|\s+(?!\S)|\s)"};
  // Not all 256 bytes: inputs are to be short.
  const std::string text = "He'll say <s>hello  world</s>, 12345\tor\n\n so \xc3\xa9\xe4\xbd\xa0!";
  for (char byte : text)
    if (std::string token(1, byte); std::ranges::find(data.tokens, token) == data.tokens.end())
      data.tokens.push_back(token);
  const auto find = [&](std::string_view token) {
    return static_cast<uint32_t>(std::ranges::find(data.tokens, token) - data.tokens.begin());
  };
  constexpr std::pair<const char *, const char *> merges[] = {
      {"l", "l"}, {"h", "e"}, {"he", "ll"}, {"hell", "o"}, {" ", "w"}, {"o", "r"}, {"1", "2"}};
  for (const auto &[left, right] : merges) {
    data.tokens.push_back(std::string(left) + right);
    data.merges.push_back({find(left), find(right), static_cast<uint32_t>(data.merges.size()),
                           static_cast<uint32_t>(data.tokens.size() - 1)});
  }
  data.kinds.resize(data.tokens.size(), TokenKind::Normal);
  for (const char *special : {"<s>", "</s>", "<pad>"}) {
    data.tokens.emplace_back(special);
    data.kinds.push_back(TokenKind::Control);
  }
  data.kinds.back() = TokenKind::UserDefined;
  data.bos = static_cast<int32_t>(find("<s>"));
  data.eos = static_cast<int32_t>(find("</s>"));
  data.addBos = true;
  data.stops = {find("</s>")};
  flatbuffers::FlatBufferBuilder builder;
  const auto tokenizer = package::writeTokenizer(builder, data);
  const std::vector<uint8_t> bytes(text.begin(), text.end());
  builder.Finish(test::CreateTokenizerCaseDirect(builder, tokenizer, &bytes));
  write(std::string("tokenizer/") + preTokenizer,
        {reinterpret_cast<const char *>(builder.GetBufferPointer()), builder.GetSize()});
}

void writeTokenizerJson() {
  using nlohmann::json;
  using namespace std::string_literals;
  const auto writeFiles = [](const std::string &name, const json &tokenizer,
                             const std::string &others = "") {
    write("tokenizer-json/" + name, tokenizer.dump() + others);
  };
  json file = hf::test::makeTokenizerJson();
  writeFiles("plain", file);
  const json config = {{"bos_token", "<s>"},
                       {"eos_token", {{"content", "a"}}},
                       {"add_bos_token", true},
                       {"chat_template", {{{"name", "default"}, {"template", "{{ messages }}"}}}}};
  writeFiles("files", file,
             "\0"s + config.dump() +
                 "\0{\"bos_token\":\"b\"}\0{\"vocab_size\":9,\"eos_token_id\":[1,2]}"
                 "\0{\"eos_token_id\":3}\0{{ messages }}"s);
  file["normalizer"] = {{"type", "NFC"}};
  file["model"]["ignore_merges"] = true;
  file["pre_tokenizer"] = json::parse(R"json({"type": "Sequence", "pretokenizers": [
    {"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}|[^\\s\\p{L}a-b]+(?!\\S)"},
     "behavior": "Isolated", "invert": false},
    {"type": "Split", "pattern": {"String": "b."}, "behavior": "Isolated"},
    {"type": "Digits", "individual_digits": false},
    {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})json");
  file["post_processor"] = json::parse(R"json({"type": "Sequence", "processors": [
    {"type": "ByteLevel"}, {"type": "TemplateProcessing",
     "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}],
     "special_tokens": {"<s>": {"id": "<s>", "ids": [5], "tokens": ["<s>"]}}}]})json");
  file["added_tokens"].push_back({{"id", 7}, {"content", "tool"}, {"special", false}});
  writeFiles("splits", file);
}

//===----------------------------------------------------------------------===//
// Artifacts
//===----------------------------------------------------------------------===//

/// One page for code and weights.
void placeSegments(test::ArtifactSpec &spec) {
  spec.code.assign(NYALA_ARTIFACT_PAGE, 0);
  spec.weightBytes = spec.code;
  spec.weightOffset = test::caseSegmentOffset;
  for (test::ArtifactSpec::Executable &executable : spec.executables) {
    executable.offset = test::caseSegmentOffset;
    executable.size = NYALA_ARTIFACT_PAGE;
    if (executable.target == artifact::Target::Cuda)
      executable.size /= 4; // all code together is no larger than the file
  }
}

/// A toy model of the unit tests.
test::ArtifactSpec makeSpec(test::ArtifactSpec spec = test::makeToy()) {
  placeSegments(spec);
  // Fewer tokens make shorter inputs.
  spec.tokenizer->tokens.erase(spec.tokenizer->tokens.begin(), spec.tokenizer->tokens.begin() + 97);
  spec.tokenizer->tokens.erase(spec.tokenizer->tokens.begin() + 8,
                               spec.tokenizer->tokens.begin() + 159);
  spec.tokenizer->kinds.assign(8, artifact::TokenKind::Normal);
  spec.tokenizer->kinds.resize(spec.tokenizer->tokens.size(), artifact::TokenKind::Control);
  spec.tokenizer->stops = {8};
  return spec;
}

void writeArtifact(const std::string &name, const test::ArtifactSpec &spec) {
  const std::vector<uint8_t> program = test::buildProgram(spec);
  nyala_artifact_header header = {};
  std::memcpy(header.magic, NYALA_ARTIFACT_MAGIC, sizeof(header.magic));
  header.version = NYALA_ARTIFACT_VERSION;
  header.abi_version = NYALA_KERNEL_ABI_VERSION;
  std::string bytes(reinterpret_cast<const char *>(&header), sizeof(header));
  write("artifact/" + name, bytes.append(program.begin(), program.end()));
}

void writeArtifacts() {
  test::ArtifactSpec spec = makeSpec();
  writeArtifact("toy", spec);
  spec.weightFile = "weights";
  writeArtifact("external-weights", spec);
  spec = makeSpec();
  spec.tokenizer.reset();
  spec.executables.push_back(spec.executables[0]);
  spec.executables[0].features = {"avx10.9-unreal"};
  writeArtifact("two-executables", spec);
  spec = makeSpec(test::makeToyForGpu());
  writeArtifact("gpu", spec);
  spec.weightsAbsent = true;
  spec.weightOffset = 0;
  writeArtifact("absent-weights", spec);
  for (bool accumulates : {false, true}) {
    spec = test::makeToyTraining(accumulates);
    placeSegments(spec);
    writeArtifact(accumulates ? "accumulating-step" : "training-step", spec);
  }
}

//===----------------------------------------------------------------------===//
// Sessions
//===----------------------------------------------------------------------===//

/// Saved sessions of the toy model, with as many tokens and with a note or without.
void writeSession(const std::string &name, std::vector<int32_t> tokens, const std::string &note) {
  const test::TemporaryDirectory directory;
  const std::string path = directory.write("toy", test::buildArtifact(test::makeToy()));
  const auto require = [](nyala_status status) {
    if (status != NYALA_OK)
      throw std::runtime_error(nyala_last_error());
  };
  nyala_model *model;
  nyala_session *session;
  require(nyala_model_open(path.c_str(), &model));
  require(nyala_session_create(model, nullptr, &session));
  if (!tokens.empty())
    require(nyala_session_prefill(session, tokens.data(), tokens.size()));
  require(nyala_session_set_note(session, note.data(), note.size()));
  require(nyala_session_save(session, directory.path("saved").c_str()));
  nyala_session_close(session);
  nyala_model_close(model);

  std::string bytes = readFile(directory.path("saved"));
  const uint64_t thatOfTheToy = 0; // FuzzSession.cpp
  std::memcpy(bytes.data() + offsetof(rt::SessionFileHeader, model), &thatOfTheToy,
              sizeof(thatOfTheToy));
  write("session/" + name, bytes);
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: nyala-fuzz-seeds FOLDER\n");
    return 2;
  }
  folder = argv[1];
  writeGguf();
  writeSafetensors();
  writeOnnx();
  writeArtifacts();
  writeSession("empty", {}, "");
  writeSession("tokens", {1, 2, 3, 299}, "");
  writeSession("note", {7}, "[{\"role\": \"user\"}]");
  for (const char *preTokenizer : {"gpt-2", "llama-bpe", "qwen2", "smollm", "splits"})
    writeTokenizer(preTokenizer);
  writeTokenizerJson();
  for (const auto &[name, text] : readTemplates())
    write("template/" + name, text);
  for (size_t i = 0; i < std::size(constructs); ++i)
    write("template/constructs-" + std::to_string(i), constructs[i]);
  return 0;
}
