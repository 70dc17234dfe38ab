//===- TemporaryArtifact.h - An artifact for this run alone -----*- C++ -*-===//
#ifndef NYALA_TOOLS_EVALUATION_TEMPORARYARTIFACT_H
#define NYALA_TOOLS_EVALUATION_TEMPORARYARTIFACT_H

#include <string>

namespace nyala {

/// Names for an artifact and its external weights in the system's folder for temporary files. What
/// is written there goes with this object, or when a signal ends the program.
class TemporaryArtifact {
public:
  /// The file's name begins with `prefix`. Throws nyala::Error.
  explicit TemporaryArtifact(const std::string &prefix);
  TemporaryArtifact(const TemporaryArtifact &) = delete;
  TemporaryArtifact &operator=(const TemporaryArtifact &) = delete;
  ~TemporaryArtifact();

  const std::string &getPath() const { return path; }

private:
  std::string getWeights() const { return path + ".weights"; }

  std::string path;
};

} // namespace nyala

#endif // NYALA_TOOLS_EVALUATION_TEMPORARYARTIFACT_H
