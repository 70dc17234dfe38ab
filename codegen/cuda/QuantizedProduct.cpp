//===- QuantizedProduct.cpp - Products of integers in blocks --------------===//
//
// A step is a block of 32 columns. Tensor cores multiply its signed bytes, 16 columns
// of the product by 8 rows, and add them up exactly in 32 bits; f32 enters where a
// block's sum is scaled. Quants with an offset become signed ones times a power of two: a
// quant of 4 bits, moved to the upper half of a byte whose highest bit is then turned, is
// 16 (quant - 8).
//
//===----------------------------------------------------------------------===//
#include "codegen/WeightChunks.h"
#include "codegen/cuda/ProductUnits.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

namespace {

/// An i32 whose four bytes are `byte`.
constexpr int32_t allBytes(uint32_t byte) { return static_cast<int32_t>(0x01010101U * byte); }

/// Lane 4g + t holds word t (q8_0: words 2t and 2t + 1), columns 8t … 8t + 7, of two rows of the
/// weight. They are rows 2g and 2g + 1 of a group, which lie side by side, if the fragment is that
/// group; else row g of each octet.
class QuantizedUnit : public ProductUnit {
public:
  QuantizedUnit(ThreadEmitter &e, QuantizedLinearOp op)
      : ProductUnit(e), weight(e.getBuffer(op.getWeight())),
        layout(getPackedLayout(getTensorType(op.getWeight()))), lanes(e), i32(e.b.getI32Type()),
        rows(e, {op.getValues(), op.getScales()}, getPlaces()) {}

  int64_t getLoadRegisters() const override {
    return 2 * (getWordsOfRow() + layout.getNumHighWords()) + (layout.hasMinima() ? 2 : 1);
  }

  //===--------------------------------------------------------------------===//
  // Weights
  //===--------------------------------------------------------------------===//

  /// Of each row, or of the first of two adjacent ones: byte offset of its group, place in it.
  SmallVector<Value> locate(const Fragment &fragment) override {
    SmallVector<Value> location;
    Value rowsOfGroup = e.index(PackedLayout::kGroupRows);
    Value last = e.index(layout.getNumGroups() * PackedLayout::kGroupRows - 1);
    auto addRow = [&](Value row) {
      row = arith::MinUIOp::create(e.b, row, last);
      location.push_back(arith::MulIOp::create(e.b, arith::DivUIOp::create(e.b, row, rowsOfGroup),
                                               e.index(layout.getGroupBytes())));
      location.push_back(arith::RemUIOp::create(e.b, row, rowsOfGroup));
    };
    paired = fragment.aligned;
    if (paired) {
      Value twice = arith::MulIOp::create(e.b, lanes.group, e.index(2));
      addRow(arith::AddIOp::create(e.b, fragment.first, twice));
      return location;
    }
    addRow(arith::AddIOp::create(e.b, fragment.first, lanes.group));
    if (fragment.second)
      addRow(arith::AddIOp::create(e.b, fragment.second, lanes.group));
    return location;
  }

  /// Of each row (of two adjacent ones together, where they are `paired`): words, high words,
  /// scales.
  SmallVector<Value> load(ValueRange location, Value step) override {
    SmallVector<Value> loaded;
    for (size_t i = 0; i < location.size(); i += 2)
      loadRow(location[i], location[i + 1], step, loaded);
    return loaded;
  }

  int64_t getChunkSteps() const override { return cuda::getChunkSteps(layout); }
  int64_t getChunkBytes() const override {
    int64_t steps = getChunkSteps();
    return layout.hasHeaders() ? steps / PackedLayout::kHeaderBlocks * layout.getSuperBlockBytes()
                               : steps * layout.getBlockBytes();
  }

  Value locateChunk(Value first, Value number) override {
    Value group = arith::DivUIOp::create(e.b, first, e.index(PackedLayout::kGroupRows));
    return e.add(e.mul(group, layout.getGroupBytes()), e.mul(number, getChunkBytes()));
  }

