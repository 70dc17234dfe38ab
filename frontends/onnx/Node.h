//===- Node.h - A node of an ONNX graph -------------------------*- C++ -*-===//
#ifndef NYALA_FRONTENDS_ONNX_NODE_H
#define NYALA_FRONTENDS_ONNX_NODE_H

#include "frontends/onnx/GraphBuilder.h"

namespace nyala::onnx {

/// Inputs, attributes and outputs of the node that is being built. What is missing or of another
/// type than asked for is an error that names the node.
class Node {
public:
  /// Node `index` of the graph. `used` has the names of tensors that some node reads or that are
  /// outputs of the graph.
  Node(GraphBuilder &graph, size_t index, const llvm::StringSet<> &used);

  GraphBuilder &getGraph() const { return graph; }
  llvm::StringRef getType() const { return proto.op_type(); }
  int64_t getOpset() const { return graph.getFile().getOpset(); }
  [[noreturn]] void fail(const llvm::Twine &message) const { graph.fail(message); }

  // Inputs; one without a name is absent.

  unsigned getInputCount() const { return static_cast<unsigned>(proto.input_size()); }
  bool hasInput(unsigned index) const;
  /// The input's name.
  llvm::StringRef getName(unsigned index) const;
  mlir::Value getInput(unsigned index) const;
  /// An input of floats, of at least `rank` dimensions.
  mlir::Value getFloats(unsigned index, int64_t rank = 0) const;
  /// Its numbers if they are stored or known, of weights as well.
  std::optional<Literal> findLiteral(unsigned index) const;
  /// The same, but not of weights: they are trained, so what is computed of them is no constant.
  std::optional<Literal> findConstant(unsigned index) const;
  llvm::SmallVector<int64_t> getInputShape(unsigned index = 0) const;
  /// An input that must be known when the graph is imported.
  Literal getLiteral(unsigned index, llvm::StringRef what) const;
  std::vector<int64_t> getIntegers(unsigned index, llvm::StringRef what) const;
  /// One number.
  double getNumber(unsigned index, llvm::StringRef what) const;
  /// All inputs as constants; nullopt if one is none.
  std::optional<std::vector<Literal>> findConstants() const;

  // Attributes.

  bool hasAttribute(llvm::StringRef name) { return find(name) != nullptr; }
  int64_t getInteger(llvm::StringRef name, int64_t otherwise);
  double getNumber(llvm::StringRef name, double otherwise);
  std::string getString(llvm::StringRef name, llvm::StringRef otherwise);
  std::optional<std::vector<int64_t>> findIntegers(llvm::StringRef name);
  std::optional<std::vector<double>> findNumbers(llvm::StringRef name);
  /// The attribute that is a tensor.
  OnnxTensor getTensor(llvm::StringRef name);
  /// Throws if the attribute has a value other than `expected`.
  void expectInteger(llvm::StringRef name, int64_t expected);
  /// Of no effect on what is computed here.
  void ignore(std::initializer_list<llvm::StringRef> names) {
    seen.insert(names.begin(), names.end());
  }

  /// `axis` of `rank` dimensions, counted from the end if negative; throws if there is none.
  int64_t getAxis(int64_t axis, int64_t rank) const;
  std::vector<int64_t> getAxes(std::vector<int64_t> axes, int64_t rank) const;

  // Outputs.

  unsigned getOutputCount() const { return static_cast<unsigned>(proto.output_size()); }
  /// A number that differs from node to node.
  uint32_t getHash() const;
  /// Is it read by another node or a result?
  bool isUsed(unsigned output) const;
  void setOutput(unsigned index, Definition definition);
  void setOutput(mlir::Value value) { setOutput(0, {.value = value}); }
  void setLiteral(Literal literal);
  /// Output 0 is what input `index` is.
  void forward(unsigned index);

  /// Warns of attributes that nobody asked for; throws if an output is used that was not set.
  void finish();

private:
  const ::onnx::AttributeProto *find(llvm::StringRef name);
  const ::onnx::AttributeProto *find(llvm::StringRef name,
                                     ::onnx::AttributeProto::AttributeType type);

  GraphBuilder &graph;
  const ::onnx::NodeProto &proto;
  size_t index;
  const llvm::StringSet<> &used;
  llvm::StringSet<> seen;
  std::vector<bool> set;
};

/// Builds a node's outputs.
using NodeBuilder = void (*)(Node &);
/// By name of the operator.
using NodeBuilders = llvm::StringMap<NodeBuilder>;

// One function for each file: adds the operators that it builds.
void addConvolutions(NodeBuilders &builders); // convolutions, pooling, resizing
void addNorms(NodeBuilders &builders);
void addProducts(NodeBuilders &builders);
void addElementwise(NodeBuilders &builders);
void addActivations(NodeBuilders &builders);
void addReductions(NodeBuilders &builders); // and softmax
void addShapes(NodeBuilders &builders);     // reshapes, transposes
void addMovements(NodeBuilders &builders);  // slices, concatenations, look-ups
void addConstants(NodeBuilders &builders);

/// What arithmetic between tensors of several shapes needs: the shape of the result, by ONNX's
/// rules.
llvm::SmallVector<int64_t> broadcastShapes(Node &node, llvm::ArrayRef<mlir::Value> values);

/// Input `index` as a value of `shape`: a single number as a constant, others broadcast.
mlir::Value getBroadcast(Node &node, unsigned index, llvm::ArrayRef<int64_t> shape);

} // namespace nyala::onnx

#endif // NYALA_FRONTENDS_ONNX_NODE_H
