//===- Table.h - Text in aligned columns ------------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_INSPECT_TABLE_H
#define NYALA_TOOLS_NYALA_INSPECT_TABLE_H

#include <string>
#include <vector>

namespace nyala::inspect {

class Table {
public:
  /// Titles of the columns. A column whose title begins with '>' is aligned to the right.
  explicit Table(std::vector<std::string> titles);

  /// As many cells as there are titles.
  void add(std::vector<std::string> cells);

  /// A line below the last row, indented and outside the columns.
  void addNote(const std::string &text);

  /// The lines, columns two spaces apart.
  std::string toString() const;

private:
  struct Row {
    std::vector<std::string> cells;
    std::string notes;
  };
  std::vector<bool> right;
  std::vector<Row> rows;
};

} // namespace nyala::inspect

#endif // NYALA_TOOLS_NYALA_INSPECT_TABLE_H
