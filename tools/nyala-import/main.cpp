// Reads a model and prints it as a module of the nyala dialect.
#include "tools/nyala-import/ImportTool.h"

#include <CLI/CLI.hpp>

int main(int argc, char **argv) {
  nyala::ImportOptions options;
  CLI::App app(
      "Reads a model and prints it as a module of the nyala dialect: the function @forward,\n"
      "and weights that refer to their files. Models: GGUF files, and directories of\n"
      "Hugging Face checkpoints (config.json and safetensors).",
      "nyala-import");
  app.footer("Examples:\n"
             "  nyala-import model.gguf | less\n"
             "  nyala-import model.gguf -o model.mlir && nyala-opt model.mlir\n"
             "Exit codes: 0 done, 1 error in the model or the environment, 2 wrong usage.");
  app.set_version_flag("--version", "nyala-import " NYALA_VERSION);
  app.add_option("model", options.model, "The model file or directory")
      ->required()
      ->type_name("PATH");
  app.add_option("-o,--output", options.output,
                 "Where to write the module; replaced only when complete (default: standard "
                 "output)")
      ->type_name("FILE");
  app.add_flag("--emit-bytecode", options.bytecode,
               "Write MLIR bytecode, which keeps locations, instead of text");
  app.add_flag("--locations", options.locations,
               "Print each operation's location: the part of the model that it comes from");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return nyala::runImport(options);
}
