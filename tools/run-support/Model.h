//===- Model.h - A model and its session, owned -----------------*- C++ -*-===//
//
// nyala.h for C++: failures are rt::Failure, handles close themselves.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_TOOLS_RUNSUPPORT_MODEL_H
#define NYALA_TOOLS_RUNSUPPORT_MODEL_H

#include "runtime/nyala.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nyala {

/// Throws the failure that a call reported.
void check(nyala_status status);

using Tokens = std::vector<int32_t>;

/// Where a model runs.
struct DeviceChoice {
  std::string device;         ///< "cpu", "cuda", "cuda:N"; empty: the first that is there
  bool randomWeights = false; ///< of a model without weights
};

class Model {
public:
  /// On a terminal a bar shows how far weights are on their way to the device.
  explicit Model(const std::string &path, const DeviceChoice &choice = {});
  ~Model() { nyala_model_close(handle); }
  Model(Model &&other) noexcept : handle(other.handle) { other.handle = nullptr; }
  Model &operator=(Model &&) = delete;

  const nyala_model *get() const { return handle; }
  nyala_model_info getInfo() const;
  Tokens tokenize(std::string_view text, bool special) const;
  std::string_view tokenBytes(int32_t token, bool special) const;

private:
  nyala_model *handle = nullptr;
};

/// Always the likeliest token.
inline constexpr nyala_sampler_options greedySampler = {
    .temperature = 0, .top_k = 0, .top_p = 1, .seed = 0};

/// One conversation, or several sequences; an interrupt cancels what it evaluates.
class Session {
public:
  Session(const Model &model, const nyala_session_options &options,
          const nyala_sampler_options &sampler);
  ~Session();
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  nyala_session *get() const { return handle; }
  uint32_t getPosition() const { return nyala_session_position(handle); }
  uint32_t getContext() const { return nyala_session_context(handle); }
  const float *getLogits() const { return nyala_session_logits(handle); }
  std::span<const int32_t> getTokens() const;
  /// Returns how many tokens were kept.
  size_t setTokens(std::span<const int32_t> tokens);
  void decode(int32_t token) { check(nyala_session_decode(handle, token)); }
  /// Makes calls without a sequence work on this one.
  void select(uint32_t sequence) { check(nyala_session_select(handle, sequence)); }
  /// Appends a token to each of the sequences.
  void decodeBatch(std::span<const uint32_t> sequences, std::span<const int32_t> tokens) {
    check(nyala_session_decode_batch(handle, sequences.size(), sequences.data(), tokens.data()));
  }
  void copy(uint32_t from, uint32_t to, uint32_t positions) {
    check(nyala_session_copy(handle, from, to, positions));
  }
  void rollback(uint32_t position) { check(nyala_session_rollback(handle, position)); }
  int32_t sample();
  /// From now on only tokens come that `constraint` allows, at most `limit`; null: any.
  void constrain(nyala_constraint *constraint, size_t limit) {
    check(nyala_session_set_constraint(handle, constraint, limit));
  }
  void save(const std::string &path) const { check(nyala_session_save(handle, path.c_str())); }
  void restore(const std::string &path) { check(nyala_session_restore(handle, path.c_str())); }
  std::string_view getNote() const;
  void setNote(std::string_view note) {
    check(nyala_session_set_note(handle, note.data(), note.size()));
  }

private:
  nyala_session *handle = nullptr;
};

/// Printable text of a generation's tokens.
class TextStream {
public:
  TextStream(const Model &model, const std::vector<std::string> &stops);
  ~TextStream() { nyala_text_stream_close(handle); }
  TextStream(const TextStream &) = delete;
  TextStream &operator=(const TextStream &) = delete;

  /// Sets `stopped` once a stop string is complete. The text is valid until the next call.
  std::string_view append(int32_t token, bool &stopped);
  std::string_view flush();

private:
  nyala_text_stream *handle = nullptr;
};

} // namespace nyala

#endif // NYALA_TOOLS_RUNSUPPORT_MODEL_H
