//===- CommandLine.cpp - Options of nyala-compile -------------------------===//
#include "tools/run-support/CommandLine.h"
#include "codegen/cpu/CpuTarget.h"
#include "runtime/devices/cpu/ThreadPool.h"
#include "tools/nyala-compile/Compiler.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

using namespace nyala;

/// What CLI11 cannot say of options that need one another.
static void checkSharing(const CompileOptions &options, bool shares) {
  if (!shares && !options.shareKvSource.empty())
    throw CLI::RequiresError("--share-kv-source", "--share-kv");
  if (!shares && !options.calibration.empty())
    throw CLI::RequiresError("--calibration", "--share-kv");
  if (options.sharing.search != -1 && options.calibration.empty())
    throw CLI::RequiresError("--share-kv=search:CACHES", "--calibration");
  if (shares && options.resume && options.from != Phase::Input)
    throw CLI::ValidationError("--share-kv",
                               "works on the phase input: what is resumed from is past it");
}

/// The devices of --target, and what they alone can do.
static void checkDevices(const CLI::App &app, CompileOptions &options,
                         const std::vector<std::string> &devices) {
  auto has = [&](const char *name) {
    return std::find(devices.begin(), devices.end(), name) != devices.end();
  };
  options.forCpu = has("cpu");
  options.forCuda = has("cuda");
  auto refuse = [&](const char *option, const char *target) {
    if (app.count(option) > 0)
      throw CLI::ValidationError(option, std::string("needs --target=") + target);
  };
  // What a module to resume from is for stands in it.
  if (!options.forCpu)
    refuse("--cpu", "cpu or --target=cpu,cuda");
  if (!options.forCuda && !options.resume)
    for (const char *option : {"--cuda-arch", "--ptxas", "--ptx-only"})
      refuse(option, "cuda or --target=cpu,cuda");
  if (options.forCpu && options.arithmetic == "bf16")
    throw CLI::ValidationError("--arithmetic=bf16", "is for GPUs alone: give --target=cuda");
  if (options.forCpu && options.absentWeights)
    throw CLI::ValidationError("--weights=none", "is for GPUs alone: give --target=cuda");
}

/// What options of a step, and of inference, may stand beside.
static void checkStep(const CLI::App &app, const CompileOptions &options,
                      const std::vector<CLI::Option *> &stepOptions) {
  if (options.isStep && options.resume)
    throw CLI::ValidationError("--training-step",
                               "works on the phase input: what is resumed from is past it");
  bool resumesBefore =
      options.resume && options.from > Phase::Input && options.from < Phase::Program;
  if (options.step.memory.budget && !options.isStep && !resumesBefore)
    throw CLI::ValidationError("--memory-budget", "is of a training step: give --training-step="
                                                  "cross-entropy, or resume from the module of one "
                                                  "before the phase program");
  for (const CLI::Option *option : stepOptions)
    if (option->count() > 0 && !options.isStep)
      throw CLI::RequiresError(option->get_name(), "--training-step");
  if (!options.isStep)
    return;
  for (const char *option : {"--arithmetic", "--kv-type", "--calibration", "--context",
                             "--prefill-rows", "--sequences", "--skip-prefill-tail", "--weights"})
    if (app.count(option) > 0)
      throw CLI::ValidationError(option, "is of inference, not of a training step");
  if (options.sharing.search != -1)
    throw CLI::ValidationError("--share-kv", "a search is of inference; give a number of layers or "
                                             "a map");
  if (options.forCuda)
    throw CLI::ValidationError("--target", "training steps are for CPUs alone");
}

