//===- Milp.h - Mixed integer linear programs -------------------*- C++ -*-===//
//
// COIN-OR CBC behind an interface that is hard to use wrongly: a program is built
// once, solved once, and the answer says what was proved.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_PASSES_REMAT_MILP_H
#define NYALA_PASSES_REMAT_MILP_H

#include <limits>
#include <utility>
#include <vector>

namespace nyala::remat {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A linear expression of columns.
struct Affine {
  double constant = 0;
  std::vector<std::pair<int, double>> terms;

  void add(const Affine &other, double factor = 1) {
    constant += factor * other.constant;
    for (auto [column, value] : other.terms)
      terms.emplace_back(column, factor * value);
  }
  void add(int column, double factor) { terms.emplace_back(column, factor); }
  double evaluate(const std::vector<double> &values) const {
    double sum = constant;
    for (auto [column, value] : terms)
      sum += value * values[column];
    return sum;
  }
};

inline Affine makeConstant(double value) { return {value, {}}; }
inline Affine minus(Affine left, const Affine &right) {
  left.add(right, -1);
  return left;
}

struct MilpOptions {
  double seconds = 60;
  double allowedGap = 0; ///< absolute, of the objective
  int branches = 0; ///< of the search at most, which unlike a time is the same anywhere; 0: any
  int threads = 1;
  bool pump = false; ///< CBC's feasibility pump: minutes on large programs, and seldom needed
};

struct MilpResult {
  enum class Status {
    Optimal,    ///< `values` is an optimum, within the allowed gap
    Infeasible, ///< there is no solution
    Feasible,   ///< out of time: `values` is a solution
    Unknown     ///< out of time without one
  } status = Status::Unknown;
  std::vector<double> values; ///< empty if there is none
  double objective = kInfinity;
  double bound = -kInfinity; ///< no solution is cheaper
};

/// Minimizes. Rows are expressions that must not be negative.
class Milp {
public:
  int addColumn(double lower, double upper, double cost, bool integer);
  /// `expression` >= 0. Columns that occur more than once are added up.
  void addRow(const Affine &expression);
  void addCost(const Affine &expression, double factor) {
    offset += factor * expression.constant;
    for (auto [column, value] : expression.terms)
      columns[column].cost += factor * value;
  }
  Affine getCost() const;
  bool isInteger(int column) const { return columns[column].integer; }
  void fix(int column, double value) { columns[column].lower = columns[column].upper = value; }

  int getColumns() const { return columns.size(); }
  int getRows() const { return rowStarts.size() - 1; }

  MilpResult solve(const MilpOptions &options) const;
  /// The same if columns may all be fractional: a bound, and where it comes from.
  MilpResult relax(const MilpOptions &options) const;

private:
  struct Column {
    double lower, upper, cost;
    bool integer;
  };
  struct Arrays;
  double offset = 0;
  std::vector<Column> columns;
  std::vector<int> rowStarts = {0}, rowColumns;
  std::vector<double> rowValues, rowLower;
};

} // namespace nyala::remat

#endif // NYALA_PASSES_REMAT_MILP_H
