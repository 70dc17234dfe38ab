"""Fifty steps of AdamW on tiny models, by nyala-train, against torch's (test/data/training)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tiny_checkpoints
from harness import DATA, succeed

STEPS, BATCH, LENGTH = 50, 4, 24
OPTIONS = ("--steps", STEPS, "--batch", BATCH, "--seq", LENGTH, "--lr", "5e-3", "--warmup", 5,
           "--weight-decay", "0.1", "--clip", "1", "--seed", 3)
MODELS = ("llama", "qwen3")  # the second with norms of queries and keys
TOLERANCE = 1e-3
RECORDED = DATA / "training" / "adamw-steps.json"
PEER = Path(__file__).resolve().parents[2] / "bench" / "torch_trainer.py"


def make_inputs(folder, name):
    """A checkpoint, and tokens that can be learned: each mostly follows from the one before."""
    checkpoint = tiny_checkpoints.make(folder, name, dtype="F32")
    noise = np.array(tiny_checkpoints.make_tokens(f"{name} steps", 4000))
    ids = np.zeros(4000, np.int32)
    for i in range(1, len(ids)):
        ids[i] = (5 * ids[i - 1] + 7) % tiny_checkpoints.VOCABULARY if noise[i] % 4 else noise[i]
    np.save(folder / "tokens.npy", ids)
    return checkpoint, folder / "tokens.npy"


def compute(folder, name):
    """Loss and norm of each step."""
    checkpoint, tokens = make_inputs(folder, name)
    succeed("nyala-train", "--model", checkpoint, "--data", tokens, "-o", folder / "out", *OPTIONS)
    lines = [json.loads(line) for line in (folder / "out" / "metrics.jsonl").read_text().splitlines()]
    return [(line["loss"], line["grad_norm"]) for line in lines]


def compute_with_torch(python, folder, name):
    checkpoint, tokens = make_inputs(folder, name)
    result = subprocess.run([python, PEER, checkpoint, tokens, *map(str, OPTIONS)], check=False,
                            capture_output=True, timeout=300,
                            env={**os.environ, "HF_HUB_OFFLINE": "1"})
    assert result.returncode == 0, result.stdout.decode() + result.stderr.decode()
    lines = [json.loads(line) for line in result.stdout.decode().splitlines() if line[0] == "{"]
    return [(line["loss"], line["grad_norm"]) for line in lines if "step" in line]


def check(actual, expected):
    assert len(actual) == len(expected) == STEPS
    assert actual[-1][0] < actual[0][0] - 0.5, "nothing was learned"
    for step, ((loss, norm), (other_loss, other_norm)) in enumerate(zip(actual, expected), 1):
        assert loss == pytest.approx(other_loss, abs=TOLERANCE), step
        assert norm == pytest.approx(other_norm, rel=1e-2), step


@pytest.mark.parametrize("name", MODELS)
def test_recorded(name, tmp_path):
    check(compute(tmp_path, name), json.loads(RECORDED.read_text())[name])


def test_computed(tmp_path):
    """By torch here and now: needs test/requirements-reference.txt."""
    python = os.environ.get("NYALA_REFERENCE_PYTHON")
    if not python:
        pytest.skip("no torch: set NYALA_REFERENCE_PYTHON (test/data/hf/README.md)")
    for name in MODELS:
        folder = tmp_path / name
        (folder / "torch").mkdir(parents=True)
        check(compute(folder, name), compute_with_torch(python, folder / "torch", name))


def main():
    """Records what torch computes: test_training_steps.py FOLDER, by a Python that has it."""
    steps = {}
    for name in MODELS:
        folder = Path(sys.argv[1]) / name
        folder.mkdir(parents=True)
        steps[name] = compute_with_torch(sys.executable, folder, name)
    RECORDED.write_text(json.dumps(steps) + "\n")


if __name__ == "__main__":
    main()
