#include "frontends/gguf/GgufFileTypes.h"

#include <iterator>

namespace nyala::gguf {

std::optional<StoredFormat> getStoredFormat(uint32_t tensorType) {
  switch (tensorType) {
  case 0:
    return StoredFormat::F32;
  case 1:
    return StoredFormat::F16;
  case 2:
    return StoredFormat::Q4_0;
  case 3:
    return StoredFormat::Q4_1;
  case 6:
    return StoredFormat::Q5_0;
  case 7:
    return StoredFormat::Q5_1;
  case 8:
    return StoredFormat::Q8_0;
  case 12:
    return StoredFormat::Q4_K;
  case 13:
    return StoredFormat::Q5_K;
  case 14:
    return StoredFormat::Q6_K;
  case 30:
    return StoredFormat::BF16;
  default:
    return std::nullopt;
  }
}

std::string_view getTensorTypeName(uint32_t tensorType) {
  static constexpr std::string_view names[] = {
      "F32",   "F16",        "Q4_0",       "Q4_1",       "Q4_2",     "Q4_3",     "Q5_0",
      "Q5_1",  "Q8_0",       "Q8_1",       "Q2_K",       "Q3_K",     "Q4_K",     "Q5_K",
      "Q6_K",  "Q8_K",       "IQ2_XXS",    "IQ2_XS",     "IQ3_XXS",  "IQ1_S",    "IQ4_NL",
      "IQ3_S", "IQ2_S",      "IQ4_XS",     "I8",         "I16",      "I32",      "I64",
      "F64",   "IQ1_M",      "BF16",       "Q4_0_4_4",   "Q4_0_4_8", "Q4_0_8_8", "TQ1_0",
      "TQ2_0", "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8", "MXFP4",    "NVFP4",    "Q1_0"};
  return tensorType < std::size(names) ? names[tensorType] : std::string_view();
}

} // namespace nyala::gguf
