//===- CApi.cpp - Models and sessions for C -------------------------------===//

#include "runtime/core/CApi.h"

#include <memory>
#include <new>

using namespace nyala::rt;

static thread_local std::string lastError;

/// A message with control characters escaped: names in it may come from a hostile file, which could
/// garble a terminal.
static std::string escapeControls(std::string_view message) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f)
      text += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    else
      text += c;
  }
  return text;
}

nyala_status nyala::rt::recordException() noexcept {
  try {
    try {
      throw;
    } catch (const Failure &failure) {
      lastError = escapeControls(failure.what());
      return failure.getStatus();
    } catch (const std::bad_alloc &) {
      lastError = "out of memory"; // fits into any string without allocation
      return NYALA_OUT_OF_MEMORY;
    } catch (const std::exception &error) {
      lastError = std::string("cannot go on: ") + error.what();
      return NYALA_INVALID_ARGUMENT;
    }
  } catch (...) {
    lastError = "out of memory";
    return NYALA_OUT_OF_MEMORY;
  }
}

const char *nyala_status_name(nyala_status status) {
  switch (status) {
  case NYALA_OK:
    return "ok";
  case NYALA_INVALID_ARGUMENT:
    return "invalid argument";
  case NYALA_NOT_FOUND:
    return "not found";
  case NYALA_IO_ERROR:
    return "i/o error";
  case NYALA_CORRUPT:
    return "corrupt";
  case NYALA_VERSION:
    return "version";
  case NYALA_UNSUPPORTED:
    return "unsupported";
  case NYALA_CONTEXT_FULL:
    return "context full";
  case NYALA_INVALID_TEXT:
    return "invalid text";
  case NYALA_OUT_OF_MEMORY:
    return "out of memory";
  case NYALA_CANCELLED:
    return "cancelled";
  case NYALA_OTHER_MODEL:
    return "other model";
  case NYALA_DEVICE_FAILED:
    return "device failed";
  }
  return "unknown status";
}

const char *nyala_last_error(void) { return lastError.c_str(); }

const char *nyala_version(void) { return NYALA_VERSION_STRING; }

//===--------------------------------------------------------------------===//
// Model
//===--------------------------------------------------------------------===//

nyala_status nyala_model_open_on(const char *path, const nyala_model_options *options,
                                 nyala_model **model) {
  return guarded([&] {
    require(model, "model");
    *model = nullptr;
    require(path, "path");
    DeviceOptions chosen;
    if (options) {
      chosen.name = options->device ? options->device : "";
      chosen.randomWeights = options->random_weights;
      if (options->progress)
        chosen.progress = [options](uint64_t done, uint64_t total) {
          options->progress(options->user, done, total);
        };
    }
    *model = std::make_unique<nyala_model>(path, chosen).release();
  });
}

nyala_status nyala_model_open(const char *path, nyala_model **model) {
  return nyala_model_open_on(path, nullptr, model);
}

void nyala_model_close(nyala_model *model) { delete model; }

void nyala_model_get_info(const nyala_model *model, nyala_model_info *info) {
  if (!model || !info)
    return;
  const nyala::artifact::Artifact &program = model->artifact.program();
  const nyala::artifact::Tokenizer *tokenizer = program.tokenizer();
  *info = {};
  info->architecture = program.architecture()->c_str();
  info->arithmetic = program.arithmetic()->c_str();
  info->vocabulary = program.vocabulary();
  info->context = program.context();
  info->max_prefill = getMaxPrefill(*model->device);
  info->bos = tokenizer ? tokenizer->bos() : -1;
  info->eos = tokenizer ? tokenizer->eos() : -1;
  info->weight_bytes = program.weight_segment()->size();
  info->arena_bytes = getArenaBytes(program, model->device->getTarget());
  // States of a training step are no cache.
  if (info->max_prefill > 0)
    for (uint32_t state : getSessionStates(program, model->device->getTarget()))
      info->kv_bytes_per_token += program.states()->Get(state)->slot_bytes();
  info->has_tokenizer = model->tokenizer.has_value();
  info->has_chat_template = tokenizer && tokenizer->chat_template();
  info->sequences = getMaxSequences(program);
  info->max_batch = getMaxBatch(*model->device);
  info->cpu = model->device->getExecutable().arch()->c_str();
  info->device = model->device->getName().c_str();
  info->product = model->device->getProduct().c_str();
}

const char *nyala_model_metadata(const nyala_model *model, const char *key) {
  if (!model || !key)
    return nullptr;
  for (const nyala::artifact::KeyValue *entry : *model->artifact.program().metadata())
    if (entry->key()->string_view() == key)
      return entry->value()->c_str();
  return nullptr;
}

bool nyala_model_is_stop(const nyala_model *model, int32_t token) {
  const nyala::artifact::Tokenizer *tokenizer =
      model ? model->artifact.program().tokenizer() : nullptr;
  if (!tokenizer || token < 0)
    return false;
  for (uint32_t stop : *tokenizer->stops())
    if (stop == static_cast<uint32_t>(token))
      return true;
  return false;
}

//===--------------------------------------------------------------------===//
// Session
//===--------------------------------------------------------------------===//

