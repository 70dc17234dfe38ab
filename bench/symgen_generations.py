#!/usr/bin/env python3
"""Checks generations with references: each must parse, resolve and be closed, whatever the limit.

    bench/symgen_generations.py MODEL.nyala                    # 2,000, and 2,000 that have to refer
    bench/symgen_generations.py MODEL.nyala --free 60 --forced 60 --records 5

Records are those of symgen_records.py, prompts those of nyala-run; temperatures 0, 1 and 2; half of
the limits cut anywhere. What is written is read by symgen_reader.py, which shares nothing with
nyala, and by jinja2 where it knows the reference, and must be what nyala renders. Needs nyala built
(build/, or $NYALA_BUILD_DIR) and a Python with jinja2 and numpy. Exit code 1 if anything was wrong.
"""
import argparse
import itertools
import json
import random
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))

from options import figure_writer  # noqa: E402
from preparation import describe_machine  # noqa: E402
from quiet import say  # noqa: E402
from symgen_api import JSONL, RAW, TEXT, Constraint, Data, GroundedSession  # noqa: E402
from symgen_reader import Wrong, jinja_knows, render, render_by_jinja, split  # noqa: E402
from symgen_records import make_varied  # noqa: E402
from symgen_run import run_grounded  # noqa: E402

QUESTIONS = ("Summarize the data.", "Write one sentence about the data.",
             "What is the most important value?", "Describe the first entry.",
             "Write a short report.", "Name two facts from the data.", "What do these data tell?")
TEMPERATURES = (0.0, 1.0, 2.0)
SLACK = 4  # tokens more than opening and closing takes: a `{` may stand in the way


@dataclass
class Job:
    """A generation to be made. `opens_at`: at this step a reference is opened, or as soon as one
    that is open already is closed."""
    record: int
    question: int
    temperature: float
    limit: int
    is_cut: bool
    seed: int
    opens_at: int | None = None
    tokens: list = field(default_factory=list)
    forced: list = field(default_factory=list)  # tokens to come next
    was_opened: bool = False
    is_done: bool = False
    can_end: bool = False


def make_jobs(count, records, longest, forced, seed):
    draw = random.Random(seed)
    jobs = []
    for number in range(count):
        at = number // records  # of this record
        is_cut = at // len(TEMPERATURES) % 2 == 1
        limit = draw.randrange(1, longest + 1) if is_cut else longest
        jobs.append(Job(number % records, at // len(TEMPERATURES) % len(QUESTIONS),
                        TEMPERATURES[at % len(TEMPERATURES)], limit, is_cut, draw.randrange(2**32),
                        draw.randrange(limit) if forced else None))
    return jobs


class Batch:
    """Generations from one prompt, a sequence each."""

    def __init__(self, session, constraints, jobs, prompt, opening):
        self.session, self.constraints, self.jobs = session, constraints, jobs
        self.opening = opening  # tokens that open a reference
        session.select(0)
        session.set_tokens(prompt)
        for number in range(1, len(jobs)):
            session.copy(0, number, len(prompt))
        for number, job in enumerate(jobs):
            constraints[number].reset()
            if job.opens_at is not None:  # leave room to close it
                self.leave_room(constraints[number], job)
            session.select(number)
            session.set_sampler(job.temperature, job.seed)
            session.set_constraint(constraints[number], job.limit)

    def leave_room(self, constraint, job):
        for token in self.opening:
            constraint.advance(token)
        need = len(self.opening) + constraint.least() + SLACK
        job.limit = max(job.limit, job.opens_at + need)
        constraint.reset()

    def pick(self, number):
        """The next token, None at the end."""
        job, constraint = self.jobs[number], self.constraints[number]
        left = job.limit - len(job.tokens)
        if left == 0:
            return None
        self.session.select(number)
        token = self.session.sample()
        is_end = self.session.is_stop(token)
        wants = job.opens_at is not None and not job.was_opened
        is_time = is_end or (wants and len(job.tokens) >= job.opens_at)
        if wants and is_time and self.can_open(constraint, left):
            job.was_opened = True
            job.forced = list(self.opening)
        if job.forced:
            return job.forced.pop(0)
        return None if is_end else token

    def can_open(self, constraint, left):
        """In text, and enough is left."""
        constraint.mask(left)
        return constraint.can_end() and constraint.allows(self.opening[0])

    def run(self):
        while True:
            sequences, tokens = [], []
            for number, job in enumerate(self.jobs):
                if job.is_done:
                    continue
                token = self.pick(number)
                if token is None:
                    job.is_done = True
                    continue
                job.tokens.append(token)
                sequences.append(number)
                tokens.append(token)
            if not sequences:
                break
            self.session.append_batch(sequences, tokens)
        for number, job in enumerate(self.jobs):
            job.can_end = self.constraints[number].can_end()
            self.session.select(number)
            self.session.set_constraint(None)


