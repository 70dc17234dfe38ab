"""Adds up what the test runners of tools/check wrote: summarize.py FOLDER

Exits with 1 if a test failed or a runner left no result.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree


def lit(path):
    """(name, "passed" | "failed" | "skipped", reason) of every test."""
    outcomes = {"PASS": "passed", "FLAKYPASS": "passed", "XFAIL": "passed",
                "UNSUPPORTED": "skipped", "SKIPPED": "skipped", "EXCLUDED": "skipped"}
    for test in json.loads(path.read_text(encoding="utf-8"))["tests"]:
        reason = test["output"].strip().splitlines()
        yield test["name"], outcomes.get(test["code"], "failed"), reason[-1] if reason else ""


def junit(path):
    for case in ElementTree.parse(path).iter("testcase"):
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            yield case.get("name"), "failed", ""
        elif skipped is not None:
            yield case.get("name"), "skipped", skipped.get("message") or ""
        elif case.get("status") in ("notrun", "disabled"):
            yield case.get("name"), "skipped", case.get("status")
        else:
            yield case.get("name"), "passed", ""


RUNNERS = [("lit", "lit.json", lit), ("ctest", "ctest.xml", junit), ("tsan", "tsan.xml", junit),
           ("fuzz", "fuzz.xml", junit), ("pytest", "pytest.xml", junit)]


def main(folder):
    total = Counter()
    for runner, file, read in RUNNERS:
        try:
            results = list(read(Path(folder) / file))
        except (OSError, ValueError, KeyError, ElementTree.ParseError) as error:
            results = [(f"{runner} left no result: {error}", "failed", "")]
        if not results:
            results = [(f"{runner} found no test", "failed", "")]
        counts = Counter(outcome for _, outcome, _ in results)
        total += counts
        print(f"{runner:7} {counts['passed']:5} passed {counts['failed']:5} failed"
              f" {counts['skipped']:5} skipped")
        for name, outcome, reason in results:
            if outcome != "passed":
                print(f"        {outcome}: {name}{': ' + reason if outcome == 'skipped' else ''}")
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
