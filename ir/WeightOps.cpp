//===- WeightOps.cpp - Ops that rearrange weights -------------------------===//
#include "ir/WeightOps.h"
#include "ir/interfaces/CostBytes.h"
#include "ir/reference/Checks.h"

#include "mlir/IR/OpImplementation.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace nyala;
using reference::Tensor;

LogicalResult InterleaveRowsOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (type.getRank() == 0 || type.getEncoding())
    return emitOpError("expected a plain weight with rows, got ") << type;
  auto groups = static_cast<int64_t>(getGroups()), dims = static_cast<int64_t>(getDims());
  int64_t rows = type.getDimSize(0);
  if (groups <= 0 || rows % groups != 0)
    return emitOpError("expected groups to divide the ") << rows << " rows, got " << groups;
  if (dims < 0 || dims % 2 != 0 || dims > rows / groups)
    return emitOpError("expected dims to be an even number of the ")
           << rows / groups << " rows of a group, got " << dims;
  return success();
}

int64_t InterleaveRowsOp::getSourceRow(int64_t row) {
  int64_t groupRows =
      cast<RankedTensorType>(getType()).getDimSize(0) / static_cast<int64_t>(getGroups());
  auto dims = static_cast<int64_t>(getDims());
  int64_t within = row % groupRows;
  return within < dims ? row - within + within / 2 + within % 2 * (dims / 2) : row;
}

FailureOr<SmallVector<Tensor>> InterleaveRowsOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[0];
  Tensor result(input.getShape());
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t r = 0; r < input.dim(0); ++r)
    llvm::copy(input.row(getSourceRow(r)), out.begin() + r * input.rowSize());
  return reference::single(std::move(result));
}

//===----------------------------------------------------------------------===//
// Unpacking
//===----------------------------------------------------------------------===//

LogicalResult UnpackOp::verify() {
  RankedTensorType input = nyala::getTensorType(getInput()),
                   result = nyala::getTensorType(getResult());
  if (!getPacked(input))
    return emitOpError("expected an operand with a #nyala.packed encoding, got ") << input;
  if (result != RankedTensorType::get(input.getShape(), input.getElementType()))
    return emitOpError("expected a plain result of the operand's shape and element type ")
           << input << ", got " << result;
  return success();
}

OpCost UnpackOp::getCost() {
  return {.fixedBytes = getPackedLayout(nyala::getTensorType(getInput())).getBytes(),
          .bytesPerRow = rowBytes(getResult())};
}

OpOperand &UnpackOp::getRowOperand() { return getInputMutable(); }
FusionKind UnpackOp::getFusionKind() { return FusionKind::ColumnLocal; }

FailureOr<SmallVector<Tensor>> UnpackOp::evaluate(ArrayRef<Tensor> operands) {
  return reference::single(operands[0]);
}

//===----------------------------------------------------------------------===//
// Random numbers
//===----------------------------------------------------------------------===//

ParseResult RandomOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand state;
  bool isOver = succeeded(parser.parseOptionalKeyword("over"));
  Type type;
  if ((isOver && parser.parseOperand(state)) || parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(type) ||
      (isOver && parser.resolveOperand(state, type, result.operands)))
    return failure();
  result.addTypes(type);
  return success();
}

void RandomOp::print(OpAsmPrinter &printer) {
  if (getState())
    printer << " over " << getState();
  SmallVector<StringRef> defaults;
  if (getMean().isPosZero())
    defaults.push_back(getMeanAttrName());
  if (getSeed() == 0)
    defaults.push_back(getSeedAttrName());
  printer.printOptionalAttrDict((*this)->getAttrs(), defaults);
  printer << " : " << getType();
}

OpOperand *RandomOp::getUpdatedOperand(unsigned) {
  return getState() ? &(*this)->getOpOperand(0) : nullptr;
}

