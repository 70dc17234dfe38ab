//===- CudaEntry.h - An entry in the memory of a session --------*- C++ -*-===//
#ifndef NYALA_RUNTIME_DEVICES_CUDA_CUDAENTRY_H
#define NYALA_RUNTIME_DEVICES_CUDA_CUDAENTRY_H

#include "runtime/devices/cuda/CudaExecutor.h"
#include "runtime/devices/cuda/CudaProgram.h"

namespace nyala::rt::cuda {

/// Runs of up to 1, 2, 4, … rows share launches. The first run of each puts them into the stream
/// one by one; then they are captured into a graph, which later runs launch as a whole.
class CudaEntry : public BoundEntry {
public:
  CudaEntry(CudaExecutor &executor, const artifact::Entry &source);

  bool run(const std::atomic<bool> *cancelled, Profile *profile, WorkBeside *beside) override;
  void runStep(size_t index) override;
  void readBuffer(size_t step, size_t buffer, uint64_t offset,
                  std::span<std::byte> bytes) const override;

protected:
  void fetchResult(uint32_t result, uint32_t first, uint32_t count) override;

private:
  /// Owns what the driver made of a capture.
  class Captured {
  public:
    explicit Captured(const CudaContext &context) : context(&context) {}
    Captured(Captured &&other) noexcept
        : context(other.context), exec(std::exchange(other.exec, nullptr)) {}
    ~Captured();
    Captured &operator=(Captured &&) = delete;

    const CudaContext *context;
    GraphExec exec = nullptr;
  };

  /// Launches for up to some number of each count.
  struct Variant {
    Variant(const CudaContext &context, std::vector<uint32_t> most)
        : most(std::move(most)), graph(context), timed(context) {}

    std::vector<uint32_t> most; ///< of each count
    CudaMemory memory;
    uint64_t parameterBytes = 0; ///< counts, then arguments
    bool hasRun = false;
    Captured graph, timed;         ///< made when first needed; timed: with an event after each step
    std::vector<CudaEvent> events; ///< before the first step and after each
  };

  /// That of the counts as they are.
  Variant &getVariant();
  void place(Variant &variant) const;
  /// Writes counts and arguments to where the GPU copies them from.
  void fill(const Variant &variant);
  /// Captures the copy of parameters and the steps.
  void capture(const Variant &variant, Captured &target, std::span<const CudaEvent> events);
  void copyParameters(const Variant &variant) const;
  void launchSteps(const Variant &variant, std::span<const CudaEvent> events) const;
  void launchGraph(const Captured &graph) const;
  /// Waits after each step.
  void runStepwise(const Variant &variant, Profile *profile);
  void runTimed(Variant &variant, Profile &profile);
  void wait() const;
  void addStep(Profile &profile, size_t index, Profile::Clock::duration time) const;

  CudaExecutor &executor;
  const CudaContext &context;
  const CudaDriver &driver;
  CudaProgram program;
  std::vector<Address> resultAddresses;
  /// Of each result its rows that have been copied since the last run; of small ones none are.
  std::vector<std::vector<bool>> isCopied;
  std::vector<uint32_t> wanted; ///< what getVariant() looks for
  std::vector<std::unique_ptr<Variant>> variants;
  const Variant *last = nullptr; ///< that ran
};

} // namespace nyala::rt::cuda

#endif // NYALA_RUNTIME_DEVICES_CUDA_CUDAENTRY_H
