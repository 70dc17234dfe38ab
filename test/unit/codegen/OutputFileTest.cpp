#include "codegen/package/OutputFile.h"
#include "ir/storage/Error.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

using namespace nyala;
using namespace nyala::package;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

namespace {

class OutputFileTest : public ::testing::Test {
protected:
  OutputFileTest() {
    std::string pattern = (fs::temp_directory_path() / "nyala-output-XXXXXX").string();
    folder = mkdtemp(pattern.data());
  }
  ~OutputFileTest() override { fs::remove_all(folder); }

  std::string path(const std::string &name = "out") const { return (folder / name).string(); }
  static std::string read(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static llvm::ArrayRef<uint8_t> bytes(std::string_view text) {
    return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
  }
  std::vector<std::string> list() const {
    std::vector<std::string> names;
    for (const auto &entry : fs::directory_iterator(folder))
      names.push_back(entry.path().filename().string());
    return names;
  }
  static std::string errorOf(const std::function<void()> &action) {
    try {
      action();
    } catch (const Error &error) {
      return error.what();
    }
    return "no error";
  }

  fs::path folder;
};

TEST_F(OutputFileTest, AppearsWhenCommitted) {
  OutputFile file(path());
  file.write(4, bytes("world"));
  file.write(0, bytes("a"));
  EXPECT_FALSE(fs::exists(path()));
  file.commit();
  EXPECT_EQ(read(path()), std::string("a\0\0\0world", 9));
  EXPECT_EQ(list(), std::vector<std::string>{"out"});
  struct stat status;
  ASSERT_EQ(stat(path().c_str(), &status), 0);
  mode_t mask = umask(0);
  umask(mask);
  EXPECT_EQ(status.st_mode & 0777, 0666 & ~mask);
}

TEST_F(OutputFileTest, LeavesNothingUncommitted) {
  std::ofstream(path()) << "before";
  {
    OutputFile file(path());
    file.write(0, bytes("half"));
  }
  EXPECT_EQ(read(path()), "before");
  EXPECT_EQ(list(), std::vector<std::string>{"out"});
}

TEST_F(OutputFileTest, ReplacesWhatIsThere) {
  std::ofstream(path()) << "before, and longer";
  OutputFile file(path());
  file.write(0, bytes("after"));
  file.commit();
  EXPECT_EQ(read(path()), "after");
}

TEST_F(OutputFileTest, FoldersThatCannotBeWrittenTo) {
  EXPECT_THAT(errorOf([&] { OutputFile file(path("absent/out")); }),
              HasSubstr("cannot write '" + path("absent/out") + "': no such file or directory"));
  std::ofstream(path("file")) << "x";
  EXPECT_THAT(errorOf([&] { OutputFile file(path("file/out")); }), HasSubstr("cannot write"));
  EXPECT_THAT(errorOf([] { OutputFile file("/proc/nyala-out"); }), HasSubstr("cannot write"));
}

TEST_F(OutputFileTest, NeverReplacesFoldersAndDevices) {
  fs::create_directory(path("folder"));
  EXPECT_THAT(errorOf([&] { OutputFile file(path("folder")); }), HasSubstr("is a directory"));
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(errorOf([&] { OutputFile file(path("pipe")); }), HasSubstr("is not a regular file"));
  fs::create_symlink("/dev/null", path("link"));
  EXPECT_THAT(errorOf([&] { OutputFile file(path("link")); }), HasSubstr("is not a regular file"));
  EXPECT_TRUE(fs::is_symlink(path("link")));
}

} // namespace
