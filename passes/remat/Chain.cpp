//===- Chain.cpp - Linear chains, exactly ---------------------------------===//
#include "passes/remat/Chain.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

using namespace nyala::remat;

/// Ranges times sizes of memory that are looked at.
static constexpr size_t kStates = 1 << 20;

namespace {
/// Forward node i writes link i, which backward node readers[i] reads.
class Chain {
public:
  Chain(const Lifetimes &lifetimes, int64_t budget) : lifetimes(lifetimes), budget(budget) {}

  bool match();
  std::optional<ChainResult> solve();

private:
  static constexpr double kNever = std::numeric_limits<double>::infinity();
  struct Choice {
    double cost = kNever;
    int stored = -1; ///< the link that is stored; -1: none (first pass only)
  };
  struct Key {
    int first, last;
    int64_t room;
    bool operator==(const Key &) const = default;
  };
  struct Hash {
    size_t operator()(const Key &key) const {
      return (static_cast<size_t>(key.first) * 65537 + key.last) * 0x9e3779b97f4a7c15 +
             key.room * 0xc2b2ae3d27d4eb4f;
    }
  };
  using Memo = std::unordered_map<Key, Choice, Hash>;

  int64_t bytes(int link) const { return sizes[link]; }
  /// Most bytes beside stored links: when the reader of `link` runs, and until the next reader
  /// does.
  bool canRead(int link, int64_t room) const {
    return bytes(link) + lifetimes.constantAt[readers[link]] <= room && after[link] <= room;
  }
  /// How far forward nodes from `first` on fit, each with its input and its result, beside what is
  /// there before `reader` (-1: in the first pass).
  int reach(int first, int reader, int64_t room) const;

  const Choice &passBack(int first, int last, int64_t room);
  const Choice &passForward(int first, int64_t room);
  void emitBack(int first, int last, int64_t room, Schedule &schedule);
  void emitForward(int first, int64_t room, Schedule &schedule);
  void runBackward(int end, Schedule &schedule) {
    while (nextBackward < end)
      schedule.push_back(nextBackward++);
  }

  const Lifetimes &lifetimes;
  int64_t budget;
  int links = 0; ///< with a backward reader
  int forward = 0;
  std::vector<int64_t> sizes, after;
  std::vector<int> readers;
  int64_t before = 0; ///< most constant bytes of backward nodes before the first reader
  Memo back, front;
  int64_t pinned = 0; ///< bytes of the last forward node's result
  int nextBackward = 0;
};
} // namespace

bool Chain::match() {
  const Graph &graph = lifetimes.graph;
  forward = graph.firstBackward;
  for (int index = 0; index < forward; ++index) {
    const Node &node = graph.nodes[index];
    if (node.outputs.size() != 1)
      return false;
    int written = index > 0 ? graph.nodes[index - 1].outputs.front() : -1;
    if (node.inputs != (index > 0 ? std::vector<int>{written} : std::vector<int>()))
      return false;
    const TensorUses &uses = lifetimes.tensors[node.outputs.front()];
    sizes.push_back(lifetimes.getBytes(node.outputs.front()));
    if (!lifetimes.isDroppable(node.outputs.front()) || uses.firstBackward < 0) {
      // The loss, which stays if it is a result.
      if (index < forward - 1 || uses.kind == TensorUses::Kind::Constant)
        return false;
      pinned = lifetimes.isDroppable(node.outputs.front()) ? 0 : sizes.back();
      continue;
    }
    if (uses.firstBackward != uses.lastBackward ||
        (!readers.empty() && uses.firstBackward >= readers.back()))
      return false;
    readers.push_back(uses.firstBackward);
  }
  links = readers.size();
  if (links < 2)
    return false;
  auto most = [&](int begin, int end) {
    int64_t bytes = 0;
    for (int node = begin; node < end; ++node)
      bytes = std::max(bytes, lifetimes.constantAt[node]);
    return bytes;
  };
  for (int link = 0; link < links; ++link)
    after.push_back(most(readers[link] + 1, link > 0 ? readers[link - 1] : lifetimes.getNodes()));
  before = most(forward, readers.back());
  return true;
}

