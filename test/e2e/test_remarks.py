"""What nyala-compile remarks on dispatches and weights is what the artifact holds and runs."""

import json
import re
from collections import Counter

import pytest

import tiny_checkpoints
from harness import succeed

FORMED = re.compile(r"DispatchFormed .*Function=(\w+) \| Remark=\"@(\w+), (\d+) uses?: (.+)\"")
NOT_FUSED = re.compile(r"NotFused .*Function=(\w+) \| Reason=\"(.+)\", "
                       r"Remark=\"(\S+) is not fused with @(\w+), (\d+) times?\"")
PACKED = re.compile(r"WeightPacked .*Remark=\"packed @(\S+?)(?: and \d+ more)?, (\d+) x (\d+), "
                    r"as (\w+)\"")


@pytest.fixture(name="remarked", scope="module")
def compile_with_remarks(tiny_gguf, tmp_path_factory):
    """(artifact, what the compiler remarked)"""
    artifact = tmp_path_factory.mktemp("remarks") / "m.nyala"
    result = succeed("nyala-compile", tiny_gguf, "-o", artifact,
                     "--remarks-filter=nyala-form-dispatches|nyala-pack-weights")
    return artifact, result.stderr.decode()


@pytest.fixture(name="formed", scope="module")
def read_formed(remarked):
    """{(entry, kernel): (uses, ops)}"""
    return {(entry, kernel): (int(uses), ops.split(", "))
            for entry, kernel, uses, ops in FORMED.findall(remarked[1])}


def test_dispatches_are_those_that_run(remarked, formed):
    """A prompt longer than what decode takes runs prefill; both together run all dispatches."""
    lines = succeed("nyala-bench", remarked[0], "-p", 64, "-n", 1, "-r", 1, "-t", 1,
                    "--per-dispatch", "--json").stdout.decode().splitlines()
    steps = [step for step in map(json.loads, lines) if "step" in step]
    ran = Counter((step["entry"], step["dispatch"]) for step in steps)
    assert ran == {key: uses for key, (uses, _) in formed.items()}
    for (entry, kernel), (_, ops) in formed.items():
        assert kernel.startswith(entry) and all("." in op for op in ops)


def test_missed_fusions_name_kernels(remarked, formed):
    missed = NOT_FUSED.findall(remarked[1])
    assert missed
    for entry, reason, op, kernel, times in missed:
        uses, _ = formed[entry, kernel]
        assert reason and "." in op and 0 < int(times) <= uses * len(missed)


def test_layouts_are_those_of_the_artifact(remarked):
    packed = PACKED.findall(remarked[1])
    report = json.loads(succeed("nyala-inspect", remarked[0], "--json").stdout)
    stored = {(weight["format"], *weight["shape"]) for weight in report["weights"]
              if weight["format"] != "f32"}
    assert {(layout, int(rows), int(columns)) for _, rows, columns, layout in packed} == stored


@pytest.mark.parametrize("name", ["llama", "qwen2-windows"])
def test_rotations_of_checkpoints_fuse(name, tmp_path):
    """Hugging Face's rotations pair halves of heads: products compute them all the same."""
    checkpoint = tiny_checkpoints.make(tmp_path, name)
    result = succeed("nyala-compile", checkpoint, "-o", tmp_path / "m.nyala",
                     "--remarks-filter=nyala-form-dispatches|nyala-interleave-rope")
    remarks = result.stderr.decode()
    assert "RopeInterleaved" in remarks and "RopeNotInterleaved" not in remarks
    rotating = [ops for _, _, _, ops in FORMED.findall(remarks) if "nyala.rotate" in ops]
    assert rotating and all("linear" in ops for ops in rotating)
