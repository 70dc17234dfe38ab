//===- SelectCandidates.cpp - The largest logits of a GPU's entries -------===//
#include "ir/Variants.h"
#include "passes/Passes.h"

#include "mlir/IR/Remarks.h"

namespace nyala {
#define GEN_PASS_DEF_SELECTCANDIDATES
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

struct SelectCandidates : nyala::impl::SelectCandidatesBase<SelectCandidates> {
  using SelectCandidatesBase::SelectCandidatesBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (count < 1) {
      function.emitError("option 'count' of nyala-select-candidates must be at least 1, got ")
          << count.getValue();
      return signalPassFailure();
    }
    if (!function->hasAttr(NyalaDialect::kEntryAttr) || getDevice(function) != Device::Cuda ||
        !llvm::hasSingleElement(function.getBody()))
      return;
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (auto name = function.getResultAttrOfType<StringAttr>(i, NyalaDialect::kResultAttr);
          name && name.getValue() == "logits")
        return select(function, i);
  }

private:
  // return %z  ->  %values, %ids = nyala.top_k %z; return %z, %values, %ids
  void select(func::FuncOp function, unsigned result) {
    Operation *terminator = function.getBody().front().getTerminator();
    Value logits = terminator->getOperand(result);
    auto type = dyn_cast<RankedTensorType>(logits.getType());
    if (!type || type.getRank() != 2 || type.isDynamicDim(1) ||
        !isa<FloatType>(type.getElementType()))
      return;
    OpBuilder builder(terminator);
    int64_t most = std::min<int64_t>(count, type.getDimSize(1));
    RankedTensorType values = type.clone({type.getDimSize(0), most});
    auto candidates = TopKOp::create(builder, terminator->getLoc(),
                                     TypeRange{values, values.clone(builder.getI32Type())}, logits);
    for (auto [value, name] :
         {std::pair(candidates.getValues(), "top_logits"), {candidates.getIds(), "top_ids"}}) {
      NamedAttribute attribute(builder.getStringAttr(NyalaDialect::kResultAttr),
                               builder.getStringAttr(name));
      (void)function.insertResult(function.getNumResults(), value.getType(),
                                  builder.getDictionaryAttr(attribute));
      terminator->insertOperands(terminator->getNumOperands(), value);
    }
    remark::passed(candidates.getLoc(), remark::RemarkOpts::name("CandidatesSelected")
                                            .category("nyala-select-candidates")
                                            .function(function.getName()))
        << remark::add("the {0} largest of {1} logits", most, type.getDimSize(1));
  }
};

} // namespace
