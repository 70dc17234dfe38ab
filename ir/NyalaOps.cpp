//===- NyalaOps.cpp - Ops of the model level ------------------------------===//
//
// Verifiers, symbol uses and row domains. Costs are in
// interfaces/CostModels.cpp, meanings in reference/ReferenceOps.cpp.
//
//===----------------------------------------------------------------------===//
#include "ir/NyalaOps.h"
#include "ir/OpChecks.h"

#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/FunctionImplementation.h"

#include <cmath>

using namespace mlir;
using namespace nyala;

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

LogicalResult WeightOp::verifyRegions() {
  bool hasInitializer = !getInitializer().empty();
  if (getSource() && hasInitializer)
    return emitOpError("has both a source and an initializer; expected one of them");
  if (!hasInitializer)
    return success();
  Block &block = getInitializer().front();
  if (block.getNumArguments() != 0)
    return emitOpError("expected the initializer to have no arguments, got ")
           << block.getNumArguments();
  auto yield = block.empty() ? YieldOp() : dyn_cast<YieldOp>(block.back());
  if (!yield)
    return emitOpError("expected the initializer to end in nyala.yield");
  if (yield.getValue().getType() != getType())
    return emitOpError("expected the initializer to yield ")
           << getType() << ", got " << yield.getValue().getType();
  return success();
}

Value WeightOp::getInitialValue() {
  return getInitializer().empty() ? Value()
                                  : cast<YieldOp>(getInitializer().front().back()).getValue();
}

LogicalResult LoadOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto weight = symbols.lookupNearestSymbolFrom<WeightOp>(*this, getWeightAttr());
  if (!weight)
    return emitOpError("refers to '") << getWeight() << "', which is no nyala.weight";
  if (weight.getType() != getType())
    return emitOpError("expected the type of '")
           << getWeight() << "' " << weight.getType() << ", got " << getType();
  return success();
}

void LoadOp::getAsmResultNames(OpAsmSetValueNameFn setName) { setName(getResult(), getWeight()); }

LogicalResult PackOp::verify() {
  auto input = cast<RankedTensorType>(getInput().getType());
  auto result = cast<RankedTensorType>(getType());
  if (!isa_and_nonnull<PackedAttr>(result.getEncoding()))
    return emitOpError("expected a result with a #nyala.packed encoding, got ") << result;
  if (input.getEncoding())
    return emitOpError("expected a plain operand, got ") << input;
  if (input.getShape() != result.getShape() || input.getElementType() != result.getElementType())
    return emitOpError("expected a result of the operand's shape and element type ")
           << input << ", got " << result;
  if (result.getRank() != 2)
    return emitOpError("expected a matrix, got ") << input;
  const StoredFormatInfo &info = getInfo(cast<PackedAttr>(result.getEncoding()).getFormat());
  if (result.getDimSize(1) % static_cast<int64_t>(info.blockValues) != 0)
    return emitOpError("expected columns to be a multiple of the ")
           << info.blockValues << " values of a block of " << info.name << ", got " << input;
  return success();
}

LogicalResult RequantizeOp::verify() {
  const StoredFormatInfo &info = getInfo(getFormat().getValue());
  if (!canQuantize(getFormat().getValue()))
    return emitOpError("cannot round to ") << info.name << "; expected q8_0 or q4_0";
  auto type = cast<RankedTensorType>(getType());
  if (type.getRank() != 2 || !type.getElementType().isF32() || type.getEncoding())
    return emitOpError("expected a plain matrix of f32, got ") << type;
  if (type.getDimSize(1) % static_cast<int64_t>(info.blockValues) != 0)
    return emitOpError("expected columns to be a multiple of the ")
           << info.blockValues << " values of a block of " << info.name << ", got " << type;
  return success();
}

//===----------------------------------------------------------------------===//
// Rows by index
//===----------------------------------------------------------------------===//

LogicalResult EmbeddingOp::verify() {
  if (failed(expectRows(*this, getIds(), getResult(), "the result")))
    return failure();
  return expectEqual(*this, "channels of the result", getChannels(getTable()),
                     getChannels(getResult()));
}

OpOperand &EmbeddingOp::getStoredWeight() { return getTableMutable(); }
OpOperand &EmbeddingOp::getRowOperand() { return getIdsMutable(); }
FusionKind EmbeddingOp::getFusionKind() { return FusionKind::Lookup; }

