//===- CpuQuota.cpp - How much of the processors may be used --------------===//

#include "runtime/devices/cpu/CpuQuota.h"

#include <algorithm>
#include <fstream>
#include <limits>

namespace nyala::rt {

static constexpr double unlimited = std::numeric_limits<double>::infinity();

static double divide(double quota, double period) {
  return quota > 0 && period > 0 ? quota / period : unlimited;
}

/// "200000 100000", or "max 100000".
static double readVersion2(const std::string &group) {
  std::ifstream file(group + "/cpu.max");
  double quota = 0, period = 0;
  return file >> quota >> period ? divide(quota, period) : unlimited;
}

/// Two files; a quota of -1 is none.
static double readVersion1(const std::string &group) {
  std::ifstream quotaFile(group + "/cpu.cfs_quota_us"), periodFile(group + "/cpu.cfs_period_us");
  double quota = 0, period = 0;
  return quotaFile >> quota && periodFile >> period ? divide(quota, period) : unlimited;
}

/// The least of a group and all groups around it. Inside of a container the path may be one that
/// only the host sees; the container's own group then is the root.
static double readGroups(const std::string &mount, std::string path,
                         double (*read)(const std::string &)) {
  double quota = read(mount);
  for (; !path.empty(); path.erase(std::min(path.rfind('/'), path.size())))
    quota = std::min(quota, read(mount + path));
  return quota;
}

double getCpuQuota(const std::string &root) {
  const std::string mounts = root + "/sys/fs/cgroup";
  std::ifstream file(root + "/proc/self/cgroup");
  double quota = unlimited;
  // "0::/path" is version 2's line, "4:cpu,cpuacct:/path" one of version 1.
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos)
      continue;
    const std::string path = line.substr(second + 1);
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    if (controllers == ",,")
      quota = std::min(quota, readGroups(mounts, path, readVersion2));
    else if (controllers.find(",cpu,") != controllers.npos)
      quota = std::min(quota, readGroups(mounts + "/cpu", path, readVersion1));
  }
  return quota;
}

} // namespace nyala::rt
