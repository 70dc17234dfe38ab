//===- Costs.cpp - What running an op costs -------------------------------===//
#include "passes/remat/Costs.h"
#include "ir/Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/Errc.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cmath>

using namespace mlir;
using namespace nyala;
using namespace nyala::remat;
namespace json = llvm::json;

/// The file's format; docs/rematerialization.md.
static constexpr int64_t kVersion = 1;

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {

struct Measured {
  std::string key;
  double calls = 0, seconds = 0, bytes = 0, flops = 0;
};

struct File {
  std::string arch;
  double rest = 0;
  std::vector<Measured> kernels;
};

bool isTime(double value) { return std::isfinite(value) && value >= 0; }

bool fromJSON(const json::Value &value, Measured &kernel, json::Path path) {
  json::ObjectMapper map(value, path);
  if (!map || !map.map("key", kernel.key) || !map.map("calls", kernel.calls) ||
      !map.map("seconds", kernel.seconds) || !map.map("bytes", kernel.bytes) ||
      !map.map("flops", kernel.flops))
    return false;
  for (double number : {kernel.calls, kernel.seconds, kernel.bytes, kernel.flops})
    if (!isTime(number)) {
      path.report("expected finite numbers that are not negative");
      return false;
    }
  return true;
}

bool fromJSON(const json::Value &value, File &file, json::Path path) {
  json::ObjectMapper map(value, path);
  if (!map || !map.mapOptional("arch", file.arch) || !map.map("rest_seconds", file.rest) ||
      !map.map("kernels", file.kernels))
    return false;
  if (!isTime(file.rest)) {
    path.field("rest_seconds").report("expected a finite number that is not negative");
    return false;
  }
  return true;
}

} // namespace

/// The roofline's seconds.
static double getAnalyticSeconds(double flops, double bytes) {
  return std::max(flops / Costs::kFlopsPerSecond, bytes / Costs::kBytesPerSecond);
}

llvm::Expected<Costs> Costs::read(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (std::error_code error = buffer.getError())
    return llvm::createStringError(error, "cannot read the costs '%s': %s", path.str().c_str(),
                                   error.message().c_str());
  return parse((*buffer)->getBuffer(), path);
}

llvm::Expected<Costs> Costs::parse(StringRef text, StringRef name) {
  auto fail = [&](const llvm::Twine &what) {
    return llvm::createStringError(llvm::errc::invalid_argument,
                                   "'" + name + "' holds no costs of kernels: " + what +
                                       "; write it with 'nyala-bench --profile-ops'");
  };
  llvm::Expected<json::Value> value = json::parse(text);
  if (!value)
    return fail("it is no JSON, " + llvm::toString(value.takeError()));
  const json::Object *object = value->getAsObject();
  std::optional<int64_t> version = object ? object->getInteger("version") : std::nullopt;
  if (!version)
    return fail("expected an object with a 'version'");
  if (*version != kVersion)
    return fail("expected version " + llvm::Twine(kVersion) + ", got " + llvm::Twine(*version));
  File file;
  json::Path::Root root("costs");
  if (!fromJSON(*value, file, root))
    return fail(llvm::toString(root.getError()));
  Costs costs;
  costs.measured = true;
  costs.arch = file.arch;
  costs.restSeconds = file.rest;
  double seconds = 0, analytic = 0;
  for (const Measured &kernel : file.kernels) {
    if (!costs.secondsOf.try_emplace(kernel.key, kernel.seconds).second)
      return fail("it has kernel '" + kernel.key + "' twice");
    seconds += kernel.calls * kernel.seconds;
    analytic += kernel.calls * getAnalyticSeconds(kernel.flops, kernel.bytes);
  }
  if (seconds <= 0 || analytic <= 0)
    return fail("no kernel in it takes time");
  costs.scale = seconds / analytic;
  return costs;
}

//===----------------------------------------------------------------------===//
// Costs of ops
//===----------------------------------------------------------------------===//

/// Rows that an op works on: of a dispatch those it is given, else those of its result; `most`
/// where they are not constant.
static int64_t getRows(Operation *op, int64_t most) {
  if (auto dispatch = dyn_cast<DispatchOp>(op)) {
    auto rows = dispatch.getRows().getDefiningOp<arith::ConstantIndexOp>();
    return rows ? rows.value() : most;
  }
  if (op->getNumResults() == 0)
    return 1;
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  return type && type.getRank() > 0 && !type.isDynamicDim(0) ? type.getDimSize(0) : most;
}

/// Of what says nothing of its cost: operands and results move once.
static OpCost getMovedBytes(Operation *op) {
  OpCost cost;
  auto add = [&](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (tensor && tensor.hasStaticShape() && tensor.getElementType().isIntOrFloat())
      cost.fixedBytes += llvm::divideCeil(
          tensor.getNumElements() * int64_t(tensor.getElementTypeBitWidth()), int64_t(8));
  };
  llvm::for_each(op->getOperandTypes(), add);
  llvm::for_each(op->getResultTypes(), add);
  return cost;
}

const Costs::Kernel &Costs::lookUp(KernelOp kernel) {
  auto [it, isNew] = kernels.try_emplace(kernel);
  if (isNew)
    it->second = {getKernelKey(kernel), getKernelCost(kernel)};
  return it->second;
}

double Costs::getSeconds(Operation *op) {
  OpCost cost;
  std::string name;
  int64_t most = 1;
  if (auto dispatch = dyn_cast<DispatchOp>(op)) {
    auto kernel =
        SymbolTable::lookupNearestSymbolFrom<KernelOp>(dispatch, dispatch.getKernelAttr());
    const Kernel &known = lookUp(kernel);
    if (auto it = secondsOf.find(known.key); it != secondsOf.end())
      return it->second;
    cost = known.cost;
    name = known.key;
    most = kernel.getMaxRows();
  } else {
    cost = nyala::getCost(op);
    if (cost.flopsPerRow == 0 && cost.bytesPerRow == 0 && cost.fixedBytes == 0)
      cost = getMovedBytes(op);
    name = op->getName().getStringRef();
  }
  if (measured)
    missing.insert(name);
  auto rows = static_cast<double>(getRows(op, most));
  return scale * getAnalyticSeconds(rows * static_cast<double>(cost.flopsPerRow),
                                    static_cast<double>(cost.fixedBytes) +
                                        rows * static_cast<double>(cost.bytesPerRow));
}
