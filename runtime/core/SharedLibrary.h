//===- SharedLibrary.h - A library that is loaded at run time ---*- C++ -*-===//
#ifndef NYALA_RUNTIME_CORE_SHAREDLIBRARY_H
#define NYALA_RUNTIME_CORE_SHAREDLIBRARY_H

#include <string>

namespace nyala::rt {

/// Empty, or loaded. The library stays loaded when all copies are gone: libraries of drivers leave
/// threads and handlers behind that need their code.
class SharedLibrary {
public:
  /// Loads a file, or what the system finds by that name. If it cannot be loaded it stays empty,
  /// and `error` is what the system says.
  SharedLibrary(const std::string &name, std::string &error);

  explicit operator bool() const { return handle; }
  /// Sets `function` to the library's function of that name. False if it has none.
  template <typename Function> bool find(const char *symbol, Function *&function) const {
    function = reinterpret_cast<Function *>(find(symbol));
    return function;
  }

private:
  void *find(const char *symbol) const;

  void *handle;
};

} // namespace nyala::rt

#endif // NYALA_RUNTIME_CORE_SHAREDLIBRARY_H
