//===- main.cpp - nyala-lsp-server: what editors ask about modules --------===//
#include "tools/RegisterAll.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "llvm/Support/LSP/Protocol.h"

#include <CLI/CLI.hpp>

int main(int argc, char **argv) {
  bool litTest = false;
  std::string log = "info";
  CLI::App app("Answers an editor's questions about modules (.mlir) by the language server\n"
               "protocol, on standard input and output: diagnostics, definitions, uses, hover.",
               "nyala-lsp-server");
  app.footer("docs/debugging.md says how editors start it.\n"
             "Exit codes: 0 the editor ended it, 1 the connection broke, 2 wrong usage.");
  app.set_version_flag("--version", "nyala-lsp-server " NYALA_VERSION);
  app.add_option("--log", log, "What goes to standard error")
      ->check(CLI::IsMember({"error", "info", "verbose"}))
      ->capture_default_str();
  app.add_flag("--lit-test", litTest,
               "For tests: messages are separated by lines '// -----', output is indented");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  mlir::DialectRegistry registry;
  nyala::registerAllDialects(registry);
  // The server reads its options by LLVM's parser, which would exit with 1 after wrong usage.
  std::string logOption = "--log=" + log, litOption = "--lit-test";
  std::vector<char *> arguments = {argv[0], logOption.data()};
  if (litTest)
    arguments.push_back(litOption.data());
  const int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  return mlir::failed(mlir::MlirLspServerMain(count, arguments.data(), registry)) ? 1 : 0;
}
