//===- Shapes.cpp - What references see of data ---------------------------===//

#include "runtime/grounding/Shapes.h"

#include "runtime/grounding/DateFormat.h"
#include "runtime/grounding/Path.h"

#include <charconv>
#include <unordered_map>

namespace nyala::rt::grounding {

void KeyEdges::finish() {
  auto bySpelling = [this](const Edge &a, const Edge &b) {
    const std::string_view all = spellings;
    return all.substr(a.begin, a.size) < all.substr(b.begin, b.size);
  };
  if (!std::ranges::is_sorted(edges, bySpelling))
    std::ranges::sort(edges, bySpelling);
  tree.resize(2 * edges.size());
  for (size_t at = tree.size(); at-- > 1;)
    for (size_t goal = 0; goal < goalCount; ++goal)
      tree[at][goal] = at >= edges.size() ? edges[at - edges.size()].costs[goal]
                                          : std::min(tree[2 * at][goal], tree[2 * at + 1][goal]);
}

Cost getFilterCost(Filter filter, const Shapes::Shape &shape) {
  constexpr Cost dateCost = 2 + 2 + closeCost; // "%d\") }}"
  const auto word = static_cast<Cost>(getSpelling(filter).size());
  if (filter == Filter::Date)
    return word + dateCost;
  if (takesField(filter))
    return plus(word + closeCost,
                shape.edges[static_cast<size_t>(Shapes::Group::Field)].getLeast(Goal::Value));
  return word + closeCost;
}

class Shapes::Builder {
public:
  Builder(Shapes &result, const DataTree &data, const std::bitset<256> &usable)
      : shapes(result.shapes), data(data), usable(usable), shapeOf(data.size()) {
    // Children come after their parents.
    for (auto node = static_cast<NodeId>(data.size()); node-- > 0;)
      shapeOf[node] = data[node].isContainer() ? findContainer(node) : findScalar(node);
    result.root = shapeOf[DataTree::root];
  }

private:
  using Signature = std::vector<uint32_t>;
  struct Hash {
    size_t operator()(const Signature &signature) const {
      uint64_t hash = signature.size();
      for (uint32_t part : signature)
        hash = ((hash ^ hash >> 29) + part) * 0xBF58476D1CE4E5B9;
      return hash ^ hash >> 32;
    }
  };

  bool canSpell(std::string_view text) const {
    return std::ranges::all_of(text, [&](char c) { return usable[static_cast<uint8_t>(c)]; });
  }
  uint32_t getKeyId(std::string_view key) {
    return keyIds.try_emplace(key, static_cast<uint32_t>(keyIds.size())).first->second;
  }
  /// The shape of the signature in use; `isNew`: it has to be described.
  ShapeId find(bool &isNew) {
    auto [found, inserted] = known.try_emplace(signature, static_cast<ShapeId>(shapes.size()));
    isNew = inserted;
    if (inserted)
      shapes.emplace_back();
    return found->second;
  }

  ShapeId findScalar(NodeId node) {
    Shape shape;
    shape.isOperand = isOperand(data, node);
    shape.isDividend = isDividend(data, node);
    shape.isDivisor = isDivisor(data, node);
    shape.filters = getFilters(data, node);
    shape.hasTime = shape.filters.has(Filter::Date) && parseDate(data[node].text)->hasTime;
    shape.tail = {closeCost, shape.isOperand ? 0 : never, shape.isDivisor ? 0 : never};
    signature = {0u,
                 static_cast<uint32_t>(shape.isOperand | shape.isDividend << 1 |
                                       shape.isDivisor << 2 | shape.hasTime << 3),
                 shape.filters.getBits()};
    bool isNew;
    const ShapeId id = find(isNew);
    if (isNew)
      shapes[id] = std::move(shape);
    return id;
  }

  ShapeId findContainer(NodeId node) {
    const bool isArray = data[node].kind == DataNode::Kind::Array;
    const FilterSet filters = getFilters(data, node);
    fields.clear();
    if (filters.has(Filter::SumOf))
      fields = findNumericFields(data, node);
    // The children of the root are spelled in a way of their own.
    signature = {node == DataTree::root ? 3u
                 : isArray              ? 2u
                                        : 1u,
                 filters.getBits(), static_cast<uint32_t>(fields.size())};
    for (const std::string &field : fields)
      signature.push_back(getKeyId(field));
    for (NodeId child : data.getChildrenByKey(node)) {
      if (!isArray)
        signature.push_back(getKeyId(data[child].key));
      signature.push_back(shapeOf[child]);
    }
    bool isNew;
    const ShapeId id = find(isNew);
    if (isNew)
      describe(node, filters, shapes[id]);
    return id;
  }

  void describe(NodeId node, FilterSet filters, Shape &shape) const {
    shape.isScalar = false;
    shape.isArray = data[node].kind == DataNode::Kind::Array;
    shape.filters = filters;
    for (NodeId child : data.getChildrenByKey(node))
      addChild(node, child, shape);
    KeyEdges &fieldEdges = shape.edges[static_cast<size_t>(Group::Field)];
    for (const std::string &field : fields) {
      std::string spelling = quote(field) + ')';
      spelling.erase(0, 1); // sum(" has it
      const Cost cost = canSpell(spelling) ? static_cast<Cost>(spelling.size()) : never;
      fieldEdges.add(spelling, 0, {cost, cost, cost});
    }
    for (KeyEdges &edges : shape.edges)
      edges.finish();
    shape.tail.fill(never);
    for (size_t goal = 0; goal < goalCount; ++goal)
      for (Group group : {Group::Name, Group::Bracket})
        shape.tail[goal] = std::min(
            shape.tail[goal],
            plus(1, shape.edges[static_cast<size_t>(group)].getLeast(static_cast<Goal>(goal))));
    if (node != DataTree::root)
      for (Filter filter : {Filter::Sum, Filter::Count})
        if (filters.has(filter))
          shape.tail[0] = std::min(shape.tail[0], barCost + getFilterCost(filter, shape));
  }

  void addChild(NodeId parent, NodeId child, Shape &shape) const {
    Group group = Group::Bracket;
    std::string spelled;
    std::string_view spelling;
    if (parent == DataTree::root) {
      group = Group::Name;
      spelling = spelled = spellFirst(data, child);
    } else if (shape.isArray) {
      spelling = spelled = std::to_string(data[child].position) + ']';
    } else if (isName(data[child].key, /*isFirst=*/false)) {
      group = Group::Name;
      spelling = data[child].key;
    } else {
      spelling = spelled = quote(data[child].key) + ']';
    }
    GoalCosts costs;
    costs.fill(never);
    if (canSpell(spelling))
      for (size_t goal = 0; goal < goalCount; ++goal)
        costs[goal] = plus(static_cast<Cost>(spelling.size()), shapes[shapeOf[child]].tail[goal]);
    shape.edges[static_cast<size_t>(group)].add(spelling, shapeOf[child], costs);
  }

  std::vector<Shape> &shapes;
  const DataTree &data;
  const std::bitset<256> &usable;
  std::vector<ShapeId> shapeOf; ///< by node
  std::unordered_map<Signature, ShapeId, Hash> known;
  std::unordered_map<std::string_view, uint32_t> keyIds;
  // Of the value that is being looked at.
  Signature signature;
  std::vector<std::string> fields; ///< that its aggregates take
};

Shapes::Shapes(const DataTree &data, const std::bitset<256> &usable) {
  Builder(*this, data, usable);
}

} // namespace nyala::rt::grounding
