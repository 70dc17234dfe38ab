//===- WeightModels.cpp - GPU code of what writes resident weights --------===//
#include "codegen/cuda/CudaTileModels.h"
#include "codegen/cuda/PackedReader.h"
#include "ir/WeightOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

namespace {

struct UnpackModel : CudaTileOpInterface::ExternalModel<UnpackModel, UnpackOp> {
  std::string getObstacle(Operation *operation, CudaTargetAttr) const {
    if (isa<BlockArgument>(cast<UnpackOp>(operation).getInput()))
      return {};
    return "reads stored blocks: expected its operand to be an argument of the kernel";
  }

  SmallVector<Value> emitTile(Operation *operation, ThreadEmitter &e, unsigned,
                              const Tile &tile) const {
    return PackedReader(e, cast<UnpackOp>(operation).getInput()).load(tile);
  }
};

/// Threads take one number after the other, or, of packed weights, one word.
struct RandomModel : CudaTileOpInterface::ExternalModel<RandomModel, RandomOp> {
  std::string getObstacle(Operation *op, CudaTargetAttr) const {
    if (llvm::all_of(op->getUsers(), llvm::IsaPred<ReturnOp>))
      return {};
    return "writes a weight: expected its result to be only returned";
  }

  Launch emitKernel(Operation *operation, KernelContext &context) const {
    auto op = cast<RandomOp>(operation);
    ThreadEmitter &e = context.createFunction(kThreads);
    unsigned number = op->getUses().begin()->getOperandNumber();
    Value buffer = context.getFunction().getArgument(context.getResultBufferNumber(number));
    auto type = cast<RankedTensorType>(op.getType());
    int64_t step = 1, count;
    if (getPacked(type)) {
      count = getPackedLayout(type).getBytes() / 4;
    } else {
      step = type.getShape().back() % kThreadColumns == 0 ? kThreadColumns : 1;
      count = type.getNumElements() / step;
    }
    Value block = arith::MulIOp::create(e.b, e.getTileIndex(), e.index(kThreads));
    Value item = arith::AddIOp::create(e.b, block, e.getThread());
    e.when(arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, item, e.index(count)), [&] {
      if (getPacked(type))
        storeWord(op, e, buffer, item);
      else
        storeNumbers(op, e, buffer, item, step);
    });
    return {.tiles = static_cast<int64_t>(llvm::divideCeil(count, kThreads))};
  }

private:
  static constexpr int64_t kThreads = 256;

  /// hashCounter() (ir/WeightOps.h).
  static Value emitHash(RandomOp op, ThreadEmitter &e, Value counter) {
    Type i32 = e.b.getI32Type();
    auto constant = [&](uint32_t value) { return e.intConstant(i32, static_cast<int32_t>(value)); };
    auto mix = [&](Value bits, int64_t shift) -> Value {
      return arith::XOrIOp::create(e.b, bits,
                                   arith::ShRUIOp::create(e.b, bits, e.intConstant(i32, shift)));
    };
    auto mul = [&](Value bits, uint32_t factor) -> Value {
      return arith::MulIOp::create(e.b, bits, constant(factor));
    };
    Value bits = arith::AddIOp::create(e.b, arith::IndexCastOp::create(e.b, i32, counter),
                                       constant(op.getSeed() * 0x9e3779b9U));
    bits = mul(mix(bits, 16), 0x85ebca6bU);
    bits = mul(mix(bits, 13), 0xc2b2ae35U);
    return mix(bits, 16);
  }

  /// Element `counter` of the row-major order.
  static Value emitNumber(RandomOp op, ThreadEmitter &e, Value counter) {
    Type f32 = e.b.getF32Type();
    Value bits =
        arith::ShRUIOp::create(e.b, emitHash(op, e, counter), e.intConstant(e.b.getI32Type(), 8));
    Value fraction =
        arith::MulFOp::create(e.b, arith::UIToFPOp::create(e.b, f32, bits), e.constant(0x1p-23));
    Value centered = arith::SubFOp::create(e.b, fraction, e.constant(1));
    return e.fma(e.constant(op.getFactor()), centered, e.constant(op.getMean().convertToDouble()));
  }

  static void storeNumbers(RandomOp op, ThreadEmitter &e, Value buffer, Value item, int64_t step) {
    Value first = arith::MulIOp::create(e.b, item, e.index(step));
    SmallVector<Value> numbers;
    for (int64_t i = 0; i < step; ++i)
      numbers.push_back(emitNumber(op, e, arith::AddIOp::create(e.b, first, e.index(i))));
    SmallVector<Value> leading;
    for (int64_t width :
         llvm::reverse(cast<ShapedType>(buffer.getType()).getShape().drop_front())) {
      leading.insert(leading.begin(), arith::RemUIOp::create(e.b, first, e.index(width)));
      first = arith::DivUIOp::create(e.b, first, e.index(width));
    }
    leading.insert(leading.begin(), first);
    Value column = leading.pop_back_val();
    e.store(numbers, buffer, leading, column, 0);
  }

  /// Words of integers and of scales; of f32, numbers.
  static void storeWord(RandomOp op, ThreadEmitter &e, Value buffer, Value item) {
    PackedLayout layout = getPackedLayout(cast<RankedTensorType>(op.getType()));
    Type i32 = e.b.getI32Type();
    Value word;
    if (layout.hasScales()) {
      uint32_t scale = op.getBlockScale();
      Value scales = e.intConstant(i32, static_cast<int32_t>(scale | scale << 16));
      Value inBlock = arith::RemUIOp::create(e.b, item, e.index(layout.getBlockBytes() / 4));
      Value isQuant = arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, inBlock,
                                            e.index(layout.getScalesOffset() / 4));
      word = arith::SelectOp::create(e.b, isQuant, emitHash(op, e, item), scales);
    } else {
      Value inGroup = arith::RemUIOp::create(e.b, item, e.index(layout.getGroupBytes() / 4));
      Value group = arith::DivUIOp::create(e.b, item, e.index(layout.getGroupBytes() / 4));
      Value rows = e.index(PackedLayout::kGroupRows);
      Value row = arith::AddIOp::create(e.b, arith::MulIOp::create(e.b, group, rows),
                                        arith::RemUIOp::create(e.b, inGroup, rows).getResult());
      Value counter =
          arith::AddIOp::create(e.b, arith::MulIOp::create(e.b, row, e.index(layout.getColumns())),
                                arith::DivUIOp::create(e.b, inGroup, rows).getResult());
      word = arith::BitcastOp::create(e.b, i32, emitNumber(op, e, counter));
    }
    Value byte = arith::MulIOp::create(e.b, item, e.index(4));
    Value address = e.getAddress(buffer, byte);
    LLVM::StoreOp::create(e.b, word, address);
  }
};

} // namespace

void nyala::cuda::attachWeightModels(MLIRContext *context) {
  UnpackOp::attachInterface<UnpackModel>(*context);
  RandomOp::attachInterface<RandomModel>(*context);
}
