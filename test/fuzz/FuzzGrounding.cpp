//===- FuzzGrounding.cpp - Hostile data and references --------------------===//
//
// The input is JSON data, a NUL byte, and a generation with references into them.
// What the automaton makes of the data it must lead back from.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Status.h"
#include "runtime/grounding/ReferenceAutomaton.h"
#include "runtime/grounding/Spans.h"

#include <cstdint>
#include <cstdlib>

using namespace nyala::rt;
using namespace nyala::rt::grounding;

/// Takes the bytes of the text as far as they go, and the shortest way back from there.
static void walk(const DataTree &data, std::string_view text) {
  ReferenceAutomaton automaton(data, std::bitset<256>().set());
  ReferenceAutomaton::State state = ReferenceAutomaton::text;
  std::string taken;
  for (char byte : text) {
    ReferenceAutomaton::State next = automaton.step(state, static_cast<uint8_t>(byte));
    if (next == ReferenceAutomaton::dead)
      break;
    state = next;
    taken += byte;
  }
  while (!ReferenceAutomaton::isText(state)) {
    int byte = 0;
    ReferenceAutomaton::State next = ReferenceAutomaton::dead;
    for (; byte < 256; ++byte) {
      next = automaton.step(state, static_cast<uint8_t>(byte));
      if (next != ReferenceAutomaton::dead && automaton.getLeast(next) < automaton.getLeast(state))
        break;
    }
    if (byte == 256)
      std::abort();
    state = next;
    taken += static_cast<char>(byte);
  }
  renderJsonLines(data, ground(data, taken)); // must not throw
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  std::string_view input(reinterpret_cast<const char *>(bytes), size);
  std::string_view json = input.substr(0, input.find('\0'));
  std::string_view text = input.substr(std::min(size, json.size() + 1));
  std::optional<DataTree> data;
  try {
    data.emplace(json);
  } catch (const Failure &) {
    return 0;
  }
  try {
    ground(*data, text);
  } catch (const Failure &) {
  }
  try {
    ReferenceAutomaton automaton(*data, std::bitset<256>().set());
  } catch (const Failure &) {
    return 0;
  }
  walk(*data, text);
  return 0;
}
