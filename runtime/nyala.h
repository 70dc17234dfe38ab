//===- nyala.h - C API of the nyala runtime ---------------------*- C -*-===//
//
// Opens a model.nyala artifact and generates text with it. The only installed
// header; C99, no dependencies.
//
// Errors: every function that can fail returns a nyala_status; a message in
// plain words (what was expected, what was got, what to do) is then in
// nyala_last_error() of the calling thread until its next failing call.
//
// Threads: nyala_model, nyala_data and nyala_grounding are immutable and may be
// shared by threads; a nyala_session, a nyala_trainer, a nyala_text_stream and a
// nyala_constraint (with the session that it is attached to) belong to one thread
// at a time. Sessions of one model run at the same time, each with threads of its
// own, and give the same bits as alone. nyala_session_cancel and
// nyala_trainer_cancel may be called from any thread and from signal handlers.
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
  NYALA_IO_ERROR = 3,         /* the operating system refused a read, a write or a mapping */
  NYALA_CORRUPT = 4,          /* truncated, altered, or no artifact or saved session at all */
  NYALA_VERSION = 5,          /* file format or kernel ABI of another version */
  NYALA_UNSUPPORTED = 6,  /* this machine lacks a feature the artifact needs, or the artifact one
                             that is asked for */
  NYALA_CONTEXT_FULL = 7, /* no cache slot is left for the rows asked for */
  NYALA_INVALID_TEXT = 8, /* text is not UTF-8 or JSON, has a reference that does not resolve, or a
                             template refused the messages */
  NYALA_OUT_OF_MEMORY = 9,
  NYALA_CANCELLED = 10,
  NYALA_OTHER_MODEL = 11,   /* a saved session belongs to another model */
  NYALA_DEVICE_FAILED = 12, /* a GPU, or its driver, failed; what it holds is lost */
} nyala_status;

typedef struct nyala_model nyala_model;
typedef struct nyala_session nyala_session;
typedef struct nyala_text_stream nyala_text_stream;
typedef struct nyala_trainer nyala_trainer;
typedef struct nyala_data nyala_data;
typedef struct nyala_constraint nyala_constraint;
typedef struct nyala_grounding nyala_grounding;

/// Name of a status ("corrupt"), never null.
NYALA_API const char *nyala_status_name(nyala_status status);
/// Message of this thread's last failing call; "" if none failed. Owned by the library.
NYALA_API const char *nyala_last_error(void);
/// "0.1.0"
NYALA_API const char *nyala_version(void);

// --- Model ---------------------------------------------------------------------------------

typedef struct {
  /* "cpu", "cuda" (the first GPU), "cuda:N"; null or "": the first device that the artifact has
     code for and that is there */
  const char *device;
  /* Of an artifact that was compiled without weights: fill them with numbers, for timings. */
  bool random_weights;
  /* May be null: called while weights go to the device, with bytes that are done and all of them.
   */
  void (*progress)(void *user, uint64_t done, uint64_t total);
  void *user; /* of progress */
} nyala_model_options;

/// Maps the artifact at `path`, checks it (version, checksums, structure) and makes it ready on a
/// device. `options` may be null. NYALA_UNSUPPORTED, saying what is missing, if the device is not
/// there or the artifact has no code for it; no other takes its place where one is named.
NYALA_API nyala_status nyala_model_open_on(const char *path, const nyala_model_options *options,
                                           nyala_model **model);
/// The same without options.
NYALA_API nyala_status nyala_model_open(const char *path, nyala_model **model);
/// All sessions of the model must be closed before. Null is allowed.
NYALA_API void nyala_model_close(nyala_model *model);

