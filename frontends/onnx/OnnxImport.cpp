#include "frontends/onnx/OnnxImport.h"
#include "frontends/onnx/Node.h"
#include "ir/NyalaDialect.h"
#include "ir/storage/Error.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <filesystem>

using namespace mlir;

namespace nyala::onnx {
namespace {

/// Versions of the format that have been, and some that may come.
constexpr unsigned char kLastVersion = 31;

const NodeBuilders &getBuilders() {
  static const NodeBuilders builders = [] {
    NodeBuilders all;
    addActivations(all);
    addConstants(all);
    addConvolutions(all);
    addElementwise(all);
    addMovements(all);
    addNorms(all);
    addProducts(all);
    addReductions(all);
    addShapes(all);
    return all;
  }();
  return builders;
}

/// A dense input of the graph, of static shape but for the batch.
struct Input {
  std::string name;
  ::onnx::TypeProto_Tensor type;
};

class Importer {
public:
  Importer(ModuleOp module, OnnxFile &file, const ModelSizes &sizes)
      : module(module), file(file), sizes(sizes), inputs(findInputs()),
        graph(module, file, findBatch()) {}

  void run(const std::string &name) {
    for (const OnnxTensor &tensor : file.getInitializers())
      graph.define(tensor.proto.name(), {.stored = &tensor});
    defineInputs();
    llvm::StringSet<> used;
    for (const ::onnx::NodeProto &node : file.getGraph().node())
      used.insert(node.input().begin(), node.input().end());
    for (const ::onnx::ValueInfoProto &output : file.getGraph().output())
      used.insert(output.name());
    for (int index = 0; index < file.getGraph().node_size(); ++index)
      build(index, used);
    graph.setNode("", "");
    defineOutputs();
    graph.finish();
    addFacts(name);
  }

private:
  [[noreturn]] void fail(const Twine &message) const {
    throw Error(file.getPath() + ": " + message.str());
  }

  //===--------------------------------------------------------------------===//
  // Inputs
  //===--------------------------------------------------------------------===//

  /// Old files list initializers among the inputs.
  std::vector<Input> findInputs() const {
    llvm::StringSet<> stored;
    for (const OnnxTensor &tensor : file.getInitializers())
      stored.insert(tensor.proto.name());
    std::vector<Input> found;
    for (const ::onnx::ValueInfoProto &input : file.getGraph().input()) {
      if (stored.contains(input.name()))
        continue;
      const ::onnx::TypeProto_Tensor &type = input.type().tensor_type();
      if (!input.type().has_tensor_type() || !type.has_shape())
        fail("input " + quote(input.name()) + " has no shape, expected a tensor's; run shape " +
             "inference or export the model with one");
      if (!isFloatType(type.elem_type()) && !isIntegerType(type.elem_type()))
        fail("input " + quote(input.name()) + " has type " + getTypeName(type.elem_type()) +
             ", expected floats, integers or bool");
      found.push_back({input.name(), type});
    }
    return found;
  }

  /// The batch is the first size of the first input that has one.
  Batch findBatch() const {
    Batch batch;
    for (const Input &input : inputs)
      if (input.type.shape().dim_size() > 0) {
        int64_t stated = input.type.shape().dim(0).dim_value();
        if (stated < 0)
          fail("input " + quote(input.name) + " has a negative size");
        batch.stated = std::max<int64_t>(stated, 1);
        break;
      }
    batch.wanted = sizes.batch.value_or(batch.stated);
    return batch;
  }

