"""Processes that measure: what they print, and whether other programs disturbed them."""

import json
import os
import resource
import subprocess
import sys
import time

SCRIPT = os.path.basename(sys.argv[0])  # in messages
QUIET = 0.05  # part of a processor that other programs may take


def say(text):
    print(f"==> {text}", file=sys.stderr, flush=True)


def busy_seconds():
    """(time that all processors have been busy, time that this script's processes have taken)"""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ((user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK"),
            usage.ru_utime + usage.ru_stime)


def read_lines(command):
    """The JSON objects that a process of its own prints, and what part of a processor others took
    meanwhile."""
    begin, (all_before, own_before) = time.monotonic(), busy_seconds()
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                            check=False)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\nfailed with exit code "
                 f"{result.returncode}:\n{result.stderr}")
    all_after, own_after = busy_seconds()
    others = (all_after - all_before) - (own_after - own_before)
    return ([json.loads(line) for line in result.stdout.splitlines()],
            others / (time.monotonic() - begin))


def read_undisturbed(command):
    """What read_lines gives in the quietest of at most four attempts."""
    attempts = []
    while len(attempts) < 4:
        lines, others = read_lines(command)
        attempts.append((others, lines))
        if others < QUIET:
            break
    others, lines = min(attempts, key=lambda attempt: attempt[0])
    if others >= QUIET:
        say(f"other programs took {100 * others:.0f} % of a processor: the figure may be too low")
    return lines
