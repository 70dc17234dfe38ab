#!/usr/bin/env python3
"""Measures masks of references into data beside llguidance, and what they cost a generation.

    bench/symgen.py MODEL.nyala                      # data of 10, 1,000 and 10,000 paths
    bench/symgen.py MODEL.nyala --paths 1000 --walks 20 --json figures.json
    bench/symgen.py MODEL.nyala --tests decode       # with a constraint and without, in turn

Needs libnyala.so (build/, or $NYALA_BUILD_DIR), a Python with jinja2 and numpy (build/venv has
them), and the first time a network for llguidance, from PyPI. README.md says how it measures.
"""
import argparse
import itertools
import json
import random
import statistics
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))

from options import choice_list, figure_writer, number_list  # noqa: E402
from preparation import describe_machine  # noqa: E402
from quiet import say  # noqa: E402
from symgen_api import Constraint, Data, GroundedSession  # noqa: E402
from symgen_grammar import walk_usable  # noqa: E402
from symgen_peer import Peer  # noqa: E402
from symgen_records import make_flat, make_varied, make_wide  # noqa: E402
from symgen_walks import Comparison, Walk  # noqa: E402

DATA = {"groups": make_wide, "flat": make_flat}
PLENTY = 1 << 30  # tokens left: llguidance knows no limit

def microseconds(begin):
    return (time.perf_counter_ns() - begin) / 1000


# --- Masks ------------------------------------------------------------------------------------


def time_first(peer, session, text, make_matcher, repetitions):
    """ms to read the record's text, and from there (from the grammar's text) to the first mask."""
    times = {("read_record", "nyala"): [], ("first_mask", "nyala"): [],
             ("first_mask", "llguidance"): []}
    for _ in range(repetitions):
        begin = time.perf_counter_ns()
        data = Data(text)
        times["read_record", "nyala"].append(microseconds(begin) / 1000)
        begin = time.perf_counter_ns()
        constraint = Constraint(session, data)
        constraint.mask(PLENTY)
        times["first_mask", "nyala"].append(microseconds(begin) / 1000)
        constraint.__exit__()
        data.__exit__()
        begin = time.perf_counter_ns()
        peer.mask(make_matcher())
        times["first_mask", "llguidance"].append(microseconds(begin) / 1000)
    return {key: statistics.median(samples) for key, samples in times.items()}


def time_call(session, data):
    """us of a call that does nothing, by ctypes, with the clock's reading."""
    times = []
    with Constraint(session, data) as constraint:
        for _ in range(1000):
            begin = time.perf_counter_ns()
            constraint.reset()
            times.append(microseconds(begin))
    return statistics.median(times)


def walk_both(walk, constraint, matcher, exact, peer, comparison, times):
    """One generation by both engines, who come in turn. `exact`: a matcher to compare with."""
    constraint.reset()
    matcher.reset()
    exact.reset()
    text, step = b"", 0
    while True:
        in_text = constraint.least() == 0
        place = "text" if in_text else "reference"
        asked = {"nyala": lambda: constraint.mask(PLENTY),
                 "llguidance": lambda: peer.mask(matcher)}
        for engine in sorted(asked, reverse=step % 2 == 1):
            begin = time.perf_counter_ns()
            asked[engine]()
            times[engine, place, "mask"].append(microseconds(begin))
        peer.mask(exact)
        ours = constraint.words()[:len(peer.bits)]
        comparison.add(ours, peer.bits, text)
        both = np.unpackbits((ours & peer.bits).view(np.uint8), bitorder="little")
        token = walk.pick(step, np.flatnonzero(both), in_text)
        if token is None or not peer.tokens[token]:
            return
        if not both[token]:
            sys.exit(f"symgen.py: behind {text!r} {peer.tokens[token]!r} may not come")
        begin = time.perf_counter_ns()
        took = constraint.advance(token)
        times["nyala", place, "advance"].append(microseconds(begin))
        begin = time.perf_counter_ns()
        took = matcher.consume_token(token) and took
        times["llguidance", place, "advance"].append(microseconds(begin))
        if not exact.consume_token(token) or not took:
            sys.exit(f"symgen.py: {peer.tokens[token]!r} was in a mask, refused behind {text!r}")
        text, step = text + peer.tokens[token], step + 1


def summarize(values):
    values = np.array(values)
    return {"count": len(values), "avg_us": float(values.mean()),
            "p50_us": float(np.percentile(values, 50)), "p99_us": float(np.percentile(values, 99)),
            "max_us": float(values.max())}


def new_times():
    return {(engine, place, what): [] for engine in ("nyala", "llguidance")
            for place in ("text", "reference") for what in ("mask", "advance")}


def list_values(record, usable):
    """(path, value) of what references can be to."""
    return [(path, value) for path, value in walk_usable(record, usable)
            if not isinstance(value, dict)]


def compare_records(session, peer, walks, out):
    """Masks alone, on data of all kinds."""
    comparison = Comparison(peer.tokens)
    for number, text in enumerate(make_varied()):
        record, draw = json.loads(text), random.Random(number)
        matchers = [peer.make(record, is_exact)() for is_exact in (False, True)]
        values = list_values(record, peer.usable)
        with Data(text) as data, Constraint(session, data) as constraint:
            for walk in range(walks):
                kind = "random" if walk % 4 else "written"
                walk_both(Walk(draw, session, values, kind), constraint, *matchers, peer,
                          comparison, new_times())
    report_equality(comparison, {"records": "varied"}, out)