std::optional<int> nyala::parseCommandLine(int argc, char **argv, CompileOptions &options) {
  const std::map<std::string, Phase> phases{{"input", Phase::Input},
                                            {"model", Phase::Model},
                                            {"dispatch", Phase::Dispatch},
                                            {"kernel", Phase::Kernel},
                                            {"program", Phase::Program}};
  const CLI::IsMember isPhase({"input", "model", "dispatch", "kernel", "program"});
  std::string from, to;
  std::string weights = "inline", shareKv;
  std::vector<std::string> devices{"cpu"};
  CLI::App app(
      "Compiles a model ahead of time. Models: GGUF files, and directories of Hugging Face "
      "checkpoints\n(config.json and safetensors); with --weights=none, a config.json alone.",
      "nyala-compile");
  app.footer("Examples:\n"
             "  nyala-compile model.gguf -o model.nyala && nyala-run model.nyala -p 'Hello'\n"
             "  nyala-compile SmolLM2-135M-Instruct/ -o model.nyala\n"
             "  nyala-compile model.gguf -o model.nyala --target=cpu,cuda --cuda-arch=sm_90a\n"
             "  nyala-compile model.gguf --compile-to=dispatch | less\n"
             "  nyala-compile model.gguf -o step.nyala --training-step=cross-entropy --batch=4 "
             "\\\n    --seq=512 --memory-budget=50% --remat-report=report.json\n"
             "Phases: input, model, dispatch, kernel, program (docs/architecture.md).\n"
             "Exit codes: 0 done, 1 error in the model or the environment, 2 wrong usage.");
  app.set_version_flag("--version", "nyala-compile " NYALA_VERSION);
  app.add_option("model", options.input,
                 "The model file or directory, or the module to resume from")
      ->required()
      ->type_name("PATH");
  app.add_option("-o,--output", options.output,
                 "The artifact (default: the model's name with .nyala, of a training step with "
                 ".step.nyala), or the module of --compile-to (default: standard output)");
  app.add_option("--target", devices,
                 "Devices to generate code for: cpu, cuda (NVIDIA GPUs), or cpu,cuda, of which the "
                 "artifact holds both")
      ->delimiter(',')
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->type_name("DEVICE[,DEVICE]")
      ->capture_default_str();
  app.add_option("--cpu", options.cpu,
                 "CPUs to generate code for: native (this machine), x86-64-v3, x86-64-v4, znver4, "
                 "sapphirerapids, …; or several, separated by commas: the artifact holds code for "
                 "each, those with most features first, and a machine runs the first that it can; "
                 "or generic-multi, which is " +
                     cpu::getGenericCpus().str())
      ->type_name("NAME[,NAME...]")
      ->capture_default_str();
  app.add_option("--cuda-arch", options.cudaArch,
                 "GPUs to generate code for: sm_80 (Ampere), sm_90a (Hopper), sm_100a (Blackwell), "
                 "…, separated by commas. Newer GPUs run the PTX that the artifact holds as well")
      ->type_name("NAME[,NAME...]")
      ->capture_default_str();
  auto *ptxas =
      app.add_option("--ptxas", options.ptxas,
                     "The assembler of kernels of GPUs, of CUDA's toolkit (default: that of "
                     "CUDA_HOME, CUDA_PATH, PATH, or the Python package nvidia-cuda-nvcc)")
          ->type_name("PATH");
  app.add_flag(
         "--ptx-only", options.ptxOnly,
         "Leave the kernels of GPUs in PTX, without ptxas: the driver assembles them when the "
         "model is loaded, which takes a while the first time")
      ->excludes(ptxas);
  app.add_option("--arithmetic", options.arithmetic,
                 "How products are computed: native (block-quantized weights times 8-bit "
                 "activations, in integers), f32, or, on GPUs, bf16")
      ->check(CLI::IsMember({"native", "f32", "bf16"}))
      ->capture_default_str();
  app.add_option(
         "--kv-type", options.kvType,
         "Numbers that the cache of keys and values holds; q8, q4: integers in blocks of 32 "
         "with a scale (default: f32 with f32 arithmetic, else f16)")
      ->check(CLI::IsMember({"f32", "f16", "q8", "q4"}));
  app.add_option(
         "--share-kv", shareKv,
         "Layers use keys and values of other layers, whose caches disappear: N adjacent "
         "layers those of the first, map:0,0,2,2,... each those of the layer it names, or "
         "search:CACHES as costs least on the text of --calibration. Changes what the model "
         "computes")
      ->type_name("N|map:...|search:CACHES");
  app.add_option("--share-kv-source", options.shareKvSource,
                 "Projections of keys and values that are shared: first (the producer's; default), "
                 "or mean (of all that share). A search tries both")
      ->check(CLI::IsMember({"first", "mean"}));
  app.add_option("--calibration", options.calibration,
                 "Text of at least 512 tokens to print the perplexity of, before and after sharing")
      ->check(CLI::ExistingFile)
      ->type_name("TEXT");
  app.add_option("--context", options.context,
                 "Capacity in positions (default: what the model was trained for)")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 31));
  app.add_option("--prefill-rows", options.prefillRows,
                 "Tokens of a prompt computed together (default: 512 on CPUs, 2048 on GPUs)")
      ->check(CLI::Range(int64_t(1), int64_t(65536)));
  app.add_option("--sequences", options.sequences,
                 "Sequences that a session can hold, each of --context positions, and decode in "
                 "one step. Costs nothing until a session asks for more than one")
      ->check(CLI::Range(int64_t(1), int64_t(65536)))
      ->capture_default_str();
  app.add_flag(
      "--skip-prefill-tail", options.skipPrefillTail,
      "Compute only the last token of a prompt where the cache needs no more; logits of "
      "all its tokens (perplexity), and of several sequences in one step, cannot be had then");
  app.add_option(
         "--weights", weights,
         "inline: in the artifact; external: in a second file, OUTPUT.weights; none: nowhere, "
         "for timings on a GPU with random numbers. A model without weights is then taken to "
         "have them in q4_0")
      ->check(CLI::IsMember({"inline", "external", "none"}))
      ->capture_default_str();
  std::string step;
  CLI::Option *isStep =
      app.add_option("--training-step", step,
                     "Compile a training step (docs/training.md) with this loss of predicted "
                     "tokens instead of the model's inference")
          ->check(CLI::IsMember({"cross-entropy"}))
          ->type_name("LOSS");
  const std::string group = "Options of --training-step";
  std::vector<CLI::Option *> stepOptions = train::addStepOptions(app, options.step);
  for (CLI::Option *option : stepOptions)
    option->group(group);
  for (CLI::Option *option : train::addMemoryOptions(app, options.step.memory))
    option->group(group);
  uint32_t threads = 0;
  app.add_option("--threads", threads,
                 "Threads that the step will run on: each has scratch, which is part of the budget "
                 "(default: one per physical core of this machine)")
      ->check(between<int64_t>(1, 256, "1 to 256 threads"))
      ->needs("--memory-budget")
      ->group(group)
      ->type_name("N");
  app.add_option("--compile-to", to, "Stop after a phase and write its module")->check(isPhase);
  app.add_option("--compile-from", from, "Resume from a module of a phase")->check(isPhase);
  app.add_option("--dump-phases-to", options.dumpDirectory, "Write each phase's module to a folder")
      ->type_name("DIR");
  app.add_option("--remarks-filter", options.remarks,
                 "Print remarks of the passes whose names match a regular expression")
      ->type_name("REGEX");
  app.add_flag("-q,--quiet", options.quiet, "Print errors only");
  try {
    app.parse(argc, argv);
    options.resume = !from.empty();
    if (options.resume)
      options.from = phases.at(from);
    if (!to.empty())
      options.to = phases.at(to);
    if (!shareKv.empty())
      options.sharing = parseKvSharing(shareKv);
    checkSharing(options, !shareKv.empty());
    options.externalWeights = weights == "external";
    options.absentWeights = weights == "none";
    options.isStep = isStep->count() > 0;
    options.step.memory.workers = rt::chooseThreads(threads);
    options.hasBatch = app.count("--batch") > 0;
    checkDevices(app, options, devices);
    checkStep(app, options, stepOptions);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (options.kvType.empty())
    options.kvType = options.arithmetic == "f32" ? "f32" : "f16";
  return std::nullopt;
}
