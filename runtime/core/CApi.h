//===- CApi.h - What stands behind the handles of nyala.h -------*- C++ -*-===//
#ifndef NYALA_RUNTIME_CORE_CAPI_H
#define NYALA_RUNTIME_CORE_CAPI_H

#include "runtime/core/Device.h"
#include "runtime/core/Session.h"
#include "runtime/core/Status.h"
#include "runtime/core/Trainer.h"
#include "runtime/devices/Devices.h"
#include "runtime/grounding/Spans.h"
#include "runtime/nyala.h"
#include "runtime/text/Constraint.h"
#include "runtime/text/Sampler.h"
#include "runtime/text/TextStream.h"
#include "runtime/text/TokenTrie.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

struct nyala_model {
  nyala_model(const std::string &path, const nyala::rt::DeviceOptions &options);

  /// NYALA_NOT_FOUND if there is no tokenizer.
  const nyala::rt::Tokenizer &getTokenizer() const;
  /// Made, or checked, when it is first asked for. Fails as getTokenizer() and TokenTrie do.
  const nyala::rt::TokenTrie &getTrie() const;

  nyala::rt::Artifact artifact;
  std::unique_ptr<nyala::rt::Device> device;
  std::optional<nyala::rt::Tokenizer> tokenizer;

private:
  mutable std::once_flag trieIsMade;
  mutable std::optional<nyala::rt::TokenTrie> trie;
};

struct nyala_session {
  nyala_session(const nyala_model &model, const nyala::rt::Session::Options &options)
      : session(*model.device, options), vocabulary(model.artifact.program().vocabulary()) {
    samplers.reserve(session.getSequences());
    while (samplers.size() < session.getSequences())
      samplers.emplace_back(nyala::rt::SamplerOptions{}, vocabulary);
  }

  /// The selected sequence's.
  nyala::rt::Sampler &getSampler() { return samplers[session.getSelected()]; }

  nyala::rt::Session session;
  uint32_t vocabulary;
  std::vector<nyala::rt::Sampler> samplers; ///< one for each sequence
};

struct nyala_trainer {
  nyala_trainer(const nyala_model &model, uint32_t threads) : trainer(*model.device, {threads}) {}

  nyala::rt::Trainer trainer;
};

struct nyala_data {
  nyala::rt::grounding::DataTree tree;
};

struct nyala_constraint {
  const nyala_model &model;
  std::unique_ptr<nyala::rt::Constraint> constraint;
};

struct nyala_grounding {
  const nyala::rt::grounding::DataTree &tree;
  nyala::rt::grounding::Grounded grounded;
};

struct nyala_text_stream {
  const nyala_model &model;
  nyala::rt::TextStream stream;
  std::string text; ///< what the last call returned
};

namespace nyala::rt {

/// Remembers the exception in flight as this thread's last error; returns its status.
nyala_status recordException() noexcept;

/// Runs a body of a C function.
template <typename Body> nyala_status guarded(const Body &body) noexcept {
  try {
    body();
    return NYALA_OK;
  } catch (...) {
    return recordException();
  }
}

/// NYALA_INVALID_ARGUMENT if a required pointer is null.
template <typename Pointee> void require(Pointee *pointer, const char *name) {
  if (!pointer)
    throw Failure(NYALA_INVALID_ARGUMENT, std::string(name) + " is null");
}

/// Copies what fits and says how much there is.
template <typename Range, typename Element>
void copyOut(const Range &from, Element *to, size_t capacity, size_t *count) {
  require(count, "the size's address");
  if (capacity > 0)
    require(to, "the output");
  std::copy_n(from.begin(), std::min(from.size(), capacity), to);
  *count = from.size();
}

} // namespace nyala::rt

#endif // NYALA_RUNTIME_CORE_CAPI_H
