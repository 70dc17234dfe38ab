//===- Milp.cpp - Mixed integer linear programs by CBC --------------------===//
#include "passes/remat/Milp.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include <coin/Cbc_C_Interface.h>

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

MilpResult Milp::solve(const MilpOptions &options) const {
  int columnCount = getColumns(), rowCount = getRows();
  // CBC takes the matrix by columns.
  std::vector<int> starts(columnCount + 1), indices(rowColumns.size());
  std::vector<double> values(rowColumns.size());
  for (int column : rowColumns)
    ++starts[column + 1];
  for (int i = 0; i < columnCount; ++i)
    starts[i + 1] += starts[i];
  std::vector<int> next(starts.begin(), starts.end() - 1);
  for (int row = 0; row < rowCount; ++row)
    for (int i = rowStarts[row]; i < rowStarts[row + 1]; ++i) {
      int place = next[rowColumns[i]]++;
      indices[place] = row;
      values[place] = rowValues[i];
    }
  // Costs in units of the largest, for the same reason as rows.
  double unit = 0;
  bool integers = false;
  std::vector<double> lower, upper, costs, rowUpper(rowCount, std::numeric_limits<double>::max());
  for (const Column &column : columns) {
    unit = std::max(unit, std::abs(column.cost));
    integers |= column.integer && !options.relaxed;
  }
  unit = unit > 0 ? unit : 1;
  for (const Column &column : columns) {
    lower.push_back(column.lower);
    upper.push_back(column.upper);
    costs.push_back(column.cost / unit);
  }

  // A model is solved once: one that is changed and solved again gave wrong optima (2.10.8).
  std::unique_ptr<Cbc_Model, decltype(&Cbc_deleteModel)> model(Cbc_newModel(), Cbc_deleteModel);
  Cbc_setParameter(model.get(), "log", "0");
  Cbc_setLogLevel(model.get(), 0);
  Cbc_loadProblem(model.get(), columnCount, rowCount, starts.data(), indices.data(), values.data(),
                  lower.data(), upper.data(), costs.data(), rowLower.data(), rowUpper.data());
  Cbc_setObjSense(model.get(), 1);
  if (!options.relaxed)
    for (int i = 0; i < columnCount; ++i)
      if (columns[i].integer)
        Cbc_setInteger(model.get(), i);
  Cbc_setParameter(model.get(), "timeMode", "elapsed");
  Cbc_setParameter(model.get(), "sec", std::to_string(std::max(0.01, options.seconds)).c_str());
  if (options.threads > 1)
    Cbc_setParameter(model.get(), "threads", std::to_string(options.threads).c_str());
  Cbc_setParameter(model.get(), "ratioGap", "0");
  Cbc_setAllowableGap(model.get(), std::max(1e-9, options.allowedGap / unit));
  Cbc_solve(model.get());

  MilpResult result;
  if (Cbc_isProvenInfeasible(model.get()) ||
      Cbc_isInitialSolveProvenPrimalInfeasible(model.get())) {
    result.status = MilpResult::Status::Infeasible;
    return result;
  }
  // Without integers CBC runs the simplex method alone, and has neither a best solution nor a
  // bound.
  bool optimal =
      integers ? Cbc_isProvenOptimal(model.get())
               : Cbc_isInitialSolveProvenOptimal(model.get()) && Cbc_isProvenOptimal(model.get());
  const double *solution = integers  ? Cbc_bestSolution(model.get())
                           : optimal ? Cbc_getColSolution(model.get())
                                     : nullptr;
  if (solution) {
    result.values.assign(solution, solution + columnCount);
    result.objective = Cbc_getObjValue(model.get()) * unit + offset;
    result.status = optimal ? MilpResult::Status::Optimal : MilpResult::Status::Feasible;
  }
  if (integers)
    result.bound = Cbc_getBestPossibleObjValue(model.get()) * unit + offset;
  else if (optimal)
    result.bound = result.objective;
  // Before the first relaxation is solved the bound is a huge number of either sign.
  if (std::abs(result.bound) >= 1e49 * unit)
    result.bound = -kInfinity;
  result.bound = std::min(result.bound, result.objective);
  return result;
}
