//===- SessionFileTest.cpp - Saved and restored sessions ------------------===//

#include "runtime/core/SessionFile.h"
#include "test/unit/runtime/SessionFixture.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <csignal>
#include <cstddef>
#include <gmock/gmock.h>
#include <sys/resource.h>

using namespace nyala::test;
using nyala::rt::SessionFileHeader;
using testing::HasSubstr;

namespace {

using Bytes = std::vector<uint8_t>;

class SessionFileTest : public SessionTest {
protected:
  std::string path() const { return directory.path("saved"); }
  nyala_status save() { return nyala_session_save(session, path().c_str()); }
  nyala_status restore() { return nyala_session_restore(session, path().c_str()); }
  Bytes read() const {
    std::ifstream file(path(), std::ios::binary);
    return Bytes((std::istreambuf_iterator<char>(file)), {});
  }
  std::string note() const {
    size_t length = 0;
    const char *bytes = nyala_session_note(session, &length);
    return {bytes, length};
  }
  /// Saves a session of `count` tokens and leaves it.
  void makeFile(size_t count) {
    open(makeToy());
    ASSERT_EQ(prefill(makeTokens(count)), NYALA_OK);
    ASSERT_EQ(save(), NYALA_OK) << nyala_last_error();
  }
  size_t countFiles() const {
    size_t count = 0;
    for ([[maybe_unused]] const auto &entry :
         std::filesystem::directory_iterator(std::filesystem::path(path()).parent_path()))
      ++count;
    return count;
  }

