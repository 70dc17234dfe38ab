//===- AssignDevices.cpp - Entry points of each device --------------------===//
#include "ir/Variants.h"
#include "passes/Passes.h"

#include "mlir/IR/Remarks.h"

namespace nyala {
#define GEN_PASS_DEF_ASSIGNDEVICES
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

/// A CPU takes steps of several sequences by the kernels of prompts.
static constexpr llvm::StringLiteral kGpuEntry = "batch";
/// The entry that may have other rows on a GPU.
static constexpr llvm::StringLiteral kPromptEntry = "prefill";

namespace {

struct AssignDevices : nyala::impl::AssignDevicesBase<AssignDevices> {
  using AssignDevicesBase::AssignDevicesBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (!hasTarget(module, Device::Cuda))
      return;
    if (cudaPrefillRows < 0 || cudaPrefillRows > std::numeric_limits<int32_t>::max()) {
      module.emitError("option 'cuda-prefill-rows' of nyala-assign-devices must be from 0 to ")
          << std::numeric_limits<int32_t>::max() << ", got " << cudaPrefillRows.getValue();
      return signalPassFailure();
    }
    SymbolTable symbols(module);
    bool keeps = hasTarget(module, Device::Cpu);
    for (auto entry : llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
      if (!entry->hasAttr(NyalaDialect::kEntryAttr) || entry->hasAttr(NyalaDialect::kDeviceAttr))
        continue;
      if (failed(cloneForCuda(entry, symbols)))
        return signalPassFailure();
      if (!keeps || entry.getSymName() == kGpuEntry)
        symbols.erase(entry);
    }
  }

private:
  LogicalResult cloneForCuda(func::FuncOp entry, SymbolTable &symbols) {
    std::string name = getEntrySymbol(Device::Cuda, entry.getSymName());
    if (Operation *taken = symbols.lookup(name))
      return taken->emitError("the name @")
             << name << " is taken; expected it free for the GPU's entry point";
    func::FuncOp clone = entry.clone();
    clone.setName(name);
    setDevice(clone, Device::Cuda);
    symbols.insert(clone, std::next(entry->getIterator()));
    if (entry.getSymName() == kPromptEntry && cudaPrefillRows != 0)
      boundRows(clone, cudaPrefillRows);
    remark::passed(clone.getLoc(), remark::RemarkOpts::name("EntryCloned")
                                       .category("nyala-assign-devices")
                                       .function(clone.getName()))
        << remark::add("@{0} for {1}", name, nyala::getName(Device::Cuda).str());
    return success();
  }

  /// Bounds the arguments that had the rows of tokens. (Those wanted may be fewer.)
  static void boundRows(func::FuncOp entry, int64_t maxRows) {
    IntegerAttr before;
    auto getBound = [&](unsigned i) {
      return entry.getArgAttrOfType<IntegerAttr>(i, NyalaDialect::kMaxRowsAttr);
    };
    for (unsigned i = 0; i < entry.getNumArguments(); ++i)
      if (auto role = entry.getArgAttrOfType<StringAttr>(i, NyalaDialect::kRoleAttr);
          role && role.getValue() == "tokens")
        before = getBound(i);
    IntegerAttr bound = Builder(entry.getContext()).getI64IntegerAttr(maxRows);
    for (unsigned i = 0; before && i < entry.getNumArguments(); ++i)
      if (getBound(i) == before)
        entry.setArgAttr(i, NyalaDialect::kMaxRowsAttr, bound);
  }
};

} // namespace