  SmallVector<Value> loadOfChunk(Value memory, Value offset, int64_t step) override {
    paired = true;
    chunks = memory;
    SmallVector<Value> loaded;
    loadRow(offset, e.mul(lanes.group, 2), e.index(step), loaded);
    chunks = {};
    return loaded;
  }

  //===--------------------------------------------------------------------===//
  // Products
  //===--------------------------------------------------------------------===//

  bool computesRows() const override { return rows.needWholeRows(); }
  void beginRows(Value row, int64_t octets) override { rows.begin(row, octets); }
  SmallVector<Value> getZeros() override {
    return SmallVector<Value>(rows.getOctets() * kSums, e.constant(0));
  }

  /// Octet by octet: two words of a row, scales of one row or two.
  SmallVector<Value> loadRows(Value step) override {
    Value column =
        arith::AddIOp::create(e.b, arith::MulIOp::create(e.b, step, e.index(kStepColumns)),
                              arith::MulIOp::create(e.b, lanes.place, e.index(kColumnsOfLane)));
    SmallVector<Value> loaded;
    for (int64_t octet = 0; octet < rows.getOctets(); ++octet) {
      Value bytes = rows.load(0, octet, 0, column, kColumnsOfLane);
      Value words = vector::BitCastOp::create(e.b, VectorType::get(2, i32), bytes);
      for (int64_t i = 0; i < 2; ++i)
        loaded.push_back(vector::ExtractOp::create(e.b, words, i));
      llvm::append_range(loaded, loadScales(octet, step));
    }
    return loaded;
  }

  /// sums = fma(float(block's sum), scale * row's scale, sums), then the same of the minimum and
  /// the sum of the row's block.
  SmallVector<Value> multiply(ValueRange weights, ValueRange ofRows, ValueRange sums) override {
    SmallVector<Row> ofWeight = takeApart(weights);
    SmallVector<Value> next(sums), loaded(ofRows);
    size_t perOctet = loaded.size() / rows.getOctets();
    for (int64_t octet = 0; octet < rows.getOctets(); ++octet) {
      auto ofOctet = ArrayRef(loaded).slice(octet * perOctet, perOctet);
      ArrayRef<Value> right = ofOctet.take_front(2), scales = ofOctet.drop_front(2);
      SmallVector<Value> blocks = multiplyBlock(ofWeight, right), rowSums;
      if (layout.hasMinima())
        rowSums = addUpRows(right, scales);
      for (int64_t number = 0; number < kSums; ++number) {
        size_t ofColumn = number / 2, ofRow = number % 2;
        if (ofRow >= scales.size() || ofColumn >= ofWeight.size())
          continue;
        const Row &row = ofWeight[ofColumn];
        Value &sum = next[octet * kSums + number];
        Value factor = arith::MulFOp::create(e.b, row.scale, scales[ofRow]);
        sum = e.fma(toFloat(blocks[number]), factor, sum);
        if (row.minimum)
          sum = e.fma(row.minimum, rowSums[ofRow], sum);
      }
    }
    return next;
  }

  void finish(const Fragment &fragment, ValueRange sums, Keep keep) override {
    keepSums(
        e, lanes, fragment, fragment.aligned, rows,
        [&](int64_t octet, int64_t number) { return sums[octet * kSums + number]; }, keep);
  }

private:
  static constexpr int64_t kSums = LanePlaces::kSums, kColumnsOfLane = 8;

  /// A step of one row of the weight.
  struct Row {
    Value low, high; ///< bytes: columns 8t … 8t + 3, 8t + 4 … 8t + 7
    Value scale, minimum;
    std::array<Value, 2> halfScales; ///< i32, of columns 0 … 15 and 16 … 31; where there are such
  };

  int64_t getWordsOfRow() const { return layout.getNumWords(kStepColumns) / LanePlaces::kPlaces; }

