//===- nyala.h - C API of the nyala runtime ---------------------*- C -*-===//
//
// Opens a model.nyala artifact and generates text with it. The only installed
// header; C99, no dependencies.
//
// Errors: every function that can fail returns a nyala_status; a message in
// plain words (what was expected, what was got, what to do) is then in
// nyala_last_error() of the calling thread until its next failing call.
//
// Threads: a nyala_model is immutable and may be shared by threads; a
// nyala_session belongs to one thread at a time. nyala_session_cancel may be
// called from any thread and from signal handlers.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_NYALA_H
#define NYALA_RUNTIME_NYALA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NYALA_API __attribute__((visibility("default")))

typedef enum {
  NYALA_OK = 0,
  NYALA_INVALID_ARGUMENT = 1, /* a parameter is out of range or null */
  NYALA_NOT_FOUND = 2,        /* file does not exist, or the model has no tokenizer or template */
  NYALA_IO_ERROR = 3,         /* the operating system refused a read or a mapping */
  NYALA_CORRUPT = 4,          /* truncated, altered or not an artifact */
  NYALA_VERSION = 5,          /* artifact format or kernel ABI of another version */
  NYALA_UNSUPPORTED = 6,      /* this machine lacks a feature the artifact needs */
  NYALA_CONTEXT_FULL = 7,     /* no cache slot is left for the rows asked for */
  NYALA_INVALID_TEXT = 8,     /* text is not UTF-8, or a template refused the messages */
  NYALA_OUT_OF_MEMORY = 9,
  NYALA_CANCELLED = 10,
} nyala_status;

typedef struct nyala_model nyala_model;
typedef struct nyala_session nyala_session;

/// Name of a status ("corrupt"), never null.
NYALA_API const char *nyala_status_name(nyala_status status);
/// Message of this thread's last failing call; "" if none failed. Owned by the library.
NYALA_API const char *nyala_last_error(void);
/// "0.1.0"
NYALA_API const char *nyala_version(void);

// --- Model ---------------------------------------------------------------------------------

/// Maps the artifact at `path` and checks it (version, checksums, structure, CPU features).
NYALA_API nyala_status nyala_model_open(const char *path, nyala_model **model);
/// All sessions of the model must be closed before. Null is allowed.
NYALA_API void nyala_model_close(nyala_model *model);

typedef struct {
  const char *architecture; /* "llama" */
  const char *arithmetic;   /* "f32" */
  uint32_t vocabulary;      /* tokens: length of a logits row */
  uint32_t context;         /* capacity in positions */
  uint32_t max_prefill;     /* rows of the largest prefill chunk */
  int32_t bos;              /* token id, -1: none */
  int32_t eos;              /* token id, -1: none */
  uint64_t weight_bytes;
  uint64_t arena_bytes; /* the largest entry's */
  uint64_t kv_bytes_per_token;
  bool has_tokenizer;
  bool has_chat_template;
  uint32_t sequences; /* that the cache holds */
} nyala_model_info;

NYALA_API void nyala_model_get_info(const nyala_model *model, nyala_model_info *info);
/// Metadata by key ("general.name"); null if absent. Lives as long as the model.
NYALA_API const char *nyala_model_metadata(const nyala_model *model, const char *key);
/// Does `token` end a generation (end of text or of turn)?
NYALA_API bool nyala_model_is_stop(const nyala_model *model, int32_t token);

// --- Text ----------------------------------------------------------------------------------

/// Tokenizes `length` bytes of UTF-8. Writes at most `capacity` ids to `ids` and the number of
/// ids needed to `count` (ids may be null if capacity is 0). `special`: text that spells a special
/// token becomes that token, and the beginning-of-sequence token comes first if the model wants it
/// and the text does not spell it there already.
/// Fails with NYALA_INVALID_TEXT naming the byte offset of the first invalid byte.
NYALA_API nyala_status nyala_tokenize(const nyala_model *model, const char *text, size_t length,
                                      bool special, int32_t *ids, size_t capacity, size_t *count);
/// Bytes of one token; not NUL terminated; may be part of a character. Control tokens have none
/// unless `special`. Null and *length 0 for an id out of range.
NYALA_API const char *nyala_token_bytes(const nyala_model *model, int32_t token, bool special,
                                        size_t *length);

