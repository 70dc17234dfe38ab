#include "frontends/gguf/Architectures.h"

using namespace nyala::gguf;

llvm::ArrayRef<Architecture> nyala::gguf::getArchitectures() {
  static const Architecture architectures[] = {
      {"llama", buildLlama},
  };
  return architectures;
}
