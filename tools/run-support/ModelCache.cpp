//===- ModelCache.cpp - Compiled forms of models --------------------------===//

#include "tools/run-support/ModelCache.h"
#include "runtime/core/Status.h"
#include "tools/run-support/Interrupt.h"
#include "tools/run-support/Output.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fs = std::filesystem;

extern char **environ;

namespace nyala {
namespace {

bool isGguf(const std::string &path) {
  char magic[4] = {};
  std::ifstream(path, std::ios::binary).read(magic, sizeof(magic));
  return std::string_view(magic, sizeof(magic)) == "GGUF";
}

bool isDirectory(const std::string &path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

/// Changes whenever the file is another or has another content.
std::string identify(const fs::path &path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0)
    throw rt::Failure(NYALA_NOT_FOUND,
                      "cannot open '" + path.string() + "': " + rt::describeError(errno));
  return fs::absolute(path).string() + '\0' + std::to_string(info.st_size) + '\0' +
         std::to_string(info.st_mtim.tv_sec) + '.' + std::to_string(info.st_mtim.tv_nsec) + '\0' +
         std::to_string(info.st_dev) + ':' + std::to_string(info.st_ino) + '\0';
}

/// The same of all files of a checkpoint that the compiler may read: configuration, weights,
/// tokenizer, chat template.
std::string identifyDirectory(const fs::path &path) {
  std::set<fs::path> files;
  std::error_code error;
  for (const fs::directory_entry &entry : fs::directory_iterator(path, error))
    if (const fs::path extension = entry.path().extension();
        extension == ".json" || extension == ".safetensors" || extension == ".jinja")
      files.insert(entry.path());
  if (error)
    throw rt::Failure(NYALA_IO_ERROR,
                      "cannot open '" + path.string() + "': " + rt::describeError(error.value()));
  std::string identity = fs::absolute(path).string() + '\0';
  for (const fs::path &file : files)
    identity += identify(file);
  return identity;
}

/// Name and features of this machine's processor.
std::string identifyCpu() {
  std::ifstream file("/proc/cpuinfo");
  std::string line, cpu;
  while (std::getline(file, line) && !line.empty())
    if (line.starts_with("model name") || line.starts_with("flags"))
      cpu += line;
  return cpu;
}

fs::path findCompiler(const std::string &model) {
  const fs::path compiler = fs::read_symlink("/proc/self/exe").parent_path() / "nyala-compile";
  if (access(compiler.c_str(), X_OK) != 0)
    throw rt::Failure(NYALA_NOT_FOUND,
                      "'" + model + "' is a model that must be compiled first, but there is no '" +
                          compiler.string() +
                          "'; compile it where nyala-compile is, and use the .nyala file");
  return compiler;
}

fs::path getCacheFolder() {
  const char *cache = std::getenv("XDG_CACHE_HOME");
  const char *home = std::getenv("HOME");
  fs::path folder;
  if (cache && *cache == '/')
    folder = fs::path(cache) / "nyala";
  else if (home && *home)
    folder = fs::path(home) / ".cache" / "nyala";
  else
    throw rt::Failure(NYALA_IO_ERROR, "there is no folder to keep the compiled model in: set "
                                      "XDG_CACHE_HOME or HOME, or run nyala-compile yourself");
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw rt::Failure(NYALA_IO_ERROR,
                      "cannot create '" + folder.string() + "' to keep the compiled model in: " +
                          rt::describeError(error.value()) + "; set XDG_CACHE_HOME");
  return folder;
}

/// Runs the compiler, its standard output going to standard error. Returns its exit code.
int runCompiler(const fs::path &compiler, const std::string &model, const std::string &target,
                const std::string &output) {
  const std::string absolute = fs::absolute(model).string(); // a name may begin with '-'
  const std::string option = "--target=" + target;
  const char *arguments[] = {compiler.c_str(), absolute.c_str(), option.c_str(), "-o",
                             output.c_str(),   nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t child;
  const int error = posix_spawn(&child, compiler.c_str(), &actions, &attributes,
                                const_cast<char **>(arguments), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    throw rt::Failure(NYALA_IO_ERROR,
                      "cannot start '" + compiler.string() + "': " + rt::describeError(error));
  int status = 0;
  // An interrupt reaches the compiler too: wait for it to clean up and end.
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void compile(const std::string &model, const fs::path &compiler, const std::string &target,
             const fs::path &artifact) {
  writeMessage("compiling '" + model + "'; the result is kept as '" + artifact.string() + "'");
  fs::path aside = artifact;
  aside.replace_extension("." + std::to_string(getpid()));
  const int exitCode = runCompiler(compiler, model, target, aside);
  std::error_code ignored;
  if (exitCode != 0) {
    fs::remove(aside, ignored);
    throwIfInterrupted();
    throw CompilationFailed{exitCode == 130 ? 130 : 1};
  }
  std::error_code error;
  fs::rename(aside, artifact, error);
  if (error) {
    fs::remove(aside, ignored);
    throw rt::Failure(NYALA_IO_ERROR, "cannot write '" + artifact.string() +
                                          "': " + rt::describeError(error.value()));
  }
}

} // namespace

Model openModel(const std::string &path, const DeviceChoice &choice) {
  const bool directory = isDirectory(path);
  if (!directory && !isGguf(path))
    return Model(path, choice);
  const std::string target = choice.device.starts_with("cuda") ? "cuda" : "cpu";
  const fs::path compiler = findCompiler(path);
  const std::string key = (directory ? identifyDirectory(path) : identify(path)) +
                          identify(compiler) + identifyCpu() + target;
  const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
  char name[64];
  std::snprintf(name, sizeof(name), "%016llx%016llx.nyala",
                static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  const fs::path artifact = getCacheFolder() / name;
  if (fs::exists(artifact)) {
    try {
      return Model(artifact, choice);
    } catch (const rt::Failure &failure) {
      writeMessage("the compiled model that was kept is of no use: " + std::string(failure.what()));
    }
  }
  compile(path, compiler, target, artifact);
  return Model(artifact, choice);
}

} // namespace nyala
