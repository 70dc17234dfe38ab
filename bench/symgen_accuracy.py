#!/usr/bin/env python3
"""Asks for fields of generated records, and counts how many references point at what was asked for.

    bench/symgen_accuracy.py MODEL.nyala                     # 200 records, direct and indirect
    bench/symgen_accuracy.py MODEL.nyala --records 20 --modes direct --json figures.json

That references resolve is a guarantee, and reported apart; that they are the right ones is the
model's merit. Works with any model that nyala compiles. Needs nyala-run (build/, or
$NYALA_BUILD_DIR) and a Python with jinja2. README.md says what is counted.
"""
import argparse
import json
import re
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))

from options import choice_list, figure_writer  # noqa: E402
from preparation import describe_machine  # noqa: E402
from quiet import say  # noqa: E402
from symgen_reader import Reader, Wrong, evaluate, spell, walk  # noqa: E402
from symgen_records import make_questions  # noqa: E402
from symgen_run import run_grounded  # noqa: E402

MODES = ("direct", "indirect")
NUMERAL = re.compile(r"(?<![\w])\d+(?:[.,]\d+)*")


def numerals(values):
    """Numerals in values as they are shown."""
    return {numeral for value in values for numeral in NUMERAL.findall(str(value))}


def resolves(record, span):
    """Does a reference show what symgen_reader.py says?"""
    try:
        return evaluate(record, Reader(span["ref"])) == span["value"]
    except Wrong:
        return False


def score(question, spans, counts):
    record = json.loads(question.json)
    by_path = {spell(path): value for path, value in walk(record)}
    asked = {path: by_path[path] for path in question.asked}
    references = [span for span in spans if span["kind"] == "reference"]
    naked = [span["value"] for span in spans if span["kind"] == "ungrounded"]
    pointed = [{operand["path"] for operand in span["operands"]} for span in references]
    counts["generations"] += 1
    counts["with references"] += bool(references)
    counts["references"] += len(references)
    counts["resolve"] += sum(resolves(record, span) for span in references)
    counts["right"] += sum(paths <= set(asked) for paths in pointed)
    counts["asked"] += len(asked)
    counts["mentioned"] += len(set(asked) & set().union(*pointed))
    counts["naked"] += len(naked)
    counts["naked, asked for"] += sum(value in numerals(asked.values()) for value in naked)
    counts["naked, not in the data"] += sum(value not in numerals(by_path.values())
                                            for value in naked)


def percent(part, whole):
    return 100 * part / whole if whole else None


def summarize(counts):
    return {"generations": counts["generations"], "references": counts["references"],
            "resolve_percent": percent(counts["resolve"], counts["references"]),
            "refer_percent": percent(counts["with references"], counts["generations"]),
            "right_percent": percent(counts["right"], counts["references"]),
            "asked_mentioned_percent": percent(counts["mentioned"], counts["asked"]),
            "naked_per_generation": counts["naked"] / counts["generations"],
            "naked_wrong_percent":
                percent(counts["naked"] - counts["naked, asked for"], counts["naked"]),
            "naked_not_in_data_percent": percent(counts["naked, not in the data"], counts["naked"])}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL.nyala")
    parser.add_argument("--records", type=int, default=200, help="(default: %(default)s)")
    parser.add_argument("--modes", type=choice_list(MODES), default="direct,indirect")
    parser.add_argument("-n", "--tokens", type=int, default=80, help="(default: %(default)s)")
    parser.add_argument("-t", "--threads", type=lambda count: ("-t", count), default=())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=argparse.FileType("w"), metavar="FILE",
                        help="also write the figures there, and each generation, a line each")
    arguments = parser.parse_args()
    print(describe_machine())
    for mode in arguments.modes:
        counts = Counter()
        for number, question in enumerate(make_questions(arguments.records, arguments.seed)):
            if number % 20 == 0:
                say(f"{mode}, record {number + 1} of {arguments.records}")
            spans = run_grounded(arguments.model, question.json, question.text, "--mode", mode,
                                 "-n", arguments.tokens, *arguments.threads)["spans"]
            score(question, spans, counts)
            if arguments.json:
                arguments.json.write(json.dumps({
                    "mode": mode, "question": question.text, "asked": question.asked,
                    "spans": spans}) + "\n")
        figures = {"mode": mode, "tokens": arguments.tokens, **summarize(counts)}
        figure_writer(arguments.json)(figures)


if __name__ == "__main__":
    main()
