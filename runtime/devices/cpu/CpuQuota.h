//===- CpuQuota.h - How much of the processors may be used ------*- C++ -*-===//
//
// A container's limit on processor time does not show in sched_getaffinity: the
// process sees all processors of the machine, and is stopped for the rest of a
// period once all its threads together have used up their share.
// Source: Linux, Documentation/admin-guide/cgroup-v2.rst and
// Documentation/scheduler/sched-bwc.rst.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_DEVICES_CPU_CPUQUOTA_H
#define NYALA_RUNTIME_DEVICES_CPU_CPUQUOTA_H

#include <string>

namespace nyala::rt {

/// Processors' worth of time that the process's control groups let it use, of either version of
/// cgroups: 2.0 is two processors all the time. Infinity without a limit, or if nothing can be
/// read. `root` comes before the names of all files, for tests.
double getCpuQuota(const std::string &root = "");

} // namespace nyala::rt

#endif // NYALA_RUNTIME_DEVICES_CPU_CPUQUOTA_H
