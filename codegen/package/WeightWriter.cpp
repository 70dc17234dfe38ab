//===- WeightWriter.cpp - Weights as an artifact stores them --------------===//
#include "codegen/package/WeightWriter.h"
#include "ir/storage/Error.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

#include <cstring>

using namespace mlir;
using namespace nyala;
using namespace nyala::package;

int64_t WeightWriter::getBytes(WeightOp weight) {
  RankedTensorType type = weight.getTensorType();
  return getPacked(type) ? getPackedLayout(type).getBytes()
                         : type.getNumElements() * static_cast<int64_t>(sizeof(float));
}

std::string WeightWriter::getFormatName(WeightOp weight) {
  RankedTensorType type = weight.getTensorType();
  return getPacked(type) ? getPackedLayout(type).getName() : "f32";
}

/// Deeper nesting of initializers is taken for endless recursion.
static constexpr unsigned kMaxDepth = 64;

const MappedFile &WeightWriter::open(StringRef path) {
  auto &file = files[path];
  if (!file)
    file = std::make_unique<MappedFile>(path.str());
  return *file;
}

WeightWriter::Stored WeightWriter::evaluate(WeightOp weight, unsigned depth) {
  std::string name = weight.getSymName().str();
  if (Value initial = weight.getInitialValue()) {
    if (depth == kMaxDepth)
      throw Error("weight '" + name + "' is nested too deeply in initializers");
    return evaluate(weight, initial, depth + 1);
  }
  SourceAttr source = weight.getSourceAttr();
  if (!source)
    throw Error("weight '" + name + "' has no data: it has neither a source nor an initializer");
  RankedTensorType type = weight.getTensorType();
  if (type.getRank() == 0 || type.getNumElements() == 0)
    throw Error("weight '" + name + "' has no values to read");
  const MappedFile &file = open(source.getFile());
  uint64_t offset = source.getOffset(), bytes = source.getBytes(), size = file.bytes().size();
  if (offset > size || bytes > size - offset)
    throw Error("weight '" + name + "' lies at bytes " + std::to_string(offset) + " to " +
                std::to_string(offset + bytes) + " of '" + file.getPath() + "', which has " +
                std::to_string(size) + "; has the file changed since it was imported?");
  int64_t columns = type.getRank() == 1 ? 1 : type.getShape().back();
  bool wholeBlocks = columns % static_cast<int64_t>(getInfo(source.getFormat()).blockValues) == 0;
  if (!wholeBlocks || storedBytes(source.getFormat(), type.getNumElements()) != bytes)
    throw Error("weight '" + name + "' has " + std::to_string(bytes) +
                " bytes in its file, which is not what its type needs");
  return {source.getFormat(), columns, {{&file, nullptr, offset, type.getNumElements() / columns}}};
}

WeightWriter::Stored WeightWriter::evaluate(WeightOp weight, Value value, unsigned depth) {
  if (auto load = value.getDefiningOp<LoadOp>())
    return evaluate(module.lookupSymbol<WeightOp>(load.getWeight()), depth);
  if (auto pack = value.getDefiningOp<PackOp>())
    return evaluate(weight, pack.getInput(), depth);
  if (auto concat = value.getDefiningOp<tensor::ConcatOp>(); concat && concat.getDim() == 0) {
    std::optional<Stored> result;
    for (Value input : concat.getInputs()) {
      Stored part = evaluate(weight, input, depth);
      if (!result)
        result = part;
      else if (part.format != result->format)
        throw Error("weight '" + weight.getSymName().str() + "' concatenates weights stored as " +
                    std::string(getInfo(result->format).name) + " and " +
                    std::string(getInfo(part.format).name));
      else
        llvm::append_range(result->pieces, part.pieces);
    }
    return *result;
  }
  if (auto interleave = value.getDefiningOp<InterleaveRowsOp>())
    return interleaveRows(evaluate(weight, interleave.getInput(), depth), interleave);
  // Whatever else is computed, in f32; rounded to blocks if the initializer says so.
  auto requantize = value.getDefiningOp<RequantizeOp>();
  std::vector<float> values =
      computeValues(weight, requantize ? requantize.getInput() : value, depth);
  auto type = cast<RankedTensorType>(value.getType());
  StoredFormat format = requantize ? requantize.getFormat().getValue() : StoredFormat::F32;
  auto bytes = std::make_shared<std::vector<uint8_t>>(storedBytes(format, values.size()));
  if (requantize)
    quantize(format, values.data(), bytes->data(), values.size());
  else
    std::memcpy(bytes->data(), values.data(), bytes->size());
  int64_t columns = type.getRank() == 1 ? 1 : type.getShape().back();
  return {format, columns, {{nullptr, bytes, 0, type.getNumElements() / columns}}};
}