nyala_status nyala_session_create(const nyala_model *model, const nyala_session_options *options,
                                  nyala_session **session) {
  return guarded([&] {
    require(session, "session");
    *session = nullptr;
    require(model, "model");
    Session::Options chosen;
    if (options)
      chosen = {options->context, options->threads, options->sequences};
    *session = std::make_unique<nyala_session>(*model, chosen).release();
  });
}

void nyala_session_close(nyala_session *session) { delete session; }

uint32_t nyala_session_sequences(const nyala_session *session) {
  return session ? session->session.getSequences() : 0;
}

nyala_status nyala_session_select(nyala_session *session, uint32_t sequence) {
  return guarded([&] {
    require(session, "session");
    session->session.select(sequence);
  });
}

uint32_t nyala_session_position(const nyala_session *session) {
  return session ? session->session.getPosition() : 0;
}

uint32_t nyala_session_context(const nyala_session *session) {
  return session ? session->session.getContext() : 0;
}

const int32_t *nyala_session_tokens(const nyala_session *session, size_t *count) {
  std::span<const int32_t> tokens;
  if (session)
    tokens = session->session.getTokens();
  if (count)
    *count = tokens.size();
  return tokens.data();
}

nyala_status nyala_session_prefill(nyala_session *session, const int32_t *tokens, size_t count) {
  return guarded([&] {
    require(session, "session");
    if (count > 0)
      require(tokens, "tokens");
    session->session.prefill({tokens, count});
  });
}

nyala_status nyala_session_prefill_all(nyala_session *session, const int32_t *tokens, size_t count,
                                       nyala_logits_fn row, void *user) {
  return guarded([&] {
    require(session, "session");
    if (count > 0)
      require(tokens, "tokens");
    require(row, "row");
    session->session.prefillAll({tokens, count}, row, user);
  });
}

nyala_status nyala_session_decode(nyala_session *session, int32_t token) {
  return guarded([&] {
    require(session, "session");
    session->session.decode(token);
  });
}

nyala_status nyala_session_decode_batch(nyala_session *session, size_t count,
                                        const uint32_t *sequences, const int32_t *tokens) {
  return guarded([&] {
    require(session, "session");
    if (count > 0) {
      require(sequences, "sequences");
      require(tokens, "tokens");
    }
    session->session.decodeBatch({sequences, count}, {tokens, count});
  });
}

nyala_status nyala_session_copy(nyala_session *session, uint32_t from, uint32_t to,
                                uint32_t positions) {
  return guarded([&] {
    require(session, "session");
    session->session.copy(from, to, positions);
  });
}

nyala_status nyala_session_set_tokens(nyala_session *session, const int32_t *tokens, size_t count,
                                      size_t *kept) {
  return guarded([&] {
    require(session, "session");
    if (count > 0)
      require(tokens, "tokens");
    const size_t keptTokens = session->session.setTokens({tokens, count});
    if (kept)
      *kept = keptTokens;
  });
}

const float *nyala_session_logits(const nyala_session *session) {
  const float *logits = nullptr;
  if (session)
    guarded([&] { logits = session->session.getLogits(); });
  return logits;
}

nyala_status nyala_session_rollback(nyala_session *session, uint32_t position) {
  return guarded([&] {
    require(session, "session");
    session->session.rollback(position);
  });
}

void nyala_session_cancel(nyala_session *session) {
  if (session)
    session->session.cancel();
}

void nyala_session_clear_cancel(nyala_session *session) {
  if (session)
    session->session.clearCancel();
}

nyala_status nyala_session_save(const nyala_session *session, const char *path) {
  return guarded([&] {
    require(session, "session");
    require(path, "path");
    session->session.save(path);
  });
}

nyala_status nyala_session_restore(nyala_session *session, const char *path) {
  return guarded([&] {
    require(session, "session");
    require(path, "path");
    session->session.restore(path);
  });
}

nyala_status nyala_session_set_note(nyala_session *session, const char *note, size_t length) {
  return guarded([&] {
    require(session, "session");
    if (length > 0)
      require(note, "note");
    session->session.setNote({note, length});
  });
}

const char *nyala_session_note(const nyala_session *session, size_t *length) {
  std::string_view note;
  if (session)
    note = session->session.getNote();
  if (length)
    *length = note.size();
  return note.data();
}

//===--------------------------------------------------------------------===//
// Sampling
//===--------------------------------------------------------------------===//

nyala_status nyala_session_set_sampler(nyala_session *session,
                                       const nyala_sampler_options *options) {
  return guarded([&] {
    require(session, "session");
    require(options, "options");
    session->getSampler().setOptions(
        {options->temperature, options->top_k, options->top_p, options->seed});
  });
}

nyala_status nyala_session_sample(nyala_session *session, int32_t *token) {
  return guarded([&] {
    require(session, "session");
    require(token, "token");
    Sampler &sampler = session->getSampler();
    const std::span<const uint64_t> mask = session->session.getMask();
    const Session::Candidates candidates = session->session.getCandidates();
    if (const std::optional<int32_t> picked =
            sampler.pickAmong(candidates.logits, candidates.ids, session->vocabulary, mask)) {
      *token = *picked;
      return;
    }
    const float *logits = session->session.getLogits();
    if (!logits)
      throw Failure(NYALA_INVALID_ARGUMENT,
                    "there are no logits to sample from: prefill or decode first");
    *token = sampler.pick(logits, session->vocabulary, mask);
  });
}