  /// Rows that a lane reads of an octet: g for products, 2t and 2t + 1 for scales.
  SmallVector<Value> getPlaces() {
    Value even = arith::MulIOp::create(e.b, lanes.place, e.index(2));
    return {lanes.group, even, arith::AddIOp::create(e.b, even, e.index(1))};
  }

  /// Of the weight, or of chunks of it: a vector of i32, or of what is left of one.
  Value loadBytes(Value offset, int64_t bytes) {
    if (!chunks)
      return e.loadStreaming(weight, offset, bytes);
    auto type = VectorType::get(bytes, e.b.getI8Type());
    auto loaded = vector::LoadOp::create(e.b, type, chunks, offset);
    loaded.setAlignment(bytes);
    Type word = bytes < 4 ? e.b.getIntegerType(8 * bytes) : i32;
    return vector::BitCastOp::create(e.b, VectorType::get(std::max<int64_t>(1, bytes / 4), word),
                                     loaded.getResult());
  }

  /// The elements of `type` of a lane's rows, side by side from `offset` on.
  Value loadElements(Type type, Value offset) {
    int64_t count = paired ? 2 : 1, bits = count * type.getIntOrFloatBitWidth();
    Value loaded = loadBytes(offset, bits / 8);
    if (bits == 8) // came as an i16
      loaded = arith::TruncIOp::create(e.b, VectorType::get(1, type), loaded);
    return vector::BitCastOp::create(e.b, VectorType::get(count, type), loaded);
  }

  void loadRow(Value group, Value place, Value step, SmallVector<Value> &loaded) {
    Value block = e.add(group, e.mul(step, layout.getBlockBytes())), header;
    if (layout.hasHeaders()) {
      Value blocks = e.index(PackedLayout::kHeaderBlocks);
      header = e.add(group,
                     e.mul(arith::DivUIOp::create(e.b, step, blocks), layout.getSuperBlockBytes()));
      step = arith::RemUIOp::create(e.b, step, blocks);
      block = e.add(header, e.mul(step, layout.getBlockBytes()));
      block = e.add(block, PackedLayout::kHeaderBytes);
    }
    constexpr int64_t wordBytes = PackedLayout::kWordBytes;
    int64_t bytes = paired ? 8 : 4;
    Value word = e.add(block, e.mul(place, 4));
    Value first = e.add(word, e.mul(lanes.place, getWordsOfRow() * wordBytes));
    for (int64_t i = 0; i < getWordsOfRow(); ++i)
      loaded.push_back(loadBytes(e.add(first, i * wordBytes), bytes));
    if (layout.getHighBits() > 0) {
      Value high = e.add(word, e.mul(getHighWord(), wordBytes));
      loaded.push_back(loadBytes(e.add(high, layout.getHighBitsOffset()), bytes));
    }
    Value halves = header ? header : e.add(block, layout.getScalesOffset());
    halves = e.add(halves, e.mul(place, 2));
    Type f16 = e.b.getF16Type(), i8 = e.b.getI8Type();
    loaded.push_back(loadElements(f16, halves));
    if (layout.hasMinima())
      loaded.push_back(loadElements(f16, e.add(halves, PackedLayout::kHeaderMinimaOffset)));
    if (!header)
      return;
    Value integers = e.add(e.add(header, PackedLayout::kIntegerScalesOffset), place);
    integers = e.add(integers, e.mul(step, PackedLayout::kIntegerScalesBytes));
    loaded.push_back(loadElements(i8, integers));
    loaded.push_back(loadElements(i8, e.add(integers, PackedLayout::kGroupRows)));
  }

  /// Groups of four columns, of which a lane's are 2t and 2t + 1, that a high word has bits of.
  int64_t getQuadsOfHighWord() const { return 8 / layout.getHighBits(); }
  Value getHighWord() {
    return arith::DivUIOp::create(e.b, e.mul(lanes.place, 2), e.index(getQuadsOfHighWord()));
  }

