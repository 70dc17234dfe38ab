//===- SolveGraph.cpp - Schedules of a graph in a file ----------*- C++ -*-===//
//
// nyala-solve-graph GRAPH.json --budget=BYTES|PERCENT%[,...] prints the report of a
// schedule (passes/remat/Report.h), of several budgets a line each. For benches: what
// nyala-compile does to a model's training step, of any graph.
//
//===----------------------------------------------------------------------===//
#include "passes/remat/Budget.h"
#include "passes/remat/FitArena.h"
#include "passes/remat/Report.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <CLI/CLI.hpp>

using namespace nyala::remat;

static llvm::ExitOnError exitOnError("nyala-solve-graph: error: ");

/// An error says which file it is of.
template <typename T>
static llvm::Expected<T> inFile(llvm::StringRef path, llvm::Expected<T> result) {
  if (result)
    return result;
  return llvm::createFileError(path, result.takeError());
}

static llvm::json::Value read(llvm::StringRef path) {
  std::unique_ptr<llvm::MemoryBuffer> buffer =
      exitOnError(inFile(path, llvm::errorOrToExpected(llvm::MemoryBuffer::getFileOrSTDIN(path))));
  return exitOnError(inFile(path, llvm::json::parse(buffer->getBuffer())));
}

/// For what is alive, wherever it lies.
static llvm::Expected<PlacedPlan> solveLive(const Graph &graph, const SolveOptions &options) {
  llvm::Expected<Plan> plan = solve(graph, options);
  if (!plan)
    return plan.takeError();
  int64_t peak = plan->replayed.peak;
  return PlacedPlan{std::move(*plan), peak};
}

int main(int argc, char **argv) {
  std::string graphFile;
  std::vector<std::string> budgetTexts;
  std::vector<std::string> known;
  bool arena = false;
  SolveOptions options;
  CLI::App app("Finds a cheap schedule of a graph within a budget of memory");
  app.add_option("GRAPH", graphFile, "JSON of a graph; -: standard input")->required();
  app.add_option("--budget", budgetTexts,
                 "A size, or a percentage of what recomputation can change: 4GiB, 50%. Of several, "
                 "none has a cheaper schedule than a higher one")
      ->required()
      ->delimiter(',')
      ->type_name(kBudgetForm);
  app.add_option("--method", options.method,
                 "How: none (the order of the graph), sqrt, greedy, optimal (default), or for "
                 "comparison checkmate or checkmate-tight")
      ->transform(CLI::CheckedTransformer(
                      std::map<std::string, Method>{{"none", Method::None},
                                                    {"sqrt", Method::Sqrt},
                                                    {"greedy", Method::Greedy},
                                                    {"optimal", Method::Optimal},
                                                    {"checkmate", Method::Checkmate},
                                                    {"checkmate-tight", Method::CheckmateTight}},
                      CLI::ignore_case)
                      .description("none|sqrt|greedy|optimal|checkmate|checkmate-tight"))
      ->type_name("METHOD");
  app.add_option("--time-limit", options.timeLimit, "Seconds")->capture_default_str();
  app.add_option("--threads", options.threads, "Threads of CBC")->capture_default_str();
  app.add_flag("--arena", arena,
               "Keep to the budget with holes between values, as the planner of programs lays them "
               "out: what nyala-compile does");
  app.add_option("--known", known, "Reports of schedules that the result is no worse than");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  std::vector<Budget> budgets;
  for (const std::string &text : budgetTexts) {
    llvm::Expected<Budget> budget = parseBudget(text);
    if (!budget) {
      llvm::errs() << "nyala-solve-graph: error: --budget: " << llvm::toString(budget.takeError())
                   << "\n";
      return 2;
    }
    budgets.push_back(*budget);
  }
  Graph graph = exitOnError(inFile(graphFile, graphFromJson(read(graphFile))));
  int64_t plainPeak = arena ? getPlainArenaPeak(graph) : getPlainPeak(graph);
  std::vector<int64_t> bytes;
  bytes.reserve(budgets.size());
  for (const Budget &budget : budgets)
    bytes.push_back(budget.isFraction ? getBudget(graph, budget.fraction, plainPeak)
                                      : budget.bytes);
  // A lower budget's schedule is known at higher ones.
  llvm::sort(bytes);
  for (const std::string &path : known) {
    llvm::json::Value report = read(path);
    Schedule schedule;
    llvm::json::Path::Root root("schedule");
    if (llvm::json::Object *object = report.getAsObject())
      if (llvm::json::Value *value = object->get("schedule"))
        if (llvm::json::fromJSON(*value, schedule, root))
          options.known.push_back(schedule);
  }
  int status = 0;
  for (int64_t budget : bytes) {
    options.budget = budget;
    llvm::Expected<PlacedPlan> placed =
        arena ? fitArena(graph, options) : solveLive(graph, options);
    if (!placed) {
      llvm::errs() << "nyala-solve-graph: error: " << llvm::toString(placed.takeError()) << "\n";
      status = 1;
      continue;
    }
    llvm::outs() << llvm::json::Value(
                        toJson(graph, placed->plan, budget, ArenaPeaks{placed->peak, plainPeak}))
                 << "\n";
    options.known.push_back(std::move(placed->plan.schedule));
  }
  return status;
}
