#include "ir/storage/MappedFile.h"
#include "ir/storage/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string_view>

#include <sys/stat.h>
#include <unistd.h>

using namespace nyala;

namespace {

class MappedFileTest : public testing::Test {
protected:
  void SetUp() override {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  /// A new file each time: one that is mapped must not be overwritten.
  std::string write(const std::string &text) {
    std::string path = folder + "/" + std::to_string(++files);
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  static std::string getError(const std::string &path) {
    try {
      MappedFile file(path);
    } catch (const Error &error) {
      return error.what();
    }
    return "no error";
  }
  static std::string_view getText(const MappedFile &file) {
    return {reinterpret_cast<const char *>(file.bytes().data()), file.bytes().size()};
  }

  int files = 0;
  std::string folder = testing::TempDir() + "nyala-mapped-file-" + std::to_string(getpid());
};

TEST_F(MappedFileTest, ShowsTheBytes) {
  std::string path = write("hello");
  MappedFile file(path);
  EXPECT_EQ(getText(file), "hello");
  EXPECT_EQ(file.getPath(), path);
}

TEST_F(MappedFileTest, EmptyFile) {
  MappedFile file(write(""));
  EXPECT_TRUE(file.bytes().empty());
  file.release(0, 1);
}

TEST_F(MappedFileTest, Moves) {
  MappedFile first(write("hello"));
  const uint8_t *data = first.bytes().data();
  MappedFile second(std::move(first));
  EXPECT_EQ(second.bytes().data(), data);
  MappedFile third(write(""));
  third = std::move(second);
  EXPECT_EQ(third.bytes().data(), data);
  EXPECT_EQ(getText(third), "hello");
}

TEST_F(MappedFileTest, ReleasedBytesStayReadable) {
  std::string text(100'000, 'x');
  text[50'000] = 'y';
  MappedFile file(write(text));
  EXPECT_EQ(getText(file), text);
  constexpr size_t most = std::numeric_limits<size_t>::max();
  for (auto [offset, length] : {std::pair<size_t, size_t>{0, 100'000},
                                {5000, 10},
                                {99'999, most},
                                {0, most},
                                {100'000, 1},
                                {most, most},
                                {0, 0}}) {
    file.release(offset, length);
    EXPECT_EQ(getText(file), text);
  }
}

TEST_F(MappedFileTest, Errors) {
  EXPECT_EQ(getError(folder + "/none"),
            "cannot open '" + folder + "/none': no such file or directory");
  EXPECT_EQ(getError(folder), "cannot open '" + folder + "': is a directory, expected a file");
  EXPECT_EQ(getError(""), "cannot open '': no such file or directory");
  EXPECT_THAT(getError("/dev/null"), testing::HasSubstr("not a regular file"));
}

TEST_F(MappedFileTest, DoesNotWaitForTheWriterOfAPipe) {
  std::string path = folder + "/pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(getError(path), testing::HasSubstr("not a regular file"));
}

} // namespace
