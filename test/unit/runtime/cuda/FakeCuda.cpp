//===- FakeCuda.cpp - A driver of GPUs that are none ----------------------===//

#include "test/unit/runtime/cuda/FakeCuda.h"
#include "test/unit/runtime/ToyKernels.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <numeric>
#include <string_view>
#include <utility>

using namespace nyala::rt::cuda;
using nyala::test::FakeCuda;
using nyala::test::getFakeCuda;

#define FAKE_API extern "C" __attribute__((visibility("default")))

// What is opaque outside.
namespace nyala::rt::cuda {
struct ContextObject {};
struct ModuleObject {};
struct EventObject {};
struct GraphObject {
  std::vector<std::function<void()>> work;
};
struct GraphExecObject {
  std::vector<std::function<void()>> work;
};
struct StreamObject {
  Graph captured = nullptr;
};
} // namespace nyala::rt::cuda

namespace {

constexpr Result illegalAccess = Result(700), invalidValue = Result(1), notFound = Result(500);

ContextObject theContext;
thread_local Context current = nullptr;

Result answer(bool fine = true) {
  if (getFakeCuda().failed)
    return illegalAccess;
  return fine && current ? Success : invalidValue;
}

template <typename Object> Result make(Object **object) {
  ++getFakeCuda().objects;
  *object = new Object();
  return answer();
}

template <typename Object> Result destroy(Object *object) {
  --getFakeCuda().objects;
  delete object;
  return answer();
}

/// Does it now, or whenever the graph runs that the stream is captured into. Whether it fails the
/// next call says.
Result submit(Stream stream, std::function<void()> work) {
  if (const Result result = answer(stream); result != Success)
    return result;
  if (stream->captured)
    stream->captured->work.push_back(std::move(work));
  else
    work();
  return Success;
}

/// Does all of it lie in one allocation?
bool isAllocated(Address address, uint64_t bytes,
                 const std::map<Address, uint64_t> &allocations = getFakeCuda().allocations) {
  auto next = allocations.upper_bound(address);
  if (next == allocations.begin())
    return false;
  --next;
  return address - next->first + bytes <= next->second;
}

Result copy(void *to, const void *from, size_t bytes, Address device, Stream stream) {
  if (!isAllocated(device, bytes))
    return invalidValue;
  return submit(stream, [=] { std::memcpy(to, from, bytes); });
}

void *toPointer(Address address) { return reinterpret_cast<void *>(address); }

/// weight | resident: a copy.
void copyWeight(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch) {
  std::memcpy(buffers[1], buffers[0], toyVocabulary * sizeof(int32_t));
}

/// resident: the numbers of the toy model.
void makeWeight(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch) {
  for (int32_t i = 0; i < toyVocabulary; ++i)
    static_cast<int32_t *>(buffers[0])[i] = i * 37 % 1009;
}

/// activations, weight | result: what a kernel that a library stands in for would compute; marks
/// that it ran.
void ownProduct(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch) {
  *static_cast<float *>(buffers[2]) = -1;
}

/// logits | the largest, their ids: the first eight of each row.
void selectTop(void *const *buffers, int64_t rows, int64_t begin, int64_t end, void *scratch) {
  for (int64_t row = 0; row < rows; ++row) {
    const float *logits = static_cast<const float *>(buffers[0]) + row * toyVocabulary;
    std::vector<int32_t> ids(toyVocabulary);
    std::iota(ids.begin(), ids.end(), 0);
    std::ranges::stable_sort(ids, [&](int32_t a, int32_t b) { return logits[a] > logits[b]; });
    for (int64_t i = 0; i < toyCandidates; ++i) {
      static_cast<float *>(buffers[1])[row * toyCandidates + i] = logits[ids[i]];
      static_cast<int32_t *>(buffers[2])[row * toyCandidates + i] = ids[i];
    }
  }
}

struct FakeKernel {
  const char *name;
  size_t buffers;
  bool tilePerRow;
  nyala_kernel_fn function;
};

const FakeKernel kernels[] = {
    {"append", 4, true, toyAppend},    {"hash", 4, true, toyHash},
    {"pick", 3, false, toyPick},       {"logits", 4, false, toyLogits},
    {"copy", 2, false, copyWeight},    {"make", 1, false, makeWeight},
    {"product", 3, false, ownProduct}, {"top", 3, false, selectTop},
};

} // namespace

