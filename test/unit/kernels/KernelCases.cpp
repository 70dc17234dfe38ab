//===- KernelCases.cpp - Kernels on a GPU against what is known -----------===//

#include "test/unit/kernels/KernelCases.h"
#include "runtime/core/Status.h"
#include "runtime/devices/cuda/CudaProgram.h"
#include "runtime/kernel_abi.h"
#include "test/unit/kernels/KernelResults.h"

#include <algorithm>
#include <gtest/gtest.h>

using namespace nyala::rt::cuda;

namespace nyala::test {

std::unique_ptr<CudaContext> openGpu(std::string &reason) {
  try {
    return std::make_unique<CudaContext>(0);
  } catch (const rt::Failure &failure) {
    reason = failure.what();
    return nullptr;
  }
}

namespace {

struct Buffer {
  Bytes bytes;
  size_t rowBytes = 0;
};

/// What is before, between and behind buffers: as f32 a small negative number, as index an absurd
/// one.
constexpr uint8_t fill = 0xA5;
constexpr size_t guardBytes = 256;
/// Counters of kernels, at the beginning of the workspace (docs/cuda.md).
constexpr size_t counterBytes = 64 << 10;

class CaseRunner {
public:
  CaseRunner(const CudaContext &gpu, const cases::KernelCases &cases, const cases::Code &code)
      : gpu(gpu), driver(gpu.getDriver()), cases(cases), executable(*code.executable()),
        module(gpu, executable,
               std::as_bytes(std::span(code.bytes()->data(), code.bytes()->size()))),
        program(module, *cases.entry(), nullptr), stream(gpu),
        workspace(gpu, std::max(getWorkspaceBytes(executable), counterBytes), "the workspace") {
    driver.check(driver.fill(workspace.get(), 0, workspace.size(), stream.get()),
                 "clear the workspace");
  }

  void check(const cases::Case &test) {
    const std::string &name = executable.kernels()
                                  ->Get(cases.entry()->steps()->Get(test.step())->kernel())
                                  ->name()
                                  ->str();
    for (const cases::Call *call : *test.calls()) {
      SCOPED_TRACE(name + " with " + std::to_string(call->rows()) + " rows");
      checkCall(test, *call);
    }
  }

private:
  void checkCall(const cases::Case &test, const cases::Call &call) {
    const uint32_t rows = call.rows();
    std::vector<Buffer> operands;
    for (const cases::Operand *operand : *test.operands()) {
      const size_t rowBytes = operand->row_bytes();
      const auto begin = operand->bytes()->begin();
      operands.push_back(
          {{begin, rowBytes ? begin + rows * rowBytes : operand->bytes()->end()}, rowBytes});
    }
    const std::vector<Bytes> results = run(test, test.step(), test.max_rows(), operands, rows);
    std::vector<int64_t> tied;
    for (uint32_t i = 0; i < results.size(); ++i) {
      const cases::Result &result = *test.results()->Get(i);
      const std::vector<float> got = readValues(results[i], result.element(), result.width());
      std::span<const double> want = getExpected(call, i);
      if (want.empty())
        want = getExpected(*test.calls()->Get(test.calls()->size() - 1), i)
                   .first(size_t(rows) * result.width());
      EXPECT_EQ(findDifference(got, want, result.width(), test.tolerance()), "")
          << "in result " << i;
      tied.push_back(result.operand());
    }
    if (test.alone() < 0)
      return;
    const auto runOne = [&](const std::vector<Buffer> &row) {
      return run(test, static_cast<uint32_t>(test.alone()), 1, row, 1);
    };
    EXPECT_TRUE(runRowsAlone(operands, tied, rows, runOne) == results)
        << "rows have other bits when they are computed alone";
  }

  static std::span<const double> getExpected(const cases::Call &call, uint32_t result) {
    const auto &values = *call.expected()->Get(result)->values();
    return {values.data(), values.size()};
  }

