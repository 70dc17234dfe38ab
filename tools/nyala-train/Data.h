//===- Data.h - What a model is trained on ----------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_DATA_H
#define NYALA_TOOLS_NYALA_TRAIN_DATA_H

#include "tools/nyala-train/TextEncoder.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nyala::train {

/// A text, or tokens.
struct Document {
  std::string place; ///< for messages: "data.jsonl:3"
  bool isText;
  std::string text;
  std::vector<int32_t> ids;
};

struct Data {
  std::string path;
  std::vector<Document> documents;

  bool hasText() const;
};

/// Reads, by the ending of the name:
///   .jsonl  a document a line: an object with "text", or with "input_ids" or "tokens"; empty
///           lines are left out
///   .npy    one document: a 1-D array of integers (NumPy's format, versions 1 to 3)
///   others  one document: text
/// Text must be UTF-8. Throws nyala::Error that names the file and the line.
Data readData(const std::string &path);

/// The tokens of all documents, the end-of-text token between each two if the tokenizer has one.
/// Without an encoder all documents must be tokens. Throws nyala::Error for text without an
/// encoder, text that the vocabulary cannot spell, ids from `vocabulary` up.
std::vector<int32_t> tokenize(const Data &data, const TextEncoder *encoder, int64_t vocabulary);

/// Throws nyala::Error if there is no window of `length` tokens and a target.
void checkLength(const Data &data, const std::vector<int32_t> &tokens, uint64_t length);

/// Of tokens, to tell data apart.
std::string computeFingerprint(const std::vector<int32_t> &tokens);

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_DATA_H