def report_equality(comparison, figures, out):
    out({**figures, "test": "equality", "masks": comparison.masks,
         "different": comparison.different})
    for example in comparison.examples:
        say(f"masks differ {example}")


def measure_masks(session, arguments, out):
    peer = Peer(session)
    for paths, name in itertools.product(arguments.paths, arguments.data):
        record = DATA[name](random.Random(0), paths)
        test = {"data": name, "paths": paths}
        text = json.dumps(record)
        makers = [peer.make(record, is_exact) for is_exact in (False, True)]
        values = list_values(record, peer.usable)
        first = time_first(peer, session, text, makers[0], arguments.repetitions)
        for (what, engine), ms in first.items():
            out({**test, "test": what, "engine": engine, "ms": ms})
        with Data(text) as data:
            out({**test, "test": "empty_call", "engine": "nyala", "us": time_call(session, data)})
            for kind in arguments.walk_kinds:
                compare_walks(session, data, makers, values, peer, {**test, "walk": kind},
                              arguments, out)
    compare_records(session, peer, max(4, arguments.walks // 10), out)


def compare_walks(session, data, makers, values, peer, test, arguments, out):
    """Walks of a kind, with states that nothing has visited before. The same walks are repeated
    from the beginning, and of a call the least time counts: interruptions are no engine's."""
    repeated = []
    for _ in range(arguments.repetitions):
        draw, comparison, times = random.Random(1), Comparison(peer.tokens), new_times()
        matchers = [make() for make in makers]
        with Constraint(session, data) as constraint:
            for _ in range(arguments.walks):
                walk_both(Walk(draw, session, values, test["walk"]), constraint, *matchers, peer,
                          comparison, times)
        repeated.append(times)
    times = {key: np.min([run[key] for run in repeated], axis=0) for key in repeated[0]}
    for what in ("mask", "advance"):
        for place in ("text", "reference", "all"):
            figures = {}
            for engine in ("nyala", "llguidance"):
                figures[engine] = summarize([
                    value for key, samples in times.items() if key[0] == engine
                    and key[2] == what and place in (key[1], "all") for value in samples])
                out({**test, "test": what, "place": place, "engine": engine, **figures[engine]})
            if what == "mask":
                out({**test, "test": "ratio", "place": place,
                     **{key: figures["llguidance"][key] / figures["nyala"][key]
                        for key in ("avg_us", "p50_us", "p99_us")}})
    report_equality(comparison, test, out)


# --- Decoding ---------------------------------------------------------------------------------


def write_constrained(session, constraint, tokens):
    """Tokens of a constrained generation, text in place of its end."""
    session.set_constraint(constraint, tokens + 1)
    written, filler = [], session.tokenize(" and")[0]
    for _ in range(tokens):
        token = session.sample()
        written.append(filler if session.is_stop(token) else token)
        session.append(written[-1])
    return written


def measure_decode(session, arguments, out):
    """Picking and decoding the same tokens, with a constraint and without, in turn."""
    record = make_wide(random.Random(0), arguments.paths[len(arguments.paths) // 2])
    prompt = session.tokenize(f"Data: {json.dumps(record)[:2000]}\nReport: The station")
    with Data(json.dumps(record)) as data, Constraint(session, data) as constraint:
        for temperature in 0.0, 1.0:
            session.set_tokens(prompt)
            session.set_sampler(temperature, 1)
            constraint.reset()
            written = write_constrained(session, constraint, arguments.tokens)
            times = {"unconstrained": [], "constrained": []}
            for number in range(2 * arguments.repetitions * 5):
                name = ("unconstrained", "constrained")[number % 2]
                session.set_tokens(prompt)
                session.set_sampler(temperature, 1)
                constraint.reset()
                if name == "constrained":
                    session.set_constraint(constraint, len(written) + 1)
                begin = time.perf_counter_ns()
                for token in written:
                    session.sample()
                    session.append(token)
                times[name].append(microseconds(begin) / len(written) / 1000)
            medians = {name: statistics.median(samples) for name, samples in times.items()}
            out({"test": "decode", "temperature": temperature, "tokens": len(written),
                 **{f"{name}_ms": value for name, value in medians.items()},
                 "slower_percent": 100 * (medians["constrained"] / medians["unconstrained"] - 1)})


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL.nyala")
    parser.add_argument("--tests", type=choice_list(("masks", "decode")), default="masks,decode")
    parser.add_argument("--paths", type=number_list, default="10,1000,10000",
                        help="in the data (default: %(default)s)")
    parser.add_argument("--data", type=choice_list(tuple(DATA)), default="groups,flat",
                        help="groups of fields that repeat, one object of keys, or both")
    parser.add_argument("--walks", type=int, default=100,
                        help="generations of each kind (default: %(default)s)")
    parser.add_argument("--walk-kinds", type=choice_list(("written", "random")),
                        default="written,random",
                        help="prose with references, any token that may come, or both")
    parser.add_argument("-n", "--tokens", type=int, default=128, help="(default: %(default)s)")
    parser.add_argument("-t", "--threads", type=int, default=0)
    parser.add_argument("-r", "--repetitions", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--json", type=argparse.FileType("w"), metavar="FILE",
                        help="also write the figures there, a line each")
    arguments = parser.parse_args()
    out = figure_writer(arguments.json)
    print(describe_machine())
    with GroundedSession(arguments.model, arguments.threads) as session:
        if "masks" in arguments.tests:
            measure_masks(session, arguments, out)
        if "decode" in arguments.tests:
            measure_decode(session, arguments, out)


if __name__ == "__main__":
    main()
