//===- CublasLtTest.cpp - A library's products in place of kernels --------===//

#include "runtime/devices/cuda/CublasLt.h"
#include "runtime/core/Status.h"
#include "runtime/devices/cuda/CudaContext.h"
#include "test/unit/runtime/cuda/CudaFixture.h"

#include <gmock/gmock.h>

using namespace nyala;
using namespace nyala::test;
using namespace nyala::rt::cuda;
using testing::ElementsAre;

namespace {

constexpr uint16_t one = 0x3F80, two = 0x4000, three = 0x4040; // bf16

/// Two rows of two, three columns: buffers weight, activations, residual, result.
class CublasLtTest : public CudaTest {
protected:
  const artifact::MatmulCall &makeCall(int32_t residual) {
    builder.Clear();
    builder.Finish(artifact::CreateMatmulCall(builder, 3, 2, 1, 0, residual, 3));
    return *flatbuffers::GetRoot<artifact::MatmulCall>(builder.GetBufferPointer());
  }
  template <typename Element> Address place(DeviceMemory &memory, std::vector<Element> values) {
    memory = DeviceMemory(context, values.size() * sizeof(Element), "a test");
    context.getDriver().copyToDevice(memory.get(), values.data(), memory.size(), stream.get());
    return memory.get();
  }
  std::vector<float> multiply(CublasLt &library, int32_t residual) {
    const artifact::MatmulCall &call = makeCall(residual);
    EXPECT_TRUE(library.prepare(call, 2));
    DeviceMemory a, b, c, d;
    const Address buffers[] = {place<uint16_t>(a, {one, two, three, one, two, two}),
                               place<uint16_t>(b, {one, one, two, three}),
                               place<float>(c, {10, 20, 30, 40, 50, 60}),
                               place<float>(d, std::vector<float>(6))};
    library.multiply(call, buffers, 2, 0, stream.get());
    std::vector<float> result(6);
    context.getDriver().copyToHost(result.data(), d.get(), d.size(), stream.get());
    return result;
  }

  CudaContext context{0};
  CudaStream stream{context};
  flatbuffers::FlatBufferBuilder builder;
};

TEST_F(CublasLtTest, MultipliesRowsByRows) {
  CublasLt library;
  EXPECT_THAT(multiply(library, -1), ElementsAre(3, 4, 4, 8, 9, 10));
  EXPECT_THAT(multiply(library, 2), ElementsAre(13, 24, 34, 48, 59, 70));
  EXPECT_EQ(fake.products, 2);
}

TEST_F(CublasLtTest, MayBeMissing) {
  setenv("NYALA_CUBLASLT", "none", 1);
  CublasLt none;
  EXPECT_FALSE(none.prepare(makeCall(-1), 2));
  setenv("NYALA_CUBLASLT", "libc.so.6", 1);
  CublasLt other;
  EXPECT_FALSE(other.prepare(makeCall(-1), 2));
  setenv("NYALA_CUBLASLT", "libno-such-cublas.so", 1);
  CublasLt absent;
  try {
    absent.prepare(makeCall(-1), 2);
    ADD_FAILURE() << "there is a library";
  } catch (const rt::Failure &failure) {
    EXPECT_EQ(failure.getStatus(), NYALA_UNSUPPORTED);
    EXPECT_THAT(failure.what(), testing::HasSubstr("libno-such-cublas.so"));
  }
}

} // namespace
