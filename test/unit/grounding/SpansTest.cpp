//===- SpansTest.cpp - Where the values of a text come from ---------------===//

#include "runtime/grounding/Spans.h"
#include "runtime/core/Status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace nyala::rt;
using namespace nyala::rt::grounding;
using testing::HasSubstr;

namespace {

const DataTree &getData() {
  static const DataTree tree(R"({"a": 7, "b": 2.0, "s": "{{ a }} \"é\" 5"})");
  return tree;
}

TEST(Spans, CoverTheText) {
  Grounded grounded = ground(getData(), "In 2019, B2 had {{ a / b }}x\xff{{ s }}{ 1,234.5.");
  EXPECT_EQ(grounded.text, "In 2019, B2 had 3.5x\uFFFD{{ a }} \"é\" 5{ 1,234.5.");
  EXPECT_EQ(grounded.raw, "In 2019, B2 had {{ a / b }}x\uFFFD{{ s }}{ 1,234.5.");
  size_t end = 0;
  std::string ungrounded;
  for (const Span &span : grounded.spans) {
    EXPECT_EQ(span.begin, end);
    end = span.end;
    if (span.kind == Span::Kind::Ungrounded)
      ungrounded += grounded.text.substr(span.begin, span.end - span.begin) + ';';
  }
  EXPECT_EQ(end, grounded.text.size());
  EXPECT_EQ(ungrounded, "2019;1,234.5;");
}

TEST(Spans, AreLinesOfJson) {
  EXPECT_EQ(renderJsonLines(getData(), ground(getData(), "x {{ a / b }}9")),
            "{\"start\":0,\"end\":2,\"kind\":\"text\"}\n"
            "{\"start\":2,\"end\":5,\"kind\":\"reference\",\"value\":\"3.5\",\"ref\":\"{{ a / b "
            "}}\",\"path\":\"a\",\"operands\":[{\"path\":\"a\",\"value\":7},{\"path\":\"b\","
            "\"value\":2.0}]}\n"
            "{\"start\":5,\"end\":6,\"kind\":\"ungrounded\",\"value\":\"9\"}\n");
}

TEST(Spans, SayWhereAReferenceFails) {
  try {
    ground(getData(), "x {{ c }}");
    ADD_FAILURE();
  } catch (const Failure &failure) {
    EXPECT_THAT(failure.what(), HasSubstr("byte 5: data has no field 'c'"));
  }
}

} // namespace
