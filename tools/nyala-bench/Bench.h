//===- Bench.h - What nyala-bench does --------------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_BENCH_BENCH_H
#define NYALA_TOOLS_NYALA_BENCH_BENCH_H

#include "tools/nyala-bench/Options.h"

namespace nyala {

/// Measures the model as asked. Reports errors on standard error; returns the exit code.
int bench(const BenchOptions &options);

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_BENCH_BENCH_H
