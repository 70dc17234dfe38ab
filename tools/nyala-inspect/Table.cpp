//===- Table.cpp - Text in aligned columns --------------------------------===//

#include "tools/nyala-inspect/Table.h"

#include <algorithm>

namespace nyala::inspect {

Table::Table(std::vector<std::string> titles) {
  for (std::string &title : titles) {
    right.push_back(title.starts_with('>'));
    if (right.back())
      title.erase(0, 1);
  }
  add(std::move(titles));
}

void Table::add(std::vector<std::string> cells) { rows.push_back({std::move(cells), ""}); }

void Table::addNote(const std::string &text) { rows.back().notes += "      " + text + "\n"; }

std::string Table::toString() const {
  std::vector<size_t> widths(right.size());
  for (const Row &row : rows)
    for (size_t i = 0; i < widths.size(); ++i)
      widths[i] = std::max(widths[i], row.cells[i].size());
  std::string text;
  for (const Row &row : rows) {
    std::string line;
    for (size_t i = 0; i < widths.size(); ++i) {
      const std::string padding(widths[i] - row.cells[i].size(), ' ');
      line += i == 0 ? "" : "  ";
      line += right[i] ? padding + row.cells[i] : row.cells[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n" + row.notes;
  }
  return text;
}

} // namespace nyala::inspect
