//===- WeightFiles.h - The tensors of a model, whatever its format -*- C++ -*-===//
#ifndef NYALA_FRONTENDS_WEIGHTFILES_H
#define NYALA_FRONTENDS_WEIGHTFILES_H

#include "ir/storage/StoredFormat.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nyala {

/// A tensor and where its bytes are.
struct StoredTensor {
  std::vector<int64_t> shape; ///< row-major, the slowest dimension first
  StoredFormat format;
  std::string file; ///< absolute path
  uint64_t offset;  ///< in bytes from the start of the file
  std::span<const uint8_t> bytes;
};

/// The file or files of one model. Reading has checked that every tensor's bytes are there and are
/// as many as its shape and format need.
class WeightFiles {
public:
  virtual ~WeightFiles() = default;

  /// What messages begin with: the file, or the folder of several.
  virtual const std::string &getPath() const = 0;
  /// What that path names, for messages: "file".
  virtual std::string_view getKind() const = 0;
  virtual bool has(std::string_view name) const = 0;
  /// Nullopt if there is no such tensor; throws nyala::Error for one in a format that nyala does
  /// not read.
  virtual std::optional<StoredTensor> find(std::string_view name) const = 0;
  virtual std::vector<std::string> getNames() const = 0;
  /// Does a tensor of this name take part in a model's function? One that does must be used.
  virtual bool isPartOfModel(std::string_view name) const = 0;
  /// False for a model that is described, but has no weights yet: it has no tensors, and weights
  /// that it needs have neither a shape to be checked nor a source.
  virtual bool hasData() const { return true; }
};

/// Of a model that is described by the file `path` alone.
class AbsentWeights : public WeightFiles {
public:
  explicit AbsentWeights(std::string path) : path(std::move(path)) {}

  const std::string &getPath() const override { return path; }
  std::string_view getKind() const override { return "configuration"; }
  bool has(std::string_view name) const override { return false; }
  std::optional<StoredTensor> find(std::string_view name) const override { return std::nullopt; }
  std::vector<std::string> getNames() const override { return {}; }
  bool isPartOfModel(std::string_view name) const override { return false; }
  bool hasData() const override { return false; }

private:
  std::string path;
};

} // namespace nyala

#endif // NYALA_FRONTENDS_WEIGHTFILES_H