  /// What `load` got, row by row.
  SmallVector<Row> takeApart(ValueRange loaded) {
    SmallVector<Row> taken;
    auto take = [&](int64_t i) -> Value {
      Value vector = loaded.front();
      loaded = loaded.drop_front();
      return vector::ExtractOp::create(e.b, vector, i);
    };
    while (!loaded.empty()) {
      ValueRange all = loaded;
      for (int64_t i = 0; i < (paired ? 2 : 1); ++i) {
        loaded = all;
        taken.push_back(takeRow([&] { return take(i); }));
      }
    }
    return taken;
  }

  Row takeRow(function_ref<Value()> take) {
    Row row;
    row.low = take();
    if (getWordsOfRow() > 1)
      row.high = take();
    Value highBits;
    if (layout.getHighBits() > 0)
      highBits = take();
    spreadQuants(row, highBits);
    auto takeFloat = [&]() -> Value {
      return arith::ExtFOp::create(e.b, e.b.getF32Type(), take());
    };
    row.scale = takeFloat();
    if (layout.hasMinima())
      row.minimum = takeFloat();
    if (!layout.hasHeaders())
      return row;
    if (layout.hasHalfScales()) {
      for (Value &half : row.halfScales)
        half = arith::ExtSIOp::create(e.b, i32, take());
      return row;
    }
    auto takeInteger = [&]() -> Value {
      return arith::UIToFPOp::create(e.b, e.b.getF32Type(), take());
    };
    row.scale = arith::MulFOp::create(e.b, row.scale, takeInteger());
    row.minimum =
        arith::MulFOp::create(e.b, arith::NegFOp::create(e.b, row.minimum), takeInteger());
    return row;
  }

  //===--------------------------------------------------------------------===//
  // Bits
  //===--------------------------------------------------------------------===//

  /// Signed bytes are quants with an offset times 2 to the power of this.
  int64_t getShift() const {
    return layout.hasMinima() || getWordsOfRow() > 1 ? 0 : 4 - layout.getHighBits();
  }

  Value shift(Value word, int64_t left) {
    if (left == 0)
      return word;
    Value by = e.intConstant(i32, std::abs(left));
    if (left > 0)
      return arith::ShLIOp::create(e.b, word, by);
    return arith::ShRUIOp::create(e.b, word, by);
  }
  Value keepBits(Value word, uint32_t ofByte) {
    return arith::AndIOp::create(e.b, word, e.intConstant(i32, allBytes(ofByte)));
  }

  /// `row` has words as they are stored.
  void spreadQuants(Row &row, Value highBits) {
    if (getWordsOfRow() == 1) {
      int64_t left = getShift(), bits = layout.getHighBits();
      uint32_t nibble = 0xfU << left, above = ((1U << bits) - 1) << (left + 4);
      Value word = row.low;
      row.low = keepBits(shift(word, left), nibble);
      row.high = keepBits(shift(word, left - 4), nibble);
      if (highBits) {
        Value quad =
            arith::RemUIOp::create(e.b, e.mul(lanes.place, 2), e.index(getQuadsOfHighWord()));
        Value by = arith::IndexCastOp::create(e.b, i32, e.mul(quad, bits));
        highBits = arith::ShRUIOp::create(e.b, highBits, by);
        auto addBits = [&](Value bytes, int64_t by) -> Value {
          return arith::OrIOp::create(e.b, bytes, keepBits(shift(highBits, by), above));
        };
        row.low = addBits(row.low, left + 4);
        row.high = addBits(row.high, left + 4 - bits);
      }
    }
    if (layout.getQuantOffset() == 0)
      return;
    Value sign = e.intConstant(i32, allBytes(0x80));
    row.low = arith::XOrIOp::create(e.b, row.low, sign);
    row.high = arith::XOrIOp::create(e.b, row.high, sign);
  }

  //===--------------------------------------------------------------------===//
  // Sums
  //===--------------------------------------------------------------------===//

