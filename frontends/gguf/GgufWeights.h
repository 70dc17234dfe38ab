//===- GgufWeights.h - Tensors of a GGUF file for the model builder -*- C++ -*-===//
#ifndef NYALA_FRONTENDS_GGUF_GGUFWEIGHTS_H
#define NYALA_FRONTENDS_GGUF_GGUFWEIGHTS_H

#include "frontends/WeightFiles.h"
#include "frontends/gguf/GgufFile.h"

namespace nyala::gguf {

class GgufWeights : public WeightFiles {
public:
  GgufWeights(const GgufFile &file, std::string absolutePath)
      : file(file), absolutePath(std::move(absolutePath)) {}

  const std::string &getPath() const override { return file.getPath(); }
  std::string_view getKind() const override { return "file"; }
  bool has(std::string_view name) const override { return file.findTensor(name); }
  std::optional<StoredTensor> find(std::string_view name) const override;
  std::vector<std::string> getNames() const override;
  bool isPartOfModel(std::string_view name) const override;

private:
  const GgufFile &file;
  std::string absolutePath;
};

} // namespace nyala::gguf

#endif // NYALA_FRONTENDS_GGUF_GGUFWEIGHTS_H