typedef struct {
  const char *architecture; /* "llama" */
  const char *arithmetic;   /* "f32" */
  uint32_t vocabulary;      /* tokens: length of a logits row */
  uint32_t context;         /* capacity in positions */
  uint32_t max_prefill;     /* rows of the largest prefill chunk; 0: for training alone */
  int32_t bos;              /* token id, -1: none */
  int32_t eos;              /* token id, -1: none */
  uint64_t weight_bytes;
  uint64_t arena_bytes; /* the largest entry's */
  uint64_t kv_bytes_per_token;
  bool has_tokenizer;
  bool has_chat_template;
  uint32_t sequences;  /* that the cache can hold */
  uint32_t max_batch;  /* sequences that one step can decode; 0: for training alone */
  const char *cpu;     /* what the code that runs here was compiled for: "x86-64-v3", "sm_90a" */
  const char *device;  /* that runs it: "cpu", "cuda:0" */
  const char *product; /* what its maker calls it: "NVIDIA H100 80GB HBM3"; "" of a CPU */
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

/// Turns the tokens of a generation into text to print: whole UTF-8 characters, without control
/// tokens, and held back as long as it may be the beginning of one of `count` stop strings (UTF-8,
/// NUL terminated, not empty; copied). The model outlives the stream. NYALA_NOT_FOUND if the model
/// has no tokenizer.
NYALA_API nyala_status nyala_text_stream_create(const nyala_model *model, const char *const *stops,
                                                size_t count, nyala_text_stream **stream);
NYALA_API void nyala_text_stream_close(nyala_text_stream *stream);
/// Takes the next token. *text, *length: what may be printed now, often nothing; not NUL
/// terminated; valid until the next call on the stream. *stopped: a stop string is complete. It is
/// not part of the text, and nothing comes after it. Bytes that are no UTF-8 become U+FFFD.
NYALA_API nyala_status nyala_text_stream_append(nyala_text_stream *stream, int32_t token,
                                                const char **text, size_t *length, bool *stopped);
/// Ends the text: *text, *length are what was held back, nothing after a stop string. The stream is
/// ready for another text.
NYALA_API nyala_status nyala_text_stream_flush(nyala_text_stream *stream, const char **text,
                                               size_t *length);

// --- Session -------------------------------------------------------------------------------
// A session holds one sequence of tokens or several, each with tokens, a position, logits and a
// sampler of its own. Calls below work on the selected sequence unless they name others. Sequence 0
// is selected at first, so who wants one sequence need not care.

typedef struct {
  uint32_t context;   /* positions of a sequence; 0: the model's capacity; never above it */
  uint32_t threads;   /* workers, at most 256; 0: one per physical core that it may use */
  uint32_t sequences; /* 0: one; at most the model's (nyala-compile --sequences) */
} nyala_session_options;

/// All memory but the note's is reserved here, and committed by the system as it is used. `options`
/// may be null.
NYALA_API nyala_status nyala_session_create(const nyala_model *model,
                                            const nyala_session_options *options,
                                            nyala_session **session);
NYALA_API void nyala_session_close(nyala_session *session);

NYALA_API uint32_t nyala_session_sequences(const nyala_session *session);
/// Makes calls that name no sequence work on this one.
NYALA_API nyala_status nyala_session_select(nyala_session *session, uint32_t sequence);

/// Number of positions in the cache.
NYALA_API uint32_t nyala_session_position(const nyala_session *session);
NYALA_API uint32_t nyala_session_context(const nyala_session *session);
/// Ids of the tokens at positions 0 to *count - 1; valid until the next call on the session.
NYALA_API const int32_t *nyala_session_tokens(const nyala_session *session, size_t *count);

// prefill, prefill_all, decode, decode_batch and set_tokens evaluate tokens: they check their
// arguments first (NYALA_INVALID_ARGUMENT, NYALA_CONTEXT_FULL), and can be cancelled.

/// Appends `count` tokens. Afterwards nyala_session_logits has those after the last one. Nothing is
/// appended on failure.
NYALA_API nyala_status nyala_session_prefill(nyala_session *session, const int32_t *tokens,
                                             size_t count);
/// Like prefill, and calls `row` with the logits after each token, in order (perplexity). `row` may
/// call nyala_session_cancel, and nothing else on the session. NYALA_UNSUPPORTED if the model was
/// compiled to compute a prompt's last logits alone (nyala-compile --skip-prefill-tail).
typedef void (*nyala_logits_fn)(void *user, size_t index, const float *logits);
NYALA_API nyala_status nyala_session_prefill_all(nyala_session *session, const int32_t *tokens,
                                                 size_t count, nyala_logits_fn row, void *user);
/// Appends one token (decode). Does not allocate.
NYALA_API nyala_status nyala_session_decode(nyala_session *session, int32_t token);
/// Appends tokens[i] to sequence sequences[i], for `count` sequences, which may be at different
/// positions, in one step. The logits of each are those it would have alone (docs/numerics.md).
/// NYALA_INVALID_ARGUMENT if a sequence comes twice or `count` is above nyala_model_info.max_batch;
/// NYALA_UNSUPPORTED if the model computes logits of one row alone (nyala-compile
/// --skip-prefill-tail). Whatever the failure (one sequence's context is full), nothing is appended
/// to any of them. Does not allocate.
NYALA_API nyala_status nyala_session_decode_batch(nyala_session *session, size_t count,
                                                  const uint32_t *sequences, const int32_t *tokens);
/// Makes sequence `to` hold the first `positions` tokens of sequence `from`, with their part of the
/// cache, in place of what it held. It goes on as if it had evaluated them itself. It has logits if
/// `from` has and `positions` are all of its own. Samplers stay.
NYALA_API nyala_status nyala_session_copy(nyala_session *session, uint32_t from, uint32_t to,
                                          uint32_t positions);
/// Makes the session hold these tokens and no others, for the next turn of a chat for instance: it
/// keeps the longest common prefix with the tokens it holds, forgets the rest, and appends what is
/// missing. The last token is always evaluated, so that there are logits. *kept (may be null): how
/// many tokens were not evaluated again. NYALA_CANCELLED leaves those; any other failure changes
/// nothing.
NYALA_API nyala_status nyala_session_set_tokens(nyala_session *session, const int32_t *tokens,
                                                size_t count, size_t *kept);
/// Logits of the last position: `vocabulary` floats, valid until the next call that evaluates
/// tokens or restores: only sequences that the last such call evaluated have logits. Null else,
/// after a rollback, and after NYALA_CANCELLED. A GPU copies them when they are asked for (null if
/// it fails then): a sampler that is greedy, or has a small top_k, does not need them.
NYALA_API const float *nyala_session_logits(const nyala_session *session);
/// Forgets positions from `position` on.
NYALA_API nyala_status nyala_session_rollback(nyala_session *session, uint32_t position);
/// Makes the call that evaluates tokens return NYALA_CANCELLED soon (between two kernels). The
/// position is then what it was before the call (but see set_tokens), and the session can be used.
/// If no such call is running, or it is just ending, the next one returns NYALA_CANCELLED: no
/// cancel is lost. Several cancels before a call returns NYALA_CANCELLED count as one.
NYALA_API void nyala_session_cancel(nyala_session *session);
/// Forgets a cancel that no call has answered. For work that earlier cancels are not meant for.
NYALA_API void nyala_session_clear_cancel(nyala_session *session);

// --- Saved sessions ------------------------------------------------------------------------
// A file holds the tokens of the selected sequence, the filled part of its cache, its logits, and
// the session's note; not the sampler. Format: docs/sessions.md.

/// Writes the sequence to a file, aside first and then renamed: a failure (NYALA_IO_ERROR) leaves
/// the old file as it was.
NYALA_API nyala_status nyala_session_save(const nyala_session *session, const char *path);
/// Replaces what the sequence holds by what a session of the same model saved, whichever sequence
/// that was. Fails with NYALA_NOT_FOUND, NYALA_IO_ERROR, NYALA_VERSION, NYALA_CORRUPT,
/// NYALA_OTHER_MODEL (the model was compiled from something else, otherwise, or by another version)
/// or NYALA_CONTEXT_FULL (more positions than the session has); the sequence is then as it was, but
/// empty if the file became unreadable after all of it had been checked.
NYALA_API nyala_status nyala_session_restore(nyala_session *session, const char *path);
/// Bytes of the caller's own that are saved and restored with a sequence, a conversation's messages
/// for instance. A session has one note. Copied.
NYALA_API nyala_status nyala_session_set_note(nyala_session *session, const char *note,
                                              size_t length);
/// Valid until the note is set or a session restored; not NUL terminated.
NYALA_API const char *nyala_session_note(const nyala_session *session, size_t *length);

// --- Sampling ------------------------------------------------------------------------------

typedef struct {
  float temperature; /* 0: greedy */
  uint32_t top_k;    /* 0: off */
  float top_p;       /* 1: off */
  uint64_t seed;
} nyala_sampler_options;

/// Sets how nyala_session_sample picks from the selected sequence's logits and reseeds it. Ranges:
/// temperature ≥ 0, 0 < top_p ≤ 1.
NYALA_API nyala_status nyala_session_set_sampler(nyala_session *session,
                                                 const nyala_sampler_options *options);
/// Picks a token from the current logits, by the sequence's constraint if it has one. Ties go to
/// the lower id. Does not allocate.
NYALA_API nyala_status nyala_session_sample(nyala_session *session, int32_t *token);

// --- Constraints and grounded text ---------------------------------------------------------
// A model that is conditioned on JSON data refers to them, "{{ visitor.points }}". A constraint
// lets only such references come that parse and resolve; a grounding puts values in their place and
// says where each came from. Language, guarantees, renderings: docs/symgen.md.

/// Reads a record in JSON. NYALA_INVALID_TEXT with line and column, also for a key that an object
/// has twice and for more than 64 MiB, 4 Mi values or 128 levels.
NYALA_API nyala_status nyala_data_parse(const char *json, size_t length, nyala_data **data);
NYALA_API void nyala_data_close(nyala_data *data);

/// Lets text come in which every reference parses, resolves in the data and is closed. Model and
/// data outlive the constraint. NYALA_NOT_FOUND if the model has no tokenizer,
/// NYALA_INVALID_ARGUMENT if the data hold nothing to refer to, NYALA_UNSUPPORTED if the vocabulary
/// cannot spell references.
NYALA_API nyala_status nyala_constraint_create_references(const nyala_model *model,
                                                          const nyala_data *data,
                                                          nyala_constraint **constraint);
/// Lets `prose` (copied) come once more, with such references in place of the words that spell a
/// value, as far as the limit leaves room, and of any other numerals. nyala_constraint_least is
/// what copying it takes. Fails as create_references does, and with NYALA_INVALID_ARGUMENT if the
/// prose has "{{" or a byte that the vocabulary has not.
NYALA_API nyala_status nyala_constraint_create_rewrite(const nyala_model *model,
                                                       const nyala_data *data, const char *prose,
                                                       size_t length,
                                                       nyala_constraint **constraint);
NYALA_API void nyala_constraint_close(nyala_constraint *constraint);
/// Tokens that may come next: bit id % 64 of (*mask)[id / 64] for each id of the vocabulary; valid
/// until the next call on the constraint. `left`: how many tokens may still be generated, this one
/// among them: a token after which the rest would not do to complete what has to be completed may
/// not come. As long as `left` falls by one a token, and nyala_constraint_least is at most `left`
/// at first, there is always one that may; but none where a text is complete (can_end) and the
/// model has no token that ends a generation.
NYALA_API nyala_status nyala_constraint_mask(nyala_constraint *constraint, size_t left,
                                             const uint64_t **mask, size_t *words);
/// Takes the token that was picked, whatever was left. NYALA_INVALID_ARGUMENT, and nothing is
/// changed, if it may not come here. Tokens that end a generation are not taken: who picks one
/// stops.
NYALA_API nyala_status nyala_constraint_advance(nyala_constraint *constraint, int32_t token);
/// May the text end here?
NYALA_API bool nyala_constraint_can_end(const nyala_constraint *constraint);
/// So many tokens are enough to get to where the text may end; 0 if it may here.
NYALA_API size_t nyala_constraint_least(const nyala_constraint *constraint);
/// Begins another generation.
NYALA_API void nyala_constraint_reset(nyala_constraint *constraint);

/// Attaches a constraint, where it is now, to the selected sequence; null: none. `limit`: how many
/// tokens may still be generated; no more than the context has room for. From then on
/// nyala_session_sample picks tokens that may come; nyala_session_decode and decode_batch advance
/// the constraint, with NYALA_INVALID_ARGUMENT and nothing changed for a token that may not come,
/// and compute the next mask while the device computes. A call that fails or is cancelled leaves
/// the constraint where it was. prefill does not advance it: prompts are not constrained. rollback,
/// set_tokens, restore and a copy to the sequence detach it. A constraint is attached to one
/// sequence at a time and outlives that. NYALA_INVALID_ARGUMENT if it is of another model or
/// attached to another sequence of this session, or if what it has open cannot be completed within
/// the limit.
NYALA_API nyala_status nyala_session_set_constraint(nyala_session *session,
                                                    nyala_constraint *constraint, size_t limit);

typedef enum {
  NYALA_RENDER_TEXT = 0,  /* values in place of references */
  NYALA_RENDER_RAW = 1,   /* references as they were written */
  NYALA_RENDER_JSONL = 2, /* a line of JSON a span: where it is, what it is, where it came from */
  NYALA_RENDER_HTML = 3,  /* a self-contained page */
} nyala_rendering;

/// Reads a generation (UTF-8; other bytes become U+FFFD) with references into the data, which
/// outlive the grounding. NYALA_INVALID_TEXT, naming the byte offset, for a reference that does not
/// parse or resolve.
NYALA_API nyala_status nyala_grounding_create(const nyala_data *data, const char *generation,
                                              size_t length, nyala_grounding **grounding);
/// Writes at most `capacity` bytes (no NUL) and the number needed to `length`. `title`: a page's,
/// UTF-8; may be null.
NYALA_API nyala_status nyala_grounding_render(const nyala_grounding *grounding,
                                              nyala_rendering rendering, const char *title,
                                              char *text, size_t capacity, size_t *length);
NYALA_API void nyala_grounding_close(nyala_grounding *grounding);

// --- Profiles ------------------------------------------------------------------------------

/// One step of a program (one launch of a kernel), added up over the calls since
/// nyala_session_profile_begin or nyala_trainer_profile_begin.
typedef struct {
  const char *entry;  /* "decode", "prefill", "train_step" */
  uint32_t step;      /* index in the entry */
  const char *kernel; /* kernels are shared by steps */
  const char *key;    /* what it computes, the same in every compilation; null: not known */
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

// --- Training ------------------------------------------------------------------------------
// Of an artifact that holds a training step (docs/training.md). A batch is `batch` sequences of
// `length` tokens, one after the other: rows = batch * length.

typedef struct {
  uint32_t threads; /* workers, at most 256; 0: one per physical core that it may use */
} nyala_trainer_options;

typedef struct {
  uint32_t batch;      /* sequences of a call */
  uint32_t length;     /* tokens of a sequence */
  uint32_t states;     /* weights and what the optimizer keeps */
  bool accumulates;    /* a step is several calls of accumulate and one of update */
  bool evaluates;      /* nyala_trainer_evaluate can be called */
  uint64_t peak_bytes; /* all memory that is reserved, states among it; nothing is added later */
} nyala_trainer_info;

/// Reserves all memory. `options` may be null. NYALA_UNSUPPORTED if the model holds no training
/// step.
NYALA_API nyala_status nyala_trainer_create(const nyala_model *model,
                                            const nyala_trainer_options *options,
                                            nyala_trainer **trainer);
NYALA_API void nyala_trainer_close(nyala_trainer *trainer);
NYALA_API void nyala_trainer_get_info(const nyala_trainer *trainer, nyala_trainer_info *info);

/// A matrix, row-major; a vector is one row.
typedef struct {
  const char *name; /* lives as long as the model */
  uint64_t rows;
  uint64_t columns;
  float *values; /* rows * columns, zeros at first; to be read and written between calls */
} nyala_trainer_state;

/// State `index`, below nyala_trainer_info.states.
NYALA_API nyala_status nyala_trainer_get_state(nyala_trainer *trainer, uint32_t index,
                                               nyala_trainer_state *state);
/// The state of that name; NYALA_NOT_FOUND.
NYALA_API nyala_status nyala_trainer_find_state(nyala_trainer *trainer, const char *name,
                                                nyala_trainer_state *state);

typedef struct {
  const int32_t *tokens;     /* rows ids */
  const int32_t *targets;    /* rows ids; any id where the weight is 0 */
  const float *loss_weights; /* rows: the loss is the sum of weight times -log(probability) */
  size_t rows;               /* of each of them: batch * length */
} nyala_training_batch;

// step, accumulate, update and evaluate check their arguments first (NYALA_INVALID_ARGUMENT), and
// fail with NYALA_UNSUPPORTED if the model does not hold what they run. A loss or a norm that is
// not finite is no failure; the weights are then as they were.

/// Forward, backward and the optimizer. *gradient_norm is that of all gradients, before clipping.
NYALA_API nyala_status nyala_trainer_step(nyala_trainer *trainer, const nyala_training_batch *batch,
                                          float rate, float *loss, float *gradient_norm);
/// Forward and backward; the gradients are added to those of earlier calls.
NYALA_API nyala_status nyala_trainer_accumulate(nyala_trainer *trainer,
                                                const nyala_training_batch *batch, float *loss);
/// The optimizer on the accumulated gradients, which are cleared.
NYALA_API nyala_status nyala_trainer_update(nyala_trainer *trainer, float rate,
                                            float *gradient_norm);
/// The loss alone; changes no state.
NYALA_API nyala_status nyala_trainer_evaluate(nyala_trainer *trainer,
                                              const nyala_training_batch *batch, float *loss);
/// As nyala_session_profile_begin and nyala_session_profile_end, of the calls above.
NYALA_API nyala_status nyala_trainer_profile_begin(nyala_trainer *trainer);
NYALA_API nyala_status nyala_trainer_profile_end(nyala_trainer *trainer, nyala_profile_fn step,
                                                 void *user);
/// Makes the next of these calls return NYALA_CANCELLED before it computes anything. One that runs
/// is finished, so that states are those of whole steps; only evaluate stops soon. Several cancels
/// before a call returns NYALA_CANCELLED count as one.
NYALA_API void nyala_trainer_cancel(nyala_trainer *trainer);
/// Forgets a cancel that no call has answered.
NYALA_API void nyala_trainer_clear_cancel(nyala_trainer *trainer);

/// Where a value that is not finite came from. Null where it does not apply.
typedef struct {
  const char *state;  /* the state that already held one */
  const char *label;  /* the op in the model that made the first: "model.layers.3.mlp.up_proj" */
  const char *kernel; /* the kernel that wrote it; null: only states are not finite */
} nyala_non_finite;

/// Computes what the last step, accumulate or evaluate did once more, changes no state, and looks
/// for the first value that is not finite. *found: is there one? The strings live as long as the
/// model.
NYALA_API nyala_status nyala_trainer_find_non_finite(nyala_trainer *trainer, bool *found,
                                                     nyala_non_finite *where);

#ifdef __cplusplus
}
#endif

#endif /* NYALA_RUNTIME_NYALA_H */
