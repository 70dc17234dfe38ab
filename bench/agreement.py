#!/usr/bin/env python3
"""Checks that nyala-bench measures what nyala-run does: their figures differ by less than 3 %.

agreement.py MODEL.nyala [-t THREADS] [-r REPETITIONS]

Needs nothing but a build (build/, or $NYALA_BUILD_DIR) and a quiet machine. Both programs run in
turn, each repetition in a process of its own, with the same numbers of tokens and nothing warmed up
(nyala-run has no warm-up); medians are compared. Exits with 1 if they differ by more.
"""
import argparse
import os
import statistics
import sys
from pathlib import Path

from quiet import read_undisturbed

SOURCE = Path(__file__).resolve().parent.parent
BIN = Path(os.environ.get("NYALA_BUILD_DIR", SOURCE / "build")) / "bin"
PROMPT = (SOURCE / "README.md").read_text(encoding="utf-8")[:2000]
MOST = 0.03


def read_json(name, *arguments):
    """The JSON objects that a tool prints."""
    return read_undisturbed([BIN / name, *arguments, "--json"])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("-t", "--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("-r", "--repetitions", type=int, default=9)
    arguments = parser.parse_args()
    flags = (arguments.model, "-t", arguments.threads)
    once = ("-r", 1, "--warmup", 0)

    run, bench = {}, {}
    for _ in range(arguments.repetitions):
        answer = read_json("nyala-run", *flags, "-p", PROMPT, "-n", 129, "--temp", 0)[0]
        timings = answer["timings"]
        for test, key in (("prefill", "prefill_tokens_per_second"),
                          ("first_token", "first_token_ms"),
                          ("decode", "decode_tokens_per_second")):
            run.setdefault(test, []).append(timings[key])
        prompt, generated = len(answer["prompt_ids"]), len(answer["ids"])
        # nyala-run times the tokens after the first, which follow the prompt.
        for line in (read_json("nyala-bench", *flags, "-p", prompt, "-n", 0, *once) +
                     read_json("nyala-bench", *flags, "-p", 0, "-n", generated - 1, "-d", prompt,
                               *once)):
            bench.setdefault(line["test"], []).append(line["median"])

    agrees = True
    print(f"prompt {prompt}, generated {generated}, threads {arguments.threads}")
    for test, values in run.items():
        ratio = statistics.median(bench[test]) / statistics.median(values)
        agrees &= abs(ratio - 1) <= MOST
        print(f"{test:12} nyala-run {statistics.median(values):9.2f}  nyala-bench "
              f"{statistics.median(bench[test]):9.2f}  ratio {ratio:.3f}")
    sys.exit(0 if agrees else 1)


main()
