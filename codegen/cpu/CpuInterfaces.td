//===- CpuInterfaces.td - Kernel generation, op by op -------*- tablegen -*-===//
#ifndef NYALA_CODEGEN_CPU_CPUINTERFACES_TD
#define NYALA_CODEGEN_CPU_CPUINTERFACES_TD

include "mlir/IR/OpBase.td"

def Nyala_CpuTileOpInterface : OpInterface<"CpuTileOpInterface"> {
  let cppNamespace = "::nyala::cpu";
  let description = [{
    How an op's results are computed on a CPU: vectors of one tile, pulling the operands' tiles from
    the emitter. Attached to the dialect's ops as external models (CpuTileModels.h), so that ir/ knows
    nothing of code generation.
  }];
  let methods = [
    InterfaceMethod<[{Why the op cannot be in a kernel as it is; empty if it can.}],
      "std::string", "getObstacle", (ins), [{}], [{ return {}; }]>,
    InterfaceMethod<[{Columns of a work item, for all rows, when the op is the root of a kernel.}],
      "int64_t", "getTileColumns", (ins), [{}], [{
        return ::nyala::cpu::kDefaultTileColumns;
      }]>,
    InterfaceMethod<[{Rows computed together where a work item covers all rows: as many as keep
                      their sums in registers. Several numbers, each a multiple of the next: a
                      call's rows are divided into as many blocks of the first as there are, then of
                      the second, and single rows.}],
      "::llvm::SmallVector<int64_t>", "getRowBlocks",
      (ins "::nyala::CpuTargetAttr":$target, "int64_t":$maxRows), [{}], [{
        return {};
      }]>,
    InterfaceMethod<[{Where a work item covers all rows: calls of up to this many have code of their own
                      (TileEmitter::hasFewRows).}],
      "int64_t", "getFewRows", (ins "::nyala::CpuTargetAttr":$target, "int64_t":$maxRows), [{}],
      [{ return 0; }]>,
    InterfaceMethod<[{Rows of a block in calls of more than kContractRows rows, if those compute their
                      tiles in blocks of rows (TileEmitter::inRowBlock); 0: as in calls of fewer.}],
      "int64_t", "getPromptBlock", (ins "::nyala::CpuTargetAttr":$target, "int64_t":$maxRows), [{}],
      [{ return 0; }]>,
    InterfaceMethod<[{How many work items a kernel around this op has where they are the op's own, each
                      writing its part of all results (emitItem); nullopt: work items are tiles. Items
                      write different places, so that any division of them gives the same bits.}],
      "::std::optional<int64_t>", "getItems", (ins), [{}], [{ return ::std::nullopt; }]>,
    InterfaceMethod<[{Are there so many for each row of a call?}],
      "bool", "hasItemsPerRow", (ins), [{}], [{ return false; }]>,
    InterfaceMethod<[{Computes work items [begin, end), one after the other if the op does not say
                      otherwise, into the buffers of the results; null: that result is not asked
                      for.}],
      "void", "emitItems",
      (ins "::nyala::cpu::TileEmitter &":$emitter, "::mlir::Value":$begin, "::mlir::Value":$end,
           "::llvm::ArrayRef<::mlir::Value>":$destinations), [{}], [{
        emitter.forRange(begin, end, 1, [&](::mlir::Value item) {
          emitter.beginTile();
          ::llvm::cast<CpuTileOpInterface>($_op.getOperation()).emitItem(emitter, item, destinations);
        });
      }]>,
    InterfaceMethod<[{Computes one of them.}],
      "void", "emitItem",
      (ins "::nyala::cpu::TileEmitter &":$emitter, "::mlir::Value":$item,
           "::llvm::ArrayRef<::mlir::Value>":$destinations), [{}], [{
        llvm_unreachable("has no work items of its own");
      }]>,
    InterfaceMethod<[{Vectors of a tile of result `result`: row by row, vector by vector.}],
      "::llvm::SmallVector<::mlir::Value>", "emitTile",
      (ins "::nyala::cpu::TileEmitter &":$emitter, "unsigned":$result,
           "const ::nyala::cpu::Tile &":$tile), [{}], [{
        llvm_unreachable("has no tiles");
      }]>,
    InterfaceMethod<[{Does emitRow compute all results of a row at once?}],
      "bool", "hasJointRows", (ins), [{}], [{ return false; }]>,
    InterfaceMethod<[{Writes row `row` of each result to that row of its destination; null: that result
                      is not asked for.}],
      "void", "emitRow",
      (ins "::nyala::cpu::TileEmitter &":$emitter, "::mlir::Value":$row,
           "::llvm::ArrayRef<::mlir::Value>":$destinations), [{}], [{
        for (auto [result, destination] : ::llvm::zip_equal($_op->getResults(), destinations))
          if (destination)
            emitter.emitRowByTiles(result, row, destination);
      }]>
  ];
}

#endif // NYALA_CODEGEN_CPU_CPUINTERFACES_TD
