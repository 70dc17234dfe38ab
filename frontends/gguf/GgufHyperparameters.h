//===- GgufHyperparameters.h - An architecture's keys of a GGUF file -*- C++ -*-===//
#ifndef NYALA_FRONTENDS_GGUF_GGUFHYPERPARAMETERS_H
#define NYALA_FRONTENDS_GGUF_GGUFHYPERPARAMETERS_H

#include "frontends/Hyperparameters.h"
#include "frontends/gguf/GgufFile.h"

namespace nyala::gguf {

/// The keys ARCHITECTURE.*.
class GgufHyperparameters : public Hyperparameters {
public:
  GgufHyperparameters(const GgufFile &file, const std::string &architecture)
      : Hyperparameters(file.getPath(), architecture + "."), file(file) {}

  const GgufFile &getFile() const { return file; }

protected:
  bool hasKey(const std::string &key) const override { return file.getMetadata().contains(key); }
  std::optional<uint64_t> findInteger(const std::string &key) const override {
    return file.getInteger(key);
  }
  std::optional<double> findFloat(const std::string &key) const override {
    return file.getFloat(key);
  }
  std::optional<bool> findBool(const std::string &key) const override { return file.getBool(key); }
  std::optional<std::string_view> findString(const std::string &key) const override {
    return file.getString(key);
  }
  bool isOff(const std::string &key) const override;
  std::vector<std::string> getKeys() const override;

private:
  const GgufFile &file;
};

} // namespace nyala::gguf

#endif // NYALA_FRONTENDS_GGUF_GGUFHYPERPARAMETERS_H
