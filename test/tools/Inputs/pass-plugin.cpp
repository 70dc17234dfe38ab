// The passes that new-pass.test makes, for nyala-opt --load-pass-plugin.
#include "passes/CombineConsecutiveQuantizations.cpp"
#include "passes/FoldScales.cpp"

#include "mlir/Tools/Plugins/PassPlugin.h"

extern "C" mlir::PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "new-pass", "1", [] {
            nyala::registerCombineConsecutiveQuantizations();
            nyala::registerFoldScales();
          }};
}
