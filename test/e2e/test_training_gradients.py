"""Gradients of whole tiny models, by the interpreter in f32, against torch's (test/data/training)."""

import functools
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness import DATA, succeed
from training_cases import BATCH, CASES, LENGTH, make_batch, make_checkpoint, sketch

TOLERANCE = 1e-5  # of a gradient's largest element, and of its norm


def read_tensors(path):
    """Name: f32 values of a safetensors file of F32."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F32", name
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(data[begin:end], "<f4").reshape(entry["shape"])
    return tensors


def compute(name, folder):
    """The loss and, by name, gradients of all weights that are trained."""
    checkpoint = make_checkpoint(folder, name)
    model, step, share = folder / "model.mlir", folder / "step.mlir", CASES[name].share
    succeed("nyala-import", checkpoint, "-o", model)
    sharing = [f"--nyala-share-kv=factor={share}", "--nyala-remove-dead-state"] if share else []
    succeed("nyala-opt", model, *sharing, f"--nyala-build-loss=batch={BATCH} length={LENGTH}",
            "--nyala-differentiate", "--canonicalize", "--cse", "-o", step)
    tokens, targets, row_weights = make_batch(name)
    inputs = {"tokens": tokens.reshape(-1), "targets": targets.reshape(-1),
              "positions": np.tile(np.arange(LENGTH), BATCH),
              "loss_weights": row_weights.reshape(-1, 1), **read_tensors(
                  checkpoint / "model.safetensors")}
    text, flags = step.read_text(), []
    for role, values in inputs.items():
        if f'"{role}"' not in text:
            continue  # a weight that a consumer of keys and values does not need
        values = values[None] if "." in role and values.ndim == 1 else values
        path = folder / f"{role}.json"
        path.write_text(json.dumps(values.tolist()))
        flags += ["--input", f"{role}={path}"]
    result = succeed("nyala-interpret", step, "--entry=train_step", "--json", "--full", *flags)
    return {r["name"].removeprefix("gradient:"): np.array(r["values"])
            for r in json.loads(result.stdout)["results"]}


@pytest.fixture(scope="module", name="gradients")
def compute_gradients(tmp_path_factory):
    """Of a case, computed when first asked for."""
    return functools.cache(lambda name: compute(name, tmp_path_factory.mktemp(name)))


@pytest.mark.parametrize("name", CASES)
def test_recorded(name, gradients):
    """The loss, and of each weight's gradient the norm and some elements."""
    actual, expected = gradients(name), np.load(DATA / "training" / f"{name}.npz")
    assert set(actual) == set(expected.files)
    assert abs(actual["loss"].item() - expected["loss"]) <= TOLERANCE * expected["loss"]
    for weight in set(actual) - {"loss"}:
        norm, largest, *elements = expected[weight]
        assert largest > 0, "a gradient of zeros shows nothing"
        got = sketch(actual[weight])
        assert abs(got[0] - norm) <= TOLERANCE * norm, weight
        assert np.abs(got[2:] - elements).max() <= TOLERANCE * largest, weight


def test_computed(gradients, tmp_path):
    """Every element, by torch here and now: needs test/requirements-reference.txt."""
    python = os.environ.get("NYALA_REFERENCE_PYTHON")
    if not python and all(map(importlib.util.find_spec, ("torch", "transformers"))):
        python = sys.executable
    if not python:
        pytest.skip("no torch: set NYALA_REFERENCE_PYTHON (test/data/hf/README.md)")
    script = Path(__file__).with_name("gradient_reference.py")
    result = subprocess.run([python, script, "--full", tmp_path], check=False, capture_output=True,
                            timeout=300, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    assert result.returncode == 0, result.stdout.decode() + result.stderr.decode()
    for name in CASES:
        actual, expected = gradients(name), np.load(tmp_path / f"{name}.npz")
        for weight in set(actual) - {"loss"}:
            difference = np.abs(actual[weight].reshape(-1) - expected[weight].reshape(-1))
            relative = difference.max() / np.abs(expected[weight]).max()
            assert relative <= TOLERANCE, (name, weight)
