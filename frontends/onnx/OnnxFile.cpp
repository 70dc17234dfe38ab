#include "frontends/onnx/OnnxFile.h"
#include "frontends/onnx/MessageFields.h"
#include "ir/storage/Error.h"

#include <google/protobuf/stubs/logging.h>

#include <charconv>
#include <filesystem>

using ::onnx::TensorProto;

namespace nyala::onnx {

using Bytes = std::span<const uint8_t>;

static void append(std::string &to, Bytes bytes) {
  to.append(reinterpret_cast<const char *>(bytes.data()), bytes.size());
}

OnnxFile::OnnxFile(const std::string &path)
    : path(path), absolutePath(std::filesystem::absolute(path).lexically_normal().string()),
      file(path) {
  // What protobuf would print of its own to standard error says no more than that parsing failed.
  google::protobuf::LogSilencer silence;
  if (file.bytes().empty())
    throw Error(path + ": the file is empty, expected an ONNX model");
  parseModel();
}

void OnnxFile::fail(const std::string &message) const { throw Error(path + ": " + message); }

//===----------------------------------------------------------------------===//
// The message
//===----------------------------------------------------------------------===//

void OnnxFile::parseModel() {
  constexpr auto invalid = "is no ONNX model, or is cut off or damaged";
  std::string rest;
  std::optional<Bytes> graph;
  MessageFields fields(file.bytes());
  while (std::optional<MessageField> field = fields.next()) {
    if (field->number != ::onnx::ModelProto::kGraphFieldNumber) {
      append(rest, field->whole);
      continue;
    }
    if (!field->content || graph)
      fail(invalid);
    graph = field->content;
  }
  if (fields.isBroken() || !model.ParseFromString(rest))
    fail(invalid);
  if (!graph || !model.has_ir_version())
    fail(std::string(invalid) + ": it has no " + (graph ? "version" : "graph"));
  checkOpset();
  parseGraph(*graph);
}

void OnnxFile::checkOpset() {
  for (const ::onnx::OperatorSetIdProto &set : model.opset_import())
    if (set.domain().empty() || set.domain() == "ai.onnx")
      opset = set.version();
  if (opset < kFirstOpset || opset > kLastOpset)
    fail((opset == 0 ? "names no opset of ONNX's own operators"
                     : "has opset " + std::to_string(opset)) +
         ", expected one of " + std::to_string(kFirstOpset) + " to " + std::to_string(kLastOpset) +
         "; convert the model (onnx.version_converter)");
}

void OnnxFile::parseGraph(Bytes bytes) {
  using ::onnx::GraphProto;
  std::string rest;
  MessageFields fields(bytes);
  while (std::optional<MessageField> field = fields.next()) {
    if (field->number == GraphProto::kInitializerFieldNumber && field->content) {
      initializers.push_back(readTensor(*field->content, "initializer"));
      continue;
    }
    if (field->number == GraphProto::kNodeFieldNumber && field->content)
      nodes.push_back(*field->content);
    append(rest, field->whole);
  }
  if (fields.isBroken() || !model.mutable_graph()->ParseFromString(rest))
    fail("has a graph that is cut off or damaged");
  if (model.graph().sparse_initializer_size() > 0)
    fail("has a sparse initializer " + quote(model.graph().sparse_initializer(0).values().name()) +
         ", which is not supported; store it densely");
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

/// Bits of a value that lies among others without gaps; 0 of other types.
static unsigned getBits(int32_t dataType) {
  switch (dataType) {
  case TensorProto::DOUBLE:
  case TensorProto::INT64:
  case TensorProto::UINT64:
    return 64;
  case TensorProto::FLOAT:
  case TensorProto::INT32:
  case TensorProto::UINT32:
    return 32;
  case TensorProto::FLOAT16:
  case TensorProto::BFLOAT16:
  case TensorProto::INT16:
  case TensorProto::UINT16:
    return 16;
  case TensorProto::INT8:
  case TensorProto::UINT8:
  case TensorProto::BOOL:
    return 8;
  default:
    return 0;
  }
}

OnnxTensor OnnxFile::readTensor(Bytes message, const std::string &owner) {
  OnnxTensor tensor;
  std::string rest;
  std::optional<Bytes> raw, floats;
  bool several = false;
  MessageFields fields(message);
  while (std::optional<MessageField> field = fields.next()) {
    std::optional<Bytes> *place = field->number == TensorProto::kRawDataFieldNumber     ? &raw
                                  : field->number == TensorProto::kFloatDataFieldNumber ? &floats
                                                                                        : nullptr;
    if (!place) {
      append(rest, field->whole);
      continue;
    }
    several |= place->has_value() || !field->content;
    *place = field->content;
  }
  if (fields.isBroken() || !tensor.proto.ParseFromString(rest))
    fail("has an " + owner + " that is cut off or damaged");

  std::string what = owner + " " + quote(tensor.proto.name());
  tensor.shape.assign(tensor.proto.dims().begin(), tensor.proto.dims().end());
  std::optional<int64_t> elements = countElements(tensor.shape);
  if (!elements)
    fail(what + " has a negative size, or more than 2^40 elements");
  tensor.elements = *elements;
  if (several || (raw && floats))
    fail(what + " has its values in pieces; save the model with raw data");
  if (tensor.proto.data_location() == TensorProto::EXTERNAL) {
    locateExternal(tensor, what);
  } else if (raw || floats) {
    tensor.bytes = raw ? raw : floats;
    tensor.file = absolutePath;
    tensor.offset = static_cast<uint64_t>(tensor.bytes->data() - file.bytes().data());
    if (floats && tensor.proto.data_type() != TensorProto::FLOAT)
      fail(what + " is of type " + getTypeName(tensor.proto.data_type()) +
           ", but has values of type float");
  }
  checkSize(tensor, what);
  return tensor;
}

void OnnxFile::checkSize(const OnnxTensor &tensor, const std::string &what) const {
  const TensorProto &proto = tensor.proto;
  unsigned bits = getBits(proto.data_type());
  auto expectCount = [&](uint64_t actual, uint64_t expected, const char *of) {
    if (actual != expected)
      fail(what + " of type " + getTypeName(proto.data_type()) + " has " + std::to_string(actual) +
           " " + of + ", expected " + std::to_string(expected) + " for its " +
           std::to_string(tensor.elements) + " elements");
  };
  auto elements = static_cast<uint64_t>(tensor.elements);
  if (bits == 0)
    return; // an error only where it is used
  if (tensor.bytes)
    return expectCount(tensor.bytes->size(), elements * (bits / 8), "bytes");
  int count = proto.int32_data_size();
  if (proto.data_type() == TensorProto::FLOAT)
    count = proto.float_data_size();
  else if (proto.data_type() == TensorProto::DOUBLE)
    count = proto.double_data_size();
  else if (proto.data_type() == TensorProto::INT64)
    count = proto.int64_data_size();
  else if (proto.data_type() == TensorProto::UINT64 || proto.data_type() == TensorProto::UINT32)
    count = proto.uint64_data_size();
  expectCount(static_cast<uint64_t>(count), elements, "values");
}

void OnnxFile::locateExternal(OnnxTensor &tensor, const std::string &what) {
  std::string location;
  std::optional<uint64_t> length;
  for (const ::onnx::StringStringEntryProto &entry : tensor.proto.external_data()) {
    if (entry.key() == "location")
      location = entry.value();
    if (entry.key() != "offset" && entry.key() != "length")
      continue;
    const std::string &text = entry.value();
    uint64_t number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size())
      fail(what + " has external data with " + entry.key() + " " + quote(text) +
           ", expected a number");
    if (entry.key() == "offset")
      tensor.offset = number;
    else
      length = number;
  }
  namespace fs = std::filesystem;
  fs::path relative(location);
  bool inside = !location.empty() && relative.is_relative() &&
                std::ranges::find(relative, "..") == relative.end() &&
                location.find('\0') == std::string::npos;
  if (!inside)
    fail(what + " has external data at " + quote(location) +
         ", expected a file beside the model or below");
  tensor.file = (fs::path(absolutePath).parent_path() / relative).lexically_normal().string();
  auto known = externalFiles.find(tensor.file);
  if (known == externalFiles.end()) {
    try {
      known = externalFiles.emplace(tensor.file, MappedFile(tensor.file)).first;
    } catch (const Error &error) {
      fail(what + " has external data: " + error.what());
    }
  }
  Bytes all = known->second.bytes();
  if (tensor.offset > all.size() || (length && *length > all.size() - tensor.offset))
    fail(what + " has external data at offset " + std::to_string(tensor.offset) + " of " +
         quote(location) + ", which has " + std::to_string(all.size()) + " bytes");
  uint64_t rest = all.size() - tensor.offset;
  uint64_t needed =
      static_cast<uint64_t>(tensor.elements) * (getBits(tensor.proto.data_type()) / 8);
  tensor.bytes = all.subspan(tensor.offset, length.value_or(std::min(rest, needed)));
}

OnnxTensor OnnxFile::getAttributeTensor(size_t index, std::string_view name) {
  using ::onnx::AttributeProto;
  MessageFields fields(nodes[index]);
  while (std::optional<MessageField> field = fields.next()) {
    if (field->number != ::onnx::NodeProto::kAttributeFieldNumber || !field->content)
      continue;
    std::string_view found;
    std::optional<Bytes> tensor;
    MessageFields attribute(*field->content);
    while (std::optional<MessageField> part = attribute.next()) {
      if (part->number == AttributeProto::kNameFieldNumber && part->content)
        found = {reinterpret_cast<const char *>(part->content->data()), part->content->size()};
      if (part->number == AttributeProto::kTFieldNumber && part->content)
        tensor = part->content;
    }
    if (found == name && tensor)
      return readTensor(*tensor, "attribute");
  }
  fail("has a node whose attribute " + quote(name) + " is damaged");
}

} // namespace nyala::onnx
