//===- NyalaAttrs.cpp - Attributes of the nyala dialect -------------------===//
#include "ir/NyalaAttrs.h"
#include "ir/NyalaDialect.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace nyala;

FailureOr<StoredFormat> nyala::parseStoredFormat(AsmParser &parser) {
  StringRef name;
  SMLoc loc = parser.getCurrentLocation();
  if (failed(parser.parseKeyword(&name)))
    return failure();
  if (auto format = nyala::parseStoredFormat(std::string_view(name)))
    return *format;
  return parser.emitError(loc, "unknown stored format '") << name << "'";
}

LogicalResult MaskAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError, MaskKind kind,
                               int64_t window) {
  if (window < 0)
    return emitError() << "window must be 0 (none) or positive, got " << window;
  return success();
}

bool CpuTargetAttr::hasFeature(StringRef feature) const {
  return llvm::any_of(getFeatures(), [&](StringAttr attr) { return attr.getValue() == feature; });
}

#include "ir/NyalaEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "ir/NyalaAttrs.cpp.inc"

void NyalaDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ir/NyalaAttrs.cpp.inc"
      >();
}