  int64_t getSize(const Input &input, int dim) {
    const ::onnx::TensorShapeProto_Dimension &size = input.type.shape().dim(dim);
    auto named = sizes.named.find(size.dim_param());
    if (named != sizes.named.end() && !size.dim_param().empty())
      return named->second;
    bool stated = size.has_dim_value() && size.dim_value() != 0;
    if (dim == 0 && (!stated || size.dim_value() == graph.getBatch().stated))
      return graph.getBatch().wanted;
    if (!stated)
      fail("dimension " + Twine(dim) + " of input " + quote(input.name) + " is " +
           (size.dim_param().empty() ? "not stated" : quote(size.dim_param())) +
           ", expected a number" +
           (size.dim_param().empty() ? "" : "; give one (--size " + size.dim_param() + "=NUMBER)"));
    return size.dim_value();
  }

  void defineInputs() {
    SmallVector<Type> types;
    std::vector<std::string> roles;
    Builder builder(module.getContext());
    for (const Input &input : inputs) {
      SmallVector<int64_t> shape;
      for (int dim = 0; dim < input.type.shape().dim_size(); ++dim)
        shape.push_back(getSize(input, dim));
      int32_t type = input.type.elem_type();
      types.push_back(graph.getTensor(shape, isFloatType(type) ? Type(builder.getF32Type())
                                             : type == ::onnx::TensorProto::BOOL
                                                 ? Type(builder.getI1Type())
                                                 : builder.getI32Type()));
      roles.push_back(input.name);
    }
    bool image = types.size() == 1 && cast<RankedTensorType>(types[0]).getRank() == 4;
    if (image)
      roles[0] = "image";
    graph.beginForward(types, roles);
    for (auto [index, input] : llvm::enumerate(inputs))
      graph.define(input.name, {.value = graph.getArgument(index)});
  }

  //===--------------------------------------------------------------------===//
  // Nodes, outputs
  //===--------------------------------------------------------------------===//

  void build(int index, const llvm::StringSet<> &used) {
    const ::onnx::NodeProto &proto = file.getGraph().node(index);
    Node node(graph, index, used);
    if (!proto.domain().empty() && proto.domain() != "ai.onnx")
      node.fail("is of domain " + quote(proto.domain()) +
                ", which is not supported; export the model with ONNX's own operators");
    if (proto.output_size() == 0)
      node.fail("has no outputs");
    auto builder = getBuilders().find(proto.op_type());
    if (builder == getBuilders().end())
      node.fail("operator " + quote(proto.op_type()) +
                " is not supported (docs/onnx.md has those " + "that are)");
    builder->second(node);
    node.finish();
  }

  void defineOutputs() {
    if (file.getGraph().output_size() == 0)
      fail("the graph has no outputs");
    SmallVector<Value> results;
    std::vector<std::string> names;
    for (const ::onnx::ValueInfoProto &output : file.getGraph().output()) {
      results.push_back(graph.getValue(output.name()));
      names.push_back(output.name());
    }
    if (names.size() == 1)
      names[0] = "logits";
    graph.endForward(results, names);
  }

  void addFacts(const std::string &name) {
    Builder builder(module.getContext());
    NamedAttrList facts;
    facts.set("architecture", builder.getStringAttr("onnx"));
    facts.set("name", builder.getStringAttr(
                          file.getGraph().name().empty() ? name : file.getGraph().name()));
    module->setAttr(NyalaDialect::kModelAttr, facts.getDictionary(module.getContext()));
  }

  ModuleOp module;
  OnnxFile &file;
  const ModelSizes &sizes;
  std::vector<Input> inputs;
  GraphBuilder graph;
};

} // namespace

bool isModel(StringRef content) {
  constexpr char versionTag = '\x08';
  return content.size() > 1 && content[0] == versionTag && content[1] > 0 &&
         content[1] <= kLastVersion;
}

OwningOpRef<ModuleOp> importModel(MLIRContext &context, const std::string &path,
                                  const ModelSizes &sizes) {
  context.loadDialect<NyalaDialect, arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect,
                      math::MathDialect, tensor::TensorDialect>();
  OnnxFile file(path);
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  Importer(*module, file, sizes).run(std::filesystem::path(path).stem().string());
  return module;
}

} // namespace nyala::onnx