WeightWriter::Stored WeightWriter::interleaveRows(const Stored &stored, InterleaveRowsOp op) {
  const size_t rowBytes = storedBytes(stored.format, stored.columns);
  std::vector<Piece> rows;
  for (const Piece &piece : stored.pieces)
    for (int64_t r = 0; r < piece.rows; ++r)
      rows.push_back({piece.file, piece.computed, piece.offset + r * rowBytes, 1});
  Stored result{stored.format, stored.columns, {}};
  result.pieces.reserve(rows.size());
  for (size_t r = 0; r < rows.size(); ++r)
    result.pieces.push_back(rows[op.getSourceRow(static_cast<int64_t>(r))]);
  return result;
}

std::vector<float> WeightWriter::computeValues(WeightOp weight, Value value, unsigned depth) {
  Operation *op = value.getDefiningOp();
  if (isa<LoadOp, RequantizeOp, InterleaveRowsOp, tensor::ConcatOp>(op)) {
    Stored stored = evaluate(weight, value, depth);
    std::vector<float> values;
    for (const Piece &piece : stored.pieces) {
      size_t begin = values.size();
      values.resize(begin + piece.rows * stored.columns);
      dequantize(stored.format, piece.getBytes(), values.data() + begin, values.size() - begin);
    }
    return values;
  }
  SplatElementsAttr splat;
  if (matchPattern(value, m_Constant(&splat)) && splat.getElementType().isF32())
    return std::vector<float>(splat.getNumElements(),
                              splat.getSplatValue<llvm::APFloat>().convertToFloat());
  if (isa<arith::AddFOp, arith::MulFOp>(op)) {
    std::vector<float> left = computeValues(weight, op->getOperand(0), depth);
    std::vector<float> right = computeValues(weight, op->getOperand(1), depth);
    for (auto [l, r] : llvm::zip_equal(left, right))
      l = isa<arith::AddFOp>(op) ? l + r : l * r;
    return left;
  }
  throw Error("weight '" + weight.getSymName().str() + "' is computed by " +
              op->getName().getStringRef().str() + ", which cannot be evaluated on stored blocks");
}

void WeightWriter::write(WeightOp weight, const Sink &sink) {
  Stored stored = evaluate(weight, 0);
  RankedTensorType type = weight.getTensorType();
  if (!getPacked(type))
    return writePlain(stored, sink);
  if (getPacked(type).getFormat() != stored.format)
    throw Error("weight '" + weight.getSymName().str() + "' is stored as " +
                std::string(getInfo(stored.format).name) + ", expected " +
                std::string(getInfo(getPacked(type).getFormat()).name));
  writePacked(stored, type, sink);
}

void WeightWriter::writePacked(const Stored &stored, RankedTensorType type, const Sink &sink) {
  PackedLayout layout = getPackedLayout(type);
  std::vector<uint8_t> group(layout.getGroupBytes());
  std::array<const uint8_t *, PackedLayout::kGroupRows> rows{};
  size_t rowBytes = storedBytes(stored.format, stored.columns), filled = 0;
  auto flush = [&] {
    std::fill(rows.begin() + filled, rows.end(), nullptr);
    layout.packGroup(rows, group.data());
    sink(group);
    filled = 0;
  };
  for (const Piece &piece : stored.pieces)
    for (int64_t r = 0; r < piece.rows; ++r) {
      rows[filled++] = piece.getBytes() + r * rowBytes;
      if (filled == rows.size())
        flush();
    }
  if (filled > 0)
    flush();
  for (const Piece &piece : stored.pieces)
    if (piece.file)
      piece.file->release(piece.offset, piece.rows * rowBytes);
}

void WeightWriter::writePlain(const Stored &stored, const Sink &sink) {
  std::vector<float> values;
  for (const Piece &piece : stored.pieces) {
    // Vectors are short; matrices go row by row.
    int64_t rowsAtOnce = stored.columns == 1 ? piece.rows : 1;
    values.resize(stored.columns * rowsAtOnce);
    for (int64_t r = 0; r < piece.rows; r += rowsAtOnce) {
      dequantize(stored.format, piece.getBytes() + r * storedBytes(stored.format, stored.columns),
                 values.data(), values.size());
      sink({reinterpret_cast<const uint8_t *>(values.data()), values.size() * sizeof(float)});
    }
  }
}
