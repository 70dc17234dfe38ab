//===- OnnxMutator.h - Changes of ONNX models -------------------*- C++ -*-===//
#ifndef NYALA_TEST_FUZZ_ONNXMUTATOR_H
#define NYALA_TEST_FUZZ_ONNXMUTATOR_H

#include <cstdint>
#include <span>
#include <string>

namespace nyala::test {

/// A model with one field changed: a number, a text, an element of a list that goes, comes twice or
/// changes its place, a node's operator or what it reads. Bytes that are no model change as bytes.
std::string mutateOnnx(std::span<const uint8_t> model, unsigned seed);

} // namespace nyala::test

#endif // NYALA_TEST_FUZZ_ONNXMUTATOR_H
