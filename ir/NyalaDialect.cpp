//===- NyalaDialect.cpp - The nyala dialect -------------------------------===//
#include "ir/NyalaDialect.h"
#include "ir/AttentionOps.h"
#include "ir/ImageGradientOps.h"
#include "ir/NyalaOps.h"
#include "ir/TrainingOps.h"
#include "ir/Variants.h"
#include "ir/WeightOps.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace nyala;

#include "ir/NyalaDialect.cpp.inc"

void NyalaDialect::initialize() {
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "ir/NyalaOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/TrainingOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/WeightOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/AttentionOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ConvolutionOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/ImageGradientOps.cpp.inc"
      >();
}

/// A variant is a module named as its CPU or GPU, so each is there once.
static LogicalResult verifyTargets(Operation *op, Attribute value) {
  auto targets = dyn_cast<ArrayAttr>(value);
  if (!targets || targets.empty() || !llvm::all_of(targets, isTarget))
    return op->emitOpError("attribute '")
           << NyalaDialect::kTargetsAttr
           << "' must be a list of #nyala.cpu_target and #nyala.cuda_target, got " << value;
  llvm::StringSet<> names;
  for (Attribute target : targets)
    if (!names.insert(getArch(target)).second)
      return op->emitOpError("attribute '")
             << NyalaDialect::kTargetsAttr << "' names '" << getArch(target) << "' twice";
  return success();
}

LogicalResult NyalaDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  StringRef name = attribute.getName();
  auto expect = [&](bool ok, StringRef what) -> LogicalResult {
    if (ok)
      return success();
    return op->emitOpError("attribute '")
           << name << "' must be " << what << ", got " << attribute.getValue();
  };
  if (name == kModelAttr)
    return expect(isa<DictionaryAttr>(attribute.getValue()), "a dictionary");
  if (name == kTargetsAttr)
    return verifyTargets(op, attribute.getValue());
  if (name == kTargetAttr)
    return expect(isTarget(attribute.getValue()), "a #nyala.cpu_target or #nyala.cuda_target");
  if (name == kDeviceAttr) {
    auto device = dyn_cast<StringAttr>(attribute.getValue());
    return expect(device && parseDevice(device.getValue()), "\"cpu\" or \"cuda\"");
  }
  if (name == kTokenizerAttr)
    return expect(isa<StringAttr>(attribute.getValue()), "a file name");
  return success();
}
