//===- WarpMatrix.cpp - Products of a warp's matrices ---------------------===//
#include "codegen/cuda/WarpMatrix.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

static constexpr int64_t kPadding = 8; // elements

WarpMatrixEmitter::WarpMatrixEmitter(ThreadEmitter &e, FloatType type) : e(e), type(type) {
  auto bits = [&](int64_t lowest, int64_t count) -> Value {
    Value shifted = arith::DivUIOp::create(e.b, e.getLane(), e.index(lowest));
    return arith::RemUIOp::create(e.b, shifted, e.index(count));
  };
  Value eight = e.index(8);
  laneOf8 = bits(1, 8);
  laneOf16 = bits(1, 16);
  eighth = arith::MulIOp::create(e.b, bits(8, 2), eight);
  sixteenth = arith::MulIOp::create(e.b, bits(16, 2), eight);
}

Value WarpMatrixEmitter::allocateFactors(int64_t rows, int64_t columns) {
  return e.allocateShared({rows, columns + kPadding}, type);
}

Value WarpMatrixEmitter::getPointer(Value factors, Value row, Value column) {
  int64_t width = cast<MemRefType>(factors.getType()).getDimSize(1);
  Value offset =
      arith::AddIOp::create(e.b, arith::MulIOp::create(e.b, row, e.index(width)), column);
  Type i64 = e.b.getI64Type();
  Type pointer = LLVM::LLVMPointerType::get(e.b.getContext(), kSharedSpace);
  Value base = arith::IndexCastOp::create(
      e.b, i64, memref::ExtractAlignedPointerAsIndexOp::create(e.b, factors));
  return LLVM::GEPOp::create(
      e.b, pointer, type, LLVM::IntToPtrOp::create(e.b, pointer, base),
      ArrayRef<LLVM::GEPArg>{Value(arith::IndexCastOp::create(e.b, i64, offset))});
}

//===----------------------------------------------------------------------===//
// Fragments
//===----------------------------------------------------------------------===//

/// Four 8 x 8 matrices, whose rows lanes 0 … 7, 8 … 15, … name.
WarpMatrixEmitter::Fragment WarpMatrixEmitter::loadMatrices(Value factors, Value row, Value column,
                                                            bool transposed) {
  MLIRContext *context = e.b.getContext();
  SmallVector<Type> words(4, e.b.getI32Type());
  Value loaded = NVVM::LdMatrixOp::create(
      e.b, LLVM::LLVMStructType::getLiteral(context, words), getPointer(factors, row, column),
      e.b.getI32IntegerAttr(4),
      NVVM::MMALayoutAttr::get(context, transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row),
      NVVM::LdStMatrixShapeAttr::get(context, 8, 8),
      NVVM::LdStMatrixEltTypeAttr::get(context, NVVM::LdStMatrixEltType::B16));
  Fragment fragment;
  for (int64_t i = 0; i < 4; ++i) {
    Value word = LLVM::ExtractValueOp::create(e.b, loaded, i);
    fragment.push_back(
        type.isF16() ? Value(LLVM::BitcastOp::create(e.b, VectorType::get(2, type), word)) : word);
  }
  return fragment;
}

WarpMatrixEmitter::Fragment WarpMatrixEmitter::loadLeft(Value factors, Value row, int64_t column) {
  return loadMatrices(factors, arith::AddIOp::create(e.b, row, laneOf16), e.add(sixteenth, column),
                      false);
}

std::array<WarpMatrixEmitter::Fragment, 2> WarpMatrixEmitter::loadRight(Value factors, int64_t row,
                                                                        int64_t column) {
  Value rows = arith::AddIOp::create(e.b, laneOf8, sixteenth);
  Fragment both = loadMatrices(factors, e.add(rows, row), e.add(eighth, column), false);
  return {Fragment{both[0], both[1]}, Fragment{both[2], both[3]}};
}

std::array<WarpMatrixEmitter::Fragment, 2>
WarpMatrixEmitter::loadRightTransposed(Value factors, int64_t row, int64_t column) {
  Fragment both = loadMatrices(factors, e.add(laneOf16, row), e.add(sixteenth, column), true);
  return {Fragment{both[0], both[1]}, Fragment{both[2], both[3]}};
}

WarpMatrixEmitter::Fragment WarpMatrixEmitter::loadLeftTransposed(Value factors, Value row,
                                                                  int64_t column) {
  Value rows = arith::AddIOp::create(e.b, row, laneOf8);
  rows = arith::AddIOp::create(e.b, rows, sixteenth);
  return loadMatrices(factors, rows, e.add(eighth, column), true);
}

WarpMatrixEmitter::Fragment WarpMatrixEmitter::multiply(const Fragment &left, const Fragment &right,
                                                        const Fragment &sums) {
  using Types = std::array<NVVM::MMATypes, 2>;
  using Layouts = std::array<NVVM::MMALayout, 2>;
  SmallVector<Value> addends(sums.begin(), sums.end());
  if (addends.empty())
    addends.assign(4, e.constant(0));
  SmallVector<Type> floats(4, e.b.getF32Type());
  NVVM::MMATypes factor = type.isF16() ? NVVM::MMATypes::f16 : NVVM::MMATypes::bf16;
  Value product = NVVM::MmaOp::create(
      e.b, LLVM::LLVMStructType::getLiteral(e.b.getContext(), floats), left, right, addends,
      ArrayRef<int64_t>{16, 8, 16}, std::nullopt, std::nullopt, Types{factor, factor},
      Layouts{NVVM::MMALayout::row, NVVM::MMALayout::col});
  Fragment result;
  for (int64_t i = 0; i < 4; ++i)
    result.push_back(LLVM::ExtractValueOp::create(e.b, product, i));
  return result;
}

Value WarpMatrixEmitter::pack(Value low, Value high) {
  Value pair = vector::FromElementsOp::create(e.b, VectorType::get(2, e.b.getF32Type()),
                                              ValueRange{low, high});
  Value rounded = arith::TruncFOp::create(e.b, VectorType::get(2, type), pair);
  if (type.isF16())
    return rounded;
  return LLVM::BitcastOp::create(e.b, e.b.getI32Type(), rounded);
}

WarpMatrixEmitter::Fragment WarpMatrixEmitter::round(const Fragment &first,
                                                     const Fragment &second) {
  return {pack(first[0], first[1]), pack(first[2], first[3]), pack(second[0], second[1]),
          pack(second[2], second[3])};
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

void WarpMatrixEmitter::copyAsync(Value source, Value factors, Value row, Value column,
                                  Value bytes) {
  NVVM::CpAsyncOp::create(e.b, getPointer(factors, row, column), source, 16,
                          NVVM::LoadCacheModifierKind::CG, bytes);
}

void WarpMatrixEmitter::commitCopies() { NVVM::CpAsyncCommitGroupOp::create(e.b); }

void WarpMatrixEmitter::waitForCopies(int64_t pending) {
  NVVM::CpAsyncWaitGroupOp::create(e.b, static_cast<uint32_t>(pending));
}
