//===- Model.cpp - A model and its session, owned -------------------------===//

#include "tools/run-support/Model.h"
#include "runtime/core/Status.h"
#include "tools/run-support/Interrupt.h"
#include "tools/run-support/UploadBar.h"

namespace nyala {

void check(nyala_status status) {
  if (status == NYALA_CANCELLED)
    throwIfInterrupted();
  if (status != NYALA_OK)
    throw rt::Failure(status, nyala_last_error());
}

Model::Model(const std::string &path, const DeviceChoice &choice) {
  UploadBar bar;
  const nyala_model_options options = {choice.device.c_str(), choice.randomWeights,
                                       [](void *user, uint64_t done, uint64_t total) {
                                         static_cast<UploadBar *>(user)->show(done, total);
                                       },
                                       &bar};
  check(nyala_model_open_on(path.c_str(), &options, &handle));
}

nyala_model_info Model::getInfo() const {
  nyala_model_info info;
  nyala_model_get_info(handle, &info);
  return info;
}

Tokens Model::tokenize(std::string_view text, bool special) const {
  // Never more tokens than bytes, but for one at the beginning.
  Tokens ids(text.size() + 1);
  size_t count = 0;
  check(nyala_tokenize(handle, text.data(), text.size(), special, ids.data(), ids.size(), &count));
  ids.resize(count);
  return ids;
}

std::string_view Model::tokenBytes(int32_t token, bool special) const {
  size_t length = 0;
  const char *bytes = nyala_token_bytes(handle, token, special, &length);
  return {bytes, length};
}

Session::Session(const Model &model, const nyala_session_options &options,
                 const nyala_sampler_options &sampler) {
  check(nyala_session_create(model.get(), &options, &handle));
  if (const nyala_status status = nyala_session_set_sampler(handle, &sampler); status != NYALA_OK) {
    nyala_session_close(handle);
    check(status);
  }
  setInterruptedSession(handle);
}

Session::~Session() {
  setInterruptedSession(nullptr);
  nyala_session_close(handle);
}

std::span<const int32_t> Session::getTokens() const {
  size_t count = 0;
  const int32_t *tokens = nyala_session_tokens(handle, &count);
  return {tokens, count};
}

size_t Session::setTokens(std::span<const int32_t> tokens) {
  size_t kept = 0;
  check(nyala_session_set_tokens(handle, tokens.data(), tokens.size(), &kept));
  return kept;
}

std::string_view Session::getNote() const {
  size_t length = 0;
  const char *note = nyala_session_note(handle, &length);
  return {note, length};
}

int32_t Session::sample() {
  int32_t token;
  check(nyala_session_sample(handle, &token));
  return token;
}

TextStream::TextStream(const Model &model, const std::vector<std::string> &stops) {
  std::vector<const char *> pointers;
  pointers.reserve(stops.size());
  for (const std::string &stop : stops)
    pointers.push_back(stop.c_str());
  check(nyala_text_stream_create(model.get(), pointers.data(), pointers.size(), &handle));
}

std::string_view TextStream::append(int32_t token, bool &stopped) {
  const char *text = nullptr;
  size_t length = 0;
  check(nyala_text_stream_append(handle, token, &text, &length, &stopped));
  return {text, length};
}

std::string_view TextStream::flush() {
  const char *text = nullptr;
  size_t length = 0;
  check(nyala_text_stream_flush(handle, &text, &length));
  return {text, length};
}

} // namespace nyala