LogicalResult GatherOp::verify() {
  if (failed(expectEqual(*this, "dimensions of the result", getTensorType(getInput()).getRank(),
                         getTensorType(getResult()).getRank())) ||
      failed(expectElementType(*this, getInput(), getResult(), "the result")) ||
      failed(expectRows(*this, getIndices(), getResult(), "the result")))
    return failure();
  if (getTensorType(getInput()).getRank() == 1)
    return success();
  return expectEqual(*this, "channels of the result", getChannels(getInput()),
                     getChannels(getResult()));
}

OpOperand &GatherOp::getRowOperand() { return getIndicesMutable(); }
FusionKind GatherOp::getFusionKind() { return FusionKind::Lookup; }

//===----------------------------------------------------------------------===//
// Products and norms
//===----------------------------------------------------------------------===//

/// input [R, K] times weight [N, K] (+ bias [N]) is result [R, N].
static LogicalResult verifyProduct(Operation *op, Value input, Value weight, Value bias,
                                   Value result) {
  RankedTensorType matrix = getTensorType(weight);
  if (failed(expectRows(op, input, result, "the result")) ||
      failed(expectEqual(op, "columns of the weight", getChannels(input), matrix.getDimSize(1))) ||
      failed(expectEqual(op, "channels of the result", matrix.getDimSize(0), getChannels(result))))
    return failure();
  return bias ? expectEqual(op, "elements of the bias", getChannels(result),
                            getTensorType(bias).getDimSize(0))
              : success();
}

LogicalResult LinearOp::verify() {
  if (failed(verifyProduct(*this, getInput(), getWeight(), getBias(), getResult())))
    return failure();
  // Sums of bf16 products are f32.
  if (getTensorType(getInput()).getElementType().isBF16() && getType().getElementType().isF32())
    return expectElementType(*this, getInput(), getWeight(), "the weight");
  return expectElementType(*this, getInput(), getResult(), "the result");
}

OpOperand &LinearOp::getStoredWeight() { return getWeightMutable(); }
OpOperand &LinearOp::getRowOperand() { return getInputMutable(); }
FusionKind LinearOp::getFusionKind() { return FusionKind::Root; }

LogicalResult RmsNormOp::verify() {
  int64_t width;
  if (failed(expectHeads(*this, getChannels(getInput()), getGroups(), "the operand", width)))
    return failure();
  return expectEqual(*this, "elements of the weight", width,
                     getTensorType(getWeight()).getDimSize(0));
}

OpOperand &RmsNormOp::getRowOperand() { return getInputMutable(); }
FusionKind RmsNormOp::getFusionKind() { return FusionKind::RowReduction; }

LogicalResult LayerNormOp::verify() {
  if (failed(expectEqual(*this, "elements of the weight", getChannels(getInput()),
                         getTensorType(getWeight()).getDimSize(0))))
    return failure();
  return getBias() ? expectEqual(*this, "elements of the bias", getChannels(getInput()),
                                 getTensorType(getBias()).getDimSize(0))
                   : success();
}

OpOperand &LayerNormOp::getRowOperand() { return getInputMutable(); }
FusionKind LayerNormOp::getFusionKind() { return FusionKind::RowReduction; }

//===----------------------------------------------------------------------===//
// Quantized products
//===----------------------------------------------------------------------===//

/// Values of `like`'s rows in blocks that `scales` has one element for, and `sums` two.
static LogicalResult verifyBlocks(Operation *op, Value like, Value scales, Value sums) {
  int64_t width = getChannels(like), block = PackedLayout::kBlockColumns;
  if (width % block != 0)
    return op->emitOpError("expected channels to be a multiple of ") << block << ", got " << width;
  for (auto [value, what, size] :
       {std::tuple(scales, "the scales", block), std::tuple(sums, "the sums", kSumChannels)})
    if (failed(expectRows(op, like, value, what)) ||
        failed(expectEqual(op, Twine("channels of ") + what, width / size, getChannels(value))))
      return failure();
  return success();
}

LogicalResult QuantizeOp::verify() {
  if (failed(expectRows(*this, getInput(), getValues(), "the values")) ||
      failed(expectEqual(*this, "channels of the values", getChannels(getInput()),
                         getChannels(getValues()))))
    return failure();
  return verifyBlocks(*this, getInput(), getScales(), getSums());
}

