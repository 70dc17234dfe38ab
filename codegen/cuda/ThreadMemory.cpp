//===- ThreadMemory.cpp - Memory and arithmetic of the thread emitter -----===//
#include "codegen/cuda/ThreadEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

/// What vector loads and stores move at once.
static constexpr int64_t kAccessBits = 128;
/// All kernels' dynamic shared memory: how much there is says the launch.
static constexpr StringLiteral kSharedSymbol = "dynamic_shared_memory";

Value ThreadEmitter::allocateShared(ArrayRef<int64_t> shape, Type type) {
  Attribute space = b.getI64IntegerAttr(kSharedSpace);
  auto bytes = MemRefType::get({0}, b.getI8Type(), MemRefLayoutAttrInterface(), space);
  OpBuilder::InsertionGuard guard(b);
  auto module = function->getParentOfType<gpu::GPUModuleOp>();
  if (!module.lookupSymbol(kSharedSymbol)) {
    b.setInsertionPointToStart(module.getBody());
    memref::GlobalOp::create(b, kSharedSymbol, /*sym_visibility=*/StringAttr(), bytes,
                             /*initial_value=*/Attribute(), /*constant=*/false,
                             b.getI64IntegerAttr(kAccessBits / 8));
  }
  b.setInsertionPoint(entryEnd);
  auto view = MemRefType::get(shape, type, MemRefLayoutAttrInterface(), space);
  Value all = memref::GetGlobalOp::create(b, bytes, kSharedSymbol);
  Value memory = memref::ViewOp::create(b, view, all, index(sharedBytes), ValueRange());
  int64_t size = view.getNumElements() * llvm::divideCeil(view.getElementTypeBitWidth(), 8);
  sharedBytes += llvm::alignTo(size, kAccessBits / 8);
  return memory;
}

Value ThreadEmitter::getConstantTable(StringRef name, DenseElementsAttr values) {
  auto module = function->getParentOfType<gpu::GPUModuleOp>();
  auto type = MemRefType::get(values.getType().getShape(), values.getElementType(),
                              MemRefLayoutAttrInterface(), b.getI64IntegerAttr(kConstantSpace));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(module.getBody());
  std::string symbol = (function.getName() + "_" + name).str();
  for (unsigned i = 1; module.lookupSymbol(symbol); ++i)
    symbol = (function.getName() + "_" + name + "_" + Twine(i)).str();
  memref::GlobalOp::create(b, symbol, b.getStringAttr("private"), type, values, /*constant=*/true,
                           /*alignment=*/IntegerAttr());
  b.setInsertionPoint(entryEnd);
  return memref::GetGlobalOp::create(b, type, symbol);
}

Value ThreadEmitter::getWorkspace() {
  if (!workspace) {
    unsigned number = function.getNumArguments();
    auto type = LLVM::LLVMPointerType::get(b.getContext(), kGlobalSpace);
    (void)function.insertArgument(number, type, {}, b.getLoc());
    workspace = function.getArgument(number);
    workspaceBytes = kCounterBytes;
  }
  return workspace;
}

Value ThreadEmitter::allocateWorkspace(int64_t bytes) {
  Value start = getWorkspace();
  auto at = static_cast<int32_t>(workspaceBytes);
  workspaceBytes += llvm::alignTo(bytes, 256);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(entryEnd);
  return LLVM::GEPOp::create(b, start.getType(), b.getI8Type(), start, LLVM::GEPArg(at));
}

Value ThreadEmitter::getCounter(Value number) {
  Value start = getWorkspace();
  Value at = arith::IndexCastOp::create(b, b.getI64Type(), number);
  return LLVM::GEPOp::create(b, start.getType(), b.getI32Type(), start, at);
}

/// The order, for all of the device: stores of this block, barrier, fence, count; count, fence,
/// barrier, loads of the last block.
Value ThreadEmitter::isLastBlock(Value counter, Value blocks) {
  Type i32 = b.getI32Type();
  Value last = allocateShared(1, i32);
  barrier();
  when(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, thread, index(0)), [&] {
    auto fence = [&] { LLVM::FenceOp::create(b, LLVM::AtomicOrdering::acq_rel, "device"); };
    Value place = getCounter(counter);
    fence();
    Value before = LLVM::AtomicRMWOp::create(b, LLVM::AtomicBinOp::add, place, intConstant(i32, 1),
                                             LLVM::AtomicOrdering::monotonic, "device");
    fence();
    Value least = arith::IndexCastOp::create(b, i32, arith::SubIOp::create(b, blocks, index(1)));
    Value isLast = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, before, least);
    when(isLast, [&] { LLVM::StoreOp::create(b, intConstant(i32, 0), place); });
    memref::StoreOp::create(b, arith::ExtUIOp::create(b, i32, isLast), last, index(0));
  });
  barrier();
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                               memref::LoadOp::create(b, last, index(0)), intConstant(i32, 0));
}

