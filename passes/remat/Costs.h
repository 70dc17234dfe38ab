//===- Costs.h - What running an op costs -----------------------*- C++ -*-===//
//
// Seconds, measured on a machine (`nyala-bench --profile-ops`) or made up from
// FLOPs and bytes. docs/rematerialization.md, "Costs".
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_PASSES_REMAT_COSTS_H
#define NYALA_PASSES_REMAT_COSTS_H

#include "ir/NyalaOps.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

#include <set>
#include <string>

namespace nyala::remat {

/// Costs of the ops of one module, whose kernels stay as they are meanwhile.
class Costs {
public:
  /// A roofline: an op takes as long as its FLOPs or its bytes do, whichever is longer. What a Zen
  /// 5 core reaches in f32 products and in reading and writing activations in its caches; schedules
  /// depend on the ratio alone.
  static constexpr double kFlopsPerSecond = 240e9;
  static constexpr double kBytesPerSecond = 40e9;

  /// Analytic.
  Costs() = default;

  /// Measured: the file that `nyala-bench --profile-ops` wrote. Errors name the file, what was
  /// expected and what was got.
  static llvm::Expected<Costs> read(llvm::StringRef path);
  /// As `read`, from the file's text; `name` is what errors call it.
  static llvm::Expected<Costs> parse(llvm::StringRef text, llvm::StringRef name);

  /// Seconds that running `op` once takes: of a dispatch what was measured of its kernel, wherever
  /// it was called from; else the roofline's, times what the profile as a whole took longer than
  /// the roofline says of it. Rows that are not constant count at their most; of an op that says
  /// nothing of its cost, operands and results move once.
  double getSeconds(mlir::Operation *op);

  bool isMeasured() const { return measured; }
  /// What of a step is outside of its kernels: arguments, the call itself. 0 of analytic costs.
  double getRestSeconds() const { return restSeconds; }
  /// Of measured costs: what `getSeconds` has been asked for that the profile does not have, keys
  /// of kernels and names of ops, each once. Worth a remark.
  const std::set<std::string> &getMissing() const { return missing; }
  /// The CPU that the profiled code was compiled for ("znver5"); empty of analytic costs.
  llvm::StringRef getArch() const { return arch; }

private:
  struct Kernel {
    std::string key;
    OpCost cost;
  };
  const Kernel &lookUp(KernelOp kernel);

  bool measured = false;
  double restSeconds = 0;
  double scale = 1; ///< measured seconds by the roofline's, of the whole profile
  std::string arch;
  llvm::StringMap<double> secondsOf; ///< by key: of one call
  llvm::DenseMap<mlir::Operation *, Kernel> kernels;
  std::set<std::string> missing;
};

} // namespace nyala::remat

#endif // NYALA_PASSES_REMAT_COSTS_H