  /// Of rows 2t and 2t + 1, or of the single row: their scales, less what quants are multiplied by.
  SmallVector<Value> loadScales(int64_t octet, Value step) {
    SmallVector<Value> scales;
    for (unsigned place : {1, 2}) {
      if (place > 1 && rows.isSingle())
        continue;
      Value scale = vector::ExtractOp::create(e.b, rows.load(1, octet, place, step, 1), 0);
      if (getShift() > 0)
        scale = arith::MulFOp::create(e.b, scale,
                                      e.constant(1.0 / static_cast<double>(1 << getShift())));
      scales.push_back(scale);
    }
    return scales;
  }

  Value toFloat(Value integer) { return arith::SIToFPOp::create(e.b, e.b.getF32Type(), integer); }

  /// The exact sums of a block; with halves, of their sums times their scales.
  SmallVector<Value> multiplyBlock(ArrayRef<Row> ofWeight, ArrayRef<Value> right) {
    Value zero = e.intConstant(i32, 0);
    Row first = ofWeight[0], second{zero, zero, {}, {}, {zero, zero}};
    if (ofWeight.size() > 1)
      second = ofWeight[1];
    SmallVector<Value> left{first.low, second.low, first.high, second.high};
    if (!layout.hasHalfScales())
      return multiplyBytes(left, right);
    Value isFirst = arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, lanes.place,
                                          e.index(LanePlaces::kPlaces / 2));
    SmallVector<Value> sums(kSums, zero);
    for (unsigned half : {0, 1}) {
      auto masked = llvm::map_to_vector(right, [&](Value word) -> Value {
        return arith::SelectOp::create(e.b, isFirst, half == 0 ? word : zero,
                                       half == 0 ? zero : word);
      });
      for (auto [number, product] : llvm::enumerate(multiplyBytes(left, masked))) {
        Value scale = (number < 2 ? first : second).halfScales[half];
        sums[number] =
            arith::AddIOp::create(e.b, sums[number], arith::MulIOp::create(e.b, product, scale));
      }
    }
    return sums;
  }

  /// The sums of a block of rows 2t and 2t + 1, times their scales.
  SmallVector<Value> addUpRows(ArrayRef<Value> right, ArrayRef<Value> scales) {
    SmallVector<Value> ones(4, e.intConstant(i32, allBytes(1))), sums;
    SmallVector<Value> integers = multiplyBytes(ones, right);
    for (auto [scale, integer] : llvm::zip_first(scales, integers))
      sums.push_back(arith::MulFOp::create(e.b, toFloat(integer), scale));
    return sums;
  }

  /// 16 x 32 by 32 x 8 signed bytes.
  SmallVector<Value> multiplyBytes(ArrayRef<Value> left, ArrayRef<Value> right) {
    using Types = std::array<NVVM::MMATypes, 2>;
    using Layouts = std::array<NVVM::MMALayout, 2>;
    SmallVector<Value> zeros(kSums, e.intConstant(i32, 0));
    Type sums = LLVM::LLVMStructType::getLiteral(i32.getContext(), SmallVector<Type>(kSums, i32));
    Value product = NVVM::MmaOp::create(e.b, sums, left, right, zeros, ArrayRef<int64_t>{16, 8, 32},
                                        std::nullopt, NVVM::MMAIntOverflow::wrapped,
                                        Types{NVVM::MMATypes::s8, NVVM::MMATypes::s8},
                                        Layouts{NVVM::MMALayout::row, NVVM::MMALayout::col});
    SmallVector<Value> result;
    for (int64_t i = 0; i < kSums; ++i)
      result.push_back(LLVM::ExtractValueOp::create(e.b, product, i));
    return result;
  }

  Value weight; ///< bytes
  Value chunks; ///< bytes of shared memory to be read in place of the weight, or null
  PackedLayout layout;
  LanePlaces lanes;
  Type i32;
  ProductRows rows;
  bool paired = true; ///< are a lane's two rows adjacent ones of a group?
};

} // namespace

std::unique_ptr<ProductUnit> nyala::cuda::createQuantizedUnit(ThreadEmitter &e,
                                                              QuantizedLinearOp op) {
  return std::make_unique<QuantizedUnit>(e, op);
}
