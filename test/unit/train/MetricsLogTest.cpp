#include "tools/nyala-train/MetricsLog.h"
#include "ir/storage/Error.h"
#include "tools/nyala-train/Progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

using namespace nyala;
using namespace nyala::train;
using testing::HasSubstr;

namespace {

const std::string path = testing::TempDir() + "nyala-metrics.jsonl";

void write(const std::string &content) { std::ofstream(path, std::ios::binary) << content; }

std::string read() {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

Metrics make(uint64_t step) { return {step, 2.5f, 1e-3f, 1234.56, 1000, 0.5f, {}}; }

TEST(MetricsLog, WritesALineAStep) {
  write("");
  MetricsLog log(path, 0);
  Metrics metrics = make(1);
  log.append(metrics);
  metrics.step = 2;
  metrics.evalLoss = 3.25;
  log.append(metrics);
  EXPECT_EQ(read(), "{\"step\": 1, \"loss\": 2.5, \"lr\": 0.001, \"tok_s\": 1234.6, "
                    "\"peak_bytes\": 1000, \"grad_norm\": 0.5}\n"
                    "{\"step\": 2, \"loss\": 2.5, \"lr\": 0.001, \"tok_s\": 1234.6, "
                    "\"peak_bytes\": 1000, \"grad_norm\": 0.5, \"eval_loss\": 3.25}\n");
}

TEST(MetricsLog, IsCutBackToAStep) {
  std::string lines[4];
  for (uint64_t step = 0; step < 4; ++step)
    lines[step] = formatMetrics(make(step + 1)) + "\n";
  write(lines[0] + lines[1] + lines[2] + lines[3] + "{\"step\": 5, \"lo");
  {
    MetricsLog log(path, 2);
    EXPECT_EQ(log.getCut(), 2u);
    ASSERT_EQ(log.getLines().size(), 2u);
    EXPECT_EQ(log.getLines()[1].step, 2u);
    EXPECT_EQ(log.getLines()[1].loss, 2.5f);
    EXPECT_EQ(read(), lines[0] + lines[1]);
    log.append(make(3));
  }
  EXPECT_EQ(read(), lines[0] + lines[1] + lines[2]);
  {
    EXPECT_EQ(MetricsLog(path, 3).getCut(), 0u);
  }
  {
    EXPECT_EQ(MetricsLog(path, 0).getCut(), 3u);
  }
  EXPECT_EQ(read(), "");
}

TEST(MetricsLog, LeavesOtherFilesAlone) {
  for (const char *text : {"notes\n", "{\"step\": 1}\n", "{\"step\": -1, \"loss\": 1}\n", "[]\n"}) {
    write(text);
    try {
      MetricsLog log(path, 5);
      FAIL() << text;
    } catch (const Error &error) {
      EXPECT_THAT(error.what(), HasSubstr(path + ":1: is no line of a log of training"));
    }
    EXPECT_EQ(read(), text);
  }
  EXPECT_THROW(MetricsLog("/nowhere/log.jsonl", 0), Error);
}

TEST(MetricsLog, ReportsAFullDisk) {
  MetricsLog log("/dev/full", 0);
  EXPECT_THROW(log.append(make(1)), Error);
}

TEST(Progress, SaysWhatIsLeft) {
  Metrics metrics = make(12);
  metrics.peakBytes = 1'230'000'000;
  EXPECT_EQ(formatProgress(metrics, 100, 42.4),
            "step 12/100, loss 2.5000, 1235 tokens/s, 0:42 left, 1230.0 MB");
  EXPECT_THAT(formatProgress(metrics, 100, 3725), HasSubstr("1:02:05 left"));
}

} // namespace
