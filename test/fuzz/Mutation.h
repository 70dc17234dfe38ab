//===- Mutation.h - Mutations of fields that know their type ----*- C++ -*-===//
//
// What the structure-aware mutators have in common. A mutator lists the changes
// that it could make to an input, each a function, and makes one of them.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TEST_FUZZ_MUTATION_H
#define NYALA_TEST_FUZZ_MUTATION_H

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

/// libFuzzer's own mutations of bytes (and words of the dictionary); returns the new size.
extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

namespace nyala::test {

/// A container of characters or bytes as libFuzzer would change it.
template <typename Bytes> void mutateBytes(Bytes &bytes) {
  constexpr size_t growth = 64;
  size_t size = bytes.size();
  bytes.resize(size + growth);
  bytes.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t *>(bytes.data()), size, bytes.size()));
}

/// Ends a custom mutator: `changed` takes the input's place; where it has no room, the input
/// changes as bytes. Returns the new size.
inline size_t replaceInput(const std::string &changed, uint8_t *data, size_t size, size_t maxSize) {
  if (changed.size() > maxSize)
    return LLVMFuzzerMutate(data, size, maxSize);
  std::ranges::copy(changed, data);
  return changed.size();
}

class Mutator {
public:
  using Change = std::function<void()>;

  explicit Mutator(unsigned seed) : random(seed) {}

  /// Below `count`, which is not 0.
  size_t pick(size_t count) { return random() % count; }

  /// A field of a number, an enum or a bool.
  template <typename Number> void number(Number &value) {
    add([this, &value] { value = change(value); });
  }
  void text(std::string &value) {
    add([&value] { mutateBytes(value); });
  }
  /// The list itself: an element goes, comes twice, or changes its place. `copy` makes an element's
  /// copy.
  template <typename Element, typename Copy> void list(std::vector<Element> &elements, Copy copy) {
    add([this, &elements, copy] {
      if (elements.empty())
        return;
      size_t at = pick(elements.size()), other = pick(elements.size());
      switch (pick(3)) {
      case 0:
        elements.erase(elements.begin() + static_cast<ptrdiff_t>(at));
        break;
      case 1:
        elements.insert(elements.begin() + static_cast<ptrdiff_t>(at), copy(elements[other]));
        break;
      default:
        std::swap(elements[at], elements[other]);
      }
    });
  }
  /// A list of numbers, and one of its elements.
  template <typename Number> void numbers(std::vector<Number> &elements) {
    list(elements, [](Number element) { return element; });
    add([this, &elements] {
      if (elements.empty())
        elements.push_back({});
      Number &element = elements[pick(elements.size())];
      element = change(element);
    });
  }

  /// Makes one of the changes.
  void apply() {
    if (!changes.empty())
      changes[pick(changes.size())]();
    changes.clear();
  }

  void add(Change change) { changes.push_back(std::move(change)); }

private:
  /// A number that is near the old one, or near a power of two, or anything.
  template <typename Number> Number change(Number value) {
    if constexpr (std::is_same_v<Number, bool>) {
      return !value;
    } else if constexpr (std::is_enum_v<Number>) {
      return static_cast<Number>(change(static_cast<std::underlying_type_t<Number>>(value)));
    } else {
      auto bits = static_cast<uint64_t>(value);
      uint64_t power = uint64_t{1} << pick(64), small = pick(17);
      switch (pick(6)) {
      case 0:
        return static_cast<Number>(bits + small - 8);
      case 1:
        return static_cast<Number>(power - pick(2));
      case 2:
        return static_cast<Number>(0 - power);
      case 3:
        return static_cast<Number>(bits ^ power);
      case 4:
        return static_cast<Number>(small);
      default:
        return static_cast<Number>(small * 4096);
      }
    }
  }

  std::minstd_rand random;
  std::vector<Change> changes;
};

} // namespace nyala::test

#endif // NYALA_TEST_FUZZ_MUTATION_H