LogicalResult RandomOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (getState() && getState().getType() != type)
    return emitOpError("expected a state of the result's type ")
           << type << ", got " << getState().getType();
  if (!isa<Float32Type, BFloat16Type, Float16Type>(type.getElementType()))
    return emitOpError("expected a result of f32, f16 or bf16, got ") << type;
  if (type.getNumElements() > std::numeric_limits<uint32_t>::max())
    return emitOpError("expected at most 2^32 - 1 elements, got ") << type;
  PackedAttr packed = getPacked(type);
  if (!packed)
    return success();
  StoredFormat format = packed.getFormat();
  if (format != StoredFormat::F32 && !canQuantize(format))
    return emitOpError("expected a result packed as f32, q8_0 or q4_0, got ") << type;
  if (canQuantize(format) && !getMean().isZero())
    return emitOpError("expected a mean of 0 for numbers stored in blocks, got ") << getMeanAttr();
  return success();
}

OpCost RandomOp::getCost() {
  auto type = cast<RankedTensorType>(getType());
  return {.fixedBytes = getPacked(type) ? getPackedLayout(type).getBytes()
                                        : type.getNumElements() * elementBytes(getResult())};
}

FusionKind RandomOp::getFusionKind() { return FusionKind::Root; }

float RandomOp::getFactor() { return getDeviation().convertToFloat() * std::sqrt(3.0F); }

uint16_t RandomOp::getBlockScale() {
  // The deviation of integers, all equally likely: 0..15, 0..255.
  bool nibbles = getPacked(cast<RankedTensorType>(getType())).getFormat() == StoredFormat::Q4_0;
  APFloat scale(getDeviation().convertToFloat() / (nibbles ? 4.61F : 73.9F));
  bool losesInfo;
  scale.convert(APFloat::IEEEhalf(), APFloat::rmNearestTiesToEven, &losesInfo);
  return static_cast<uint16_t>(scale.bitcastToAPInt().getZExtValue());
}

/// The integer that the words of `layout` hold for an element.
static uint32_t getRandomQuant(const PackedLayout &layout, uint32_t seed, int64_t row,
                               int64_t column) {
  int64_t block = column / PackedLayout::kBlockColumns,
          within = column % PackedLayout::kBlockColumns;
  int64_t perWord = layout.getColumnsPerWord(), word = within / perWord, place = within % perWord;
  int64_t offset = row / PackedLayout::kGroupRows * layout.getGroupBytes() +
                   block * layout.getBlockBytes() + word * PackedLayout::kWordBytes +
                   row % PackedLayout::kGroupRows * 4;
  uint32_t bits = hashCounter(seed, static_cast<uint32_t>(offset / 4));
  if (perWord == 4)
    return (bits >> (8 * place)) & 255;
  return (bits >> (8 * (place % 4) + 4 * (place / 4))) & 15;
}

FailureOr<SmallVector<Tensor>> RandomOp::evaluate(ArrayRef<Tensor>) {
  auto type = cast<RankedTensorType>(getType());
  Tensor result(type.getShape());
  MutableArrayRef<double> out = result.mutableValues();
  uint32_t seed = getSeed();
  if (PackedAttr packed = getPacked(type); packed && canQuantize(packed.getFormat())) {
    PackedLayout layout = getPackedLayout(type);
    APFloat scale(APFloat::IEEEhalf(), APInt(16, getBlockScale()));
    for (int64_t i = 0; i < result.size(); ++i) {
      int64_t quant = getRandomQuant(layout, seed, i / type.getDimSize(1), i % type.getDimSize(1));
      out[i] = (quant - layout.getQuantOffset()) * static_cast<double>(scale.convertToFloat());
    }
    return reference::single(std::move(result));
  }
  float factor = getFactor(), mean = getMean().convertToFloat();
  for (int64_t i = 0; i < result.size(); ++i) {
    uint32_t bits = hashCounter(seed, static_cast<uint32_t>(i)) >> 8;
    out[i] = std::fma(factor, static_cast<float>(bits) * 0x1p-23F - 1, mean);
  }
  return reference::single(std::move(result));
}

#define GET_OP_CLASSES
#include "ir/WeightOps.cpp.inc"
