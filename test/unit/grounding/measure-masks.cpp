//===- measure-masks.cpp - Times of masks with a real vocabulary ----------===//
//
//   nyala-test-measure-masks MODEL.nyala DATA.json [WALKS [SEED]]
//
// Random generations under the constraint: every one must parse and resolve.
// Prints times: of the tree, the constraint with its first mask, and all masks.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Artifact.h"
#include "runtime/core/Status.h"
#include "test/unit/grounding/Walk.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>

using namespace nyala;
using Clock = std::chrono::steady_clock;

static double microsecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

/// Passes on to another constraint and keeps the time of its masks.
class Timed final : public rt::Constraint {
public:
  explicit Timed(rt::Constraint &inner) : inner(inner) {}

  std::span<const uint64_t> mask(size_t left) override {
    Clock::time_point begin = Clock::now();
    std::span<const uint64_t> result = inner.mask(left);
    times.push_back(microsecondsSince(begin));
    return result;
  }
  bool advance(int32_t token) override { return inner.advance(token); }
  void undo() override { inner.undo(); }
  bool canEnd() const override { return inner.canEnd(); }
  size_t getLeast() const override { return inner.getLeast(); }
  void reset() override { inner.reset(); }

  std::vector<double> times;

private:
  rt::Constraint &inner;
};

static int measure(const char *model, const char *dataPath, size_t walks, uint64_t seed) {
  rt::Artifact artifact(model);
  if (!artifact.program().tokenizer())
    throw rt::Failure(NYALA_NOT_FOUND, "the model has no tokenizer");
  rt::Tokenizer tokenizer(artifact.program().tokenizer());
  tokenizer.validate();
  std::ifstream file(dataPath);
  std::string json((std::istreambuf_iterator<char>(file)), {});

  Clock::time_point begin = Clock::now();
  rt::TokenTrie trie(tokenizer);
  std::printf("tree: %.0f us (%s), %u nodes\n", microsecondsSince(begin),
              tokenizer.getTokenTree().empty() ? "made" : "checked", trie.size());
  begin = Clock::now();
  rt::grounding::DataTree data(json);
  std::printf("data: %.0f us, %zu nodes\n", microsecondsSince(begin), data.size());
  begin = Clock::now();
  rt::grounding::ReferenceAutomaton automaton(data, std::bitset<256>().set());
  std::printf("automaton: %.0f us\n", microsecondsSince(begin));
  begin = Clock::now();
  rt::grounding::ReferenceConstraint constraint(trie, data, artifact.program().vocabulary());
  std::printf("constraint: %.0f us\n", microsecondsSince(begin));

  Timed timed(constraint);
  test::RandomData random(seed);
  size_t references = 0;
  for (size_t number = 0; number < walks; ++number) {
    size_t limit = 1 + random.pick(200);
    std::string problem;
    std::string text = test::walk(timed, tokenizer, random, limit, random.pick(limit + 1), problem);
    if (!problem.empty())
      throw rt::Failure(NYALA_CORRUPT, problem);
    references += test::countReferences(data, text);
  }
  std::vector<double> &times = timed.times;
  std::ranges::sort(times);
  auto at = [&](double share) { return times[static_cast<size_t>(share * (times.size() - 1.0))]; };
  std::printf("%zu walks, %zu references, %zu states, %zu masks: p50 %.2f, p99 %.2f, max %.0f us\n",
              walks, references, constraint.countStates(), times.size(), at(0.5), at(0.99), at(1));
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s MODEL.nyala DATA.json [WALKS [SEED]]\n", argv[0]);
    return 2;
  }
  try {
    return measure(argv[1], argv[2], argc > 3 ? std::stoul(argv[3]) : 1000,
                   argc > 4 ? std::stoul(argv[4]) : 0);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
