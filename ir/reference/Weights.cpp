#include "ir/reference/Weights.h"

#include "ir/reference/Random.h"
#include "ir/storage/Error.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace nyala;
using namespace nyala::reference;

/// Values widened at a time: a multiple of every block size.
static constexpr size_t kChunk = 4096;

FailureOr<Tensor> WeightReader::read(WeightOp weight) {
  SourceAttr source = weight.getSourceAttr();
  RankedTensorType type = weight.getTensorType();
  const StoredFormatInfo &info = getInfo(source.getFormat());
  auto values = static_cast<size_t>(type.getNumElements());
  if (!isa<FloatType>(type.getElementType()))
    return weight.emitOpError("expected a weight of floats to read from a file, got ") << type;
  int64_t rowValues = type.getRank() > 0 ? type.getShape().back() : 1;
  if (rowValues % static_cast<int64_t>(info.blockValues) != 0)
    return weight.emitOpError("expected rows of a multiple of ")
           << info.blockValues << " values in format " << info.name << ", got " << type;
  if (source.getBytes() < 0 ||
      static_cast<size_t>(source.getBytes()) != storedBytes(source.getFormat(), values))
    return weight.emitOpError("expected ")
           << storedBytes(source.getFormat(), values) << " bytes of format " << info.name << " for "
           << type << ", got " << source.getBytes();

  auto file = files.find(source.getFile().str());
  if (file == files.end()) {
    try {
      file = files.emplace(source.getFile().str(), MappedFile(source.getFile().str())).first;
    } catch (const Error &error) {
      return weight.emitOpError() << error.what() << " (random values instead: --random-weights)";
    }
  }
  std::span<const uint8_t> bytes = file->second.bytes();
  if (source.getOffset() < 0 || static_cast<size_t>(source.getOffset()) > bytes.size() ||
      static_cast<size_t>(source.getBytes()) > bytes.size() - source.getOffset())
    return weight.emitOpError("expected ")
           << source.getBytes() << " bytes at offset " << source.getOffset() << " of '"
           << source.getFile() << "', which has " << bytes.size();

  Tensor result(type.getShape());
  MutableArrayRef<double> out = result.mutableValues();
  const uint8_t *from = bytes.data() + source.getOffset();
  std::vector<float> widened(std::min(kChunk, values));
  for (size_t i = 0; i < values; i += kChunk) {
    size_t count = std::min(kChunk, values - i);
    dequantize(source.getFormat(), from, widened.data(), count);
    std::copy_n(widened.begin(), count, out.begin() + i);
    from += storedBytes(source.getFormat(), count);
  }
  return result;
}

FailureOr<Tensor> reference::makeRandomWeight(WeightOp weight, uint64_t seed) {
  RankedTensorType type = weight.getTensorType();
  if (!isa<FloatType>(type.getElementType()))
    return weight.emitOpError("expected a weight of floats to fill with random values, got ")
           << type;
  RandomStream random(seed, weight.getSymName());
  double offset = type.getRank() == 1 ? 1.0 : 0.0, scale = 0.1;
  if (type.getRank() > 1) {
    int64_t depth = Tensor::getNumElements(type.getShape().drop_front());
    scale = 1.0 / std::sqrt(static_cast<double>(std::max<int64_t>(depth, 1)));
  }
  Tensor result(type.getShape());
  for (double &value : result.mutableValues())
    value = static_cast<float>(offset + scale * random.normal());
  return result;
}
