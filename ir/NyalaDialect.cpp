//===- NyalaDialect.cpp - The nyala dialect -------------------------------===//
#include "ir/NyalaDialect.h"
#include "ir/AttentionOps.h"
#include "ir/NyalaOps.h"
#include "ir/TrainingOps.h"

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
#include "ir/AttentionOps.cpp.inc"
      >();
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
  if (name == kTargetAttr)
    return expect(isa<CpuTargetAttr>(attribute.getValue()), "a #nyala.cpu_target");
  if (name == kTokenizerAttr)
    return expect(isa<StringAttr>(attribute.getValue()), "a file name");
  return success();
}
