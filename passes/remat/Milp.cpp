//===- Milp.cpp - Mixed integer linear programs by CBC, relaxations by Clp --------------------===//
#include "passes/remat/Milp.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include <coin/Cbc_C_Interface.h>
#include <coin/Clp_C_Interface.h>

using namespace nyala::remat;

int Milp::addColumn(double lower, double upper, double cost, bool integer) {
  columns.push_back({lower, upper, cost, integer});
  return columns.size() - 1;
}

Affine Milp::getCost() const {
  Affine result = makeConstant(offset);
  for (int i = 0, end = getColumns(); i < end; ++i)
    if (columns[i].cost != 0)
      result.add(i, columns[i].cost);
  return result;
}

void Milp::addRow(const Affine &expression) {
  std::vector<std::pair<int, double>> terms = expression.terms;
  std::sort(terms.begin(), terms.end());
  double largest = 0;
  size_t begin = rowColumns.size();
  for (size_t i = 0; i < terms.size();) {
    int column = terms[i].first;
    double value = 0;
    for (; i < terms.size() && terms[i].first == column; ++i)
      value += terms[i].second;
    if (value == 0)
      continue;
    rowColumns.push_back(column);
    rowValues.push_back(value);
    largest = std::max(largest, std::abs(value));
  }
  if (rowColumns.size() == begin && expression.constant >= 0)
    return;
  // CBC's tolerances are absolute: rows of bytes become rows of about one.
  double scale = largest > 0 ? 1 / largest : 1;
  for (size_t i = begin; i < rowValues.size(); ++i)
    rowValues[i] *= scale;
  rowLower.push_back(-expression.constant * scale);
  rowStarts.push_back(rowColumns.size());
}

/// The program as both libraries take it: the matrix by columns, costs in units of the largest,
/// since tolerances are absolute.
struct Milp::Arrays {
  explicit Arrays(const Milp &milp)
      : starts(milp.getColumns() + 1), indices(milp.rowColumns.size()),
        values(milp.rowColumns.size()),
        rowUpper(milp.getRows(), std::numeric_limits<double>::max()) {
    for (int column : milp.rowColumns)
      ++starts[column + 1];
    for (int i = 0, end = milp.getColumns(); i < end; ++i)
      starts[i + 1] += starts[i];
    std::vector<int> next(starts.begin(), starts.end() - 1);
    for (int row = 0, end = milp.getRows(); row < end; ++row)
      for (int i = milp.rowStarts[row]; i < milp.rowStarts[row + 1]; ++i) {
        int place = next[milp.rowColumns[i]]++;
        indices[place] = row;
        values[place] = milp.rowValues[i];
      }
    for (const Column &column : milp.columns)
      unit = std::max(unit, std::abs(column.cost));
    unit = unit > 0 ? unit : 1;
    for (const Column &column : milp.columns) {
      lower.push_back(column.lower);
      upper.push_back(column.upper);
      costs.push_back(column.cost / unit);
    }
  }

  std::vector<int> starts, indices;
  std::vector<double> values, lower, upper, costs, rowUpper;
  double unit = 0;
};

MilpResult Milp::relax(const MilpOptions &options) const {
  Arrays arrays(*this);
  std::unique_ptr<Clp_Simplex, decltype(&Clp_deleteModel)> model(Clp_newModel(), Clp_deleteModel);
  Clp_setLogLevel(model.get(), 0);
  Clp_loadProblem(model.get(), getColumns(), getRows(), arrays.starts.data(), arrays.indices.data(),
                  arrays.values.data(), arrays.lower.data(), arrays.upper.data(),
                  arrays.costs.data(), rowLower.data(), arrays.rowUpper.data());
  Clp_setMaximumSeconds(model.get(), std::max(0.01, options.seconds));
  Clp_initialSolve(model.get());
  MilpResult result;
  enum { Solved = 0, NoSolution = 1 };
  int status = Clp_status(model.get());
  if (status == NoSolution) {
    result.status = MilpResult::Status::Infeasible;
  } else if (status == Solved) {
    result.status = MilpResult::Status::Optimal;
    const double *solution = Clp_getColSolution(model.get());
    result.values.assign(solution, solution + getColumns());
    result.objective = Clp_getObjValue(model.get()) * arrays.unit + offset;
    result.bound = result.objective;
  }
  return result;
}

MilpResult Milp::solve(const MilpOptions &options) const {
  if (std::none_of(columns.begin(), columns.end(),
                   [](const Column &column) { return column.integer; }))
    return relax(options);
  Arrays arrays(*this);
  // A model is solved once: one that is changed and solved again gave wrong optima (2.10.8).
  std::unique_ptr<Cbc_Model, decltype(&Cbc_deleteModel)> model(Cbc_newModel(), Cbc_deleteModel);
  Cbc_setParameter(model.get(), "log", "0");
  Cbc_setLogLevel(model.get(), 0);
  Cbc_loadProblem(model.get(), getColumns(), getRows(), arrays.starts.data(), arrays.indices.data(),
                  arrays.values.data(), arrays.lower.data(), arrays.upper.data(),
                  arrays.costs.data(), rowLower.data(), arrays.rowUpper.data());
  Cbc_setObjSense(model.get(), 1);
  for (int i = 0; i < getColumns(); ++i)
    if (columns[i].integer)
      Cbc_setInteger(model.get(), i);
  Cbc_setParameter(model.get(), "timeMode", "elapsed");
  Cbc_setParameter(model.get(), "sec", std::to_string(std::max(0.01, options.seconds)).c_str());
  if (options.branches > 0)
    Cbc_setParameter(model.get(), "maxNodes", std::to_string(options.branches).c_str());
  if (options.threads > 1)
    Cbc_setParameter(model.get(), "threads", std::to_string(options.threads).c_str());
  Cbc_setParameter(model.get(), "feasibilityPump", options.pump ? "on" : "off");
  Cbc_setParameter(model.get(), "ratioGap", "0");
  Cbc_setAllowableGap(model.get(), std::max(1e-9, options.allowedGap / arrays.unit));
  Cbc_solve(model.get());

  MilpResult result;
  if (Cbc_isProvenInfeasible(model.get()) ||
      Cbc_isInitialSolveProvenPrimalInfeasible(model.get())) {
    result.status = MilpResult::Status::Infeasible;
    return result;
  }
  if (const double *solution = Cbc_bestSolution(model.get())) {
    result.values.assign(solution, solution + getColumns());
    result.objective = Cbc_getObjValue(model.get()) * arrays.unit + offset;
    result.status = Cbc_isProvenOptimal(model.get()) ? MilpResult::Status::Optimal
                                                     : MilpResult::Status::Feasible;
  }
  result.bound = Cbc_getBestPossibleObjValue(model.get()) * arrays.unit + offset;
  // Before the first relaxation is solved the bound is a huge number of either sign.
  if (std::abs(result.bound) >= 1e49 * arrays.unit)
    result.bound = -kInfinity;
  result.bound = std::min(result.bound, result.objective);
  return result;
}
