//===- FuzzArtifact.cpp - Hostile artifacts -------------------------------===//
//
// The input is a header and a program (ArtifactCase.h). What the loader lets
// pass is used as programs use it through nyala.h, up to a session and a trainer that
// are ready to run; kernels do not run: they are machine code, which has to be trusted.
//
//===----------------------------------------------------------------------===//

#include "runtime/artifact_generated.h"
#include "runtime/nyala.h"
#include "test/fuzz/ArtifactCase.h"
#include "test/fuzz/MemoryFile.h"
#include "test/fuzz/ProgramMutator.h"

#include <bit>

using namespace nyala::test;

/// A function of the API succeeds or says why not.
static bool check(nyala_status status) {
  if (status != NYALA_OK && *nyala_last_error() == '\0')
    std::abort();
  return status == NYALA_OK;
}

static void useText(const nyala_model *model) {
  const std::string_view text = "abba<|end|>hgfedc<|start|>"; // in the alphabet of the seeds
  size_t count = 0;
  for (bool special : {false, true})
    check(nyala_tokenize(model, text.data(), text.size(), special, nullptr, 0, &count));
  for (int32_t id = -1; id < 1000; ++id) {
    size_t length = 0;
    nyala_token_bytes(model, id, true, &length);
    nyala_model_is_stop(model, id);
  }
  const nyala_message messages[] = {{"system", "Be kind."}, {"user", "Who are you?"}};
  check(nyala_chat_format(model, messages, std::size(messages), true, nullptr, 0, &count));
}

static void useConstraint(const nyala_model *model) {
  const std::string_view json = R"({"a": 1, "ba": "x", "head": [{"b c": 2.5}]})";
  nyala_data *data = nullptr;
  if (!check(nyala_data_parse(json.data(), json.size(), &data)))
    std::abort();
  nyala_constraint *constraint = nullptr;
  if (check(nyala_constraint_create_references(model, data, &constraint)))
    // As long as there is something to take.
    for (size_t left = 20; left > 0; --left) {
      const uint64_t *mask = nullptr;
      size_t words = 0, word = 0;
      if (!check(nyala_constraint_mask(constraint, left, &mask, &words)))
        std::abort();
      while (word < words && mask[word] == 0)
        ++word;
      if (word == words)
        std::abort();
      // The brace's own token, where it is one, leads into references.
      const bool opens = mask['{' / 64] >> ('{' % 64) & 1;
      const auto token =
          opens ? '{' : static_cast<int32_t>(64 * word + std::countr_zero(mask[word]));
      if (nyala_model_is_stop(model, token))
        break;
      if (!check(nyala_constraint_advance(constraint, token)))
        std::abort();
    }
  nyala_constraint_close(constraint);
  nyala_data_close(data);
}

static void useTrainer(const nyala_model *model) {
  const nyala_trainer_options options = {1};
  nyala_trainer *trainer = nullptr;
  if (!check(nyala_trainer_create(model, &options, &trainer)))
    return;
  nyala_trainer_info info;
  nyala_trainer_get_info(trainer, &info);
  for (uint32_t i = 0; i < info.states; ++i) {
    nyala_trainer_state state;
    if (!check(nyala_trainer_get_state(trainer, i, &state)))
      std::abort();
    state.values[0] = state.values[state.rows * state.columns - 1] = 1;
  }
  nyala_trainer_close(trainer);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const MemoryFile file(makeArtifactFile({data, size}));
  nyala_model *model = nullptr;
  if (!check(nyala_model_open(file.getPath().c_str(), &model)))
    return 0;
  nyala_model_info info;
  nyala_model_get_info(model, &info);
  nyala_model_metadata(model, "general.name");
  useText(model);
  useConstraint(model);

  const nyala_session_options options = {0, 1, 0};
  nyala_session *session = nullptr;
  if (check(nyala_session_create(model, &options, &session)) &&
      nyala_session_context(session) != info.context)
    std::abort();
  nyala_session_close(session);
  useTrainer(model);
  nyala_model_close(model);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize,
                                          unsigned seed) {
  Mutator mutator(seed);
  constexpr size_t header = sizeof(nyala_artifact_header);
  // Tables that share parts unpack to many times their size.
  constexpr size_t mostBytes = 1 << 14;
  if (size < header || mutator.pick(32) == 0)
    return LLVMFuzzerMutate(data, size, maxSize);
  uint8_t *program = data + header;
  flatbuffers::Verifier verifier(program, size - header);
  if (size > mostBytes || mutator.pick(4) == 0 || !nyala::artifact::VerifyArtifactBuffer(verifier))
    return header + LLVMFuzzerMutate(program, size - header, maxSize - header);

  const std::vector<uint8_t> changed = mutateProgram(program, mutator);
  if (changed.size() > maxSize - header)
    return LLVMFuzzerMutate(data, size, maxSize);
  std::ranges::copy(changed, program);
  return header + changed.size();
}
