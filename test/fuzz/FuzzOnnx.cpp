//===- FuzzOnnx.cpp - Hostile ONNX files ----------------------------------===//
//
// The reader, values of all tensors, and arithmetic with those that are small.
//
//===----------------------------------------------------------------------===//

#include "frontends/onnx/Literal.h"
#include "frontends/onnx/OnnxFile.h"
#include "ir/storage/Error.h"
#include "test/fuzz/MemoryFile.h"
#include "test/fuzz/Mutation.h"
#include "test/fuzz/OnnxMutator.h"

using namespace nyala;
using namespace nyala::onnx;

/// What a tensor's bytes must allow if reading has passed it.
static std::optional<Literal> readTensor(const OnnxTensor &tensor) {
  if (std::optional<StoredFormat> format = tensor.getFormat()) {
    if (tensor.bytes->size() != storedBytes(*format, static_cast<size_t>(tensor.elements)))
      std::abort();
    std::vector<float> values(static_cast<size_t>(tensor.elements));
    dequantize(*format, tensor.bytes->data(), values.data(), values.size());
  }
  std::optional<Literal> literal = readLiteral(tensor);
  if (literal && literal->size() != tensor.elements)
    std::abort();
  return literal;
}

static void fold(const std::vector<Literal> &literals) {
  for (const Literal &literal : literals) {
    for (ElementKind kind : {ElementKind::Float, ElementKind::Integer, ElementKind::Bool})
      convert(literal, kind);
    for (const char *op : {"Neg", "Sqrt", "Not", "Floor"})
      foldElementwise(op, {&literal, 1});
  }
  for (size_t i = 0; i + 1 < literals.size(); ++i)
    for (const char *op : {"Add", "Mul", "Div", "Mod", "Pow", "Equal", "Max"})
      foldElementwise(op, std::span(literals).subspan(i, 2));
  for (size_t i = 0; i + 2 < literals.size(); ++i)
    foldElementwise("Where", std::span(literals).subspan(i, 3));
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const test::MemoryFile memory({data, size});
  try {
    OnnxFile file(memory.getPath());
    std::vector<Literal> literals;
    const auto keep = [&](const OnnxTensor &tensor) {
      if (std::optional<Literal> literal = readTensor(tensor); literal && literals.size() < 16)
        literals.push_back(*std::move(literal));
    };
    for (const OnnxTensor &tensor : file.getInitializers())
      keep(tensor);
    for (int index = 0; index < file.getGraph().node_size(); ++index)
      for (const ::onnx::AttributeProto &attribute : file.getGraph().node(index).attribute())
        if (attribute.has_t())
          keep(file.getAttributeTensor(static_cast<size_t>(index), attribute.name()));
    fold(literals);
  } catch (const Error &) {
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize,
                                          unsigned seed) {
  return test::replaceInput(test::mutateOnnx({data, size}, seed), data, size, maxSize);
}
