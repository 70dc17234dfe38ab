"""Artifacts with code for several CPUs: what each holds, which code runs, and that it does not matter."""

import json

import pytest

from harness import compile_model, cpu_flags, foreign_cpu, generate, step_logits, succeed
from tiny_models import plain_text

# What generic-multi stands for, best first, and a feature as /proc/cpuinfo spells it without which
# the code does not run.
VARIANTS = {"sapphirerapids": "amx_tile", "icelake-server": "avx512_vnni",
            "x86-64-v4": "avx512vl", "alderlake": "avx_vnni", "x86-64-v3": "avx2"}
FLAGS = ("--prefill-rows=8",)


def executables(artifact):
    """{arch: machine code} in the artifact's order."""
    content = artifact.read_bytes()
    report = json.loads(succeed("nyala-inspect", artifact, "--json").stdout)
    return {code["arch"]: content[code["offset"]:code["offset"] + code["bytes"]]
            for code in report["executables"]}


@pytest.fixture(scope="module", name="multi")
def compile_multi(tiny_gguf, tmp_path_factory):
    return compile_model(tiny_gguf, tmp_path_factory.mktemp("variants") / "multi.nyala",
                         "--cpu=generic-multi", *FLAGS)


def answer(artifact):
    return generate(artifact, "--temp", 0, "-n", 4, "--top-logits", 1000, "-p",
                    plain_text(20, seed=3))


def test_best_runs(multi):
    assert list(executables(multi)) == list(VARIANTS)
    runnable = [name for name, flag in VARIANTS.items() if flag in cpu_flags()]
    assert answer(multi)["cpu"] in runnable[:2]  # a system may hide single features


@pytest.mark.parametrize("cpu", VARIANTS)
def test_same_as_alone(multi, cpu, tiny_gguf, tmp_path):
    """Code for a CPU is the same whatever stands beside it, and so are the numbers."""
    alone = compile_model(tiny_gguf, tmp_path / "alone.nyala", f"--cpu={cpu}", *FLAGS)
    assert executables(alone) == {cpu: executables(multi)[cpu]}
    if VARIANTS[cpu] in cpu_flags():
        assert step_logits(answer(alone)) == step_logits(answer(multi))


def test_bytes_depend_on_the_set_of_cpus(tiny_gguf, tmp_path):
    first, second = (compile_model(tiny_gguf, tmp_path / f"{i}.nyala", f"--cpu={cpus}",
                                   "--prefill-rows=1")
                     for i, cpus in enumerate(("x86-64-v3,znver4", "znver4,x86-64-v3")))
    assert first.read_bytes() == second.read_bytes()


def test_another_runs_where_the_best_does_not(tiny_gguf, tmp_path):
    foreign = foreign_cpu()
    artifact = compile_model(tiny_gguf, tmp_path / "foreign.nyala", f"--cpu=x86-64-v3,{foreign}",
                             *FLAGS)
    assert list(executables(artifact)) == [foreign, "x86-64-v3"]
    assert answer(artifact)["cpu"] == "x86-64-v3"
