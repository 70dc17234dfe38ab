//===- CudaContext.cpp - A GPU, ready for work ----------------------------===//

#include "runtime/devices/cuda/CudaContext.h"
#include "runtime/core/Status.h"

#include <algorithm>
#include <chrono>
#include <immintrin.h>
#include <utility>

namespace nyala::rt::cuda {

/// Longer than a token of most models takes.
static constexpr std::chrono::milliseconds spinTime(20);

/// "1 gpu: cuda:0 NVIDIA H100"
static std::string listGpus(const CudaDriver &driver, int count) {
  std::string text = std::to_string(count) + (count == 1 ? " gpu: " : " gpus: ");
  for (Gpu gpu = 0; gpu < count; ++gpu) {
    char name[256] = "";
    driver.deviceGetName(name, sizeof(name), gpu);
    text += (gpu > 0 ? ", cuda:" : "cuda:") + std::to_string(gpu) + " " + name;
  }
  return text;
}

CudaContext::CudaContext(uint32_t number)
    : gpu(static_cast<Gpu>(number)), name("cuda:" + std::to_string(number)) {
  int count = 0;
  driver.check(driver.deviceGetCount(&count), "count the gpus");
  if (number >= static_cast<uint32_t>(count))
    throw Failure(NYALA_UNSUPPORTED,
                  "there is no " + name + ": this machine has " + listGpus(driver, count));
  char text[256] = "";
  driver.check(driver.deviceGetName(text, sizeof(text), gpu), "name the gpu");
  product = text;
  driver.check(driver.deviceGetAttribute(&major, ComputeCapabilityMajor, gpu), "ask the gpu");
  driver.check(driver.deviceGetAttribute(&minor, ComputeCapabilityMinor, gpu), "ask the gpu");
  driver.check(driver.deviceGetAttribute(&sharedBytes, MaxSharedBytesPerMultiprocessor, gpu),
               "ask the gpu");
  driver.check(driver.primaryCtxRetain(&context, gpu), "start work on the gpu");
}

CudaContext::~CudaContext() { driver.primaryCtxRelease(gpu); }

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

DeviceMemory::DeviceMemory(const CudaContext &context, uint64_t bytes, const std::string &purpose)
    : context(&context), bytes(bytes) {
  const CudaDriver &driver = context.getDriver();
  context.use();
  const Result result = driver.memAlloc(&address, std::max<uint64_t>(bytes, 1));
  if (result != Success) {
    size_t available = 0, total = 0;
    driver.memGetInfo(&available, &total);
    driver.fail(result, "reserve " + std::to_string(bytes) + " bytes for " + purpose + " on " +
                            context.getName() + ", where " + std::to_string(available) + " of " +
                            std::to_string(total) + " are free");
  }
}

DeviceMemory &DeviceMemory::operator=(DeviceMemory &&other) noexcept {
  std::swap(context, other.context);
  std::swap(address, other.address);
  std::swap(bytes, other.bytes);
  return *this;
}

void DeviceMemory::free() {
  if (!context)
    return;
  context->tryUse();
  context->getDriver().memFree(address);
}

PinnedMemory::PinnedMemory(const CudaContext &context, uint64_t bytes) : context(context) {
  context.use();
  void *start = nullptr;
  context.getDriver().check(
      context.getDriver().memHostAlloc(&start, std::max<uint64_t>(bytes, 1), 0),
      "reserve host memory that the gpu copies from");
  memory = static_cast<std::byte *>(start);
}

PinnedMemory::~PinnedMemory() {
  context.tryUse();
  context.getDriver().memFreeHost(memory);
}

//===----------------------------------------------------------------------===//
// Events and streams
//===----------------------------------------------------------------------===//

CudaEvent::CudaEvent(const CudaContext &context, unsigned flags) : context(&context) {
  context.use();
  context.getDriver().check(context.getDriver().eventCreate(&event, flags), "create an event");
}

CudaEvent::CudaEvent(CudaEvent &&other) noexcept
    : context(other.context), event(std::exchange(other.event, nullptr)) {}

CudaEvent::~CudaEvent() {
  if (!event)
    return;
  context->tryUse();
  context->getDriver().eventDestroy(event);
}

CudaStream::CudaStream(const CudaContext &context)
    : context(context), done(context, blockingSyncEvent | disableTimingEvent) {
  context.getDriver().check(context.getDriver().streamCreate(&stream, nonBlockingStream),
                            "create a stream");
}

CudaStream::~CudaStream() {
  context.tryUse();
  context.getDriver().streamSynchronize(stream);
  context.getDriver().streamDestroy(stream);
}

Result CudaStream::wait() const {
  const CudaDriver &driver = context.getDriver();
  if (const Result result = driver.eventRecord(done.get(), stream); result != Success)
    return result;
  const auto end = std::chrono::steady_clock::now() + spinTime;
  do {
    if (const Result result = driver.eventQuery(done.get()); result != NotReady)
      return result;
    _mm_pause();
  } while (std::chrono::steady_clock::now() < end);
  return driver.eventSynchronize(done.get());
}

} // namespace nyala::rt::cuda
