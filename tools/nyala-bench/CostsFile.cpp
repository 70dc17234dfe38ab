//===- CostsFile.cpp - Times of kernels that are kept ---------------------===//

#include "tools/nyala-bench/CostsFile.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <map>

namespace nyala {
namespace {

using Json = nlohmann::ordered_json;

/// The file's format.
constexpr int version = 1;

/// What the maker calls this machine's processor; "" if the system does not say.
std::string getProcessor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name"))
      return line.substr(std::min(line.size(), line.find(':') + 2));
  return "";
}

/// "2026-01-31T12:00:00Z"
std::string getDate() {
  const std::time_t now = std::time(nullptr);
  std::tm parts;
  gmtime_r(&now, &parts);
  char text[sizeof("2026-01-31T12:00:00Z")];
  std::strftime(text, sizeof(text), "%FT%TZ", &parts);
  return text;
}

struct Kernel {
  std::string name;
  uint64_t calls = 0;
  double seconds = 0, bytes = 0, flops = 0; ///< of all calls
};

/// By key, added up over steps.
std::map<std::string, Kernel> groupByKey(const std::vector<DispatchCost> &steps) {
  std::map<std::string, Kernel> kernels;
  for (const DispatchCost &step : steps) {
    Kernel &kernel = kernels[step.key];
    kernel.name = step.kernel;
    kernel.calls += step.calls;
    kernel.seconds += step.seconds;
    kernel.bytes += step.bytes;
    kernel.flops += step.flops;
  }
  return kernels;
}

} // namespace

void writeCosts(rt::OutputFile &file, const nyala_model_info &model, const StepCosts &costs) {
  Json kernels = Json::array();
  for (const auto &[key, kernel] : groupByKey(costs.steps)) {
    const auto calls = static_cast<double>(kernel.calls);
    kernels.push_back({{"key", key},
                       {"name", kernel.name},
                       {"calls", kernel.calls},
                       {"seconds", kernel.seconds / calls},
                       {"bytes", kernel.bytes / calls},
                       {"flops", kernel.flops / calls}});
  }
  const Json content = {{"version", version},
                        {"producer", std::string("nyala-bench ") + nyala_version()},
                        {"date", getDate()},
                        {"machine", getProcessor()},
                        {"arch", model.cpu},
                        {"threads", costs.threads},
                        {"arithmetic", model.arithmetic},
                        {"batch", costs.batch},
                        {"length", costs.length},
                        {"repetitions", costs.repetitions},
                        {"step_seconds", costs.stepSeconds},
                        {"rest_seconds", costs.restSeconds},
                        {"kernels", kernels}};
  const std::string text = content.dump(1) + "\n";
  file.write(0, std::as_bytes(std::span(text)));
  file.commit();
}

} // namespace nyala
