//===- MlirHeaders.h - What is precompiled ----------------------*- C++ -*-===//
//
// Headers of MLIR that most of the compiler includes; none of nyala's own, whose
// changes would compile everything anew. cmake/Nyala.cmake precompiles them.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CMAKE_MLIRHEADERS_H
#define NYALA_CMAKE_MLIRHEADERS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

#endif // NYALA_CMAKE_MLIRHEADERS_H
