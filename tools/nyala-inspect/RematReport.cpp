#include "tools/nyala-inspect/RematReport.h"
#include "passes/remat/Report.h"
#include "runtime/core/Status.h"
#include "tools/nyala-inspect/Table.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"

#include <algorithm>
#include <functional>
#include <map>

using namespace nyala::remat;
namespace json = llvm::json;

namespace nyala::inspect {
namespace {

/// Kinds of tensors that a table shows; the others are added up.
constexpr size_t kMostRows = 15;

std::string describeMegabytes(int64_t bytes) {
  return llvm::formatv("{0:f1} MB", static_cast<double>(bytes) / 1e6);
}

class Reader {
public:
  explicit Reader(std::string path) : path(std::move(path)) {}

  RematReport read() {
    load();
    return {describeSummary() + describePeak("if everything is kept", plain, plainReplay) +
                describePeak("with recomputation", schedule, replayed),
            plot()};
  }

private:
  [[noreturn]] void fail(const std::string &what) const {
    throw rt::Failure(NYALA_CORRUPT, "'" + path + "' is no report of rematerialization: " + what);
  }

  template <typename T> T require(llvm::Expected<T> value) const {
    if (!value)
      fail(llvm::toString(value.takeError()));
    return std::move(*value);
  }

  void load() {
    auto buffer = llvm::MemoryBuffer::getFile(path);
    if (!buffer)
      throw rt::Failure(NYALA_IO_ERROR,
                        "cannot read '" + path + "': " + buffer.getError().message());
    json::Value value = require(json::parse((*buffer)->getBuffer()));
    const json::Object *object = value.getAsObject();
    const json::Value *nodes = object ? object->get("graph") : nullptr;
    const json::Value *steps = object ? object->get("schedule") : nullptr;
    if (!nodes || !steps)
      fail("expected an object with 'graph' and 'schedule'");
    report = *object;
    graph = require(graphFromJson(*nodes));
    json::Path::Root root("schedule");
    if (!fromJSON(*steps, schedule, root))
      fail(llvm::toString(root.getError()));
    plain = makePlainSchedule(graph);
    replayed = require(replay(graph, schedule));
    plainReplay = require(replay(graph, plain));
  }

  int64_t getInteger(llvm::StringRef name) const {
    if (auto value = report.getInteger(name))
      return *value;
    fail("expected a number '" + name.str() + "'");
  }
  double getNumber(llvm::StringRef name) const {
    if (auto value = report.getNumber(name))
      return *value;
    fail("expected a number '" + name.str() + "'");
  }
  std::string getText(llvm::StringRef name) const {
    return report.getString(name).value_or("unknown").str();
  }

  std::string describeSummary() const {
    bool certified = report.getBoolean("certified").value_or(false);
    return llvm::formatv(
        "nodes       {0}, of which {1} run again\n"
        "budget      {2}\n"
        "peak        {3}; {4} if everything is kept\n"
        "fixed       {5}: weights, optimizer, arguments, gradients of weights\n"
        "overhead    {6:f2}% of the cost of a step, bound {7:f2}%, gap {8:f2} points, {9}\n"
        "bound of    {10}\n"
        "found by    {11} in {12:f1} s\n",
        graph.nodes.size(), schedule.size() - graph.nodes.size(),
        describeMegabytes(getInteger("budget")), describeMegabytes(getInteger("peak")),
        describeMegabytes(getInteger("plain_peak")), describeMegabytes(getInteger("state_bytes")),
        getNumber("overhead"), getNumber("bound"), getNumber("gap"),
        certified ? "certified" : "not certified", getText("class"), getText("method"),
        getNumber("seconds"));
  }

  /// What lies in memory at the peak of a schedule: tensors of the same ops together, as layers
  /// repeat.
  std::string describePeak(const std::string &title, const Schedule &order,
                           const Replay &found) const {
    struct Kind {
      size_t tensors = 0;
      int64_t bytes = 0;
    };
    std::map<std::pair<std::string, std::string>, Kind> kinds;
    auto getName = [&](int step) { return graph.nodes[order[step]].name; };
    for (const Instance &instance : findInstances(graph, order)) {
      if (instance.firstStep > found.peakStep || instance.lastStep < found.peakStep)
        continue;
      const Tensor &tensor = graph.tensors[instance.tensor];
      std::string reader = tensor.gradient ? "(gradient of a weight)"
                           : tensor.kept   ? "(result)"
                                           : getName(instance.lastStep);
      Kind &kind = kinds[{getName(instance.firstStep), reader}];
      ++kind.tensors;
      kind.bytes += tensor.bytes;
    }
    std::vector<std::pair<std::pair<std::string, std::string>, Kind>> sorted(kinds.begin(),
                                                                             kinds.end());
    std::ranges::stable_sort(sorted, std::greater(),
                             [](const auto &entry) { return entry.second.bytes; });
    Table table({">MB", ">tensors", "written by", "kept for"});
    auto add = [&](int64_t bytes, size_t tensors, std::string writer, std::string reader) {
      if (bytes > 0)
        table.add({llvm::formatv("{0:f1}", static_cast<double>(bytes) / 1e6),
                   tensors > 0 ? std::to_string(tensors) : "", std::move(writer),
                   std::move(reader)});
    };
    add(graph.fixedBytes, 0, "(weights, optimizer, arguments)", "");
    Kind others;
    for (size_t i = 0; i < sorted.size(); ++i) {
      const auto &[names, kind] = sorted[i];
      if (i < kMostRows) {
        add(kind.bytes, kind.tensors, names.first, names.second);
        continue;
      }
      others.tensors += kind.tensors;
      others.bytes += kind.bytes;
    }
    add(others.bytes, others.tensors, "(others)", "");
    const Node &node = graph.nodes[order[found.peakStep]];
    add(node.workspace, 0, "(workspace of the step)", "");
    return llvm::formatv("\npeak {0}: {1} at step {2} of {3}, {4} ({5})\n", title,
                         describeMegabytes(found.peak), found.peakStep, order.size(), node.name,
                         order[found.peakStep] < graph.firstBackward ? "forward" : "backward")
               .str() +
           table.toString();
  }

  Plot plot() const {
    auto draw = [](const char *label, const Replay &found) {
      Curve curve{label, {}, /*isStaircase=*/true};
      for (size_t i = 0; i < found.live.size(); ++i)
        curve.points.emplace_back(i, static_cast<double>(found.live[i]) / 1e6);
      return curve;
    };
    return {"step",
            "live memory in MB",
            {draw("everything kept", plainReplay), draw("with recomputation", replayed)},
            {{"budget", static_cast<double>(getInteger("budget")) / 1e6}},
            /*fromZero=*/true};
  }

  std::string path;
  json::Object report;
  Graph graph;
  Schedule schedule, plain;
  Replay replayed, plainReplay;
};

} // namespace

RematReport readRematReport(const std::string &path) { return Reader(path).read(); }

} // namespace nyala::inspect
