#include "test/fuzz/OnnxMutator.h"

#include "test/fuzz/Mutation.h"

#include <google/protobuf/message.h>
#include <google/protobuf/stubs/logging.h>
#include <onnx/onnx_pb.h>

namespace nyala::test {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr const char *operators[] = {
    "Add",       "AveragePool", "BatchNormalization",
    "Cast",      "Clip",        "Concat",
    "Constant",  "Conv",        "ConstantOfShape",
    "Flatten",   "Gather",      "Gemm",
    "Expand",    "LRN",         "LayerNormalization",
    "MatMul",    "MaxPool",     "Mul",
    "Pad",       "Pow",         "ReduceMean",
    "Relu",      "Reshape",     "Range",
    "Resize",    "Shape",       "Slice",
    "Softmax",   "Split",       "Squeeze",
    "Sum",       "Tile",        "Transpose",
    "Unsqueeze", "Where",       "ConvTranspose",
};

/// Collects changes of all fields of a model.
class Collector {
public:
  Collector(Mutator &mutator, unsigned seed) : mutator(mutator), seed(seed) {}

  void visit(Message &message) {
    const Reflection *reflection = message.GetReflection();
    std::vector<const FieldDescriptor *> fields;
    reflection->ListFields(message, &fields);
    for (const FieldDescriptor *field : fields) {
      if (field->is_repeated())
        visitList(message, field);
      else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
        visit(*reflection->MutableMessage(&message, field));
      else
        mutator.add([&message, field, this] { changeValue(message, field, -1); });
      if (!field->is_repeated())
        mutator.add([&message, field, reflection] { reflection->ClearField(&message, field); });
    }
  }

private:
  void visitList(Message &message, const FieldDescriptor *field) {
    const Reflection *reflection = message.GetReflection();
    int size = reflection->FieldSize(message, field);
    mutator.add([this, &message, field, reflection, size] {
      int at = static_cast<int>(mutator.pick(size));
      reflection->SwapElements(&message, field, at, size - 1);
      if (mutator.pick(2) == 0)
        reflection->RemoveLast(&message, field);
    });
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      mutator.add([this, &message, field, reflection, size] {
        int at = static_cast<int>(mutator.pick(size));
        reflection->AddMessage(&message, field)
            ->CopyFrom(reflection->GetRepeatedMessage(message, field, at));
      });
      for (int i = 0; i < size; ++i)
        visit(*reflection->MutableRepeatedMessage(&message, field, i));
    } else {
      mutator.add([this, &message, field, size] {
        changeValue(message, field, static_cast<int>(mutator.pick(size)));
      });
    }
  }

  template <typename Number> Number change(Number number) {
    Mutator ofNumber(seed + 1);
    ofNumber.number(number);
    ofNumber.apply();
    return number;
  }

  /// Of a field, or of element `at` of one that is a list.
  void changeValue(Message &message, const FieldDescriptor *field, int at) {
    const Reflection *r = message.GetReflection();
    switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      if (at < 0)
        r->SetInt32(&message, field, change(r->GetInt32(message, field)));
      else
        r->SetRepeatedInt32(&message, field, at, change(r->GetRepeatedInt32(message, field, at)));
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      if (at < 0)
        r->SetInt64(&message, field, change(r->GetInt64(message, field)));
      else
        r->SetRepeatedInt64(&message, field, at, change(r->GetRepeatedInt64(message, field, at)));
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
      if (at < 0)
        r->SetEnumValue(&message, field, static_cast<int>(mutator.pick(24)));
      break;
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string text =
          at < 0 ? r->GetString(message, field) : r->GetRepeatedString(message, field, at);
      mutateBytes(text);
      if (at < 0)
        r->SetString(&message, field, text);
      else
        r->SetRepeatedString(&message, field, at, text);
      break;
    }
    case FieldDescriptor::CPPTYPE_FLOAT:
      if (at < 0)
        r->SetFloat(&message, field, std::bit_cast<float>(static_cast<uint32_t>(change(seed))));
      break;
    default:
      break;
    }
  }

  Mutator &mutator;
  unsigned seed;
};

/// Changes of nodes that keep most of a graph sensible.
void addNodeChanges(Mutator &mutator, ::onnx::GraphProto &graph) {
  if (graph.node_size() == 0)
    return;
  mutator.add([&] {
    int at = static_cast<int>(mutator.pick(graph.node_size()));
    graph.mutable_node(at)->set_op_type(operators[mutator.pick(std::size(operators))]);
  });
  mutator.add([&] {
    std::vector<std::string> names;
    for (const auto &node : graph.node())
      names.insert(names.end(), node.output().begin(), node.output().end());
    for (const auto &tensor : graph.initializer())
      names.push_back(tensor.name());
    for (const auto &input : graph.input())
      names.push_back(input.name());
    ::onnx::NodeProto &node =
        *graph.mutable_node(static_cast<int>(mutator.pick(graph.node_size())));
    if (names.empty() || node.input_size() == 0)
      return;
    node.set_input(static_cast<int>(mutator.pick(node.input_size())),
                   names[mutator.pick(names.size())]);
  });
}

} // namespace

std::string mutateOnnx(std::span<const uint8_t> bytes, unsigned seed) {
  google::protobuf::LogSilencer silence;
  Mutator mutator(seed);
  std::string text(bytes.begin(), bytes.end());
  ::onnx::ModelProto model;
  if (mutator.pick(8) == 0 || !model.ParseFromString(text)) {
    mutateBytes(text);
    return text;
  }
  Collector(mutator, seed).visit(model);
  // As likely as all changes of single fields of a few nodes.
  for (int weight = 0; weight < 20 && model.has_graph(); ++weight)
    addNodeChanges(mutator, *model.mutable_graph());
  mutator.apply();
  return model.SerializeAsString();
}

} // namespace nyala::test
