//===- CudaApi.h - The part of the CUDA driver API that we call -*- C++ -*-===//
//
// Types, numbers and signatures, so that building takes no CUDA headers. They
// are part of the driver's stable binary interface.
// Source: CUDA Driver API reference manual, release 13.0 ("Data types used by
// CUDA driver" and the modules of the functions).
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_DEVICES_CUDA_CUDAAPI_H
#define NYALA_RUNTIME_DEVICES_CUDA_CUDAAPI_H

#include <cstddef>
#include <cstdint>

namespace nyala::rt::cuda {

/// Ordinal of a GPU.
using Gpu = int;
/// An address in a GPU's memory (CUdeviceptr).
using Address = uint64_t;
// The driver's objects are opaque.
using Context = struct ContextObject *;
using Module = struct ModuleObject *;
using Function = struct FunctionObject *;
using Stream = struct StreamObject *;
using Event = struct EventObject *;
using Graph = struct GraphObject *;
using GraphExec = struct GraphExecObject *;

/// CUresult: those that are told apart.
enum Result : int {
  Success = 0,
  OutOfMemory = 2,
  NoDevice = 100,
  InvalidImage = 200,
  NoBinaryForGpu = 209,
  InvalidPtx = 218,
  UnsupportedPtxVersion = 222,
  NotReady = 600,
};

/// CUdevice_attribute.
enum Attribute : int {
  MultiprocessorCount = 16,
  ComputeCapabilityMajor = 75,
  ComputeCapabilityMinor = 76,
  MaxSharedBytesPerMultiprocessor = 81,
};

inline constexpr int maxDynamicSharedBytes = 8;  // CUfunction_attribute
inline constexpr int preferredSharedPercent = 9; // of a multiprocessor's; likewise
inline constexpr unsigned blockingSyncEvent = 1; // CUevent_flags
inline constexpr unsigned disableTimingEvent = 2;
inline constexpr unsigned externalRecord = 1;       // CUevent_record_flags: a node in a graph
inline constexpr unsigned nonBlockingStream = 1;    // CUstream_flags
inline constexpr int threadLocalCapture = 1;        // CUstreamCaptureMode
inline constexpr int programmaticSerialization = 6; // CUlaunchAttributeID
inline constexpr int jitErrorLog = 5, jitErrorLogBytes = 6; // CUjit_option

/// CUlaunchAttribute, of those whose value is an int.
struct LaunchAttribute {
  int id;
  alignas(8) int value; ///< of a union of 64 bytes
  std::byte rest[60];
};
static_assert(sizeof(LaunchAttribute) == 72);

/// CUlaunchConfig.
struct LaunchConfig {
  unsigned grid[3], block[3];
  unsigned sharedBytes;
  Stream stream;
  const LaunchAttribute *attributes;
  unsigned numAttributes;
};

/// Calls FUNCTION(member, symbol, parameter types...) for each function. Symbols end in the version
/// of the interface that they have.
#define NYALA_CUDA_FUNCTIONS(FUNCTION)                                                             \
  FUNCTION(init, cuInit, unsigned flags)                                                           \
  FUNCTION(driverGetVersion, cuDriverGetVersion, int *version)                                     \
  FUNCTION(getErrorString, cuGetErrorString, Result error, const char **text)                      \
  FUNCTION(deviceGetCount, cuDeviceGetCount, int *count)                                           \
  FUNCTION(deviceGetName, cuDeviceGetName, char *name, int length, Gpu gpu)                        \
  FUNCTION(deviceGetAttribute, cuDeviceGetAttribute, int *value, Attribute attribute, Gpu gpu)     \
  FUNCTION(primaryCtxRetain, cuDevicePrimaryCtxRetain, Context *context, Gpu gpu)                  \
  FUNCTION(primaryCtxRelease, cuDevicePrimaryCtxRelease_v2, Gpu gpu)                               \
  FUNCTION(ctxSetCurrent, cuCtxSetCurrent, Context context)                                        \
  FUNCTION(moduleLoadDataEx, cuModuleLoadDataEx, Module *module, const void *image,                \
           unsigned options, int *names, void **values)                                            \
  FUNCTION(moduleUnload, cuModuleUnload, Module module)                                            \
  FUNCTION(moduleGetFunction, cuModuleGetFunction, Function *function, Module module,              \
           const char *name)                                                                       \
  FUNCTION(funcSetAttribute, cuFuncSetAttribute, Function function, int attribute, int value)      \
  FUNCTION(memGetInfo, cuMemGetInfo_v2, size_t *free, size_t *total)                               \
  FUNCTION(memAlloc, cuMemAlloc_v2, Address *address, size_t bytes)                                \
  FUNCTION(memFree, cuMemFree_v2, Address address)                                                 \
  FUNCTION(memHostAlloc, cuMemHostAlloc, void **memory, size_t bytes, unsigned flags)              \
  FUNCTION(memFreeHost, cuMemFreeHost, void *memory)                                               \
  FUNCTION(memHostRegister, cuMemHostRegister_v2, void *memory, size_t bytes, unsigned flags)      \
  FUNCTION(memHostUnregister, cuMemHostUnregister, void *memory)                                   \
  FUNCTION(copyToDevice, cuMemcpyHtoDAsync_v2, Address to, const void *from, size_t bytes,         \
           Stream stream)                                                                          \
  FUNCTION(copyToHost, cuMemcpyDtoHAsync_v2, void *to, Address from, size_t bytes, Stream stream)  \
  FUNCTION(copyOnDevice, cuMemcpyDtoDAsync_v2, Address to, Address from, size_t bytes,             \
           Stream stream)                                                                          \
  FUNCTION(fill, cuMemsetD8Async, Address to, unsigned char value, size_t bytes, Stream stream)    \
  FUNCTION(streamCreate, cuStreamCreate, Stream *stream, unsigned flags)                           \
  FUNCTION(streamDestroy, cuStreamDestroy_v2, Stream stream)                                       \
  FUNCTION(streamSynchronize, cuStreamSynchronize, Stream stream)                                  \
  FUNCTION(streamBeginCapture, cuStreamBeginCapture_v2, Stream stream, int mode)                   \
  FUNCTION(streamEndCapture, cuStreamEndCapture, Stream stream, Graph *graph)                      \
  FUNCTION(graphInstantiate, cuGraphInstantiateWithFlags, GraphExec *exec, Graph graph,            \
           unsigned long long flags)                                                               \
  FUNCTION(graphDestroy, cuGraphDestroy, Graph graph)                                              \
  FUNCTION(graphExecDestroy, cuGraphExecDestroy, GraphExec exec)                                   \
  FUNCTION(graphLaunch, cuGraphLaunch, GraphExec exec, Stream stream)                              \
  FUNCTION(launchKernelEx, cuLaunchKernelEx, const LaunchConfig *config, Function function,        \
           void **parameters, void **extra)                                                        \
  FUNCTION(eventCreate, cuEventCreate, Event *event, unsigned flags)                               \
  FUNCTION(eventDestroy, cuEventDestroy_v2, Event event)                                           \
  FUNCTION(eventRecord, cuEventRecord, Event event, Stream stream)                                 \
  FUNCTION(eventRecordWithFlags, cuEventRecordWithFlags, Event event, Stream stream,               \
           unsigned flags)                                                                         \
  FUNCTION(eventQuery, cuEventQuery, Event event)                                                  \
  FUNCTION(eventSynchronize, cuEventSynchronize, Event event)                                      \
  FUNCTION(eventElapsedTime, cuEventElapsedTime, float *milliseconds, Event begin, Event end)

} // namespace nyala::rt::cuda

#endif // NYALA_RUNTIME_DEVICES_CUDA_CUDAAPI_H
