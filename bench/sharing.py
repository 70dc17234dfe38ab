#!/usr/bin/env python3
"""Measures what sharing keys and values across layers saves: memory, prefill, decode.

    bench/sharing.py model.gguf                  # factors 1, 2, 3 with caches of f16, q8, q4
    bench/sharing.py model.gguf --json FILE      # every figure as a JSON line as well

Needs nyala built (build/, or $NYALA_BUILD_DIR) and a model with a context of at least 1,100
positions. Memory is filled to the model's context. The machine should be quiet.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from quiet import read_undisturbed

BUILD = Path(os.environ.get("NYALA_BUILD_DIR", Path(__file__).resolve().parents[1] / "build"))
USAGE = Path(__file__).resolve().parents[1] / "test" / "e2e" / "usage.py"
TOKENS = 8  # decoded behind a filled cache
PROMPT, DEPTH, STEPS = 512, 1024, 64


def run(tool, *arguments):
    command = [str(BUILD / "bin" / tool), *map(str, arguments)]
    result = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if result.returncode != 0:
        sys.exit(f"sharing.py: {tool} failed; its messages are above")
    return result.stdout


def inspect(artifact):
    return json.loads(run("nyala-inspect", artifact, "--json"))


def bench(artifact, test, *flags):
    figures = read_undisturbed([BUILD / "bin" / "nyala-bench", artifact, "-r", 1, "--json", *flags])
    return next(figure["median"] for figure in figures if figure.get("test") == test)


def peak_memory(artifact, depth, threads, folder):
    report = folder / "usage.json"
    command = [sys.executable, str(USAGE), str(report), str(BUILD / "bin" / "nyala-bench"),
               str(artifact), "-p", "0", "-n", str(TOKENS), "-d", str(depth), "-t", str(threads),
               "-r", "1"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return json.loads(report.read_text())["peak_rss"]


class Figures:
    def __init__(self, file):
        self.file = file

    def add(self, **figure):
        print("  ".join(f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}"
                        for key, value in figure.items()), flush=True)
        if self.file:
            self.file.write(json.dumps(figure) + "\n")


def measure_memory(model, threads, folder, figures):
    for factor in (1, 2, 3):
        for kv_type in ("f16", "q8", "q4"):
            artifact = folder / "memory.nyala"
            run("nyala-compile", "-q", model, "-o", artifact, f"--share-kv={factor}",
                f"--kv-type={kv_type}")
            report = inspect(artifact)
            depth = report["context"] - 2 * TOKENS
            grown = (peak_memory(artifact, depth, threads, folder)
                     - peak_memory(artifact, 1, threads, folder))
            expected = (depth - 1) * report["kv_bytes_per_token"]
            figures.add(test="memory", factor=factor, kv_type=kv_type, positions=depth,
                        kv_bytes_per_token=report["kv_bytes_per_token"], grown_bytes=grown,
                        grown_by_formula=grown / expected)


def measure_speed(model, layers, repetitions, folder, figures):
    half = layers // 2 - 1
    kv_map = ",".join(str(min(layer, half)) for layer in range(layers))
    variants = {"factor 1": [], "factor 2": ["--share-kv=2"], "factor 3": ["--share-kv=3"],
                "map": [f"--share-kv=map:{kv_map}"],
                "map, tail skipped": [f"--share-kv=map:{kv_map}", "--skip-prefill-tail"]}
    tests = {"prefill": ["-p", PROMPT, "-n", 0],
             "decode": ["-p", 0, "-n", STEPS, "-d", DEPTH]}
    for name, flags in variants.items():
        run("nyala-compile", "-q", model, "-o", folder / f"{name}.nyala", *flags)
    for threads in sorted({1, len(os.sched_getaffinity(0))}):
        samples = {}
        for _ in range(repetitions):  # in turn, so that disturbances do not stay with one
            for name in variants:
                for test, flags in tests.items():
                    samples.setdefault((test, name), []).append(
                        bench(folder / f"{name}.nyala", test, "-t", threads, *flags))
        for (test, name), values in sorted(samples.items()):
            base = statistics.median(samples[test, "factor 1"])
            figures.add(test=test, threads=threads, variant=name, unit="tok/s",
                        median=statistics.median(values),
                        ratio=statistics.median(values) / base)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a GGUF file or a checkpoint's directory")
    parser.add_argument("-r", type=int, default=5, help="repetitions (default: %(default)s)")
    parser.add_argument("--json", type=argparse.FileType("w"), metavar="FILE")
    arguments = parser.parse_args()
    figures = Figures(arguments.json)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run("nyala-compile", "-q", arguments.model, "-o", folder / "factor 1.nyala")
        layers = len({state["name"].rsplit(".", 1)[0]
                      for state in inspect(folder / "factor 1.nyala")["states"]})
        measure_speed(arguments.model, layers, arguments.r, folder, figures)
        measure_memory(arguments.model, len(os.sched_getaffinity(0)), folder, figures)


if __name__ == "__main__":
    main()
