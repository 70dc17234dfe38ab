// Reads a model and prints it as a module of the nyala dialect.
#include "tools/nyala-import/ImportTool.h"

#include <CLI/CLI.hpp>

/// Parses "seq=16".
static void addSize(const std::string &text, nyala::ModelSizes &sizes) {
  size_t equals = text.find('=');
  int64_t number = 0;
  if (equals == std::string::npos || !CLI::detail::lexical_cast(text.substr(equals + 1), number) ||
      number < 1)
    throw CLI::ValidationError("--size", "expected NAME=NUMBER, got '" + text + "'");
  sizes.named[text.substr(0, equals)] = number;
}

int main(int argc, char **argv) {
  nyala::ImportOptions options;
  CLI::App app(
      "Reads a model and prints it as a module of the nyala dialect: the function @forward,\n"
      "and weights that refer to their files. Models: GGUF files, directories of\n"
      "Hugging Face checkpoints (config.json and safetensors), and ONNX graphs.",
      "nyala-import");
  app.footer("Examples:\n"
             "  nyala-import model.gguf | less\n"
             "  nyala-import model.gguf -o model.mlir && nyala-opt model.mlir\n"
             "  nyala-import resnet50.onnx --batch 32 -o resnet50.mlir\n"
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
  std::vector<std::string> sizes;
  app.add_option("--batch", options.sizes.batch,
                 "Images or sequences that an ONNX graph computes at once, whose shapes are static "
                 "(default: as the file says, else 1)")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 20));
  app.add_option("--size", sizes, "Sizes of dimensions that an ONNX graph has by name")
      ->delimiter(',')
      ->type_name("NAME=NUMBER[,...]");
  try {
    app.parse(argc, argv);
    for (const std::string &size : sizes)
      addSize(size, options.sizes);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return nyala::runImport(options);
}
