//===- measure-masks.cpp - Times of masks with a real vocabulary ----------===//
//
//   nyala-test-measure-masks MODEL.nyala DATA.json [WALKS [GENERATIONS [SEED]]]
//
// WALKS: tokens are drawn evenly from the mask. GENERATIONS: the model draws them,
// at temperatures 0, 1 and 2, from a prompt that tells the data's beginning; the
// mask is computed behind each forward pass, which has used the caches for other
// things. In both, text opens a reference at every fourth step, and up to 200
// tokens may come. Every text must parse and resolve. Each walk has the
// constraint of the one before, each generation too, so that most places are seen
// again and some are new; those are listed apart.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/CApi.h"
#include "runtime/grounding/ReferenceConstraint.h"
#include "test/unit/grounding/Walk.h"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <functional>
#include <iterator>

using namespace nyala;
using Clock = std::chrono::steady_clock;
using rt::grounding::ReferenceConstraint;

namespace {

void check(nyala_status status) {
  if (status != NYALA_OK)
    throw rt::Failure(status, nyala_last_error());
}

double microsecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

/// Of the thread, in milliseconds: other programs do not count.
double getProcessorTime() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

/// The median processor time of some runs, in milliseconds.
double timeRuns(const std::function<void()> &body) {
  std::vector<double> times;
  for (int run = 0; run < 9; ++run) {
    const double begin = getProcessorTime();
    body();
    times.push_back(getProcessorTime() - begin);
  }
  std::ranges::sort(times);
  return times[times.size() / 2];
}

void print(const char *what, std::vector<double> times) {
  if (times.empty())
    return;
  std::ranges::sort(times);
  const auto at = [&](double share) {
    return times[static_cast<size_t>(share * (static_cast<double>(times.size()) - 1))];
  };
  double sum = 0;
  for (double time : times)
    sum += time;
  std::printf("  %-24s %8zu: mean %6.2f, p50 %6.2f, p99 %6.2f, p99.9 %6.2f, max %6.0f us\n", what,
              times.size(), sum / static_cast<double>(times.size()), at(0.5), at(0.99), at(0.999),
              at(1));
}

class Measurement {
public:
  /// Picks a token of the mask.
  using Pick = std::function<int32_t(std::span<const uint64_t> mask)>;

  Measurement(const nyala_model &model, const rt::grounding::DataTree &data, uint64_t seed)
      : tokenizer(model.getTokenizer()), data(data), random(seed),
        constraint(model.getTrie(), data, model.artifact.program().vocabulary()) {}

  test::RandomData &getRandom() { return random; }

  /// A generation; calls take(token) with every token.
  void generate(const Pick &pick, const std::function<void(int32_t)> &take) {
    std::string text;
    constraint.reset();
    std::string_view forced;
    for (size_t left = 1 + random.pick(200); left > 0; --left) {
      if (forced.empty() && constraint.canEnd() && random.pick(4) == 0)
        forced = "{{ ";
      const std::span<const uint64_t> mask = time(left);
      int32_t token = forced.empty() ? -1 : test::byteToken(tokenizer, forced[0]);
      if (token >= 0)
        forced.remove_prefix(1);
      if (token < 0 || !rt::isAllowed(mask, token)) {
        forced = {};
        token = pick(mask);
      }
      if (tokenizer.isStop(token))
        break;
      if (!constraint.advance(token))
        throw rt::Failure(NYALA_CORRUPT, "a token of the mask was refused behind '" + text + "'");
      text += tokenizer.tokenBytes(token, /*special=*/false);
      take(token);
    }
    if (!constraint.canEnd())
      throw rt::Failure(NYALA_CORRUPT, "the text ends within a reference: '" + text + "'");
    references += test::countReferences(data, text);
    ++texts;
  }

