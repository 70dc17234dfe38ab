#include "tools/nyala-train/MetricsLog.h"
#include "ir/storage/Error.h"
#include "runtime/core/Status.h"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nyala::train {
namespace {

/// The shortest text that reads as the same number.
template <typename T> std::string format(T value) {
  char text[64];
  return {text, std::to_chars(text, text + sizeof(text), value).ptr};
}

[[noreturn]] void fail(const std::string &action, const std::string &path) {
  throw Error("cannot " + action + " '" + path + "': " + rt::describeError(errno));
}

std::optional<Metrics> parse(std::string_view line) {
  nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("step") || !json["step"].is_number_unsigned() ||
      !json.contains("loss") || !json["loss"].is_number())
    return std::nullopt;
  Metrics metrics{};
  metrics.step = json["step"].get<uint64_t>();
  metrics.loss = json["loss"].get<float>();
  if (auto norm = json.find("grad_norm"); norm != json.end() && norm->is_number())
    metrics.gradientNorm = norm->get<float>();
  if (auto loss = json.find("eval_loss"); loss != json.end() && loss->is_number())
    metrics.evalLoss = loss->get<double>();
  return metrics;
}

std::string readAll(int descriptor, const std::string &path) {
  std::string text;
  char buffer[1 << 16];
  for (ssize_t count; (count = read(descriptor, buffer, sizeof(buffer))) != 0;) {
    if (count > 0)
      text.append(buffer, static_cast<size_t>(count));
    else if (errno != EINTR)
      fail("read", path);
  }
  return text;
}

} // namespace

std::string formatMetrics(const Metrics &metrics) {
  std::string line = "{\"step\": " + std::to_string(metrics.step) +
                     ", \"loss\": " + format(metrics.loss) + ", \"lr\": " + format(metrics.rate) +
                     ", \"tok_s\": " + format(std::round(metrics.tokensPerSecond * 10) / 10) +
                     ", \"peak_bytes\": " + std::to_string(metrics.peakBytes) +
                     ", \"grad_norm\": " + format(metrics.gradientNorm);
  if (metrics.evalLoss)
    line += ", \"eval_loss\": " + format(*metrics.evalLoss);
  return line + "}";
}

MetricsLog::MetricsLog(std::string path, uint64_t step) : path(std::move(path)) {
  descriptor = open(this->path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0)
    fail("write", this->path);
  // A pipe has nothing to go on after.
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))
    return;
  try {
    cutAfter(step);
  } catch (...) {
    close(descriptor);
    throw;
  }
}

void MetricsLog::cutAfter(uint64_t step) {
  std::string text = readAll(descriptor, path);
  size_t kept = 0;
  for (size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    std::optional<Metrics> line = parse(std::string_view(text).substr(begin, end - begin));
    if (!line)
      throw Error(path + ":" + std::to_string(lines.size() + cut + 1) +
                  ": is no line of a log of training; give another file with --log");
    if (line->step > step) {
      ++cut;
    } else if (cut == 0) {
      lines.push_back(*line);
      kept = end + 1;
    }
  }
  if ((kept < text.size() && ftruncate(descriptor, static_cast<off_t>(kept)) != 0) ||
      lseek(descriptor, static_cast<off_t>(kept), SEEK_SET) < 0)
    fail("write", path);
}

MetricsLog::~MetricsLog() { close(descriptor); }

void MetricsLog::append(const Metrics &metrics) {
  lines.push_back(metrics);
  std::string line = formatMetrics(metrics) + "\n";
  for (std::string_view rest = line; !rest.empty();) {
    ssize_t written = write(descriptor, rest.data(), rest.size());
    if (written >= 0)
      rest.remove_prefix(static_cast<size_t>(written));
    else if (errno != EINTR)
      fail("write", path);
  }
}

} // namespace nyala::train
