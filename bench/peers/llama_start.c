// llama_start MODEL.gguf THREADS TOKENS PROMPT
//
// Prints what llama.cpp generates, each token at once: cpu.py times it from the start of the process to the
// first byte, and reads its peak memory, as it does with nyala-run. The likeliest token is taken; the context is
// the one that the model was trained for, llama.cpp's and nyala's default.

#include <llama.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PROMPT = 512, MAX_PIECE = 256 };

static void ignoreMessage(enum ggml_log_level level, const char *text, void *user) {
  (void)level, (void)text, (void)user;
}

static void expect(int condition, const char *what) {
  if (condition)
    return;
  fprintf(stderr, "llama_start: %s\n", what);
  exit(1);
}

static struct llama_context *makeContext(struct llama_model *model, int threads) {
  struct llama_context_params options = llama_context_default_params();
  options.n_ctx = 0;
  options.n_threads = options.n_threads_batch = threads;
  struct llama_context *context = llama_init_from_model(model, options);
  expect(context != NULL, "llama.cpp cannot make a context");
  return context;
}

static llama_token findLikeliest(const float *logits, int count) {
  int best = 0;
  for (int i = 1; i < count; ++i)
    if (logits[i] > logits[best])
      best = i;
  return best;
}

static void generate(struct llama_context *context, const struct llama_vocab *vocabulary,
                     const char *prompt, int count) {
  llama_token tokens[MAX_PROMPT];
  int fed =
      llama_tokenize(vocabulary, prompt, (int)strlen(prompt), tokens, MAX_PROMPT, true, true);
  expect(fed > 0, "the prompt has no tokens, or too many");
  for (int i = 0; i < count; ++i, fed = 1) {
    expect(llama_decode(context, llama_batch_get_one(tokens, fed)) == 0, "llama_decode failed");
    tokens[0] =
        findLikeliest(llama_get_logits_ith(context, -1), llama_vocab_n_tokens(vocabulary));
    char piece[MAX_PIECE];
    const int bytes = llama_token_to_piece(vocabulary, tokens[0], piece, MAX_PIECE, 0, true);
    expect(bytes >= 0, "a token has too long a text");
    fwrite(piece, 1, (size_t)bytes, stdout);
    fflush(stdout);
  }
}

int main(int argc, char **argv) {
  expect(argc == 5, "usage: llama_start MODEL.gguf THREADS TOKENS PROMPT");
  llama_log_set(ignoreMessage, NULL);
  llama_backend_init();
  struct llama_model *model =
      llama_model_load_from_file(argv[1], llama_model_default_params());
  expect(model != NULL, "llama.cpp cannot load the model");
  struct llama_context *context = makeContext(model, atoi(argv[2]));
  generate(context, llama_model_get_vocab(model), argv[4], atoi(argv[3]));
  llama_free(context);
  llama_model_free(model);
  return 0;
}