OpOperand &QuantizeOp::getRowOperand() { return getInputMutable(); }
FusionKind QuantizeOp::getFusionKind() { return FusionKind::RowReduction; }

LogicalResult QuantizedLinearOp::verify() {
  if (failed(verifyBlocks(*this, getValues(), getScales(), getSums())))
    return failure();
  return verifyProduct(*this, getValues(), getWeight(), getBias(), getResult());
}

OpOperand &QuantizedLinearOp::getStoredWeight() { return getWeightMutable(); }
OpOperand &QuantizedLinearOp::getRowOperand() { return getValuesMutable(); }
SmallVector<OpOperand *> QuantizedLinearOp::getRowOperands() {
  return {&getValuesMutable(), &getScalesMutable(), &getSumsMutable()};
}
FusionKind QuantizedLinearOp::getFusionKind() { return FusionKind::Root; }

//===----------------------------------------------------------------------===//
// Rotary position embedding
//===----------------------------------------------------------------------===//

static LogicalResult verifyRopeParameters(Operation *op, double base, int64_t dims, double scale,
                                          std::optional<ArrayRef<float>> factors) {
  if (dims <= 0 || dims % 2 != 0)
    return op->emitOpError("expected an even, positive number of rotated channels, got dims = ")
           << dims;
  if (!(base > 0) || !(scale > 0))
    return op->emitOpError("expected base and scale to be positive, got base = ")
           << base << ", scale = " << scale;
  if (factors && static_cast<int64_t>(factors->size()) * 2 != dims)
    return op->emitOpError("expected ") << dims / 2 << " factors, got " << factors->size();
  return success();
}

LogicalResult RopeOp::verify() {
  int64_t headDim;
  if (failed(expectHeads(*this, getChannels(getInput()), getHeads(), "the operand", headDim)) ||
      failed(verifyRopeParameters(*this, getBase().convertToDouble(), getDims(),
                                  getScale().convertToDouble(), getFactors())))
    return failure();
  if (static_cast<int64_t>(getDims()) > headDim)
    return emitOpError("expected dims to be at most the head's ")
           << headDim << " channels, got " << getDims();
  return expectRows(*this, getInput(), getPositions(), "the positions");
}

OpOperand &RopeOp::getRowOperand() { return getInputMutable(); }
SmallVector<OpOperand *> RopeOp::getRowOperands() {
  return {&getInputMutable(), &getPositionsMutable()};
}
FusionKind RopeOp::getFusionKind() { return FusionKind::ColumnLocal; }

LogicalResult RopeTableOp::verify() {
  if (failed(verifyRopeParameters(*this, getBase().convertToDouble(), getDims(),
                                  getScale().convertToDouble(), getFactors())) ||
      failed(expectRows(*this, getPositions(), getResult(), "the result")))
    return failure();
  return expectEqual(*this, "channels of the result", getDims(), getChannels(getResult()));
}

OpOperand &RopeTableOp::getRowOperand() { return getPositionsMutable(); }
FusionKind RopeTableOp::getFusionKind() { return FusionKind::ColumnLocal; }

LogicalResult RotateOp::verify() {
  int64_t headDim;
  if (failed(expectHeads(*this, getChannels(getInput()), getHeads(), "the operand", headDim)) ||
      failed(expectRows(*this, getInput(), getTable(), "the table")))
    return failure();
  int64_t dims = getChannels(getTable());
  if (dims % 2 != 0 || dims > headDim)
    return emitOpError("expected the table's channels to be even and at most the head's ")
           << headDim << ", got " << dims;
  return success();
}

OpOperand &RotateOp::getRowOperand() { return getInputMutable(); }
SmallVector<OpOperand *> RotateOp::getRowOperands() {
  return {&getInputMutable(), &getTableMutable()};
}
FusionKind RotateOp::getFusionKind() { return FusionKind::ColumnLocal; }

PackedLayout nyala::getPackedLayout(RankedTensorType type) {
  return PackedLayout(getPacked(type).getFormat(), type.getDimSize(0), type.getDimSize(1));
}

