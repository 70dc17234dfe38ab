//===- NyalaAttrs.cpp - Attributes of the nyala dialect -------------------===//
#include "ir/NyalaAttrs.h"
#include "ir/NyalaDialect.h"
#include "ir/storage/SlotLayout.h"

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

LogicalResult BlocksAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                                 StoredFormat format) {
  if (canQuantize(format))
    return success();
  return emitError() << "caches are stored in blocks of q8_0 or q4_0, got " << getInfo(format).name;
}

LogicalResult BlocksAttr::verifyEncoding(ArrayRef<int64_t> shape, Type elementType,
                                         llvm::function_ref<InFlightDiagnostic()> emitError) const {
  if (shape.size() != 3)
    return emitError() << "expected a cache of sequences, slots and channels for " << *this
                       << ", got rank " << shape.size();
  if (!elementType.isF32())
    return emitError() << "expected elements of " << *this << " to be 'f32', got " << elementType;
  if (ShapedType::isDynamic(shape[2]) || shape[2] % SlotLayout::kBlockChannels != 0) {
    InFlightDiagnostic diagnostic = emitError()
                                    << "expected channels of " << *this << " to be a multiple of "
                                    << SlotLayout::kBlockChannels << ", got ";
    return ShapedType::isDynamic(shape[2]) ? diagnostic << "any" : diagnostic << shape[2];
  }
  return success();
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

unsigned CudaTargetAttr::getComputeCapability() const {
  StringRef name = getArch();
  unsigned capability = 0;
  if (!name.consume_front("sm_") || name.consumeInteger(10, capability))
    return 0;
  return name.empty() || name == "a" ? capability : 0;
}

bool CudaTargetAttr::isSpecific() const { return getArch().ends_with("a"); }

#include "ir/NyalaEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "ir/NyalaAttrs.cpp.inc"

void NyalaDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ir/NyalaAttrs.cpp.inc"
      >();
}
