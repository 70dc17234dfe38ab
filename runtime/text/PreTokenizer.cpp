#include "runtime/text/PreTokenizer.h"

#include "runtime/core/Status.h"
#include "runtime/text/SplitPattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace nyala::rt {
namespace {

constexpr std::string_view gpt2Splits[] = {
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"};
// Numbers are cut out one by one first. What a number is, the Rust library says there: Unicode 17.
constexpr std::string_view smollmSplits[] = {R"([\p{N}\x{11DE0}-\x{11DE9}\x{16FF4}-\x{16FF6}])",
                                             gpt2Splits[0]};
// Llama 3 and Qwen 2 differ only in how many digits stay together.
#define NYALA_NEWER_SPLIT(digits)                                                                  \
  R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})" digits                          \
  R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"
constexpr std::string_view llamaSplits[] = {NYALA_NEWER_SPLIT("{1,3}")};
constexpr std::string_view qwenSplits[] = {NYALA_NEWER_SPLIT("")};
#undef NYALA_NEWER_SPLIT

constexpr PreTokenizerFamily families[] = {
    {"smollm", smollmSplits, false},
    {"gpt-2", gpt2Splits, false},
    {"llama-bpe", llamaSplits, true},
    {"qwen2", qwenSplits, false},
};

std::string describe(int error) {
  PCRE2_UCHAR message[256];
  if (pcre2_get_error_message(error, message, sizeof message) < 0)
    return "error " + std::to_string(error);
  return reinterpret_cast<const char *>(message);
}

struct Deleter {
  void operator()(pcre2_compile_context *context) const { pcre2_compile_context_free(context); }
  void operator()(pcre2_match_data *data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_match_context *context) const { pcre2_match_context_free(context); }
};

/// `pattern` compiled, as `\n` alone ends a line for Oniguruma and `.` matches it.
pcre2_code *compile(std::string_view pattern) {
  std::string translated = translateSplitPattern(pattern);
  std::unique_ptr<pcre2_compile_context, Deleter> context(pcre2_compile_context_create(nullptr));
  if (!context)
    throw Failure(NYALA_OUT_OF_MEMORY, "out of memory while loading a tokenizer");
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code *code = pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_DOTALL, &error, &offset, context.get());
  if (!code)
    throw Failure(NYALA_UNSUPPORTED, "PCRE2 cannot compile it: " + describe(error));
  return code;
}

/// Runs one pattern over texts.
class Matcher {
public:
  explicit Matcher(const pcre2_code *code)
      : code(code), data(pcre2_match_data_create(1, nullptr)),
        context(pcre2_match_context_create(nullptr)) {
    if (!data || !context)
      throw Failure(NYALA_OUT_OF_MEMORY, "out of memory while tokenizing");
    pcre2_set_heap_limit(context.get(), 256 * 1024); // in KiB
  }

  void split(std::string_view text, std::vector<std::string_view> &pieces) {
    // From one place a pattern may backtrack over the text some times, as those of models do over
    // runs of white space, but not over all ways to divide it.
    constexpr size_t most = std::numeric_limits<uint32_t>::max();
    auto limit = static_cast<uint32_t>(std::min(16 * text.size() + 10'000, most));
    pcre2_set_match_limit(context.get(), limit);
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(data.get());
    size_t offset = 0;
    while (offset < text.size() && match(text, offset)) {
      if (span[0] > offset)
        pieces.push_back(text.substr(offset, span[0] - offset));
      if (span[0] < offset || span[1] <= span[0])
        throw Failure(NYALA_INVALID_TEXT, "cannot split the text: the pattern matched nothing");
      pieces.push_back(text.substr(span[0], span[1] - span[0]));
      offset = span[1];
    }
    if (offset < text.size())
      pieces.push_back(text.substr(offset));
  }

private:
  bool match(std::string_view text, size_t offset) {
    auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    int found = pcre2_match(code, subject, text.size(), offset, PCRE2_NO_UTF_CHECK, data.get(),
                            context.get());
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
      found = pcre2_match(code, subject, text.size(), offset, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                          data.get(), context.get());
    if (found < 0 && found != PCRE2_ERROR_NOMATCH)
      throw Failure(found == PCRE2_ERROR_NOMEMORY ? NYALA_OUT_OF_MEMORY : NYALA_INVALID_TEXT,
                    "cannot split the text into pieces: " + describe(found));
    return found >= 0;
  }

  const pcre2_code *code;
  std::unique_ptr<pcre2_match_data, Deleter> data;
  std::unique_ptr<pcre2_match_context, Deleter> context;
};

} // namespace

std::span<const PreTokenizerFamily> getPreTokenizerFamilies() { return families; }

const PreTokenizerFamily &getPreTokenizerFamily(std::string_view name) {
  std::string known;
  for (const PreTokenizerFamily &family : families) {
    if (family.name == name)
      return family;
    known += (known.empty() ? "" : ", ") + std::string(family.name);
  }
  throw Failure(NYALA_UNSUPPORTED,
                "unknown pre-tokenizer '" + std::string(name) + "': this runtime has " + known);
}

void PreTokenizer::CodeDeleter::operator()(pcre2_code *code) const { pcre2_code_free(code); }

PreTokenizer::PreTokenizer(std::span<const std::string_view> splits) {
  if (splits.size() > maxSplits)
    throw Failure(NYALA_UNSUPPORTED, "the pre-tokenizer has " + std::to_string(splits.size()) +
                                         " patterns, at most " + std::to_string(maxSplits) +
                                         " are supported");
  for (size_t i = 0; i < splits.size(); ++i) {
    auto fail = [&](const std::string &why) {
      throw Failure(NYALA_UNSUPPORTED,
                    "pattern " + std::to_string(i) + " of the pre-tokenizer: " + why);
    };
    if (splits[i].size() > maxPatternBytes)
      fail("it has " + std::to_string(splits[i].size()) + " bytes, at most " +
           std::to_string(maxPatternBytes) + " are supported");
    try {
      codes.emplace_back(compile(splits[i]));
    } catch (const Failure &failure) {
      if (failure.getStatus() == NYALA_OUT_OF_MEMORY)
        throw;
      fail(failure.what());
    }
    uint32_t matchesEmpty = 0;
    pcre2_pattern_info(codes.back().get(), PCRE2_INFO_MATCHEMPTY, &matchesEmpty);
    if (matchesEmpty)
      fail("it matches the empty text, expected one that matches a character at least");
    // Without machine code (a kernel that forbids writable and executable pages, for one) PCRE2
    // interprets the pattern: slower, same pieces.
    pcre2_jit_compile(codes.back().get(), PCRE2_JIT_COMPLETE);
  }
}

void PreTokenizer::split(std::string_view text, std::vector<std::string_view> &pieces) const {
  std::vector<std::string_view> current, next;
  if (!text.empty())
    current.push_back(text);
  for (const auto &code : codes) {
    Matcher matcher(code.get());
    next.clear();
    for (std::string_view piece : current)
      matcher.split(piece, next);
    std::swap(current, next);
  }
  pieces.insert(pieces.end(), current.begin(), current.end());
}

} // namespace nyala::rt