SmallVector<float> nyala::getRopeFrequencies(double base, int64_t dims, double scale,
                                             std::optional<ArrayRef<float>> factors) {
  SmallVector<float> frequencies;
  for (int64_t i = 0; i < dims / 2; ++i) {
    double frequency = scale * std::pow(base, -2.0 * static_cast<double>(i) / dims);
    frequencies.push_back(static_cast<float>(factors ? frequency / (*factors)[i] : frequency));
  }
  return frequencies;
}

//===----------------------------------------------------------------------===//
// Attention and its cache
//===----------------------------------------------------------------------===//

SlotLayout nyala::getSlotLayout(RankedTensorType type) {
  return SlotLayout(getBlocks(type).getFormat(), type.getDimSize(2));
}

int64_t nyala::getSlotBytes(RankedTensorType cache) {
  return getBlocks(cache) ? getSlotLayout(cache).getSlotBytes()
                          : cache.getDimSize(2) * cache.getElementTypeBitWidth() / 8;
}

LogicalResult CacheAppendOp::verify() {
  if (failed(expectEqual(*this, "channels of the rows", getTensorType(getCache()).getDimSize(2),
                         getChannels(getInput()))) ||
      failed(expectRows(*this, getInput(), getSlots(), "the slots")))
    return failure();
  return expectRows(*this, getInput(), getSequences(), "the sequences");
}

OpOperand &CacheAppendOp::getRowOperand() { return getInputMutable(); }
SmallVector<OpOperand *> CacheAppendOp::getRowOperands() {
  return {&getInputMutable(), &getSlotsMutable(), &getSequencesMutable()};
}
OpOperand *CacheAppendOp::getUpdatedOperand(unsigned) { return &getCacheMutable(); }
FusionKind CacheAppendOp::getFusionKind() { return FusionKind::ColumnLocal; }

//===----------------------------------------------------------------------===//
// Activations, softmax, reductions, movement
//===----------------------------------------------------------------------===//

OpOperand &ActivationOp::getRowOperand() { return getInputMutable(); }
FusionKind ActivationOp::getFusionKind() { return FusionKind::ColumnLocal; }

OpOperand &GatedActivationOp::getRowOperand() { return getGateMutable(); }
SmallVector<OpOperand *> GatedActivationOp::getRowOperands() {
  return {&getGateMutable(), &getInputMutable()};
}
FusionKind GatedActivationOp::getFusionKind() { return FusionKind::ColumnLocal; }

OpOperand &SoftmaxOp::getRowOperand() { return getInputMutable(); }
FusionKind SoftmaxOp::getFusionKind() { return FusionKind::RowReduction; }

LogicalResult ReduceOp::verify() {
  if (failed(expectRows(*this, getInput(), getResult(), "the result")))
    return failure();
  return expectEqual(*this, "channels of the result", 1, getChannels(getResult()));
}

OpOperand &ReduceOp::getRowOperand() { return getInputMutable(); }
FusionKind ReduceOp::getFusionKind() { return FusionKind::RowReduction; }

LogicalResult TopKOp::verify() {
  int64_t channels = getChannels(getInput()), count = getChannels(getValues());
  if (count < 1 || count > channels)
    return emitOpError("expected 1 to ")
           << channels << " values, as many as there are channels, got " << count;
  if (failed(expectRows(*this, getInput(), getValues(), "the values")) ||
      failed(expectRows(*this, getInput(), getIds(), "the ids")))
    return failure();
  return expectEqual(*this, "channels of the ids", count, getTensorType(getIds()).getDimSize(1));
}

OpOperand &TopKOp::getRowOperand() { return getInputMutable(); }
FusionKind TopKOp::getFusionKind() { return FusionKind::Root; }

LogicalResult SplitOp::verify() {
  int64_t width = 0;
  for (Value result : getResults()) {
    if (failed(expectRows(*this, getInput(), result, "each result")) ||
        failed(expectElementType(*this, getInput(), result, "each result")))
      return failure();
    width += getChannels(result);
  }
  return expectEqual(*this, "channels of all results together", getChannels(getInput()), width);
}

OpOperand &SplitOp::getRowOperand() { return getInputMutable(); }
FusionKind SplitOp::getFusionKind() { return FusionKind::ColumnLocal; }

int64_t SplitOp::getOffset(unsigned i) {
  int64_t offset = 0;
  for (Value result : getResults().take_front(i))
    offset += getChannels(result);
  return offset;
}

#define GET_OP_CLASSES
#include "ir/NyalaOps.cpp.inc"
