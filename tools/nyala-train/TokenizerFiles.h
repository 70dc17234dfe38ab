//===- TokenizerFiles.h - A tokenizer as transformers reads it --*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_TOKENIZERFILES_H
#define NYALA_TOOLS_NYALA_TRAIN_TOKENIZERFILES_H

#include "ir/storage/TokenizerData.h"

#include <string>

namespace nyala::train {

/// tokenizer.json, which gives the same ids (frontends/hf reads it back).
std::string makeTokenizerJson(const TokenizerData &tokenizer);
/// tokenizer_config.json: what tokenizer.json does not say.
std::string makeTokenizerConfig(const TokenizerData &tokenizer);

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_TOKENIZERFILES_H