  void report(const char *what) const {
    std::printf("%s: %zu texts, %zu references, %zu states remembered\n", what, texts, references,
                constraint.countStates());
    std::vector<double> all = inText;
    for (const auto *more : {&seen, &fresh})
      all.insert(all.end(), more->begin(), more->end());
    std::vector<double> inReferences = seen;
    inReferences.insert(inReferences.end(), fresh.begin(), fresh.end());
    print("all masks", all);
    print("in text", inText);
    print("in references", inReferences);
    print("  places seen before", seen);
    print("  new places", fresh);
  }

private:
  std::span<const uint64_t> time(size_t left) {
    const size_t states = constraint.countStates();
    const Clock::time_point begin = Clock::now();
    const std::span<const uint64_t> mask = constraint.mask(left);
    const double time = microsecondsSince(begin);
    (constraint.canEnd()                  ? inText
     : constraint.countStates() == states ? seen
                                          : fresh)
        .push_back(time);
    return mask;
  }

  const rt::Tokenizer &tokenizer;
  const rt::grounding::DataTree &data;
  test::RandomData random;
  ReferenceConstraint constraint;
  size_t texts = 0, references = 0;
  std::vector<double> inText, seen, fresh; ///< times of masks
};

void measureWalks(const nyala_model &model, const rt::grounding::DataTree &data, size_t walks,
                  uint64_t seed) {
  Measurement measurement(model, data, seed);
  std::vector<int32_t> allowed;
  for (size_t number = 0; number < walks; ++number)
    measurement.generate(
        [&](std::span<const uint64_t> mask) {
          allowed.clear();
          for (size_t word = 0; word < mask.size(); ++word)
            for (uint64_t bits = mask[word]; bits != 0; bits &= bits - 1)
              allowed.push_back(static_cast<int32_t>(64 * word + std::countr_zero(bits)));
          if (allowed.empty())
            throw rt::Failure(NYALA_CORRUPT, "no token may come");
          return measurement.getRandom().choose(allowed);
        },
        [](int32_t) {});
  measurement.report("random walks");
}

void measureGenerations(const nyala_model &model, const rt::grounding::DataTree &data,
                        const std::string &json, size_t generations, uint64_t seed) {
  Measurement measurement(model, data, seed);
  nyala_session *session = nullptr;
  check(nyala_session_create(&model, nullptr, &session));
  const uint32_t vocabulary = model.artifact.program().vocabulary();
  std::vector<int32_t> prompt = model.getTokenizer().encode(
      "Summarize:\n" + json.substr(0, json.find_last_of(',', 400)) + "\nSummary:",
      /*special=*/false);
  for (size_t number = 0; number < generations; ++number) {
    rt::Sampler sampler({static_cast<float>(number % 3), 0, 1, seed + number}, vocabulary);
    check(nyala_session_set_tokens(session, prompt.data(), prompt.size(), nullptr));
    measurement.generate(
        [&](std::span<const uint64_t> mask) {
          return sampler.pick(nyala_session_logits(session), vocabulary, mask);
        },
        [&](int32_t token) { check(nyala_session_decode(session, token)); });
  }
  nyala_session_close(session);
  measurement.report("the model's generations");
}

/// Decodes the tokens of a generation, under a constraint or none; seconds.
double decode(nyala_session *session, nyala_constraint *constraint,
              const std::vector<int32_t> &prompt, const std::vector<int32_t> &tokens) {
  check(nyala_session_set_tokens(session, prompt.data(), prompt.size(), nullptr));
  check(nyala_session_set_constraint(session, constraint, tokens.size()));
  const Clock::time_point begin = Clock::now();
  for (int32_t token : tokens) {
    int32_t picked = -1;
    check(nyala_session_sample(session, &picked));
    check(nyala_session_decode(session, token));
  }
  return microsecondsSince(begin) / 1e6;
}

void measureDecode(const nyala_model &model, const nyala_data &data, uint64_t seed) {
  nyala_session *session = nullptr;
  check(nyala_session_create(&model, nullptr, &session));
  const std::vector<int32_t> prompt =
      model.getTokenizer().encode("Summarize the game.", /*special=*/false);
  check(nyala_session_prefill(session, prompt.data(), prompt.size()));
  // A generation of some length, by chance.
  std::vector<int32_t> tokens;
  const uint32_t vocabulary = model.artifact.program().vocabulary();
  rt::Sampler sampler({1, 0, 1, seed}, vocabulary);
  Measurement source(model, data.tree, seed);
  while (tokens.size() < 100) {
    check(nyala_session_set_tokens(session, prompt.data(), prompt.size(), nullptr));
    tokens.clear();
    source.generate(
        [&](std::span<const uint64_t> mask) {
          return sampler.pick(nyala_session_logits(session), vocabulary, mask);
        },
        [&](int32_t token) {
          tokens.push_back(token);
          check(nyala_session_decode(session, token));
        });
  }
  std::array<std::vector<double>, 2> times;
  for (int round = 0; round < 15; ++round)
    for (int turn = 0; turn < 2; ++turn) {
      const int kind = (round + turn) % 2;
      nyala_constraint *constraint = nullptr;
      if (kind == 1)
        check(nyala_constraint_create_references(&model, &data, &constraint));
      times[static_cast<size_t>(kind)].push_back(decode(session, constraint, prompt, tokens));
      check(nyala_session_set_constraint(session, nullptr, 0));
      nyala_constraint_close(constraint);
    }
  nyala_session_close(session);
  for (std::vector<double> &list : times)
    std::ranges::sort(list);
  const auto rate = [&](size_t kind, size_t at) {
    return static_cast<double>(tokens.size()) / times[kind][at];
  };
  const size_t middle = times[0].size() / 2;
  std::printf(
      "decode of %zu tokens: %.1f tok/s without, %.1f with a constraint (medians; best %.1f, "
      "%.1f)\n",
      tokens.size(), rate(0, middle), rate(1, middle), rate(0, 0), rate(1, 0));
}

void measure(const char *path, const char *dataPath, size_t walks, size_t generations,
             uint64_t seed) {
  nyala_model *model = nullptr;
  check(nyala_model_open(path, &model));
  std::ifstream file(dataPath);
  std::string json((std::istreambuf_iterator<char>(file)), {});
  const rt::Tokenizer &tokenizer = model->getTokenizer();
  const nyala_data parsed{rt::grounding::DataTree(json)};
  const rt::grounding::DataTree &data = parsed.tree;
  const auto vocabulary = model->artifact.program().vocabulary();
  const rt::grounding::Shapes shapes(data, std::bitset<256>().set());

  std::printf("%u tokens, %zu bytes of data, %zu values of %zu shapes\n", vocabulary, json.size(),
              data.size(), shapes.size());
  std::printf("once a model: tree %.2f ms (%s)\n", timeRuns([&] { rt::TokenTrie trie(tokenizer); }),
              tokenizer.getTokenTree().empty() ? "made" : "checked");
  std::printf("data %.2f ms, ", timeRuns([&] { rt::grounding::DataTree tree(json); }));
  std::printf("automaton %.2f ms, ", timeRuns([&] {
                rt::grounding::ReferenceAutomaton automaton(data, std::bitset<256>().set());
              }));
  std::printf("constraint with automaton %.2f ms, and with its first mask in a reference %.2f ms\n",
              timeRuns([&] { ReferenceConstraint made(model->getTrie(), data, vocabulary); }),
              timeRuns([&] {
                ReferenceConstraint made(model->getTrie(), data, vocabulary);
                for (char byte : std::string_view("{{ "))
                  made.advance(test::byteToken(tokenizer, byte));
                made.mask(1000);
              }));
  measureWalks(*model, data, walks, seed);
  if (generations > 0) {
    measureGenerations(*model, data, json, generations, seed);
    measureDecode(*model, parsed, seed);
  }
  nyala_model_close(model);
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s MODEL.nyala DATA.json [WALKS [GENERATIONS [SEED]]]\n", argv[0]);
    return 2;
  }
  const auto number = [&](int at, size_t standard) {
    return argc > at ? std::stoul(argv[at]) : standard;
  };
  try {
    measure(argv[1], argv[2], number(3, 1000), number(4, 0), number(5, 0));
  } catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
