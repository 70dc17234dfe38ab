"""Measures a program that generates text, and prints one JSON object a line; cpu.py runs it.

start_worker.py THREADS PROMPT_TOKENS GENERATED_TOKENS COMMAND...

`start` is the time from the start of the process to its first byte on standard output, `memory` its
peak resident set, files that it has mapped included.
"""
import json
import os
import subprocess
import sys
import time


def main():
    threads, prompt_tokens, generated_tokens = map(int, sys.argv[1:4])
    begin = time.perf_counter()
    process = subprocess.Popen(sys.argv[4:], stdout=subprocess.PIPE)
    text = os.read(process.stdout.fileno(), 1)
    first = time.perf_counter() - begin
    text += process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or not text:
        sys.exit(f"{' '.join(sys.argv[4:])}\nfailed with exit code {process.returncode}")

    def report(test, value, unit):
        print(json.dumps({"test": test, "threads": threads, "batch": 1, "depth": 0,
                          "prompt": prompt_tokens, "tokens": generated_tokens,
                          "samples": [value], "median": value, "unit": unit}))

    if generated_tokens == 1:
        report("start", 1000 * first, "ms")
    report("memory", usage.ru_maxrss * 1024 / 1e6, "MB")


main()
