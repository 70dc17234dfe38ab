//===- SolveGraph.cpp - Schedules of a graph in a file ----------*- C++ -*-===//
//
// nyala-solve-graph GRAPH.json --budget=BYTES|PERCENT% prints the report of a
// schedule (passes/remat/Report.h). For benches: what nyala-compile does to a
// model's training step, of any graph.
//
//===----------------------------------------------------------------------===//
#include "passes/remat/Budget.h"
#include "passes/remat/Report.h"

#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <CLI/CLI.hpp>

using namespace nyala::remat;

static llvm::ExitOnError exitOnError("nyala-solve-graph: error: ");

static llvm::json::Value read(llvm::StringRef path) {
  std::unique_ptr<llvm::MemoryBuffer> buffer =
      exitOnError(llvm::errorOrToExpected(llvm::MemoryBuffer::getFileOrSTDIN(path)));
  return exitOnError(llvm::json::parse(buffer->getBuffer()));
}

int main(int argc, char **argv) {
  std::string graphFile, budgetText;
  std::vector<std::string> known;
  SolveOptions options;
  CLI::App app("Finds a cheap schedule of a graph within a budget of memory");
  app.add_option("GRAPH", graphFile, "JSON of a graph; -: standard input")->required();
  app.add_option("--budget", budgetText,
                 "A size, or a percentage of what recomputation can change: 4GiB, 50%")
      ->required()
      ->type_name(kBudgetForm);
  app.add_option("--method", options.method,
                 "How: none (the order of the graph), sqrt, greedy or optimal (default)")
      ->transform(
          CLI::CheckedTransformer(std::map<std::string, Method>{{"none", Method::None},
                                                                {"sqrt", Method::Sqrt},
                                                                {"greedy", Method::Greedy},
                                                                {"optimal", Method::Optimal}},
                                  CLI::ignore_case)
              .description("none|sqrt|greedy|optimal"))
      ->type_name("METHOD");
  app.add_option("--time-limit", options.timeLimit, "Seconds")->capture_default_str();
  app.add_option("--threads", options.threads, "Threads of CBC")->capture_default_str();
  app.add_option("--known", known, "Reports of schedules that the result is no worse than");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  llvm::Expected<Budget> budget = parseBudget(budgetText);
  if (!budget) {
    llvm::errs() << "nyala-solve-graph: error: --budget: " << llvm::toString(budget.takeError())
                 << "\n";
    return 2;
  }
  Graph graph = exitOnError(graphFromJson(read(graphFile)));
  options.budget = budget->isFraction ? getBudget(graph, budget->fraction) : budget->bytes;
  for (const std::string &path : known) {
    llvm::json::Value report = read(path);
    Schedule schedule;
    llvm::json::Path::Root root("schedule");
    if (llvm::json::Object *object = report.getAsObject())
      if (llvm::json::Value *value = object->get("schedule"))
        if (llvm::json::fromJSON(*value, schedule, root))
          options.known.push_back(schedule);
  }
  Plan plan = exitOnError(solve(graph, options));
  llvm::outs() << llvm::json::Value(toJson(graph, plan, options.budget)) << "\n";
  return 0;
}