  /// Writes `file` and expects that a session refuses it and stays as it is.
  void expectRefused(const Bytes &file, nyala_status status, const std::string &message) {
    directory.write("saved", file);
    EXPECT_EQ(restore(), status) << message;
    EXPECT_THAT(nyala_last_error(), HasSubstr(message));
    EXPECT_THAT(nyala_last_error(), HasSubstr("saved'"));
    EXPECT_EQ(tokens(), (Tokens{4, 5, 6}));
    EXPECT_EQ(logits(), expectLogits({4, 5, 6}));
    EXPECT_EQ(note(), "old");
  }
};

/// Puts right checksums into a changed file.
Bytes sign(Bytes file, const std::function<void(SessionFileHeader &)> &change = nullptr) {
  SessionFileHeader header;
  std::memcpy(&header, file.data(), sizeof(header));
  if (change)
    change(header);
  header.contentChecksum = XXH3_64bits(file.data() + sizeof(header), file.size() - sizeof(header));
  header.headerChecksum = XXH3_64bits(&header, offsetof(SessionFileHeader, headerChecksum));
  std::memcpy(file.data(), &header, sizeof(header));
  return file;
}

TEST_F(SessionFileTest, GoesOnAsIfNothingHadHappened) {
  for (size_t count : {1, 8, 21, 64}) {
    makeFile(count);
    const float lastCount = countLastKernel();
    open(makeToy(), 0, 3);
    ASSERT_EQ(restore(), NYALA_OK) << nyala_last_error();
    Tokens expected = makeTokens(count);
    EXPECT_EQ(tokens(), expected);
    EXPECT_EQ(logits(), expectLogits(expected));
    EXPECT_EQ(countLastKernel(), lastCount);
    int32_t token = -1;
    ASSERT_EQ(nyala_session_sample(session, &token), NYALA_OK);
    if (count == 64)
      continue;
    ASSERT_EQ(nyala_session_decode(session, 5), NYALA_OK);
    expected.push_back(5);
    EXPECT_EQ(logits(), expectLogits(expected));
    EXPECT_EQ(countLastKernel(), lastCount + 1); // a state as well
  }
}

TEST_F(SessionFileTest, HoldsOnlyWhatIsFilled) {
  ArtifactSpec spec = makeToy();
  spec.states[0].sequences = 3;
  spec.states[0].slots = 1000;
  open(spec);
  ASSERT_EQ(prefill(makeTokens(7)), NYALA_OK);
  ASSERT_EQ(nyala_session_set_note(session, "a\0b", 3), NYALA_OK);
  ASSERT_EQ(save(), NYALA_OK) << nyala_last_error();
  EXPECT_EQ(read().size(), 64 + 7 * 4 + toyVocabulary * 4u + 7 * (toySlotBytes + 4u) + 3);
  ASSERT_EQ(nyala_session_rollback(session, 5), NYALA_OK);
  ASSERT_EQ(save(), NYALA_OK);
  EXPECT_EQ(read().size(), 64 + 5 * 4 + 5 * (toySlotBytes + 4u) + 3) << "no logits";
  ASSERT_EQ(prefill(makeTokens(9)), NYALA_OK);
  ASSERT_EQ(nyala_session_set_note(session, nullptr, 0), NYALA_OK);
  ASSERT_EQ(restore(), NYALA_OK) << nyala_last_error();
  EXPECT_EQ(tokens(), makeTokens(5));
  EXPECT_EQ(nyala_session_logits(session), nullptr);
  EXPECT_EQ(note(), std::string("a\0b", 3));
  ASSERT_EQ(nyala_session_rollback(session, 0), NYALA_OK);
  ASSERT_EQ(save(), NYALA_OK);
  ASSERT_EQ(prefill(makeTokens(9)), NYALA_OK);
  ASSERT_EQ(restore(), NYALA_OK) << nyala_last_error();
  EXPECT_EQ(nyala_session_position(session), 0u);
}

// More than one piece of checksumming and reading.
TEST_F(SessionFileTest, LongSession) {
  open(makeToy(40000, 64));
  const Tokens all = makeTokens(200);
  ASSERT_EQ(prefill(all), NYALA_OK);
  const Bytes note(3 << 20, 'n');
  ASSERT_EQ(
      nyala_session_set_note(session, reinterpret_cast<const char *>(note.data()), note.size()),
      NYALA_OK);
  ASSERT_EQ(save(), NYALA_OK);
  ASSERT_EQ(nyala_session_rollback(session, 3), NYALA_OK);
  ASSERT_EQ(nyala_session_set_note(session, "", 0), NYALA_OK);
  ASSERT_EQ(restore(), NYALA_OK) << nyala_last_error();
  EXPECT_EQ(logits(), expectLogits(all));
  EXPECT_EQ(this->note(), std::string(note.begin(), note.end()));
}

TEST_F(SessionFileTest, RefusesAndStaysAsItIs) {
  makeFile(21);
  const Bytes good = read();
  open(makeToy());
  ASSERT_EQ(prefill({4, 5, 6}), NYALA_OK);
  ASSERT_EQ(nyala_session_set_note(session, "old", 3), NYALA_OK);

  expectRefused({}, NYALA_CORRUPT, "is not a saved session");
  for (size_t size : {size_t(8), size_t(63), size_t(64), size_t(100), good.size() - 1})
    expectRefused(Bytes(good.begin(), good.begin() + size), NYALA_CORRUPT, "is truncated");
  Bytes file = good;
  file.push_back(0);
  expectRefused(file, NYALA_CORRUPT, "is altered");
  for (size_t i = 0; i < good.size(); i += i < 64 ? 1 : 13) {
    file = good;
    file[i] ^= 0x10;
    expectRefused(file, i >= 8 && i < 12 ? NYALA_VERSION : NYALA_CORRUPT,
                  i < 8    ? "is not a saved session"
                  : i < 12 ? "session format"
                           : "is altered");
  }
  expectRefused(sign(good, [](auto &header) { header.version = 2; }), NYALA_VERSION,
                "session format 2, this runtime reads 1");
  expectRefused(sign(good, [](auto &header) { ++header.slotBytes; }), NYALA_CORRUPT, "malformed");
  expectRefused(sign(good, [](auto &header) { --header.logits; }), NYALA_CORRUPT, "malformed");
  expectRefused(sign(good, [](auto &header) { header.positions = 65; }), NYALA_CONTEXT_FULL,
                "65 positions");
  expectRefused(sign(good, [](auto &header) { header.noteBytes = ~uint64_t(0); }), NYALA_CORRUPT,
                "is truncated");
  file = good;
  file[sizeof(SessionFileHeader) + 20 * 4 + 3] = 0x80; // the last token
  expectRefused(sign(file), NYALA_CORRUPT, "a token is out of range");
  directory.write("saved", good);
  EXPECT_EQ(restore(), NYALA_OK) << nyala_last_error();
  EXPECT_EQ(logits(), expectLogits(makeTokens(21)));
}

TEST_F(SessionFileTest, BelongsToItsModel) {
  makeFile(21);
  // Other weights, and nothing else.
  ArtifactSpec spec = makeToy();
  ++spec.weightBytes[0];
  open(spec);
  EXPECT_EQ(restore(), NYALA_OTHER_MODEL);
  EXPECT_THAT(nyala_last_error(), HasSubstr("was saved with another model"));
  open(makeToy(64, 16));
  EXPECT_EQ(restore(), NYALA_OTHER_MODEL);
  // The same model, a shorter session.
  open(makeToy(), 20);
  EXPECT_EQ(restore(), NYALA_CONTEXT_FULL);
  EXPECT_THAT(nyala_last_error(), HasSubstr("21 positions, the session's context 20"));
  open(makeToy(), 21);
  EXPECT_EQ(restore(), NYALA_OK);
}

TEST_F(SessionFileTest, PlacesThatCannotBeUsed) {
  makeFile(5);
  const auto refuse = [&](const std::string &path, const std::string &message) {
    EXPECT_EQ(nyala_session_save(session, path.c_str()), NYALA_IO_ERROR) << path;
    EXPECT_THAT(nyala_last_error(), HasSubstr("cannot write '" + path + "': " + message));
  };
  refuse(directory.path("missing/saved"), "no such file or directory");
  refuse(directory.path(""), "it is a directory");
  refuse("/dev/full", "it is not a regular file");
  EXPECT_EQ(nyala_session_restore(session, directory.path("none").c_str()), NYALA_NOT_FOUND);
  EXPECT_EQ(nyala_session_restore(session, directory.path("").c_str()), NYALA_IO_ERROR);
  EXPECT_EQ(nyala_session_restore(session, directory.path("toy.nyala").c_str()), NYALA_CORRUPT);
  EXPECT_EQ(nyala_session_save(session, nullptr), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_save(nullptr, "x"), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_session_restore(nullptr, "x"), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(tokens(), makeTokens(5));
}

constexpr auto privateFile =
    std::filesystem::perms::owner_read | std::filesystem::perms::owner_write;

// A limit on the size of files stands for a full disk.
TEST_F(SessionFileTest, AFailedSaveLeavesTheOldFile) {
  makeFile(5);
  const Bytes old = read();
  std::filesystem::permissions(path(), privateFile);
  const size_t files = countFiles();
  ASSERT_EQ(prefill(makeTokens(30)), NYALA_OK);
  rlimit saved;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &saved), 0);
  const rlimit small = {2000, saved.rlim_max};
  auto *const handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_EQ(save(), NYALA_IO_ERROR);
  setrlimit(RLIMIT_FSIZE, &saved);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(nyala_last_error(), HasSubstr("file too large"));
  EXPECT_EQ(read(), old);
  EXPECT_EQ(countFiles(), files);
  EXPECT_EQ(save(), NYALA_OK);
  EXPECT_NE(read(), old);
  EXPECT_EQ(countFiles(), files);
  EXPECT_EQ(std::filesystem::status(path()).permissions(), privateFile);
}

} // namespace
