"""Runs a command and writes its resource usage as JSON to a file: usage.py FILE COMMAND...

A process of its own because Linux counts the memory of whoever forked a process into its peak: this
one is small, a pytest process is not. Exits as the command did (128 + N for signal N).
"""
import json
import os
import resource
import subprocess
import sys
import time

begin = time.monotonic()
# Runs in this process group: a terminal's or a test's signal to it reaches the command.
code = subprocess.run(sys.argv[2:], check=False).returncode
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w", encoding="ascii") as file:
    json.dump({"seconds": time.monotonic() - begin,
               "cpu_seconds": usage.ru_utime + usage.ru_stime,
               "peak_rss": usage.ru_maxrss * 1024}, file)
os._exit(code if code >= 0 else 128 - code)
