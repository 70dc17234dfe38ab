//===- NyalaDialect.cpp - The nyala dialect -------------------------------===//
#include "ir/NyalaDialect.h"
#include "ir/AttentionOps.h"
#include "ir/NyalaOps.h"
#include "ir/TrainingOps.h"
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
}

/// A variant is a module named as its CPU, so each is there once.
static LogicalResult verifyTargets(Operation *op, Attribute value) {
  auto targets = dyn_cast<ArrayAttr>(value);
  if (!targets || targets.empty() || !llvm::all_of(targets, llvm::IsaPred<CpuTargetAttr>))
    return op->emitOpError("attribute '")
           << NyalaDialect::kTargetsAttr << "' must be a list of #nyala.cpu_target, got " << value;
  llvm::StringSet<> names;
  for (auto target : targets.getAsRange<CpuTargetAttr>())
    if (!names.insert(target.getArch()).second)
      return op->emitOpError("attribute '")
             << NyalaDialect::kTargetsAttr << "' names '" << target.getArch() << "' twice";
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
    return expect(isa<CpuTargetAttr>(attribute.getValue()), "a #nyala.cpu_target");
  if (name == kTokenizerAttr)
    return expect(isa<StringAttr>(attribute.getValue()), "a file name");
  return success();
}
