//===- FloatProduct.cpp - Products in f32 ---------------------------------===//
#include "codegen/cuda/PackedReader.h"
#include "codegen/cuda/ProductUnits.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

namespace {

/// Lane 16h + c multiplies columns 16h … 16h + 15 of a step by column c of the fragment.
class FloatUnit : public ProductUnit {
public:
  FloatUnit(ThreadEmitter &e, LinearOp op)
      : ProductUnit(e), op(op), depth(getChannels(op.getWeight())),
        column(arith::RemUIOp::create(e.b, e.getLane(), e.index(kColumns))),
        half(arith::DivUIOp::create(e.b, e.getLane(), e.index(kColumns))),
        rows(e, op.getInput(), getPlaces(e)) {
    if (getPacked(getTensorType(op.getWeight())))
      packed.emplace(e, op.getWeight());
  }

  int64_t getLoadRegisters() const override { return kHalf; }

  SmallVector<Value> locate(const Fragment &fragment) override {
    Value inOctet = arith::RemUIOp::create(e.b, column, e.index(kOctet));
    Value octet = fragment.first;
    if (fragment.second)
      octet = arith::SelectOp::create(e.b, isBelow(column, kOctet), octet, fragment.second);
    Value row = arith::AddIOp::create(e.b, octet, inOctet);
    return {
        arith::MinUIOp::create(e.b, row, e.index(getTensorType(op.getWeight()).getDimSize(0) - 1))};
  }

  SmallVector<Value> load(ValueRange location, Value step) override {
    SmallVector<Value> loaded;
    forChunks(
        step,
        [&](Value at, int64_t count) {
          Tile tile{location[0], at, 0, count};
          return packed ? packed->load(tile) : e.load(e.getBuffer(op.getWeight()), tile);
        },
        loaded);
    return loaded;
  }

  bool computesRows() const override { return rows.needWholeRows(); }
  void beginRows(Value row, int64_t octets) override { rows.begin(row, octets); }
  int64_t getMostOctets() const override { return 1; }
  SmallVector<Value> getZeros() override { return SmallVector<Value>(getNumRows(), e.constant(0)); }

  SmallVector<Value> loadRows(Value step) override {
    SmallVector<Value> loaded;
    for (int64_t row = 0; row < getNumRows(); ++row)
      forChunks(
          step,
          [&](Value at, int64_t count) {
            Value vector = rows.load(0, row / kOctet, row % kOctet, at, count);
            return llvm::map_to_vector(llvm::seq(count), [&](int64_t i) -> Value {
              return vector::ExtractOp::create(e.b, vector, i);
            });
          },
          loaded);
    return loaded;
  }

  SmallVector<Value> multiply(ValueRange weights, ValueRange ofRows, ValueRange sums) override {
    SmallVector<Value> next(sums);
    for (auto [i, element] : llvm::enumerate(ofRows)) {
      Value &sum = next[i / kHalf];
      if (!element.getType().isF32())
        element = arith::ExtFOp::create(e.b, e.b.getF32Type(), element);
      sum = e.fma(weights[i % kHalf], element, sum);
    }
    return next;
  }

  void finish(const Fragment &fragment, ValueRange sums, Keep keep) override {
    SmallVector<Value> all;
    for (Value sum : sums)
      all.push_back(arith::AddFOp::create(e.b, sum, e.shuffleXor(sum, kColumns)));
    e.when(isBelow(e.getLane(), fragment.second ? kColumns : kOctet), [&] {
      for (auto [row, sum] : llvm::enumerate(all))
        keep(column, e.index(row), sum);
    });
  }

private:
  static constexpr int64_t kColumns = 2 * kOctet, kHalf = kStepColumns / 2;

  static SmallVector<Value> getPlaces(ThreadEmitter &e) {
    return llvm::map_to_vector(llvm::seq(kOctet), [&](int64_t i) { return e.index(i); });
  }

  int64_t getNumRows() const { return rows.isSingle() ? 1 : rows.getOctets() * kOctet; }
  Value isBelow(Value value, int64_t bound) {
    return arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, value, e.index(bound));
  }
  /// What `body` loads of the lane's columns of a step; zeros behind the last one of the depth.
  void forChunks(Value step, function_ref<SmallVector<Value>(Value, int64_t)> body,
                 SmallVector<Value> &loaded) {
    Value first =
        arith::AddIOp::create(e.b, arith::MulIOp::create(e.b, step, e.index(kStepColumns)),
                              arith::MulIOp::create(e.b, half, e.index(kHalf)));
    int64_t count = std::min(kThreadColumns, depth & -depth);
    for (int64_t done = 0; done < kHalf; done += count) {
      Value at = arith::AddIOp::create(e.b, first, e.index(done));
      auto load = [&] { return body(at, count); };
      llvm::append_range(loaded, depth % kStepColumns == 0 ? load()
                                                           : e.pullWhere(isBelow(at, depth), load));
    }
  }

  LinearOp op;
  int64_t depth;
  Value column, half; ///< c and h
  ProductRows rows;
  std::optional<PackedReader> packed; ///< the weight; else it is plain
};

} // namespace

std::unique_ptr<ProductUnit> nyala::cuda::createFloatUnit(ThreadEmitter &e, LinearOp op) {
  return std::make_unique<FloatUnit>(e, op);
}
