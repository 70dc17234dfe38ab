//===- Budget.h - Budgets of memory as users write them ---------*- C++ -*-===//
#ifndef NYALA_PASSES_REMAT_BUDGET_H
#define NYALA_PASSES_REMAT_BUDGET_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>

namespace nyala::remat {

struct Budget {
  bool isFraction = false;
  int64_t bytes = 0; ///< of everything, unless it is a fraction
  double fraction =
      1;            ///< of what recomputation can change (getBudget in Report.h): above 0, up to 1
  std::string text; ///< as it was written
};

/// What `parseBudget` takes, for help texts.
inline constexpr char kBudgetForm[] = "BYTES|SIZE|PERCENT%";

/// "123456789" (bytes), "4GiB", "1.5GB", "50%". Units: B, KB, MB, GB, TB of powers of 1000; KiB,
/// MiB, GiB, TiB of powers of 1024; in any case of letters. Errors say what is allowed.
llvm::Expected<Budget> parseBudget(llvm::StringRef text);

} // namespace nyala::remat

#endif // NYALA_PASSES_REMAT_BUDGET_H