FakeCuda &nyala::test::getFakeCuda() {
  static FakeCuda fake;
  return fake;
}

uint64_t FakeCuda::getUsed() const {
  uint64_t bytes = 0;
  for (const auto &[address, size] : allocations)
    bytes += size;
  return bytes;
}

//===----------------------------------------------------------------------===//
// Driver, GPUs, code
//===----------------------------------------------------------------------===//

FAKE_API Result cuInit(unsigned) { return getFakeCuda().start; }

FAKE_API Result cuDriverGetVersion(int *version) {
  *version = getFakeCuda().version;
  return Success;
}

FAKE_API Result cuGetErrorString(Result error, const char **text) {
  switch (static_cast<int>(error)) {
  case OutOfMemory:
    *text = "out of memory";
    return Success;
  case illegalAccess:
    *text = "an illegal memory access was encountered";
    return Success;
  case UnsupportedPtxVersion:
    *text = "the provided PTX was compiled with an unsupported toolchain.";
    return Success;
  }
  return invalidValue;
}

FAKE_API Result cuDeviceGetCount(int *count) {
  *count = getFakeCuda().gpus;
  return Success;
}

FAKE_API Result cuDeviceGetName(char *name, int length, Gpu gpu) {
  std::strncpy(name, gpu == 0 ? "Fake One" : "Fake Two", static_cast<size_t>(length));
  return Success;
}

FAKE_API Result cuDeviceGetAttribute(int *value, Attribute attribute, Gpu) {
  *value = attribute == ComputeCapabilityMajor ? getFakeCuda().major : getFakeCuda().minor;
  return Success;
}

FAKE_API Result cuDevicePrimaryCtxRetain(Context *context, Gpu) {
  ++getFakeCuda().objects;
  *context = &theContext;
  return Success;
}

FAKE_API Result cuDevicePrimaryCtxRelease_v2(Gpu) {
  --getFakeCuda().objects;
  return Success;
}

FAKE_API Result cuCtxSetCurrent(Context context) {
  current = context;
  return answer();
}

FAKE_API Result cuModuleLoadDataEx(Module *module, const void *image, unsigned options, int *names,
                                   void **values) {
  constexpr std::string_view text = "//ptx";
  const bool isPtx = std::memcmp(image, text.data(), text.size()) == 0;
  const Result result = isPtx ? getFakeCuda().ptx : getFakeCuda().cubins;
  return result == Success ? make(module) : result;
}

FAKE_API Result cuModuleUnload(Module module) { return destroy(module); }

FAKE_API Result cuModuleGetFunction(Function *function, Module, const char *name) {
  for (const FakeKernel &kernel : kernels)
    if (std::string_view(kernel.name) == name) {
      *function = reinterpret_cast<Function>(const_cast<FakeKernel *>(&kernel));
      return answer();
    }
  return notFound;
}

FAKE_API Result cuFuncSetAttribute(Function, int, int) { return answer(); }

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

FAKE_API Result cuMemGetInfo_v2(size_t *free, size_t *total) {
  *total = getFakeCuda().memory;
  *free = *total - getFakeCuda().getUsed();
  return answer();
}

FAKE_API Result cuMemAlloc_v2(Address *address, size_t bytes) {
  FakeCuda &fake = getFakeCuda();
  if (fake.getUsed() + bytes > fake.memory)
    return OutOfMemory;
  // What it holds at first is not zero.
  void *memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(memory, 0xAB, bytes);
  *address = reinterpret_cast<Address>(memory);
  fake.allocations[*address] = bytes;
  return answer();
}

FAKE_API Result cuMemFree_v2(Address address) {
  if (getFakeCuda().allocations.erase(address) == 1)
    std::free(toPointer(address));
  return answer();
}

