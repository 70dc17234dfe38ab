"""What is measured, and the command that measures it, for each engine.

A command is a process that prints one JSON object a line for each figure, as nyala-bench does.
"""
import sys
from dataclasses import dataclass
from pathlib import Path

from quiet import SCRIPT

HERE = Path(__file__).resolve().parent
START_PROMPT, START_PROMPT_TOKENS = "Once upon a time,", 5
START_TOKENS = (1, 64)  # that are generated; the first gives the time


@dataclass(frozen=True)
class Case:
    """One measurement. `kind` is prefill (of `tokens`), decode (of `tokens`, from `depth`, for
    `batch` sequences) or start (with the tokens of START_TOKENS)."""
    kind: str
    tokens: int = 0
    depth: int = 0
    batch: int = 1


def time_start(threads, make_command):
    """Commands that time programs as start_worker.py does; make_command gets a number of tokens."""
    return [[sys.executable, HERE / "start_worker.py", threads, START_PROMPT_TOKENS, count,
             *make_command(count)] for count in START_TOKENS]


class Nyala:
    family = "nyala"

    def __init__(self, prepared, arithmetic):
        self.name = f"nyala {arithmetic}"
        self.prepared, self.artifact = prepared, prepared.artifact(arithmetic)
        if not self.artifact.is_file():
            sys.exit(f"{SCRIPT}: '{prepared.folder}' holds no artifact in the arithmetic "
                     f"'{arithmetic}'; prepare it with --arithmetic")
        self.artifact_bytes = prepared.artifact_bytes(arithmetic)

    def commands(self, case, threads):
        if case.kind == "start":
            return time_start(threads, lambda count: [
                self.prepared.program("nyala-run"), self.artifact, "-p", START_PROMPT, "-n", count,
                "-t", threads, "--temp", 0])
        p, n = (case.tokens, 0) if case.kind == "prefill" else (0, case.tokens)
        return [[self.prepared.program("nyala-bench"), self.artifact, "-t", threads, "-p", p,
                 "-n", n, "-d", case.depth, "-b", case.batch, "-r", 1, "--warmup", 1, "--json"]]

    def limit_command(self, threads):
        """Measures what the machine can read; the figures of the model beside it are left aside."""
        return [self.prepared.program("nyala-bench"), self.artifact, "-t", threads, "-p", 0,
                "-n", 1, "-r", 1, "--per-dispatch", "--json"]


class LlamaCpp:
    family = "llama.cpp"
    MODES = ("on", "off")

    def __init__(self, prepared, flash_attention):
        self.name = f"llama.cpp, flash attention {flash_attention}"
        self.prepared, self.flash_attention = prepared, flash_attention

    def commands(self, case, threads):
        if case.kind == "start":
            if self.flash_attention != "on":  # the program takes what llama.cpp does by itself
                return []
            return time_start(threads, lambda count: [
                self.prepared.program("llama_start"), self.prepared.model, threads, count,
                START_PROMPT])
        p, n = (case.tokens, 0) if case.kind == "prefill" else (0, case.tokens)
        return [[sys.executable, HERE / "llama_worker.py", self.prepared.model, threads, p, n,
                 case.depth, self.flash_attention, case.batch]]


class OpenVino:
    family = "OpenVINO"
    name = "OpenVINO GenAI"

    def __init__(self, prepared):
        self.model = prepared.model

    def commands(self, case, threads):
        worker = [sys.executable, HERE / "openvino_worker.py", self.model, threads, case.kind]
        if case.kind == "start":
            return [[*worker, START_PROMPT_TOKENS, START_TOKENS[-1]]]
        if case.kind == "prefill":
            return [[*worker, case.tokens]]
        return [[*worker, case.tokens, case.depth, case.batch]]


def make_engines(prepared, arithmetics, peers):
    engines = [Nyala(prepared, arithmetic) for arithmetic in arithmetics]
    if "llama.cpp" in peers:
        engines += [LlamaCpp(prepared, mode) for mode in LlamaCpp.MODES]
    if "openvino" in peers:
        engines.append(OpenVino(prepared))
    return engines
