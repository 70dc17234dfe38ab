//===- CApiText.cpp - Tokens and chats for C ------------------------------===//

#include "runtime/core/CApi.h"
#include "runtime/text/ChatTemplate.h"

using namespace nyala::rt;

nyala_model::nyala_model(const std::string &path, const DeviceOptions &options)
    : artifact(path), device(openDevice(artifact, options)) {
  const nyala::artifact::Tokenizer *data = artifact.program().tokenizer();
  if (!data)
    return;
  const uint32_t vocabulary = artifact.program().vocabulary();
  try {
    tokenizer.emplace(data);
    tokenizer->validate();
    if (tokenizer->size() > vocabulary)
      throw Failure(NYALA_CORRUPT, "it has " + std::to_string(tokenizer->size()) +
                                       " tokens, the model's vocabulary " +
                                       std::to_string(vocabulary));
  } catch (const Failure &failure) {
    throw Failure(failure.getStatus(), "the tokenizer of '" + path + "': " + failure.what());
  }
}

const Tokenizer &nyala_model::getTokenizer() const {
  if (!tokenizer)
    throw Failure(NYALA_NOT_FOUND,
                  "'" + artifact.getPath() + "' has no tokenizer: it can be given token ids only");
  return *tokenizer;
}

const TokenTrie &nyala_model::getTrie() const {
  const Tokenizer &words = getTokenizer();
  std::call_once(trieIsMade, [&] { trie.emplace(words); });
  return *trie;
}

static const Tokenizer &getTokenizer(const nyala_model *model) {
  require(model, "model");
  return model->getTokenizer();
}

nyala_status nyala_tokenize(const nyala_model *model, const char *text, size_t length, bool special,
                            int32_t *ids, size_t capacity, size_t *count) {
  return guarded([&] {
    const Tokenizer &tokenizer = getTokenizer(model);
    if (length > 0)
      require(text, "text");
    copyOut(tokenizer.encode({text, length}, special), ids, capacity, count);
  });
}

const char *nyala_token_bytes(const nyala_model *model, int32_t token, bool special,
                              size_t *length) {
  std::string_view bytes;
  if (model && model->tokenizer)
    bytes = model->tokenizer->tokenBytes(token, special);
  if (length)
    *length = bytes.size();
  return bytes.data();
}

nyala_status nyala_chat_format(const nyala_model *model, const nyala_message *messages,
                               size_t count, bool add_generation_prompt, char *text,
                               size_t capacity, size_t *length) {
  return guarded([&] {
    const Tokenizer &tokenizer = getTokenizer(model);
    const flatbuffers::String *source = model->artifact.program().tokenizer()->chat_template();
    if (!source)
      throw Failure(NYALA_NOT_FOUND, "'" + model->artifact.getPath() +
                                         "' has no chat template: give it a plain prompt");
    if (count > 0)
      require(messages, "messages");
    std::vector<Message> list;
    for (size_t i = 0; i < count; ++i) {
      require(messages[i].role, "a message's role");
      require(messages[i].content, "a message's content");
      list.push_back({messages[i].role, messages[i].content});
    }
    // Parsed here and not when the model is opened: a template that nyala does not understand
    // leaves the model usable with plain prompts.
    const ChatTemplate chat(source->string_view(), tokenizer.tokenBytes(tokenizer.getBos(), true),
                            tokenizer.tokenBytes(tokenizer.getEos(), true));
    copyOut(chat.render(list, add_generation_prompt), text, capacity, length);
  });
}

//===--------------------------------------------------------------------===//
// Text stream
//===--------------------------------------------------------------------===//

nyala_status nyala_text_stream_create(const nyala_model *model, const char *const *stops,
                                      size_t count, nyala_text_stream **stream) {
  return guarded([&] {
    require(stream, "stream");
    *stream = nullptr;
    getTokenizer(model);
    if (count > 0)
      require(stops, "stops");
    std::vector<std::string> strings;
    for (size_t i = 0; i < count; ++i) {
      require(stops[i], "a stop string");
      strings.emplace_back(stops[i]);
    }
    *stream =
        std::make_unique<nyala_text_stream>(*model, TextStream(strings), std::string()).release();
  });
}

void nyala_text_stream_close(nyala_text_stream *stream) { delete stream; }

nyala_status nyala_text_stream_append(nyala_text_stream *stream, int32_t token, const char **text,
                                      size_t *length, bool *stopped) {
  return guarded([&] {
    require(stream, "stream");
    require(text, "text");
    require(length, "length");
    require(stopped, "stopped");
    const uint32_t vocabulary = stream->model.artifact.program().vocabulary();
    if (token < 0 || static_cast<uint32_t>(token) >= vocabulary)
      throw Failure(NYALA_INVALID_ARGUMENT, "token is " + std::to_string(token) +
                                                ", expected an id from 0 to " +
                                                std::to_string(vocabulary - 1));
    stream->text.clear();
    *stopped =
        stream->stream.append(stream->model.tokenizer->tokenBytes(token, false), stream->text);
    *text = stream->text.data();
    *length = stream->text.size();
  });
}

nyala_status nyala_text_stream_flush(nyala_text_stream *stream, const char **text, size_t *length) {
  return guarded([&] {
    require(stream, "stream");
    require(text, "text");
    require(length, "length");
    stream->text.clear();
    stream->stream.flush(stream->text);
    *text = stream->text.data();
    *length = stream->text.size();
  });
}
