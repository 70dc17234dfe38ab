#!/usr/bin/env python3
"""Measures masks of references into data beside llguidance, and what they cost a generation.

    bench/symgen.py MODEL.nyala                      # data of 10, 1,000 and 10,000 paths
    bench/symgen.py MODEL.nyala --paths 1000 --walks 20 --json figures.json
    bench/symgen.py MODEL.nyala --tests decode       # with a constraint and without, in turn

Needs libnyala.so (build/, or $NYALA_BUILD_DIR), a Python with jinja2 and numpy (build/venv has them), and
the first time a network for llguidance, from PyPI. README.md beside this file says how it measures.
"""
import argparse
import ctypes
import json
import random
import statistics
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))

from options import build_folder, choice_list, number_list  # noqa: E402
from preparation import describe_machine  # noqa: E402
from quiet import say  # noqa: E402
from symgen_api import Constraint, Data, GroundedSession  # noqa: E402
from symgen_grammar import make_grammar, walk_usable  # noqa: E402
from symgen_reader import filters_of, spell  # noqa: E402
from symgen_records import make_wide  # noqa: E402

PLENTY = 1 << 30  # tokens left: llguidance knows no limit
# Of text, whose masks llguidance then has ready: six times as fast as with its general ones.
SLICES = (r"[^{\x00-\x1f]+", r"[^{]+")
PROSE = ("The report covers every station along the river, and its authors visited most of them in "
         "spring. Heights are given in metres; readings were taken {at noon}, which is usual. See "
         "the appendix for 12 further tables, f(x) = {x | x > 3}, and \u201cnotes\u201d \u2014 \u65e5\u672c\u8a9e. ")


def install_peer():
    """Makes llguidance importable."""
    folder, requirements = build_folder() / "bench" / "symgen", HERE / "peers/requirements-symgen.txt"
    stamp = folder / "installed"
    if not stamp.is_file() or stamp.read_text() != requirements.read_text():
        say("Installing llguidance from PyPI, once")
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade",
                        "--only-binary", ":all:", "--target", folder, "-r", requirements], check=True)
        stamp.write_text(requirements.read_text())
    sys.path.insert(0, str(folder))


