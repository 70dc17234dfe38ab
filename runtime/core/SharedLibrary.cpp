//===- SharedLibrary.cpp - A library that is loaded at run time -----------===//

#include "runtime/core/SharedLibrary.h"

#include <dlfcn.h>

namespace nyala::rt {

SharedLibrary::SharedLibrary(const std::string &name, std::string &error)
    : handle(dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (!handle)
    error = dlerror();
}

void *SharedLibrary::find(const char *symbol) const { return dlsym(handle, symbol); }

} // namespace nyala::rt
