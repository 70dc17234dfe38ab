//===- Report.cpp - Graph, schedule and certificate as JSON ---------------===//
#include "passes/remat/Report.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace nyala::remat;
namespace json = llvm::json;

json::Value nyala::remat::toJson(const Graph &graph) {
  json::Array tensors, nodes;
  for (const Tensor &tensor : graph.tensors) {
    json::Object entry{{"bytes", tensor.bytes}};
    if (tensor.kept)
      entry["kept"] = true;
    if (tensor.gradient)
      entry["gradient"] = true;
    tensors.push_back(std::move(entry));
  }
  for (const Node &node : graph.nodes) {
    int64_t bytes = 0;
    for (int tensor : node.outputs)
      bytes += graph.tensors[tensor].bytes;
    json::Object entry{{"op", node.name},
                       {"bytes", bytes},
                       {"cost", node.cost},
                       {"workspace", node.workspace},
                       {"inputs", json::Array(node.inputs)},
                       {"outputs", json::Array(node.outputs)}};
    if (node.recomputable)
      entry["recomputable"] = true;
    nodes.push_back(std::move(entry));
  }
  return json::Object{{"fixed_bytes", graph.fixedBytes},
                      {"first_backward", graph.firstBackward},
                      {"tensors", std::move(tensors)},
                      {"nodes", std::move(nodes)}};
}

namespace nyala::remat {
static bool fromJSON(const json::Value &value, Tensor &tensor, json::Path path) {
  json::ObjectMapper map(value, path);
  return map && map.map("bytes", tensor.bytes) && map.mapOptional("kept", tensor.kept) &&
         map.mapOptional("gradient", tensor.gradient);
}

static bool fromJSON(const json::Value &value, Node &node, json::Path path) {
  json::ObjectMapper map(value, path);
  return map && map.map("op", node.name) && map.map("cost", node.cost) &&
         map.mapOptional("workspace", node.workspace) && map.map("inputs", node.inputs) &&
         map.map("outputs", node.outputs) && map.mapOptional("recomputable", node.recomputable);
}

static bool fromJSON(const json::Value &value, Graph &graph, json::Path path) {
  json::ObjectMapper map(value, path);
  return map && map.mapOptional("fixed_bytes", graph.fixedBytes) &&
         map.map("first_backward", graph.firstBackward) && map.map("tensors", graph.tensors) &&
         map.map("nodes", graph.nodes);
}
} // namespace nyala::remat

llvm::Expected<Graph> nyala::remat::graphFromJson(const json::Value &value) {
  Graph graph;
  json::Path::Root root("graph");
  if (!fromJSON(value, graph, root))
    return root.getError();
  if (llvm::Error error = check(graph))
    return std::move(error);
  return graph;
}

static int64_t getStateBytes(const Graph &graph) {
  int64_t bytes = graph.fixedBytes;
  for (const Tensor &tensor : graph.tensors)
    if (tensor.gradient)
      bytes += tensor.bytes;
  return bytes;
}

int64_t nyala::remat::getPlainPeak(const Graph &graph) {
  return llvm::cantFail(replay(graph, makePlainSchedule(graph))).peak;
}

json::Object nyala::remat::toJson(const Graph &graph, const Plan &plan, int64_t budget,
                                  std::optional<ArenaPeaks> arena) {
  int64_t plainPeak = getPlainPeak(graph);
  double plainCost = 0;
  for (const Node &node : graph.nodes)
    plainCost += node.cost;
  return json::Object{{"nodes", static_cast<int64_t>(graph.nodes.size())},
                      {"budget", budget},
                      {"peak", arena ? arena->peak : plan.replayed.peak},
                      {"live_peak", plan.replayed.peak},
                      {"plain_peak", arena ? arena->plainPeak : plainPeak},
                      {"plain_live_peak", plainPeak},
                      {"state_bytes", getStateBytes(graph)},
                      {"overhead", 100 * plan.overhead},
                      {"bound", 100 * plan.overheadBound},
                      {"gap", 100 * (plan.overhead - plan.overheadBound)},
                      {"certified", plan.certified},
                      {"seconds", plan.seconds},
                      {"method", plan.method},
                      {"class", plan.boundClass},
                      {"cost", plan.replayed.cost},
                      {"plain_cost", plainCost},
                      {"graph", toJson(graph)},
                      {"schedule", json::Array(plan.schedule)}};
}

int64_t nyala::remat::getBudget(const Graph &graph, double fraction, int64_t plainPeak) {
  int64_t state = getStateBytes(graph);
  double changeable = static_cast<double>(plainPeak - state);
  return state + static_cast<int64_t>(std::floor(fraction * changeable));
}