class Peer:
    """llguidance with the artifact's vocabulary."""

    def __init__(self, session):
        import llguidance  # installed just now
        from llguidance._tokenizer import TokenizerWrapper

        text, tokens = session.vocabulary_bytes(), session.vocabulary_bytes(special=True)
        stops = [token for token in range(len(tokens)) if session.is_stop(token)]

        class Vocabulary:
            eos_token_id, bos_token_id = stops[0], None
            special_token_ids = [token for token, data in enumerate(text) if not data]

            def __call__(self, part):
                return session.tokenize(part.decode() if isinstance(part, bytes) else part)

        Vocabulary.tokens = tokens
        self.module, self.tokens = llguidance, text
        self.tokenizer = llguidance.LLTokenizer(TokenizerWrapper(Vocabulary()), eos_token=stops,
                                                slices=list(SLICES))
        self.usable = {data[0] for data in text if len(data) == 1}
        self.bits = np.zeros((len(tokens) + 63) // 64, np.uint64)

    def make(self, grammar):
        matcher = self.module.LLMatcher(self.tokenizer, grammar)
        if matcher.is_error():
            sys.exit(f"symgen.py: llguidance says: {matcher.get_error()}")
        return matcher

    def mask(self, matcher):
        matcher.unsafe_compute_mask_ptr(self.bits.ctypes.data, self.bits.nbytes)


def microseconds(begin):
    return (time.perf_counter_ns() - begin) / 1000


# --- Walks ------------------------------------------------------------------------------------


def spell_reference(draw, paths):
    path, value = draw.choice(paths)
    filters = sorted(name for name in filters_of(value) if not name.endswith("("))
    if isinstance(value, (dict, list)) or (filters and draw.random() < 0.3):
        return f"{{{{ {spell(path)} | {draw.choice(filters)} }}}}"
    return f"{{{{ {spell(path)} }}}}"


def write_text(draw, paths, references=5):
    """Prose with references, as a model writes it."""
    words = PROSE.split()
    return " ".join(" ".join(draw.choices(words, k=draw.randrange(1, 9))) + " "
                    + spell_reference(draw, paths) for _ in range(references)) + "."


class Walk:
    """Which token comes next: of a text, or any that is allowed."""

    def __init__(self, draw, session, paths, kind, length=120):
        self.draw, self.kind, self.length = draw, kind, length
        self.tokens = session.tokenize(write_text(draw, paths) if kind == "written" else PROSE)
        self.opening = session.tokenize("{{ ")

    def pick(self, step, allowed, in_text):
        """`allowed`: ids; None at the end."""
        if self.kind == "written":
            return self.tokens[step] if step < len(self.tokens) else None
        if step >= self.length:
            return None
        if not in_text:
            return int(self.draw.choice(allowed))
        token = self.opening[0] if self.draw.random() < 0.3 else self.draw.choice(self.tokens)
        return token if token in allowed else int(self.draw.choice(allowed))


# --- Equality ---------------------------------------------------------------------------------


@cache
def continues_utf8(tail, data):
    """Can text go on with these bytes, behind the beginning of a character?"""
    data = tail + data
    try:
        data.decode()
        return True
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"


def next_tail(tail, data):
    """What of a character has begun."""
    data = (tail + data)[-4:]
    for length in range(1, min(4, len(data) + 1)):
        part = data[-length:]
        if part[0] >= 0xC0:
            return part if continues_utf8(b"", part) and part.decode("utf-8", "ignore") == "" else b""
        if part[0] < 0x80:
            break
    return b""


class Comparison:
    """Counts how masks differ."""

    def __init__(self, tokens):
        self.tokens, self.tails = tokens, {}
        self.masks = self.equal = self.only_not_utf8 = self.bits = self.unexplained = 0
        self.examples = []

    def not_utf8(self, tail):
        """Bits of tokens that no character goes on with."""
        if tail not in self.tails:
            flags = [data is not None and not continues_utf8(tail, data) for data in self.tokens]
            flags += [False] * (-len(flags) % 64)
            self.tails[tail] = np.packbits(flags, bitorder="little").view(np.uint64)
        return self.tails[tail]

    def add(self, ours, theirs, text, tail):
        self.masks += 1
        difference = ours ^ theirs
        if not difference.any():
            self.equal += 1
            return
        rest = difference & ~(self.not_utf8(tail) & ours)
        self.bits += int(np.bitwise_count(difference).sum())
        if not rest.any():
            self.only_not_utf8 += 1
            return
        self.unexplained += 1
        if len(self.examples) < 5:
            ids = np.flatnonzero(np.unpackbits(rest.view(np.uint8), bitorder="little"))
            self.examples.append((text[-60:], [(self.tokens[i], "ours" if ours[i // 64] >> np.uint64(
                i % 64) & np.uint64(1) else "theirs") for i in ids[:5]]))


# --- Masks ------------------------------------------------------------------------------------


def time_first(peer, session, text, grammar, repetitions):
    """ms from the record (from the grammar) to the first mask, and of reading the record alone."""
    times = {"nyala": [], "llguidance": [], "nyala, record read": []}
    for _ in range(repetitions):
        begin = time.perf_counter_ns()
        data = Data(session, text)
        read = microseconds(begin)
        constraint = Constraint(session, data)
        constraint.mask(PLENTY)
        total = microseconds(begin)
        times["nyala"].append(total / 1000)
        times["nyala, record read"].append((total - read) / 1000)
        constraint.__exit__()
        data.__exit__()
        begin = time.perf_counter_ns()
        peer.mask(peer.make(grammar))
        times["llguidance"].append(microseconds(begin) / 1000)
    return {engine: statistics.median(samples) for engine, samples in times.items()}


def walk_both(walk, constraint, matcher, peer, comparison, times):
    """One generation by both engines, who come in turn."""
    constraint.reset()
    matcher.reset()
    text, tail, step = b"", b"", 0
    while True:
        in_text = constraint.least() == 0
        place = "text" if in_text else "reference"
        for engine in ("nyala", "llguidance") if step % 2 else ("llguidance", "nyala"):
            begin = time.perf_counter_ns()
            if engine == "nyala":
                bits, words = constraint.mask(PLENTY)
            else:
                peer.mask(matcher)
            times[engine, place, "mask"].append(microseconds(begin))
        ours = np.ctypeslib.as_array(bits, (words,))[:len(peer.bits)]
        comparison.add(ours, peer.bits, text, tail)
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
        if not took:
            sys.exit(f"symgen.py: {peer.tokens[token]!r} was in a mask, and refused behind {text!r}")
        text, tail, step = text + peer.tokens[token], next_tail(tail, peer.tokens[token]), step + 1


def summarize(values):
    values = np.array(values)
    return {"count": len(values), "avg_us": float(values.mean()),
            "p50_us": float(np.percentile(values, 50)), "p99_us": float(np.percentile(values, 99)),
            "max_us": float(values.max())}


def measure_masks(session, arguments, out):
    install_peer()
    peer = Peer(session)
    say(f"llguidance {peer.module.__version__ if hasattr(peer.module, '__version__') else ''}")
    for paths in arguments.paths:
        record = make_wide(random.Random(0), paths)
        text = json.dumps(record)
        grammar = peer.module.LLMatcher.grammar_from_lark(make_grammar(record, peer.usable))
        named = [(path, value) for path, value in walk_usable(record, peer.usable)
                 if not isinstance(value, dict)]
        first = time_first(peer, session, text, grammar, arguments.repetitions)
        for engine, ms in first.items():
            out({"paths": paths, "test": "first_mask", "engine": engine, "ms": ms})
        with Data(session, text) as data:
            for kind in arguments.walk_kinds:
                compare_walks(session, data, grammar, named, peer, paths, kind, arguments, out)


def compare_walks(session, data, grammar, named, peer, paths, kind, arguments, out):
    """Walks of a kind, with states that nothing has visited before. The same walks are repeated from
    the beginning, and of a call the least time counts: the system's interruptions are no engine's."""
    repeated = []
    for _ in range(arguments.repetitions):
        draw, comparison = random.Random(1), Comparison(peer.tokens)
        times = {(engine, place, what): [] for engine in ("nyala", "llguidance")
                 for place in ("text", "reference") for what in ("mask", "advance")}
        matcher = peer.make(grammar)
        with Constraint(session, data) as constraint:
            for _ in range(arguments.walks):
                walk_both(Walk(draw, session, named, kind), constraint, matcher, peer, comparison,
                          times)
        repeated.append(times)
    times = {key: np.min([run[key] for run in repeated], axis=0) for key in repeated[0]}
    for what in ("mask", "advance"):
        for place in ("text", "reference", "all"):
            figures = {}
            for engine in ("nyala", "llguidance"):
                values = [value for key, samples in times.items() if key[0] == engine
                          and key[2] == what and place in (key[1], "all") for value in samples]
                figures[engine] = summarize(values)
                out({"paths": paths, "walk": kind, "test": what, "place": place, "engine": engine,
                     **figures[engine]})
            if what == "mask":
                out({"paths": paths, "walk": kind, "test": "ratio", "place": place,
                     **{key: figures["llguidance"][key] / figures["nyala"][key]
                        for key in ("avg_us", "p50_us", "p99_us")}})
    out({"paths": paths, "walk": kind, "test": "equality", "masks": comparison.masks,
         "equal": comparison.equal, "differ_where_not_utf8": comparison.only_not_utf8,
         "bits_not_utf8": comparison.bits, "unexplained": comparison.unexplained})
    for example in comparison.examples:
        say(f"unexplained: {example}")


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
    with Data(session, json.dumps(record)) as data, Constraint(session, data) as constraint:
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


def show(figures):
    print("  ".join(f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
                    for key, value in figures.items()), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL.nyala")
    parser.add_argument("--tests", type=choice_list(("masks", "decode")), default="masks,decode")
    parser.add_argument("--paths", type=number_list, default="10,1000,10000",
                        help="in the data (default: %(default)s)")
    parser.add_argument("--walks", type=int, default=100,
                        help="generations of each kind (default: %(default)s)")
    parser.add_argument("--walk-kinds", type=choice_list(("written", "random")),
                        default="written,random", help="prose with references, or any that may come")
    parser.add_argument("-n", "--tokens", type=int, default=128, help="(default: %(default)s)")
    parser.add_argument("-t", "--threads", type=int, default=0)
    parser.add_argument("-r", "--repetitions", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--json", type=argparse.FileType("w"), metavar="FILE",
                        help="also write the figures there, a line each")
    arguments = parser.parse_args()

    def out(figures):
        show(figures)
        if arguments.json:
            arguments.json.write(json.dumps(figures) + "\n")
            arguments.json.flush()

    print(describe_machine())
    with GroundedSession(arguments.model, arguments.threads) as session:
        if "masks" in arguments.tests:
            measure_masks(session, arguments, out)
        if "decode" in arguments.tests:
            measure_decode(session, arguments, out)


if __name__ == "__main__":
    main()
