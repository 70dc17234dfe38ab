#include "codegen/cuda/CudaTarget.h"
#include "ir/NyalaDialect.h"

#include "mlir/IR/MLIRContext.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace mlir;
using namespace nyala;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

class CudaTargetTest : public ::testing::Test {
protected:
  CudaTargetTest() { context.loadDialect<NyalaDialect>(); }
  CudaTargetAttr get(StringRef name) { return CudaTargetAttr::get(&context, name); }
  std::vector<std::string> getNames(StringRef list) {
    std::string error;
    FailureOr<ArrayAttr> targets = cuda::getCudaTargets(&context, list, error);
    EXPECT_TRUE(succeeded(targets)) << error;
    std::vector<std::string> names;
    if (succeeded(targets))
      for (auto target : targets->getAsRange<CudaTargetAttr>())
        names.push_back(target.getArch().str());
    return names;
  }
  std::string fail(StringRef list) {
    std::string error;
    EXPECT_TRUE(failed(cuda::getCudaTargets(&context, list, error))) << list.str();
    return error;
  }
  MLIRContext context;
};

TEST_F(CudaTargetTest, NewestFirst) {
  EXPECT_THAT(getNames("sm_90a"), ElementsAre("sm_90a"));
  EXPECT_THAT(getNames("sm_80, sm_120a,sm_90,sm_90a"),
              ElementsAre("sm_120a", "sm_90a", "sm_90", "sm_80"));
}

TEST_F(CudaTargetTest, OtherNames) {
  EXPECT_THAT(fail("sm_75"), HasSubstr("unknown GPU architecture 'sm_75'; expected one of sm_80"));
  EXPECT_THAT(fail("sm_80,,sm_90"), HasSubstr("unknown GPU architecture ''"));
  EXPECT_THAT(fail("compute_90"), HasSubstr("unknown GPU architecture 'compute_90'"));
  EXPECT_THAT(fail("sm_80,sm_80"), HasSubstr("names the GPU architecture 'sm_80' twice"));
}

TEST_F(CudaTargetTest, VersionsAreTheLowest) {
  EXPECT_EQ(cuda::getPtxVersion(get("sm_80")), 74u);
  EXPECT_EQ(cuda::getPtxVersion(get("sm_90a")), 80u);
  EXPECT_EQ(cuda::getToolkitVersion(get("sm_90a")), llvm::VersionTuple(12, 0));
  EXPECT_EQ(cuda::getPtxVersion(get("sm_70")), 0u);
}

} // namespace
