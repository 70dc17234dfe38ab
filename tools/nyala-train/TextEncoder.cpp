#include "tools/nyala-train/TextEncoder.h"

namespace nyala::train {

TextEncoder::TextEncoder(const TokenizerData &data) {
  builder.Finish(package::writeTokenizer(builder, data));
  tokenizer = std::make_unique<rt::Tokenizer>(
      flatbuffers::GetRoot<artifact::Tokenizer>(builder.GetBufferPointer()));
}

void TextEncoder::encode(std::string_view text, std::vector<int32_t> &ids) const {
  tokenizer->encode(text, /*special=*/false, ids);
}

} // namespace nyala::train