int Chain::reach(int first, int reader, int64_t room) const {
  int index = first;
  for (; index < forward; ++index) {
    int64_t constant =
        reader >= 0 ? lifetimes.constantBefore[reader] + lifetimes.graph.nodes[index].workspace
                    : lifetimes.constantAt[index];
    if ((index > first ? bytes(index - 1) : 0) + bytes(index) + constant > room)
      break;
  }
  return index - 1;
}

/// Readers of links `first` to `last`, of which none is there, while link `first - 1` is.
const Chain::Choice &Chain::passBack(int first, int last, int64_t room) {
  static const Choice done{0, -1};
  if (first > last)
    return done;
  auto [place, isNew] = back.try_emplace({first, last, room});
  if (!isNew || back.size() > kStates)
    return place->second;
  Choice best;
  double advance = 0;
  for (int link = first, end = std::min(last, reach(first, readers[last], room)); link <= end;
       ++link) {
    advance += lifetimes.graph.nodes[link].cost;
    if (!canRead(link, room) || advance >= best.cost)
      continue;
    double right = passBack(link + 1, last, room - bytes(link)).cost;
    if (right == kNever)
      continue;
    double cost = advance + right + passBack(first, link - 1, room).cost;
    if (cost < best.cost)
      best = {cost, link};
  }
  return back[{first, last, room}] = best;
}

/// The rest of the first pass, from node `first` on, and the readers of links from `first` on.
const Chain::Choice &Chain::passForward(int first, int64_t room) {
  auto [place, isNew] = front.try_emplace({first, 0, room});
  if (!isNew)
    return place->second;
  int last = links - 1, end = reach(first, -1, room);
  Choice best;
  double advance = 0;
  for (int link = first; link < forward && link <= end; ++link) {
    advance += lifetimes.graph.nodes[link].cost;
    if (link > last || !canRead(link, room))
      continue;
    double right = passForward(link + 1, room - bytes(link)).cost;
    if (right == kNever)
      continue;
    double cost = advance + right + passBack(first, link - 1, room).cost;
    if (cost < best.cost)
      best = {cost, link};
  }
  if (end == forward - 1 && before <= room) {
    double cost = advance + passBack(first, last, room).cost;
    if (cost < best.cost)
      best = {cost, -1};
  }
  return front[{first, 0, room}] = best;
}

void Chain::emitBack(int first, int last, int64_t room, Schedule &schedule) {
  if (first > last)
    return;
  int link = passBack(first, last, room).stored;
  for (int node = first; node <= link; ++node)
    schedule.push_back(node);
  emitBack(link + 1, last, room - bytes(link), schedule);
  runBackward(link > 0 ? readers[link - 1] : lifetimes.getNodes(), schedule);
  emitBack(first, link - 1, room, schedule);
}

void Chain::emitForward(int first, int64_t room, Schedule &schedule) {
  int link = passForward(first, room).stored;
  for (int node = first, end = link < 0 ? forward : link + 1; node < end; ++node)
    schedule.push_back(node);
  if (link < 0) {
    runBackward(readers.back(), schedule);
    emitBack(first, links - 1, room, schedule);
    return;
  }
  emitForward(link + 1, room - bytes(link), schedule);
  runBackward(link > 0 ? readers[link - 1] : lifetimes.getNodes(), schedule);
  emitBack(first, link - 1, room, schedule);
}

std::optional<ChainResult> Chain::solve() {
  int64_t room = budget - pinned;
  if (passForward(0, room).cost == kNever || back.size() > kStates)
    return std::nullopt;
  ChainResult result;
  nextBackward = forward;
  emitForward(0, room, result.schedule);
  llvm::ArrayRef linked(sizes.data(), links);
  // The last link is read first, when there may be no gradient yet.
  auto alike = [&](const std::vector<int64_t> &bytes) {
    return llvm::all_of(llvm::ArrayRef(readers).drop_back(),
                        [&](int reader) { return bytes[reader] == bytes[readers.front()]; }) &&
           bytes[readers.back()] <= bytes[readers.front()];
  };
  result.optimal = pinned == 0 && llvm::all_equal(linked) && alike(lifetimes.constantAt) &&
                   alike(lifetimes.constantBefore);
  return result;
}

std::optional<ChainResult> nyala::remat::solveChain(const Lifetimes &lifetimes, int64_t budget) {
  Chain chain(lifetimes, budget);
  return chain.match() ? chain.solve() : std::nullopt;
}
