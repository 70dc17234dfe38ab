#include "ir/storage/Error.h"

#include <gtest/gtest.h>

using namespace nyala;

namespace {

TEST(Error, QuoteKeepsPrintableAscii) { EXPECT_EQ(quote("blk.0 (x)"), "'blk.0 (x)'"); }

TEST(Error, QuoteEscapesTheRest) {
  EXPECT_EQ(quote(std::string_view("a'\\\n\0\x1b[\xc3\xa9", 9)), R"('a\'\\\x0a\x00\x1b[\xc3\xa9')");
}

TEST(Error, QuoteCutsLongTexts) {
  EXPECT_EQ(quote(std::string(100, 'x')), "'" + std::string(100, 'x') + "'");
  EXPECT_EQ(quote(std::string(101, 'x')), "'" + std::string(100, 'x') + "'...");
}

} // namespace