FAKE_API Result cuMemHostAlloc(void **memory, size_t bytes, unsigned) {
  ++getFakeCuda().objects;
  *memory = std::malloc(bytes);
  getFakeCuda().pinned[reinterpret_cast<Address>(*memory)] = bytes;
  return answer();
}

FAKE_API Result cuMemFreeHost(void *memory) {
  --getFakeCuda().objects;
  getFakeCuda().pinned.erase(reinterpret_cast<Address>(memory));
  std::free(memory);
  return answer();
}

FAKE_API Result cuMemHostRegister_v2(void *, size_t, unsigned) {
  ++getFakeCuda().objects;
  return answer();
}

FAKE_API Result cuMemHostUnregister(void *) {
  --getFakeCuda().objects;
  return answer();
}

FAKE_API Result cuMemcpyHtoDAsync_v2(Address to, const void *from, size_t bytes, Stream stream) {
  return copy(toPointer(to), from, bytes, to, stream);
}

FAKE_API Result cuMemcpyDtoHAsync_v2(void *to, Address from, size_t bytes, Stream stream) {
  getFakeCuda().copiedToHost += bytes;
  return copy(to, toPointer(from), bytes, from, stream);
}

FAKE_API Result cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes, Stream stream) {
  return isAllocated(to, bytes) ? copy(toPointer(to), toPointer(from), bytes, from, stream)
                                : invalidValue;
}

FAKE_API Result cuMemsetD8Async(Address to, unsigned char value, size_t bytes, Stream stream) {
  if (!isAllocated(to, bytes))
    return invalidValue;
  return submit(stream, [=] { std::memset(toPointer(to), value, bytes); });
}

//===----------------------------------------------------------------------===//
// Streams, graphs, events
//===----------------------------------------------------------------------===//

FAKE_API Result cuStreamCreate(Stream *stream, unsigned) { return make(stream); }
FAKE_API Result cuStreamDestroy_v2(Stream stream) { return destroy(stream); }
FAKE_API Result cuStreamSynchronize(Stream stream) { return answer(stream); }

FAKE_API Result cuStreamBeginCapture_v2(Stream stream, int) {
  ++getFakeCuda().captures;
  return make(&stream->captured);
}

FAKE_API Result cuStreamEndCapture(Stream stream, Graph *graph) {
  *graph = std::exchange(stream->captured, nullptr);
  return answer(*graph);
}

FAKE_API Result cuGraphInstantiateWithFlags(GraphExec *exec, Graph graph, unsigned long long) {
  const Result result = make(exec);
  (*exec)->work = graph->work;
  return result;
}

FAKE_API Result cuGraphDestroy(Graph graph) { return destroy(graph); }
FAKE_API Result cuGraphExecDestroy(GraphExec exec) { return destroy(exec); }

FAKE_API Result cuGraphLaunch(GraphExec exec, Stream stream) {
  ++getFakeCuda().graphLaunches;
  for (const std::function<void()> &work : exec->work)
    work();
  return answer(stream);
}

FAKE_API Result cuLaunchKernelEx(const LaunchConfig *config, Function function, void **parameters,
                                 void **) {
  const FakeKernel &kernel = *reinterpret_cast<const FakeKernel *>(function);
  const std::string early =
      config->numAttributes > 0 && config->attributes->id == programmaticSerialization ? ", early"
                                                                                       : "";
  getFakeCuda().launches.push_back(
      std::string(kernel.name) + " " + std::to_string(config->grid[0]) + "x" +
      std::to_string(config->grid[1]) + "x" + std::to_string(config->grid[2]) + " of " +
      std::to_string(config->block[0]) + early);
  std::vector<void *> arguments;
  for (size_t i = 0; i <= kernel.buffers; ++i) {
    arguments.push_back(toPointer(*static_cast<Address *>(parameters[i])));
    const auto address = reinterpret_cast<Address>(arguments.back());
    if (!isAllocated(address, sizeof(int32_t)) &&
        !isAllocated(address, sizeof(int32_t), getFakeCuda().pinned))
      return invalidValue;
  }
  return submit(config->stream, [=, tiles = config->grid[0], kernel = &kernel] {
    if (getFakeCuda().broken == kernel->name) {
      getFakeCuda().failed = true;
      return;
    }
    const int32_t rows = *static_cast<const int32_t *>(arguments[kernel->buffers]);
    std::vector<int32_t> scratch(toySlots);
    kernel->function(arguments.data(), rows, 0, kernel->tilePerRow ? rows : tiles, scratch.data());
  });
}

