//===- BuildPrograms.cpp - Entries become programs of steps ---------------===//
#include "codegen/KernelCost.h"
#include "codegen/Passes.h"
#include "ir/Kernels.h"
#include "ir/Variants.h"
#include "ir/memory/EntryPlaces.h"
#include "ir/memory/Hazards.h"

namespace nyala {
#define GEN_PASS_DEF_BUILDPROGRAMS
#include "codegen/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

/// Builds the program of one entry function.
class ProgramBuilder {
public:
  ProgramBuilder(func::FuncOp function, SymbolTableCollection &symbols)
      : function(function), device(getDevice(function)),
        variants(getVariants(function->getParentOfType<ModuleOp>(), device)), symbols(symbols),
        builder(function.getContext()), entry(function) {}

  LogicalResult build() {
    if (failed(entry.build()))
      return failure();
    for (DispatchOp dispatch : entry.getSteps())
      if (failed(checkKernel(dispatch)))
        return failure();
    arenaBytes = entry.planArena();
    emitProgram();
    return success();
  }

private:
  LogicalResult checkKernel(DispatchOp dispatch) {
    if (variants.empty() || !getCost(dispatch))
      return dispatch.emitOpError("calls kernel '")
             << dispatch.getKernel() << "', which has not been generated; run nyala-generate-"
             << getName(device) << "-kernels first";
    for (ModuleOp variant : variants) {
      Operation *code = lookupKernel(variant, dispatch.getKernelAttr(), symbols);
      if (!code || !code->getAttrOfType<IntegerAttr>("nyala.tiles"))
        return dispatch.emitOpError("calls kernel '")
               << dispatch.getKernel() << "', for which variant '" << getArch(getTarget(variant))
               << "' has no code";
    }
    return success();
  }

  DenseI64ArrayAttr getCost(DispatchOp dispatch) {
    Operation *kernel = symbols.lookupNearestSymbolFrom(function, dispatch.getKernelAttr());
    return kernel->getAttrOfType<DenseI64ArrayAttr>(kCostAttr);
  }

  /// The key of the kernel that a dispatch calls; null if its code alone is known.
  StringAttr getKey(DispatchOp dispatch) {
    auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(function, dispatch.getKernelAttr());
    StringAttr &key = keys[kernel];
    if (kernel && !key)
      key = builder.getStringAttr(getKernelKey(kernel));
    return key;
  }

  template <typename Attr> ArrayAttr toArray(ArrayRef<Attr> attrs) {
    return builder.getArrayAttr(SmallVector<Attribute>(attrs.begin(), attrs.end()));
  }

  void emitProgram() {
    builder.setInsertionPoint(function);
    auto program =
        ProgramOp::create(builder, function.getLoc(), function.getSymName(),
                          toArray(entry.getCounts()), toArray(entry.getArguments()),
                          toArray(entry.getResults()), toArray(entry.getStates()), arenaBytes);
    setDevice(program, device);
    builder.setInsertionPointToStart(&program.getBody().emplaceBlock());
    Hazards hazards;
    const ValuePlaces &places = entry.getPlaces();
    for (auto [index, op] : llvm::enumerate(entry.getSteps())) {
      DispatchOp dispatch = op;
      int64_t step = index;
      Hazards::Waits waits;
      SmallVector<Attribute> buffers;
      SmallVector<int64_t> writes, updates;
      SmallVector<bool> floats;
      for (Value input : dispatch.getInputs()) {
        buffers.push_back(places.getBuffer(input));
        hazards.read(step, places.getRange(input), waits);
      }
      for (auto [tied, result] : llvm::zip_equal(dispatch.getTied(), dispatch.getResults())) {
        if (tied >= 0)
          updates.push_back(tied);
        else if (places.getObject(result).region == BufferRegion::State)
          updates.push_back(buffers.size());
        if (tied < 0) {
          buffers.push_back(places.getBuffer(result));
          writes.push_back(entry.getBytes(result));
          floats.push_back(getTensorType(result).getElementType().isF32());
        }
        hazards.write(step, places.getRange(result), waits);
      }
      hazards.endStep();
      SmallVector<int64_t> sorted(waits.begin(), waits.end());
      llvm::sort(sorted);
      auto built = StepOp::create(builder, dispatch.getLoc(), dispatch.getKernel(),
                                  builder.getArrayAttr(buffers), entry.getRowCount(dispatch),
                                  sorted, getCost(dispatch).asArrayRef(), writes, floats, updates);
      if (StringAttr key = getKey(dispatch))
        built->setAttr(kKeyAttr, key);
    }
    function.erase();
  }

  func::FuncOp function;
  Device device;
  SmallVector<ModuleOp> variants;
  SymbolTableCollection &symbols;
  OpBuilder builder;
  EntryPlaces entry;
  int64_t arenaBytes = 0;
  DenseMap<Operation *, StringAttr> keys; ///< of kernels
};

struct BuildPrograms : nyala::impl::BuildProgramsBase<BuildPrograms> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTableCollection symbols;
    for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (function->hasAttr(NyalaDialect::kEntryAttr) &&
          failed(ProgramBuilder(function, symbols).build()))
        return signalPassFailure();
    for (KernelOp kernel : llvm::make_early_inc_range(module.getOps<KernelOp>()))
      kernel.erase();
  }
};

} // namespace
