/*===- generate.c - The smallest program that generates text ----------------===
 *
 * C99 and libnyala alone: nyala-test-generate MODEL.nyala PROMPT [TOKENS]
 *
 *===----------------------------------------------------------------------===*/
#include <nyala.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(nyala_status status) {
  if (status == NYALA_OK)
    return;
  fprintf(stderr, "generate: %s: %s\n", nyala_status_name(status), nyala_last_error());
  exit(1);
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: %s MODEL.nyala PROMPT [TOKENS]\n", argv[0]);
    return 2;
  }
  nyala_model *model;
  nyala_session *session;
  nyala_text_stream *stream;
  check(nyala_model_open(argv[1], &model));
  check(nyala_session_create(model, NULL, &session));
  check(nyala_text_stream_create(model, NULL, 0, &stream));

  const size_t length = strlen(argv[2]);
  size_t count;
  check(nyala_tokenize(model, argv[2], length, true, NULL, 0, &count));
  int32_t *ids = malloc((count + 1) * sizeof *ids);
  check(nyala_tokenize(model, argv[2], length, true, ids, count, &count));
  check(nyala_session_prefill(session, ids, count));

  const char *text;
  size_t size;
  for (long left = argc > 3 ? strtol(argv[3], NULL, 10) : 64; left > 0; --left) {
    int32_t token;
    bool stopped;
    check(nyala_session_sample(session, &token));
    if (nyala_model_is_stop(model, token))
      break;
    check(nyala_text_stream_append(stream, token, &text, &size, &stopped));
    fwrite(text, 1, size, stdout);
    if (nyala_session_position(session) == nyala_session_context(session))
      break;
    check(nyala_session_decode(session, token));
  }
  check(nyala_text_stream_flush(stream, &text, &size));
  fwrite(text, 1, size, stdout);
  free(ids);
  nyala_text_stream_close(stream);
  nyala_session_close(session);
  nyala_model_close(model);
  return 0;
}
