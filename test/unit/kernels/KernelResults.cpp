//===- KernelResults.cpp - What kernels leave, checked --------------------===//

#include "test/unit/kernels/KernelResults.h"
#include "ir/storage/SlotLayout.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <sstream>

namespace nyala::test {

std::vector<float> readValues(const Bytes &bytes, cases::Element element, size_t width) {
  using cases::Element;
  std::vector<float> values;
  switch (element) {
  case Element::F32:
    values.resize(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    break;
  case Element::I32: {
    std::vector<int32_t> ids(bytes.size() / sizeof(int32_t));
    std::memcpy(ids.data(), bytes.data(), bytes.size());
    values.assign(ids.begin(), ids.end());
    break;
  }
  case Element::F16:
  case Element::BF16:
    values.resize(bytes.size() / 2);
    dequantize(element == Element::F16 ? StoredFormat::F16 : StoredFormat::BF16, bytes.data(),
               values.data(), values.size());
    break;
  case Element::Q8_0:
  case Element::Q4_0: {
    const SlotLayout layout(element == Element::Q8_0 ? StoredFormat::Q8_0 : StoredFormat::Q4_0,
                            static_cast<int64_t>(width));
    const size_t slots = bytes.size() / layout.getSlotBytes();
    values.resize(slots * width);
    for (size_t slot = 0; slot < slots; ++slot)
      layout.load(bytes.data() + slot * layout.getSlotBytes(), values.data() + slot * width);
    break;
  }
  }
  return values;
}

std::string findDifference(std::span<const float> got, std::span<const double> want, size_t width,
                           double tolerance) {
  std::ostringstream text;
  if (got.size() != want.size()) {
    text << got.size() << " values, expected " << want.size();
    return text.str();
  }
  double squares = 0;
  for (const double value : want)
    squares += std::isfinite(value) ? value * value : 0;
  for (size_t start = 0; start < want.size(); start += width) {
    // A short row may happen to be near zero.
    double magnitude = std::sqrt(squares / static_cast<double>(want.size())), worst = 0;
    size_t where = start;
    for (size_t i = start; i < start + width; ++i) {
      const bool same = got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i]));
      const double error = same ? 0 : std::fabs(got[i] - want[i]);
      if (std::isfinite(want[i]))
        magnitude = std::max(magnitude, std::fabs(want[i]));
      if (!(error <= worst)) { // also if it is not a number
        worst = error;
        where = i;
      }
    }
    if (worst <= tolerance * magnitude)
      continue;
    text << "row " << start / width << ", column " << where - start << ": got " << got[where]
         << ", expected " << want[where] << "; the error is " << worst / magnitude
         << " of the row's magnitude, at most " << tolerance << " is allowed";
    return text.str();
  }
  return "";
}

} // namespace nyala::test
