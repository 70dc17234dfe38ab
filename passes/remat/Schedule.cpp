//===- Schedule.cpp - What a schedule needs and costs ---------------------===//
#include "passes/remat/Schedule.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

using namespace nyala::remat;

template <typename... Values> static llvm::Error makeError(const char *format, Values &&...values) {
  return llvm::createStringError(llvm::formatv(format, std::forward<Values>(values)...).str());
}

namespace {
/// First and last writer of each tensor.
struct Writers {
  explicit Writers(const Graph &graph) : first(graph.tensors.size(), -1), last(first) {
    for (const auto &[index, node] : llvm::enumerate(graph.nodes))
      for (int tensor : node.outputs) {
        if (first[tensor] < 0)
          first[tensor] = index;
        last[tensor] = index;
      }
  }
  std::vector<int> first, last;
};
} // namespace

static llvm::Error checkValues(const Graph &graph) {
  int tensors = graph.tensors.size();
  if (graph.firstBackward < 0 || graph.firstBackward > static_cast<int>(graph.nodes.size()))
    return makeError("the backward part begins at node {0} of {1}", graph.firstBackward,
                     graph.nodes.size());
  if (graph.fixedBytes < 0)
    return makeError("fixed state has {0} bytes", graph.fixedBytes);
  // Sums of what is there at once cannot overflow.
  int64_t left = std::numeric_limits<int64_t>::max() / 4;
  auto take = [&](int64_t bytes) {
    left -= std::min(left, bytes);
    return left > 0;
  };
  if (!take(graph.fixedBytes))
    return makeError("fixed state has {0} bytes", graph.fixedBytes);
  for (const auto &[index, tensor] : llvm::enumerate(graph.tensors))
    if (tensor.bytes < 0 || !take(tensor.bytes))
      return makeError("tensor {0} has {1} bytes", index, tensor.bytes);
  double cost = 0;
  for (const auto &[index, node] : llvm::enumerate(graph.nodes)) {
    cost += node.cost;
    if (!(node.cost >= 0) || !std::isfinite(cost) || node.workspace < 0 || !take(node.workspace))
      return makeError("node {0} ({1}) costs {2} and needs a workspace of {3} bytes", index,
                       node.name, node.cost, node.workspace);
    for (int tensor : llvm::concat<const int>(node.inputs, node.outputs))
      if (tensor < 0 || tensor >= tensors)
        return makeError("node {0} ({1}) names tensor {2} of {3}", index, node.name, tensor,
                         tensors);
  }
  return llvm::Error::success();
}

llvm::Error nyala::remat::check(const Graph &graph) {
  if (llvm::Error error = checkValues(graph))
    return error;
  Writers writers(graph);
  std::vector<bool> written(graph.tensors.size());
  for (const auto &[position, node] : llvm::enumerate(graph.nodes)) {
    int index = position;
    for (int tensor : node.inputs)
      if (!written[tensor])
        return makeError("node {0} ({1}) reads tensor {2} before it is written: the graph has a "
                         "cycle or is not in topological order",
                         index, node.name, tensor);
    for (int tensor : node.outputs)
      written[tensor] = true;
    if (!node.recomputable)
      continue;
    if (index >= graph.firstBackward)
      return makeError("node {0} ({1}) of the backward part is marked recomputable", index,
                       node.name);
    for (int tensor : node.outputs)
      if (writers.first[tensor] != index || writers.last[tensor] != index)
        return makeError("node {0} ({1}) is marked recomputable and writes tensor {2} with others",
                         index, node.name, tensor);
    for (int tensor : node.inputs)
      if (writers.last[tensor] >= index)
        return makeError("node {0} ({1}) is marked recomputable and reads tensor {2}, which is "
                         "written later",
                         index, node.name, tensor);
  }
  return llvm::Error::success();
}

static llvm::Error checkOrder(const Graph &graph, const Schedule &schedule) {
  int nodes = graph.nodes.size(), next = 0;
  for (const auto &[step, index] : llvm::enumerate(schedule)) {
    if (index < 0 || index >= nodes)
      return makeError("step {0} runs node {1} of {2}", step, index, nodes);
    if (index > next)
      return makeError("step {0} runs node {1} ({2}) before node {3} ({4}) has run", step, index,
                       graph.nodes[index].name, next, graph.nodes[next].name);
    if (index == next)
      ++next;
    else if (!graph.nodes[index].recomputable)
      return makeError("step {0} runs node {1} ({2}) again, which must run once", step, index,
                       graph.nodes[index].name);
  }
  if (next != nodes)
    return makeError("node {0} ({1}) never runs", next, graph.nodes[next].name);
  return llvm::Error::success();
}

std::vector<Instance> nyala::remat::findInstances(const Graph &graph, const Schedule &schedule) {
  Writers writers(graph);
  std::vector<Instance> instances;
  std::vector<int> current(graph.tensors.size(), -1);
  for (const auto &[position, index] : llvm::enumerate(schedule)) {
    int step = position;
    const Node &node = graph.nodes[index];
    for (int tensor : node.inputs)
      instances[current[tensor]].lastStep = step;
    for (int tensor : node.outputs) {
      // Further writers of a tensor add to the memory that the first one began.
      if (current[tensor] >= 0 && index != writers.first[tensor]) {
        instances[current[tensor]].lastStep = step;
        continue;
      }
      current[tensor] = instances.size();
      instances.push_back({tensor, step, step});
    }
  }
  for (const auto &[tensor, instance] : llvm::enumerate(current))
    if (instance >= 0 && graph.tensors[tensor].kept)
      instances[instance].lastStep = static_cast<int>(schedule.size()) - 1;
  return instances;
}

llvm::Expected<Replay> nyala::remat::replay(const Graph &graph, const Schedule &schedule) {
  if (llvm::Error error = checkOrder(graph, schedule))
    return std::move(error);
  Replay result;
  std::vector<int64_t> change(schedule.size() + 1);
  for (const Instance &instance : findInstances(graph, schedule)) {
    change[instance.firstStep] += graph.tensors[instance.tensor].bytes;
    change[instance.lastStep + 1] -= graph.tensors[instance.tensor].bytes;
  }
  result.live.reserve(schedule.size());
  int64_t live = graph.fixedBytes;
  for (const auto &[step, index] : llvm::enumerate(schedule)) {
    live += change[step];
    result.cost += graph.nodes[index].cost;
    result.live.push_back(live + graph.nodes[index].workspace);
    if (result.live.back() > result.peak) {
      result.peak = result.live.back();
      result.peakStep = step;
    }
  }
  return result;
}

Schedule nyala::remat::makePlainSchedule(const Graph &graph) {
  Schedule schedule(graph.nodes.size());
  std::iota(schedule.begin(), schedule.end(), 0);
  return schedule;
}
