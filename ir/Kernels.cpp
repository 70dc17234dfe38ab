//===- Kernels.cpp - What a kernel is and costs ---------------------------===//
#include "ir/Kernels.h"
#include "ir/Variants.h"
#include "ir/interfaces/CostBytes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace nyala;

/// "512x576xf32"; of a packed weight the shape that it stands for.
static std::string describe(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (int64_t dim : tensor.getShape())
    (ShapedType::isDynamic(dim) ? stream << '?' : stream << dim) << 'x';
  stream << tensor.getElementType();
  return text;
}

static std::string describe(TypeRange types) {
  return "(" + llvm::join(llvm::map_range(types, [](Type type) { return describe(type); }), ",") +
         ")";
}

/// All that `kernel` is, without name and locations.
static std::string print(KernelOp kernel) {
  OwningOpRef<KernelOp> copy(kernel.clone());
  copy->setSymName("kernel");
  // Code generation adds attributes.
  (*copy)->setDiscardableAttrs(ArrayRef<NamedAttribute>());
  setDevice(*copy, getDevice(kernel));
  std::string text;
  llvm::raw_string_ostream stream(text);
  copy->print(stream, OpPrintingFlags().useLocalScope());
  return text;
}

std::string nyala::getKernelKey(KernelOp kernel) {
  llvm::SetVector<StringRef> ops;
  for (Operation &op : kernel.getBody().front())
    if (!isa<arith::ConstantOp, ReturnOp>(op))
      ops.insert(op.getName().stripDialect());
  return llvm::join(ops, "+") + describe(kernel.getArgumentTypes()) + "->" +
         describe(kernel.getResultTypes()) + "#" +
         llvm::utohexstr(llvm::xxh3_64bits(print(kernel)), /*LowerCase=*/true, /*Width=*/16);
}

/// Of how many ops' costs are the bytes that they read of a row of `value` a part?
static int64_t countReads(Value value) {
  return llvm::count_if(value.getUses(), [](OpOperand &use) {
    return llvm::is_contained(getRowOperands(use.getOwner()), &use);
  });
}

/// Bytes a row that ops count and that do not cross the kernel's border: what they write and read
/// of values that stay inside, and arguments that were read before.
static int64_t getInnerBytes(KernelOp kernel) {
  int64_t bytes = 0;
  for (Value argument : kernel.getBody().getArguments())
    bytes += std::max<int64_t>(0, countReads(argument) - 1) * rowBytes(argument);
  for (Operation &op : kernel.getBody().front())
    for (Value value : op.getResults()) {
      bool staysInside = llvm::none_of(value.getUsers(), llvm::IsaPred<ReturnOp>);
      bool isWritten = staysInside && !isa<arith::ConstantOp>(op);
      bytes += (countReads(value) + isWritten) * rowBytes(value);
    }
  return bytes;
}

OpCost nyala::getKernelCost(KernelOp kernel) {
  OpCost cost;
  for (Operation &op : kernel.getBody().front())
    cost += nyala::getCost(&op);
  auto isDynamic = [](Type type) { return cast<RankedTensorType>(type).isDynamicDim(0); };
  auto borders = llvm::concat<const Type>(kernel.getArgumentTypes(), kernel.getResultTypes());
  if (llvm::none_of(borders, isDynamic)) {
    cost.bytesPerRow = std::max<int64_t>(0, cost.bytesPerRow - getInnerBytes(kernel));
    return cost;
  }
  cost.bytesPerRow = 0;
  for (Type type : borders)
    if (auto tensor = cast<RankedTensorType>(type); isDynamic(type))
      cost.bytesPerRow += (tensor.getRank() == 2 ? tensor.getDimSize(1) : 1) *
                          llvm::divideCeil(tensor.getElementTypeBitWidth(), 8);
  return cost;
}
