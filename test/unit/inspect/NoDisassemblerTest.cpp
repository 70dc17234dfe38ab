//===- NoDisassemblerTest.cpp - Builds without LLVM -----------------------===//

#include "runtime/core/Status.h"
#include "tools/nyala-inspect/Disassembler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace nyala;

namespace {

TEST(NoDisassemblerTest, SaysWhatToDo) {
  try {
    inspect::disassembleX86({}, {"f", 0, 0}, {});
    FAIL() << "no failure";
  } catch (const rt::Failure &failure) {
    EXPECT_EQ(failure.getStatus(), NYALA_UNSUPPORTED);
    EXPECT_THAT(failure.what(), ::testing::HasSubstr("was built without LLVM"));
  }
}

} // namespace