Value ThreadEmitter::addShared(Value buffer, int64_t amount) {
  Type i32 = b.getI32Type();
  Value base = arith::IndexCastOp::create(
      b, b.getI64Type(), memref::ExtractAlignedPointerAsIndexOp::create(b, buffer));
  Value place =
      LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext(), kSharedSpace), base);
  return LLVM::AtomicRMWOp::create(b, LLVM::AtomicBinOp::add, place, intConstant(i32, amount),
                                   LLVM::AtomicOrdering::monotonic, "block");
}

Value ThreadEmitter::getAddress(Value buffer, Value byteOffset) {
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, buffer);
  Value sum = arith::AddIOp::create(b, base, byteOffset);
  Value address = arith::IndexCastOp::create(b, b.getI64Type(), sum);
  unsigned space = cast<MemRefType>(buffer.getType()).getMemorySpaceAsInt();
  return LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext(), space), address);
}

Value ThreadEmitter::loadHere(Value buffer, Value byteOffset, int64_t bytes) {
  return loadWords("ld.global", buffer, byteOffset, bytes);
}

Value ThreadEmitter::loadStreaming(Value buffer, Value byteOffset, int64_t bytes) {
  return loadWords("ld.global.L1::no_allocate.L2::256B", buffer, byteOffset, bytes);
}

/// Not .nc, even of what does not change: ptxas moves such loads behind griddepcontrol.wait.
Value ThreadEmitter::loadWords(StringRef instruction, Value buffer, Value byteOffset,
                               int64_t bytes) {
  int64_t words = std::max<int64_t>(1, bytes / 4);
  Type word = bytes < 4 ? b.getI16Type() : b.getI32Type();
  std::string results, constraints, kind = words == 1 ? "" : ".v" + std::to_string(words);
  for (int64_t i = 0; i < words; ++i) {
    results += (i == 0 ? "$" : ", $") + std::to_string(i);
    constraints += bytes < 4 ? "=h," : "=r,";
  }
  kind += bytes == 1 ? ".u8 " : ".b" + std::to_string(8 * bytes / words) + " ";
  Type type = word;
  if (words > 1) {
    type = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(words, word));
    results = "{" + results + "}";
  }
  // With side effects, so that loads stay before a barrier that they have been put before.
  auto load = LLVM::InlineAsmOp::create(
      b, type, getAddress(buffer, byteOffset),
      (instruction + kind + results + ", [$" + std::to_string(words) + "];").str(),
      constraints + "l",
      /*has_side_effects=*/true, /*is_align_stack=*/false, LLVM::TailCallKind::None,
      LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT),
      /*operand_attrs=*/ArrayAttr());
  SmallVector<Value> parts(1, load.getRes());
  if (words > 1)
    parts = llvm::map_to_vector(llvm::seq(words), [&](int64_t i) -> Value {
      return LLVM::ExtractValueOp::create(b, load.getRes(), i);
    });
  return vector::FromElementsOp::create(b, VectorType::get(words, word), parts);
}

void ThreadEmitter::copyRow(Value buffer, Value row, Value destination) {
  constexpr int64_t chunk = kAccessBits / 8;
  auto type = cast<MemRefType>(buffer.getType());
  int64_t bytes = type.getShape().back() * type.getElementTypeBitWidth() / 8;
  assert(bytes % chunk == 0);
  Value start = arith::MulIOp::create(b, row, index(bytes));
  forRange(thread, index(bytes / chunk), threads, [&](Value number) {
    Value offset = arith::MulIOp::create(b, number, index(chunk));
    NVVM::CpAsyncOp::create(b, getAddress(destination, offset),
                            getAddress(buffer, arith::AddIOp::create(b, start, offset)), chunk,
                            NVVM::LoadCacheModifierKind::CG, Value());
  });
  NVVM::CpAsyncCommitGroupOp::create(b);
  NVVM::CpAsyncWaitGroupOp::create(b, 0);
  barrier();
}

void ThreadEmitter::prefetch(Value buffer, Value byteOffset) {
  // Not nvvm.prefetch: LLVM 22 has the instruction for sm_90 and newer alone.
  LLVM::InlineAsmOp::create(b, /*res=*/Type(), getAddress(buffer, byteOffset),
                            "prefetch.global.L1 [$0];", "l", /*has_side_effects=*/true,
                            /*is_align_stack=*/false, LLVM::TailCallKind::None,
                            LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT),
                            /*operand_attrs=*/ArrayAttr());
}

/// How many of `count` adjacent elements are accessed at once: `column` is a multiple of each power
/// of two that divides `count`, and rows may not be.
static int64_t getAccess(MemRefType type, int64_t offset, int64_t count) {
  int64_t access = count & -count;
  int64_t stride = type.getRank() == 1 ? 0 : type.getShape().back();
  while (access > 1 && (access * type.getElementTypeBitWidth() > kAccessBits ||
                        offset % access != 0 || stride % access != 0))
    access /= 2;
  return access;
}