typedef struct {
  const char *role;    /* "system", "user", "assistant" */
  const char *content; /* UTF-8 */
} nyala_message;

/// Renders messages by the model's chat template. Writes at most `capacity` bytes (no NUL) and the
/// number needed to `length`. `add_generation_prompt`: end with the assistant's opening.
NYALA_API nyala_status nyala_chat_format(const nyala_model *model, const nyala_message *messages,
                                         size_t count, bool add_generation_prompt, char *text,
                                         size_t capacity, size_t *length);

// --- Session -------------------------------------------------------------------------------

typedef struct {
  uint32_t context; /* positions; 0: the model's capacity; never above it */
  uint32_t threads; /* workers, at most 256; 0: one per physical core */
} nyala_session_options;

/// `options` may be null.
NYALA_API nyala_status nyala_session_create(const nyala_model *model,
                                            const nyala_session_options *options,
                                            nyala_session **session);
NYALA_API void nyala_session_close(nyala_session *session);

/// Number of positions in the cache.
NYALA_API uint32_t nyala_session_position(const nyala_session *session);
NYALA_API uint32_t nyala_session_context(const nyala_session *session);

/// Appends `count` tokens. Afterwards nyala_session_logits has those after the last one. Nothing is
/// appended on failure.
NYALA_API nyala_status nyala_session_prefill(nyala_session *session, const int32_t *tokens,
                                             size_t count);
/// Like prefill, and calls `row` with the logits after each token, in order (perplexity).
typedef void (*nyala_logits_fn)(void *user, size_t index, const float *logits);
NYALA_API nyala_status nyala_session_prefill_all(nyala_session *session, const int32_t *tokens,
                                                 size_t count, nyala_logits_fn row, void *user);
/// Appends one token (decode). Does not allocate.
NYALA_API nyala_status nyala_session_decode(nyala_session *session, int32_t token);
/// Logits of the last position: `vocabulary` floats, valid until the next call on the session; null
/// before the first prefill or decode and after a rollback.
NYALA_API const float *nyala_session_logits(const nyala_session *session);
/// Forgets positions from `position` on.
NYALA_API nyala_status nyala_session_rollback(nyala_session *session, uint32_t position);
/// Makes the running prefill, or the next one if none is running, return NYALA_CANCELLED soon.
NYALA_API void nyala_session_cancel(nyala_session *session);

// --- Sampling ------------------------------------------------------------------------------

typedef struct {
  float temperature; /* 0: greedy */
  uint32_t top_k;    /* 0: off */
  float top_p;       /* 1: off */
  uint64_t seed;
} nyala_sampler_options;

/// Sets how nyala_session_sample picks and reseeds it. Ranges: temperature ≥ 0, 0 < top_p ≤ 1.
NYALA_API nyala_status nyala_session_set_sampler(nyala_session *session,
                                                 const nyala_sampler_options *options);
/// Picks a token from the current logits. Ties go to the lower id. Does not allocate.
NYALA_API nyala_status nyala_session_sample(nyala_session *session, int32_t *token);

// --- Profiles ------------------------------------------------------------------------------

/// One step of a program (one launch of a kernel), added up over the calls since
/// nyala_session_profile_begin.
typedef struct {
  const char *entry;  /* "decode", "prefill" */
  uint32_t step;      /* index in the entry */
  const char *kernel; /* kernels are shared by steps */
  uint64_t calls;
  double seconds;      /* from the step's begin until all workers were done */
  double busy_seconds; /* that workers spent in the kernel, added up over workers */
  /* By the compiler's cost model; a cached position counts for each row that attends to it. */
  double bytes; /* that had to be read and written */
  double flops; /* a multiply-add is two */
} nyala_step_profile;
typedef void (*nyala_profile_fn)(void *user, const nyala_step_profile *step);

/// Begins to record what steps take, from nothing. Recording costs two readings of the clock a step
/// and worker.
NYALA_API nyala_status nyala_session_profile_begin(nyala_session *session);
/// Calls `step` for each step that ran since then, in the order of the entries, and ends the
/// recording. The names live as long as the model. NYALA_INVALID_ARGUMENT without a begin.
NYALA_API nyala_status nyala_session_profile_end(nyala_session *session, nyala_profile_fn step,
                                                 void *user);

#ifdef __cplusplus
}
#endif

#endif /* NYALA_RUNTIME_NYALA_H */
