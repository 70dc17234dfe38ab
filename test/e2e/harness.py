"""Running nyala's tools from tests."""

import json
import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("NYALA_BUILD_DIR", SOURCE / "build"))
DATA = SOURCE / "test" / "data"


def tool(name):
    """Path of a built tool."""
    return str(BUILD / "bin" / name)


def cpu_flags():
    """Feature names of the first processor in /proc/cpuinfo."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("flags"):
                return set(line.split(":")[1].split())
    return set()


# A CPU name, and a feature of it as /proc/cpuinfo spells it. No machine has all of these.
FOREIGN_CPUS = [("sapphirerapids", "amx_tile"), ("znver5", "avx512_vp2intersect"),
                ("x86-64-v4", "avx512f")]


def foreign_cpu():
    """A name for --cpu whose code does not run on this machine."""
    name = next((name for name, flag in FOREIGN_CPUS if flag not in cpu_flags()), None)
    assert name, "this machine has every feature the tests know: add a newer CPU to FOREIGN_CPUS"
    return name


def environment(home):
    """The environment of a tool whose caches must not outlive the test."""
    return {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(Path(home) / ".cache"),
            "LC_ALL": "C.UTF-8"}


def run(name, *arguments, timeout=120, **options):
    """Runs a tool; bytes in, a CompletedProcess of bytes out. Nothing on standard input unless
    `input` or `stdin` is given."""
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([tool(name), *map(str, arguments)], capture_output=True, check=False,
                          timeout=timeout, **options)


def explain(result):
    return f"{result.args}\nexit code {result.returncode}\n{result.stderr.decode(errors='replace')}"


def succeed(name, *arguments, **options):
    """Like run, and the tool must succeed."""
    result = run(name, *arguments, **options)
    assert result.returncode == 0, explain(result)
    return result


def run_measured(directory, name, *arguments, timeout=120):
    """(CompletedProcess, {"seconds", "cpu_seconds", "peak_rss"}) of a successful run."""
    report = Path(directory) / "usage.json"
    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("usage.py")), str(report),
               tool(name), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, check=False, timeout=timeout,
                            stdin=subprocess.DEVNULL)
    assert result.returncode == 0, explain(result)
    return result, json.loads(report.read_text())


def compile_model(gguf, artifact, *flags, **options):
    succeed("nyala-compile", gguf, "-o", artifact, *flags, **options)
    return artifact


def generate(artifact, *flags, **options):
    """The JSON object that `nyala-run --json` prints."""
    return json.loads(succeed("nyala-run", artifact, "--json", *flags, **options).stdout)


def step_logits(answer):
    """Of each step of `--top-logits K`: {id: logit}."""
    return [{int(i): float(logit) for i, logit in step} for step in answer["top_logits"]]


def check_refused(result, *culprits):
    """A user's mistake: exit code 1 and a lower-case message that names every culprit."""
    assert result.returncode == 1, explain(result)
    message = result.stderr.decode()
    assert message.strip(), "no message"
    for culprit in culprits:
        assert culprit.lower() in message.lower(), f"{culprit!r} is not named in: {message}"
    for trace in ("Stack dump", "PLEASE submit", "Assertion", "terminate called", "Sanitizer"):
        assert trace not in message, message
    return message