FAKE_API Result cuEventCreate(Event *event, unsigned) { return make(event); }
FAKE_API Result cuEventDestroy_v2(Event event) { return destroy(event); }
FAKE_API Result cuEventRecord(Event event, Stream) { return answer(event); }
FAKE_API Result cuEventRecordWithFlags(Event event, Stream, unsigned) { return answer(event); }
FAKE_API Result cuEventQuery(Event event) { return answer(event); }
FAKE_API Result cuEventSynchronize(Event event) { return answer(event); }

FAKE_API Result cuEventElapsedTime(float *milliseconds, Event begin, Event end) {
  *milliseconds = 0.5F;
  return answer(begin && end);
}

//===----------------------------------------------------------------------===//
// cuBLASLt
//===----------------------------------------------------------------------===//

struct FakeLayout {
  uint64_t rows, columns;
};

FAKE_API int cublasLtCreate(void **handle) {
  ++getFakeCuda().objects;
  *handle = &theContext;
  return 0;
}

FAKE_API int cublasLtDestroy(void *) {
  --getFakeCuda().objects;
  return 0;
}

FAKE_API int cublasLtMatmulDescCreate(void **description, int, int) {
  *description = &theContext;
  return 0;
}

FAKE_API int cublasLtMatmulDescSetAttribute(void *, int, const void *, size_t) { return 0; }
FAKE_API int cublasLtMatmulDescDestroy(void *) { return 0; }

FAKE_API int cublasLtMatrixLayoutCreate(FakeLayout **layout, int, uint64_t rows, uint64_t columns,
                                        int64_t) {
  ++getFakeCuda().objects;
  *layout = new FakeLayout{rows, columns};
  return 0;
}

FAKE_API int cublasLtMatrixLayoutDestroy(FakeLayout *layout) {
  --getFakeCuda().objects;
  delete layout;
  return 0;
}

FAKE_API int cublasLtMatmulPreferenceCreate(void **preference) {
  *preference = &theContext;
  return 0;
}

FAKE_API int cublasLtMatmulPreferenceSetAttribute(void *, int, const void *, size_t) { return 0; }
FAKE_API int cublasLtMatmulPreferenceDestroy(void *) { return 0; }

FAKE_API int cublasLtMatmulAlgoGetHeuristic(void *, void *, FakeLayout *, FakeLayout *,
                                            FakeLayout *, FakeLayout *, void *, int, void *,
                                            int *count) {
  *count = 1;
  return 0;
}

/// Stored column after column: d[m x n] = alpha * a[k x m]^T * b[k x n] + beta * c[m x n].
FAKE_API int cublasLtMatmul(void *, void *, const float *alpha, const uint16_t *a, FakeLayout *,
                            const uint16_t *b, FakeLayout *bLayout, const float *beta,
                            const float *c, FakeLayout *, float *d, FakeLayout *dLayout,
                            const void *, void *, size_t, Stream stream) {
  ++getFakeCuda().products;
  const auto widen = [](uint16_t half) {
    const uint32_t bits = uint32_t(half) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  };
  const uint64_t m = dLayout->rows, n = dLayout->columns, k = bLayout->rows;
  const float scale = *alpha, keep = *beta;
  submit(stream, [=] {
    for (uint64_t i = 0; i < m; ++i)
      for (uint64_t j = 0; j < n; ++j) {
        float sum = keep == 0 ? 0 : keep * c[i + j * m];
        for (uint64_t x = 0; x < k; ++x)
          sum += scale * widen(a[x + i * k]) * widen(b[x + j * k]);
        d[i + j * m] = sum;
      }
  });
  return 0;
}
