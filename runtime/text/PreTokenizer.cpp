#include "runtime/text/PreTokenizer.h"

#include "runtime/core/Status.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cstdint>
#include <limits>
#include <string>

// What stands inside of a bracketed class. PCRE2's \s has U+180E, which is no white space since
// Unicode 6.3, so the property White_Space is listed.
#define SPACE                                                                                      \
  R"(\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})"

// PCRE2 10.42 knows Unicode 14. These ranges became letters and numbers in 15.0, 15.1 and 16.0;
// with them every PCRE2 from 10.42 on agrees with tokenizers 0.23 on all that Unicode 16 assigns.
#define LETTER                                                                                     \
  R"(\p{L}\x{1C89}\x{1C8A}\x{A7CB}-\x{A7CD}\x{A7DA}-\x{A7DC}\x{105C0}-\x{105F3})"                  \
  R"(\x{10D4A}-\x{10D65}\x{10D6F}-\x{10D85}\x{10EC2}-\x{10EC4}\x{1123F}\x{11240})"                 \
  R"(\x{11380}-\x{11389}\x{1138B}\x{1138E}\x{11390}-\x{113B5}\x{113B7}\x{113D1}\x{113D3})"         \
  R"(\x{11BC0}-\x{11BE0}\x{11F02}\x{11F04}-\x{11F10}\x{11F12}-\x{11F33}\x{1342F})"                 \
  R"(\x{13441}-\x{13446}\x{13460}-\x{143FA}\x{16100}-\x{1611D}\x{16D40}-\x{16D6C}\x{18CFF})"       \
  R"(\x{1B132}\x{1B155}\x{1DF25}-\x{1DF2A}\x{1E030}-\x{1E06D}\x{1E4D0}-\x{1E4EB})"                 \
  R"(\x{1E5D0}-\x{1E5ED}\x{1E5F0}\x{2B739}\x{2EBF0}-\x{2EE5D}\x{31350}-\x{323AF})"
#define NUMBER                                                                                     \
  R"(\p{N}\x{10D40}-\x{10D49}\x{116D0}-\x{116E3}\x{11BF0}-\x{11BF9}\x{11F50}-\x{11F59})"           \
  R"(\x{16130}-\x{16139}\x{16D70}-\x{16D79}\x{1CCF0}-\x{1CCF9}\x{1D2C0}-\x{1D2D3})"                \
  R"(\x{1E4F0}-\x{1E4F9}\x{1E5F1}-\x{1E5FA})"
// What SmolLM's digit splitter sees as numbers follows the Rust library: Unicode 17.
#define DIGIT NUMBER R"(\x{11DE0}-\x{11DE9}\x{16FF4}-\x{16FF6})"

namespace nyala::rt {
namespace {

struct Family {
  std::string_view name;
  const char *pattern; ///< matches a piece at the current position of any text
  bool ignoreMerges;
};

#define GPT2_WORDS "'s|'t|'re|'ve|'m|'ll|'d| ?[" LETTER "]+"
// Llama 3 and Qwen 2 differ only in how many digits stay together.
#define NEWER_PATTERN(digits)                                                                      \
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n" LETTER NUMBER "]?[" LETTER "]+|[" NUMBER "]" digits      \
  "| ?[^" SPACE LETTER NUMBER "]+[\\r\\n]*|[" SPACE "]*[\\r\\n]+|[" SPACE "]+(?![^" SPACE          \
  "])|[" SPACE "]+"

constexpr Family families[] = {
    // Numbers are cut out one by one first, and what is between them goes through GPT-2's pattern;
    // so a number ends a run of white space as the end of the text does.
    {"smollm",
     "[" DIGIT "]|" GPT2_WORDS "| ?[^" SPACE LETTER DIGIT "]+|[" SPACE "]+(?![^" SPACE DIGIT
     "])|[" SPACE "]+",
     false},
    {"gpt-2",
     GPT2_WORDS "| ?[" NUMBER "]+| ?[^" SPACE LETTER NUMBER "]+|[" SPACE "]+(?![^" SPACE
                "])|[" SPACE "]+",
     false},
    {"llama-bpe", NEWER_PATTERN("{1,3}"), true},
    {"qwen2", NEWER_PATTERN(""), false},
};

std::string describe(int error) {
  PCRE2_UCHAR message[256];
  if (pcre2_get_error_message(error, message, sizeof message) < 0)
    return "error " + std::to_string(error);
  return reinterpret_cast<const char *>(message);
}

} // namespace

void PreTokenizer::CodeDeleter::operator()(pcre2_code *code) const { pcre2_code_free(code); }

PreTokenizer::PreTokenizer(std::string_view name) {
  const Family *family = nullptr;
  std::string known;
  for (const Family &candidate : families) {
    if (candidate.name == name)
      family = &candidate;
    known += (known.empty() ? "" : ", ") + std::string(candidate.name);
  }
  if (!family)
    throw Failure(NYALA_UNSUPPORTED,
                  "unknown pre-tokenizer '" + std::string(name) + "': this runtime has " + known);
  ignoreMerges = family->ignoreMerges;

  int error = 0;
  PCRE2_SIZE offset = 0;
  code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(family->pattern), PCRE2_ZERO_TERMINATED,
                           PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED, &error, &offset, nullptr));
  if (!code)
    throw Failure(NYALA_UNSUPPORTED, "the system's PCRE2 library cannot compile the pattern of "
                                     "pre-tokenizer '" +
                                         std::string(name) + "': " + describe(error));
  // Without machine code (a kernel that forbids writable and executable pages, for one) PCRE2
  // interprets the pattern: slower, same pieces.
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);
}

void PreTokenizer::split(std::string_view text, std::vector<std::string_view> &pieces) const {
  struct Deleter {
    void operator()(pcre2_match_data *data) const { pcre2_match_data_free(data); }
    void operator()(pcre2_match_context *context) const { pcre2_match_context_free(context); }
  };
  std::unique_ptr<pcre2_match_data, Deleter> data(pcre2_match_data_create(1, nullptr));
  std::unique_ptr<pcre2_match_context, Deleter> context(pcre2_match_context_create(nullptr));
  if (!data || !context)
    throw Failure(NYALA_OUT_OF_MEMORY, "out of memory while tokenizing");
  // The patterns backtrack only over one run of white space, so the work is linear in the text and
  // needs no limit; PCRE2's own would refuse runs of some million blanks.
  pcre2_set_match_limit(context.get(), std::numeric_limits<uint32_t>::max());

  auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  const PCRE2_SIZE *span = pcre2_get_ovector_pointer(data.get());
  size_t offset = 0;
  while (offset < text.size()) {
    int found = pcre2_match(code.get(), subject, text.size(), offset, PCRE2_NO_UTF_CHECK,
                            data.get(), context.get());
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
      found = pcre2_match(code.get(), subject, text.size(), offset,
                          PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data.get(), context.get());
    if (found < 0 || span[1] <= offset)
      throw Failure(found == PCRE2_ERROR_NOMEMORY ? NYALA_OUT_OF_MEMORY : NYALA_INVALID_TEXT,
                    "cannot split the text into pieces: " +
                        (found < 0 ? describe(found) : "the pattern matched nothing"));
    pieces.push_back(text.substr(offset, span[1] - offset));
    offset = span[1];
  }
}

} // namespace nyala::rt