  /// The contents of all results after a call of `rows` rows, launched for `most`.
  std::vector<Bytes> run(const cases::Case &test, uint32_t step, uint32_t most,
                         const std::vector<Buffer> &operands, uint32_t rows) {
    // [guard | rows | guard | buffer | guard | …]
    Bytes image(guardBytes, fill);
    std::vector<std::pair<size_t, size_t>> places;
    const auto place = [&](const uint8_t *bytes, size_t size) {
      const size_t begin = image.size();
      image.resize((begin + size + guardBytes + NYALA_BUFFER_ALIGNMENT - 1) /
                       NYALA_BUFFER_ALIGNMENT * NYALA_BUFFER_ALIGNMENT,
                   fill);
      if (bytes)
        std::copy_n(bytes, size, image.begin() + static_cast<ptrdiff_t>(begin));
      places.emplace_back(begin, size);
      return places.size() - 1;
    };
    place(reinterpret_cast<const uint8_t *>(&rows), sizeof(rows));
    std::vector<size_t> resultPlaces;
    for (const Buffer &operand : operands)
      place(operand.bytes.data(), operand.bytes.size());
    for (const cases::Result *result : *test.results())
      resultPlaces.push_back(result->operand() >= 0
                                 ? result->operand() + 1
                                 : place(nullptr, size_t(result->rows() ? result->rows() : rows) *
                                                      result->row_bytes()));
    const Bytes before = image;
    execute(image, places, step, most);
    const auto restore = [&](size_t index) {
      const auto [begin, size] = places[index];
      const auto at = image.begin() + static_cast<ptrdiff_t>(begin);
      Bytes bytes(at, at + static_cast<ptrdiff_t>(size));
      return bytes;
    };
    std::vector<Bytes> results;
    for (const size_t index : resultPlaces)
      results.push_back(restore(index));
    // All else is as it was.
    for (const size_t index : resultPlaces)
      std::copy_n(before.begin() + static_cast<ptrdiff_t>(places[index].first),
                  places[index].second,
                  image.begin() + static_cast<ptrdiff_t>(places[index].first));
    EXPECT_TRUE(image == before) << "writes to something else than its results";
    return results;
  }

  /// Runs a step on buffers in an image of the GPU's memory.
  void execute(Bytes &image, const std::vector<std::pair<size_t, size_t>> &places, uint32_t step,
               uint32_t most) {
    gpu.use();
    if (memory.size() < image.size())
      memory = DeviceMemory(gpu, image.size(), "the buffers of a kernel");
    driver.check(driver.copyToDevice(memory.get(), image.data(), image.size(), stream.get()),
                 "copy operands to the gpu");
    std::vector<Address> states;
    for (const auto &[begin, size] : std::span(places).subspan(1))
      states.push_back(memory.get() + begin);
    CudaMemory buffers;
    buffers.workspace = workspace.get();
    buffers.states = states;
    buffers.counts = memory.get() + places.front().first;
    program.launch(step, buffers, {&most, 1}, stream.get());
    Bytes counters(counterBytes);
    driver.check(driver.copyToHost(image.data(), memory.get(), image.size(), stream.get()),
                 "copy results from the gpu");
    driver.check(driver.copyToHost(counters.data(), workspace.get(), counters.size(), stream.get()),
                 "copy counters from the gpu");
    driver.check(stream.wait(), "run a kernel");
    EXPECT_TRUE(std::ranges::all_of(counters, [](uint8_t byte) { return byte == 0; }))
        << "leaves counters in the workspace";
  }

  const CudaContext &gpu;
  const CudaDriver &driver;
  const cases::KernelCases &cases;
  const artifact::Executable &executable;
  CudaModule module;
  CudaProgram program;
  CudaStream stream;
  DeviceMemory workspace, memory;
};

} // namespace

void checkCases(const CudaContext &gpu, const cases::KernelCases &cases) {
  try {
    for (const cases::Code *code : *cases.codes()) {
      SCOPED_TRACE(code->executable()->format()->str() + " for " +
                   code->executable()->arch()->str());
      CaseRunner runner(gpu, cases, *code);
      for (const cases::Case *test : *cases.cases())
        runner.check(*test);
    }
  } catch (const rt::Failure &failure) { // after one the GPU may take no more work
    ADD_FAILURE() << failure.what();
  }
}

} // namespace nyala::test
