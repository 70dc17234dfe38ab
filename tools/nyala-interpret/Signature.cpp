#include "tools/nyala-interpret/Signature.h"

#include "ir/TrainingOps.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"

#include <algorithm>

using namespace mlir;
using namespace nyala;
using namespace nyala::interpret;

SmallVector<int64_t> Parameter::getShape() const {
  auto shaped = dyn_cast<RankedTensorType>(type);
  return shaped ? SmallVector<int64_t>(shaped.getShape()) : SmallVector<int64_t>();
}

Type Parameter::getElementType() const { return getElementTypeOrSelf(type); }

static Parameter makeParameter(unsigned index, Type type, DictionaryAttr attributes,
                               StringRef nameAttr, ArrayRef<Parameter> before) {
  Parameter parameter;
  parameter.type = type;
  parameter.name = std::to_string(index);
  if (!attributes)
    return parameter;
  auto name = attributes.getAs<StringAttr>(nameAttr);
  auto state = attributes.getAs<StringAttr>(NyalaDialect::kStateAttr);
  auto gradient = attributes.getAs<StringAttr>(kGradientAttr);
  parameter.isState = state != nullptr;
  std::string given;
  if (gradient)
    given = "gradient:" + gradient.str();
  if (StringAttr plain = name ? name : state)
    given = plain.str();
  if (!given.empty() && llvm::none_of(before, [&](const Parameter &p) { return p.name == given; }))
    parameter.name = given;
  if (auto maxRows = attributes.getAs<IntegerAttr>(NyalaDialect::kMaxRowsAttr))
    parameter.maxRows = maxRows.getInt();
  return parameter;
}

std::vector<Parameter> interpret::getArguments(FunctionOpInterface function) {
  std::vector<Parameter> result;
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes()))
    result.push_back(makeParameter(index, type, function.getArgAttrDict(index),
                                   NyalaDialect::kRoleAttr, result));
  return result;
}

std::vector<Parameter> interpret::getResults(FunctionOpInterface function) {
  std::vector<Parameter> result;
  for (auto [index, type] : llvm::enumerate(function.getResultTypes()))
    result.push_back(makeParameter(index, type, function.getResultAttrDict(index),
                                   NyalaDialect::kResultAttr, result));
  return result;
}