static SmallVector<Value> getIndices(ThreadEmitter &e, ValueRange leading, Value column,
                                     int64_t offset) {
  SmallVector<Value> indices(leading);
  indices.push_back(offset == 0 ? column
                                : Value(arith::AddIOp::create(e.b, column, e.index(offset),
                                                              arith::IntegerOverflowFlags::nsw)));
  return indices;
}

SmallVector<Value> ThreadEmitter::load(Value buffer, const Tile &tile) {
  bool isRow = cast<MemRefType>(buffer.getType()).getRank() == 1;
  return load(buffer, isRow ? ValueRange() : ValueRange(tile.row), tile.column, tile.offset,
              tile.count);
}

SmallVector<Value> ThreadEmitter::load(Value buffer, ValueRange leading, Value column,
                                       int64_t offset, int64_t count) {
  auto type = cast<MemRefType>(buffer.getType());
  Type element = type.getElementType(), f32 = b.getF32Type();
  bool narrow = isa<FloatType>(element) && !element.isF32();
  int64_t access = getAccess(type, offset, count);
  SmallVector<Value> elements;
  for (int64_t done = 0; done < count; done += access) {
    SmallVector<Value> indices = getIndices(*this, leading, column, offset + done);
    if (access == 1) {
      Value loaded = memref::LoadOp::create(b, buffer, indices);
      elements.push_back(narrow ? Value(arith::ExtFOp::create(b, f32, loaded)) : loaded);
      continue;
    }
    auto vector = VectorType::get(access, element);
    auto loaded = vector::LoadOp::create(b, vector, buffer, indices);
    loaded.setAlignment(access * type.getElementTypeBitWidth() / 8);
    if (element.isBF16()) {
      Value words = vector::BitCastOp::create(b, VectorType::get(access / 2, b.getI32Type()),
                                              loaded.getResult());
      for (int64_t i = 0; i < access / 2; ++i) {
        auto [low, high] = widenPair(vector::ExtractOp::create(b, words, i));
        elements.append({low, high});
      }
      continue;
    }
    for (int64_t i = 0; i < access; ++i) {
      Value scalar = vector::ExtractOp::create(b, loaded.getResult(), i);
      elements.push_back(narrow ? Value(arith::ExtFOp::create(b, f32, scalar)) : scalar);
    }
  }
  return elements;
}

void ThreadEmitter::store(ArrayRef<Value> values, Value buffer, const Tile &tile) {
  bool isRow = cast<MemRefType>(buffer.getType()).getRank() == 1;
  store(values, buffer, isRow ? ValueRange() : ValueRange(tile.row), tile.column, tile.offset);
}

void ThreadEmitter::store(ArrayRef<Value> values, Value buffer, ValueRange leading, Value column,
                          int64_t offset) {
  auto type = cast<MemRefType>(buffer.getType());
  Type element = type.getElementType();
  auto count = static_cast<int64_t>(values.size());
  int64_t access = getAccess(type, offset, count);
  auto convert = [&](Value value) -> Value {
    Type from = getElementTypeOrSelf(value);
    Type to = element;
    if (from == to)
      return value;
    if (auto vector = dyn_cast<VectorType>(value.getType()))
      to = vector.clone(to);
    if (isa<FloatType>(element))
      return arith::TruncFOp::create(b, to, value);
    return arith::TruncIOp::create(b, to, value);
  };
  for (int64_t done = 0; done < count; done += access) {
    SmallVector<Value> indices = getIndices(*this, leading, column, offset + done);
    ValueRange part = values.slice(done, access);
    if (access == 1) {
      memref::StoreOp::create(b, convert(part.front()), buffer, indices);
      continue;
    }
    auto vector = VectorType::get(access, part.front().getType());
    Value all = convert(vector::FromElementsOp::create(b, vector, part));
    auto stored = vector::StoreOp::create(b, all, buffer, indices);
    stored.setAlignment(access * type.getElementTypeBitWidth() / 8);
  }
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value ThreadEmitter::constant(double value) { return constant(b.getF32Type(), value); }

Value ThreadEmitter::fma(Value x, Value y, Value z) { return math::FmaOp::create(b, x, y, z); }

std::pair<Value, Value> ThreadEmitter::widenPair(Value bits) {
  Type type = bits.getType(), f32 = b.getF32Type();
  if (auto vector = dyn_cast<VectorType>(type))
    f32 = vector.clone(f32);
  Value low = arith::ShLIOp::create(b, bits, intConstant(type, 16));
  Value high = arith::AndIOp::create(b, bits, intConstant(type, static_cast<int32_t>(0xffff0000)));
  return {arith::BitcastOp::create(b, f32, low), arith::BitcastOp::create(b, f32, high)};
}

Value ThreadEmitter::roundTo(Type type, Value x) {
  Value rounded = arith::TruncFOp::create(b, type, x);
  return arith::ExtFOp::create(b, b.getF32Type(), rounded);
}
