"""Measures OpenVINO GenAI once and prints JSON lines as nyala-bench does; cpu.py runs it.

openvino_worker.py MODEL.gguf THREADS prefill PROMPT_TOKENS
openvino_worker.py MODEL.gguf THREADS decode GENERATED_TOKENS DEPTH BATCH
openvino_worker.py MODEL.gguf THREADS start PROMPT_TOKENS GENERATED_TOKENS

Times are those of its own counters. Each prompt has other tokens than those before it, as it keeps
what it knows of prompts that begin alike. One repetition before is not counted. `start` begins when
its libraries are loaded, and of `memory` what was there then is not counted: neither has Python in
it.
"""
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import openvino
import openvino_genai


def read_resident_bytes():
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


class Engine:
    """A pipeline of OpenVINO GenAI and a source of prompts."""

    def __init__(self, model, threads):
        self.pipeline = openvino_genai.LLMPipeline(model, "CPU", INFERENCE_NUM_THREADS=threads)
        self.random = np.random.default_rng(1)

    def generate(self, prompt_tokens, generated_tokens, batch=1):
        """The counters of one call."""
        ids = self.random.integers(100, 40000, (batch, prompt_tokens), dtype=np.int64)
        inputs = openvino_genai.TokenizedInputs(openvino.Tensor(ids),
                                                openvino.Tensor(np.ones_like(ids)))
        options = openvino_genai.GenerationConfig(max_new_tokens=generated_tokens, ignore_eos=True,
                                                  do_sample=False)
        return self.pipeline.generate(inputs, options).perf_metrics


class Reporter:
    """Prints figures of a number of threads."""

    def __init__(self, threads):
        self.threads = threads

    def report(self, test, tokens, value, unit, depth=0, batch=1, **more):
        print(json.dumps({"test": test, "threads": self.threads, "batch": batch, "depth": depth,
                          "tokens": tokens, "samples": [value], "median": value, "unit": unit,
                          **more}))


def measure_prefill(engine, reporter, prompt_tokens):
    engine.generate(prompt_tokens, 1)
    first = engine.generate(prompt_tokens, 1).get_ttft().mean
    reporter.report("prefill", prompt_tokens, 1000 * prompt_tokens / first, "tok/s")
    reporter.report("first_token", prompt_tokens, first, "ms")


def measure_decode(engine, reporter, generated_tokens, depth, batch):
    prompt_tokens = max(depth, 1)  # without a prompt it generates nothing
    engine.generate(prompt_tokens, generated_tokens + 1, batch)
    each = engine.generate(prompt_tokens, generated_tokens + 1, batch).get_tpot().mean
    reporter.report("decode", generated_tokens, 1000 / each, "tok/s", depth, batch)


def measure_start(model, threads, prompt_tokens, generated_tokens):
    loaded, begin = read_resident_bytes(), time.perf_counter()
    engine, reporter = Engine(model, threads), Reporter(threads)
    for count in (1, generated_tokens):
        engine.generate(prompt_tokens, count)
        if count == 1:
            reporter.report("start", 1, 1000 * (time.perf_counter() - begin), "ms",
                            prompt=prompt_tokens)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - loaded
        reporter.report("memory", count, peak / 1e6, "MB", prompt=prompt_tokens)


def main():
    model, threads, test = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    numbers = [int(argument) for argument in sys.argv[4:]]
    if test == "start":
        measure_start(model, threads, *numbers)
    else:
        measure = {"prefill": measure_prefill, "decode": measure_decode}[test]
        measure(Engine(model, threads), Reporter(threads), *numbers)


main()
