//===- CudaFixture.h - Sessions on the fake driver --------------*- C++ -*-===//
#ifndef NYALA_TEST_UNIT_RUNTIME_CUDA_CUDAFIXTURE_H
#define NYALA_TEST_UNIT_RUNTIME_CUDA_CUDAFIXTURE_H

#include "test/unit/runtime/SessionFixture.h"
#include "test/unit/runtime/cuda/FakeCuda.h"

#include <cstdlib>

namespace nyala::test {

class CudaTest : public SessionTest {
protected:
  CudaTest() {
    fake = {};
    setenv("NYALA_CUDA_DRIVER", NYALA_FAKE_CUDA, 1);
    setenv("NYALA_CUBLASLT", NYALA_FAKE_CUDA, 1);
    unsetenv("NYALA_CUDA_DEBUG");
  }
  ~CudaTest() override {
    close();
    EXPECT_TRUE(fake.allocations.empty());
    EXPECT_EQ(fake.objects, 0);
  }

  /// Opens the artifact alone; the status is checked.
  void openModel(const ArtifactSpec &spec, nyala_status expected, const char *device = nullptr,
                 bool randomWeights = false) {
    close();
    const std::string path = directory.write("toy.nyala", buildArtifact(spec));
    const nyala_model_options options = {device, randomWeights, nullptr, nullptr};
    ASSERT_EQ(nyala_model_open_on(path.c_str(), &options, &model), expected) << nyala_last_error();
  }

  FakeCuda &fake = getFakeCuda();
};

} // namespace nyala::test

#endif // NYALA_TEST_UNIT_RUNTIME_CUDA_CUDAFIXTURE_H
