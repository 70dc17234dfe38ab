//===- CheckmateModel.cpp - Checkmate's integer program -------------------===//
#include "passes/remat/CheckmateModel.h"

#include "llvm/ADT/STLExtras.h"

using namespace nyala::remat;

namespace {
class CheckmateModel {
public:
  CheckmateModel(const Graph &graph, const CheckmateOptions &options);

  MilpResult solve() const;
  Schedule decode(const std::vector<double> &values) const;

private:
  int count() const { return graph.nodes.size(); }
  void findAccesses();
  void addColumns();
  void addDependencies(int stage);
  void addMemory(int stage);
  Affine run(int stage, int node) const;
  Affine held(int stage, int tensor) const;
  Affine freed(int stage, int tensor, size_t access);

  const Graph &graph;
  const CheckmateOptions &options;
  Milp milp;
  /// Nodes that touch a tensor, by tensor, ascending: its writer and its readers.
  std::vector<std::vector<int>> accesses;
  std::vector<std::vector<int>> runColumns, heldColumns; ///< by stage; -1: fixed
};
} // namespace

CheckmateModel::CheckmateModel(const Graph &graph, const CheckmateOptions &options)
    : graph(graph), options(options) {
  findAccesses();
  addColumns();
  for (int stage = 0; stage < count(); ++stage) {
    addDependencies(stage);
    addMemory(stage);
  }
}

void CheckmateModel::findAccesses() {
  accesses.resize(graph.tensors.size());
  for (auto [index, node] : llvm::enumerate(graph.nodes)) {
    for (int tensor : llvm::concat<const int>(node.inputs, node.outputs))
      if (accesses[tensor].empty() || accesses[tensor].back() != static_cast<int>(index))
        accesses[tensor].push_back(index);
  }
}

void CheckmateModel::addColumns() {
  for (int stage = 0; stage < count(); ++stage) {
    std::vector<int> &runs = runColumns.emplace_back(count(), -1);
    for (int node = 0; node < stage; ++node)
      if (graph.nodes[node].recomputable)
        runs[node] = milp.addColumn(0, 1, graph.nodes[node].cost, true);
    std::vector<int> &holds = heldColumns.emplace_back(graph.tensors.size(), -1);
    for (auto [tensor, nodes] : llvm::enumerate(accesses))
      if (!nodes.empty() && nodes.front() < stage)
        holds[tensor] = milp.addColumn(0, 1, 0, true);
  }
}

Affine CheckmateModel::run(int stage, int node) const {
  if (stage == node)
    return makeConstant(1);
  Affine result;
  if (node < stage && runColumns[stage][node] >= 0)
    result.add(runColumns[stage][node], 1);
  return result;
}

/// After the last stage results are there, and nothing else.
Affine CheckmateModel::held(int stage, int tensor) const {
  if (stage == count())
    return makeConstant(graph.tensors[tensor].kept ? 1 : 0);
  Affine result;
  if (heldColumns[stage][tensor] >= 0)
    result.add(heldColumns[stage][tensor], 1);
  return result;
}

void CheckmateModel::addDependencies(int stage) {
  for (int node = 0; node <= stage; ++node)
    for (int tensor : graph.nodes[node].inputs) {
      Affine row = held(stage, tensor);
      row.add(run(stage, accesses[tensor].front()));
      milp.addRow(minus(row, run(stage, node)));
    }
  for (auto [tensor, nodes] : llvm::enumerate(accesses)) {
    if (nodes.empty() || nodes.front() > stage)
      continue;
    Affine row = held(stage, tensor);
    row.add(run(stage, nodes.front()));
    milp.addRow(minus(row, held(stage + 1, tensor)));
  }
}

/// Does `tensor` go after one of its accesses?
Affine CheckmateModel::freed(int stage, int tensor, size_t access) {
  const std::vector<int> &nodes = accesses[tensor];
  std::vector<Affine> hazards = {minus(makeConstant(1), run(stage, nodes[access])),
                                 held(stage + 1, tensor)};
  for (int reader : llvm::ArrayRef(nodes).drop_front(access + 1))
    if (reader <= stage)
      hazards.push_back(run(stage, reader));
  Affine column;
  column.add(milp.addColumn(0, 1, 0, !options.tight), 1);
  Affine stays = minus(makeConstant(1), column), sum;
  for (const Affine &hazard : hazards) {
    sum.add(hazard);
    if (options.tight)
      milp.addRow(minus(stays, hazard));
  }
  if (options.tight)
    return column;
  milp.addRow(minus(sum, stays));
  Affine all;
  all.add(stays, static_cast<double>(hazards.size()));
  milp.addRow(minus(all, sum));
  return column;
}

/// In parts of the budget.
void CheckmateModel::addMemory(int stage) {
  auto part = [&](int64_t bytes) {
    return static_cast<double>(bytes) / std::max<int64_t>(options.budget, 1);
  };
  Affine used = makeConstant(part(graph.fixedBytes));
  for (size_t tensor = 0; tensor < accesses.size(); ++tensor)
    used.add(held(stage, tensor), part(graph.tensors[tensor].bytes));
  for (int index = 0; index <= stage; ++index) {
    const Node &node = graph.nodes[index];
    for (int tensor : node.outputs)
      used.add(run(stage, index), part(graph.tensors[tensor].bytes));
    Affine column;
    column.add(milp.addColumn(0, 1, 0, false), 1);
    milp.addRow(minus(column, used));
    Affine row = minus(makeConstant(part(options.budget)), column);
    row.add(run(stage, index), -part(node.workspace));
    milp.addRow(row);
    used = column;
    if (index == stage)
      break;
    std::vector<int> touched(node.inputs);
    touched.insert(touched.end(), node.outputs.begin(), node.outputs.end());
    llvm::sort(touched);
    touched.erase(llvm::unique(touched), touched.end());
    for (int tensor : touched) {
      size_t access = llvm::lower_bound(accesses[tensor], index) - accesses[tensor].begin();
      used.add(freed(stage, tensor, access), -part(graph.tensors[tensor].bytes));
    }
  }
}

MilpResult CheckmateModel::solve() const {
  MilpOptions milpOptions;
  milpOptions.seconds = options.seconds;
  milpOptions.threads = options.threads;
  milpOptions.pump = true; // nothing else is known of a solution
  return milp.solve(milpOptions);
}

Schedule CheckmateModel::decode(const std::vector<double> &values) const {
  Schedule schedule;
  for (int stage = 0; stage < count(); ++stage)
    for (int node = 0; node <= stage; ++node)
      if (run(stage, node).evaluate(values) > 0.5)
        schedule.push_back(node);
  return schedule;
}

bool nyala::remat::isForCheckmate(const Graph &graph) {
  std::vector<char> written(graph.tensors.size());
  for (const Node &node : graph.nodes)
    for (int tensor : node.outputs) {
      if (written[tensor])
        return false;
      written[tensor] = true;
    }
  return true;
}

CheckmateResult nyala::remat::solveCheckmate(const Graph &graph, const CheckmateOptions &options) {
  CheckmateModel model(graph, options);
  MilpResult solved = model.solve();
  CheckmateResult result;
  double once = 0;
  for (const Node &node : graph.nodes)
    once += node.cost;
  result.infeasible = solved.status == MilpResult::Status::Infeasible;
  result.bound = once + std::max(0.0, solved.bound);
  if (!solved.values.empty())
    result.schedule = model.decode(solved.values);
  return result;
}