class Checker:
    """Counts what is right and wrong."""

    def __init__(self):
        self.counts, self.problems = Counter(), []

    def fail(self, job, text, what):
        self.counts["wrong"] += 1
        if len(self.problems) < 10:
            self.problems.append(f"record {job.record}, temperature {job.temperature}, limit "
                                 f"{job.limit}: {what} in {text!r}")

    def check(self, job, session, record, data):
        parts = [session.token_bytes(token) for token in job.tokens]
        text = b"".join(parts)
        kind = "free" if job.opens_at is None else "forced"
        self.counts[kind] += 1
        self.counts["tokens"] += len(parts)
        try:
            shown, references = render(record, text)
        except Wrong as wrong:
            return self.fail(job, text, f"a reference is wrong: {wrong}")
        self.counts[kind, "references"] += len(references)
        self.counts[kind, job.temperature, job.is_cut] += 1
        self.counts[kind, job.temperature, job.is_cut, "refers"] += bool(references)
        self.counts["opened"] += job.was_opened
        self.counts["not opened"] += job.opens_at is not None and not job.was_opened
        self.counts["at the limit"] += len(job.tokens) == job.limit
        if not job.can_end:
            return self.fail(job, text, "it may not end here")
        if not all(parts) or len(job.tokens) > job.limit:
            return self.fail(job, text, "a special token, or too many")
        if job.was_opened and not references:
            return self.fail(job, text, "no reference although one was opened")
        return self.compare(job, text, shown, references, record, data)

    def compare(self, job, text, shown, references, record, data):
        """With what nyala and Jinja make of it."""
        rendered, raw, lines = data.render(text, TEXT, RAW, JSONL)
        spans = [json.loads(line) for line in lines.split("\n")[:-1]]  # a value may have U+2028
        if rendered != shown:
            self.fail(job, text, f"rendered as {rendered!r}, expected {shown!r}")
        if raw != "".join(piece if isinstance(piece, str) else piece[1] for piece in split(text)):
            self.fail(job, text, f"raw as {raw!r}")
        named = [(span["ref"], span["value"]) for span in spans if span["kind"] == "reference"]
        if named != [(spelled, value) for _, spelled, value in references]:
            self.fail(job, text, f"spans say {named}")
        encoded = rendered.encode()
        ends = [0, *(span["end"] for span in spans)]
        if ends[-1] != len(encoded) or ends[:-1] != [span["start"] for span in spans]:
            self.fail(job, text, "spans do not cover the text")
        for reference, spelled, value in references:
            if jinja_knows(reference):
                self.counts["by Jinja"] += 1
                if render_by_jinja(record, spelled) != value:
                    self.fail(job, text, f"Jinja renders {spelled} otherwise than {value!r}")

    def report(self, out):
        counts = self.counts
        for kind in ("free", "forced"):
            if not counts[kind]:
                continue
            for temperature in TEMPERATURES:
                for is_cut in (False, True):
                    if made := counts[kind, temperature, is_cut]:
                        out({"test": kind, "temperature": temperature,
                             "limit": "cuts anywhere" if is_cut else "long", "generations": made,
                             "refer_percent":
                                 100 * counts[kind, temperature, is_cut, "refers"] / made})
        out({"test": "all", "generations": counts["free"] + counts["forced"],
             "wrong": counts["wrong"], "tokens": counts["tokens"],
             "ended_at_the_limit": counts["at the limit"], "forced_open": counts["opened"],
             "open_to_the_end": counts["not opened"],
             "references": counts["free", "references"] + counts["forced", "references"],
             "checked_by_jinja": counts["by Jinja"]})


def generate(session, records, jobs, checker, make_prompt, write=None, batch=16):
    """Runs and checks all jobs, by record and question, so that a prompt is evaluated once.
    `make_prompt`: ids, of a record's text and a question."""
    groups, opening, begin = {}, session.tokenize("{{ "), time.monotonic()
    for job in jobs:
        groups.setdefault(job.record, {}).setdefault(job.question, []).append(job)
    for index, of_record in sorted(groups.items()):
        record = json.loads(records[index])
        with ExitStack() as stack:
            data = stack.enter_context(Data(records[index]))
            constraints = [stack.enter_context(Constraint(session, data)) for _ in range(batch)]
            for question, group in of_record.items():
                prompt = make_prompt(records[index], QUESTIONS[question])
                for start in range(0, len(group), batch):
                    Batch(session, constraints, group[start:start + batch], prompt, opening).run()
            for job in itertools.chain(*of_record.values()):
                checker.check(job, session, record, data)
                if write:
                    write(job, b"".join(map(session.token_bytes, job.tokens)))
        say(f"record {index + 1} of {len(records)}, {time.monotonic() - begin:.0f} s, "
            f"{checker.counts['wrong']} wrong")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL.nyala")
    parser.add_argument("--free", type=int, default=2000, help="generations (default: %(default)s)")
    parser.add_argument("--forced", type=int, default=2000,
                        help="that open a reference at some step (default: %(default)s)")
    parser.add_argument("--records", type=int, default=50, help="(default: %(default)s)")
    parser.add_argument("--longest", type=int, default=80, metavar="TOKENS",
                        help="limit of those that are not cut (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=16,
                        help="sequences at once (default: %(default)s)")
    parser.add_argument("-t", "--threads", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--texts", type=argparse.FileType("w"), metavar="FILE",
                        help="write the generations there")
    parser.add_argument("--json", type=argparse.FileType("w"), metavar="FILE",
                        help="also write the figures there, a line each")
    arguments = parser.parse_args()

    def write(job, generation):
        if arguments.texts:
            arguments.texts.write(json.dumps({
                "record": job.record, "question": QUESTIONS[job.question],
                "temperature": job.temperature, "limit": job.limit, "opened": job.was_opened,
                "generation": generation.decode("utf-8", "replace")}) + "\n")

    print(describe_machine())
    records = make_varied(arguments.records, arguments.seed)
    jobs = [*make_jobs(arguments.free, arguments.records, arguments.longest, False, arguments.seed),
            *make_jobs(arguments.forced, arguments.records, arguments.longest, True,
                       arguments.seed + 1)]
    checker = Checker()
    with GroundedSession(arguments.model, arguments.threads, arguments.batch) as session:
        generate(session, records, jobs, checker,
                 lambda *asked: run_grounded(arguments.model, *asked, "-n", 1)["prompt_ids"],
                 write, arguments.batch)
    checker.report(figure_writer(arguments.json))
    for problem in checker.problems:
        print(problem)
    return 1 if checker.counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
