//===- CpuQuotaTest.cpp - Limits of control groups ------------------------===//

#include "runtime/devices/cpu/CpuQuota.h"
#include "test/unit/runtime/ArtifactBuilder.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

using namespace nyala;

namespace {

class CpuQuotaTest : public testing::Test {
protected:
  /// Writes a file of the machine that is described.
  void write(const std::string &name, const std::string &text) {
    const std::filesystem::path path = directory.path(name);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  double get() { return rt::getCpuQuota(directory.path("")); }

  const double unlimited = std::numeric_limits<double>::infinity();
  test::TemporaryDirectory directory;
};

TEST_F(CpuQuotaTest, Version2) {
  write("proc/self/cgroup", "0::/\n");
  EXPECT_EQ(get(), unlimited);
  write("sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(get(), unlimited);
  write("sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(get(), 2.0);
  write("sys/fs/cgroup/cpu.max", "75000 50000\n");
  EXPECT_EQ(get(), 1.5);
}

TEST_F(CpuQuotaTest, GroupsAroundAGroupLimitItToo) {
  write("proc/self/cgroup", "0::/user.slice/job/step\n");
  write("sys/fs/cgroup/user.slice/job/step/cpu.max", "800000 100000\n");
  EXPECT_EQ(get(), 8.0);
  write("sys/fs/cgroup/user.slice/cpu.max", "300000 100000\n");
  EXPECT_EQ(get(), 3.0);
  write("sys/fs/cgroup/user.slice/job/cpu.max", "max 100000\n");
  EXPECT_EQ(get(), 3.0);
}

// Both versions side by side; the controller has a line and a folder of its own in version 1.
TEST_F(CpuQuotaTest, Version1) {
  write("proc/self/cgroup", "12:cpuset:/job\n4:cpu,cpuacct:/job\n1:name=systemd:/job\n0::/job\n");
  EXPECT_EQ(get(), unlimited);
  write("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(get(), unlimited);
  write("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(get(), unlimited);
  write("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "400000\n");
  EXPECT_EQ(get(), 4.0);
}

// In a container /proc may name a path of the host's.
TEST_F(CpuQuotaTest, PathOfTheHost) {
  write("proc/self/cgroup", "4:cpu:/docker/0123\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(get(), 2.5);
}

TEST_F(CpuQuotaTest, NothingToRead) {
  EXPECT_EQ(get(), unlimited);
  write("proc/self/cgroup", "zebra\n0\n:\n0::\n");
  write("sys/fs/cgroup/cpu.max", "zebra");
  EXPECT_EQ(get(), unlimited);
  write("sys/fs/cgroup/cpu.max", "100000 0\n");
  EXPECT_EQ(get(), unlimited);
}

} // namespace
