//===- BfloatProduct.cpp - Products of factors in bf16 --------------------===//
#include "codegen/cuda/ProductUnits.h"
#include "codegen/cuda/WarpMatrix.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

namespace {

/// Lane 4g + t holds 16 bytes, columns 8t … 8t + 7 of a step, of weights g of the octets and of row
/// g. Two products of tensor cores multiply them; which of a step's columns they take for the
/// first, second, … of the depth does not matter, as long as both factors agree.
class BfloatUnit : public ProductUnit {
public:
  BfloatUnit(ThreadEmitter &e, LinearOp op)
      : ProductUnit(e), weight(op.getWeight()), matrix(e, BFloat16Type::get(op.getContext())),
        places(e), rows(e, op.getInput(), places.group) {}

  int64_t getLoadRegisters() const override { return 8; }

  SmallVector<Value> locate(const Fragment &fragment) override {
    SmallVector<Value> offsets;
    for (Value octet : {fragment.first, fragment.second}) {
      if (!octet)
        continue;
      Value row = arith::AddIOp::create(e.b, octet, places.group);
      row = arith::MinUIOp::create(e.b, row, e.index(getTensorType(weight).getDimSize(0) - 1));
      Value start = arith::MulIOp::create(e.b, row, e.index(2 * getChannels(weight)));
      offsets.push_back(arith::AddIOp::create(
          e.b, start, arith::MulIOp::create(e.b, places.place, e.index(kBytes))));
    }
    return offsets;
  }

  SmallVector<Value> load(ValueRange location, Value step) override {
    Value offset = arith::MulIOp::create(e.b, step, e.index(2 * kStepColumns));
    return llvm::map_to_vector(location, [&](Value start) {
      return e.loadStreaming(e.getBuffer(weight), arith::AddIOp::create(e.b, start, offset));
    });
  }

  bool computesRows() const override { return rows.needWholeRows(); }
  void beginRows(Value row, int64_t octets) override { rows.begin(row, octets); }

  /// Of each octet of rows, two chains of sums, which both instructions add to.
  SmallVector<Value> getZeros() override {
    return SmallVector<Value>(rows.getOctets() * 2 * kSums, e.constant(0));
  }

  SmallVector<Value> loadRows(Value step) override {
    Value column =
        arith::AddIOp::create(e.b, arith::MulIOp::create(e.b, step, e.index(kStepColumns)),
                              arith::MulIOp::create(e.b, places.place, e.index(kBytes / 2)));
    return llvm::map_to_vector(llvm::seq(rows.getOctets()), [&](int64_t octet) -> Value {
      return vector::BitCastOp::create(e.b, VectorType::get(kBytes / 4, e.b.getI32Type()),
                                       rows.load(0, octet, 0, column, kBytes / 2));
    });
  }

  SmallVector<Value> multiply(ValueRange weights, ValueRange ofRows, ValueRange sums) override {
    SmallVector<Value> first = getWords(weights[0]);
    SmallVector<Value> second(first.size(), e.intConstant(e.b.getI32Type(), 0));
    if (weights.size() > 1)
      second = getWords(weights[1]);
    SmallVector<Value> next;
    for (int64_t octet = 0; octet < rows.getOctets(); ++octet) {
      SmallVector<Value> right = getWords(ofRows[octet]);
      for (int64_t half = 0; half < 2; ++half) {
        ValueRange carried = sums.slice((2 * octet + half) * kSums, kSums);
        llvm::append_range(next, matrix.multiply({first[2 * half], second[2 * half],
                                                  first[2 * half + 1], second[2 * half + 1]},
                                                 {right[2 * half], right[2 * half + 1]},
                                                 {carried[0], carried[1], carried[2], carried[3]}));
      }
    }
    return next;
  }

  void finish(const Fragment &fragment, ValueRange sums, Keep keep) override {
    keepSums(
        e, places, fragment, /*paired=*/false, rows,
        [&](int64_t octet, int64_t number) -> Value {
          ValueRange chains = sums.slice(2 * octet * kSums, 2 * kSums);
          return arith::AddFOp::create(e.b, chains[number], chains[kSums + number]);
        },
        keep);
  }

private:
  static constexpr int64_t kBytes = 16, kSums = LanePlaces::kSums;

  SmallVector<Value> getWords(Value vector) {
    SmallVector<Value> words;
    for (int64_t i = 0; i < kBytes / 4; ++i)
      words.push_back(vector::ExtractOp::create(e.b, vector, i));
    return words;
  }

  Value weight;
  WarpMatrixEmitter matrix;
  LanePlaces places;
  ProductRows rows;
};

} // namespace

std::unique_ptr<ProductUnit> nyala::cuda::createBfloatUnit(ThreadEmitter &e, LinearOp op) {
  return std::make_unique<BfloatUnit>(e, op);
}
