"""Hugging Face checkpoints: tiny models against transformers (hf_reference.py, test/data/hf)."""

import functools
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tiny_checkpoints
from harness import DATA, compile_model, environment, succeed
from runtime_api import Session
from tiny_checkpoints import CONFIGS, VOCABULARY, make_tokens

TOLERANCE = 1e-4
every_checkpoint = pytest.mark.parametrize("name", CONFIGS)


@pytest.fixture(scope="module", name="checkpoint")
def make_checkpoint(tmp_path_factory):
    """The folder of a checkpoint, made when first asked for."""
    folder = tmp_path_factory.mktemp("checkpoints")
    return functools.cache(lambda name: tiny_checkpoints.make(folder, name))


@pytest.fixture(scope="module", name="artifact")
def make_artifact(checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp("artifacts")

    @functools.cache
    def artifact(name, *flags):
        path = folder / f"{name}{''.join(flags)}.nyala"
        return compile_model(checkpoint(name), path, "--arithmetic=f32", *flags)

    return artifact


def check(actual, expected):
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= TOLERANCE


def prefill(artifact, tokens):
    with Session(artifact, VOCABULARY) as session:
        return session.prefill_all(tokens)


@every_checkpoint
def test_logits(name, artifact):
    """Of each token of a prompt computed at once, and of the same tokens one by one."""
    tokens, expected = make_tokens(name), np.load(DATA / "hf" / f"{name}.npy")
    assert np.abs(expected).max() > 1, "a model that says nothing shows nothing"
    check(prefill(artifact(name), tokens), expected)
    with Session(artifact(name), VOCABULARY) as session:
        check(np.stack([session.decode(token) for token in tokens]), expected)


@pytest.mark.parametrize("name", ["llama", "qwen2-windows", "qwen3", "hunyuan-cla",
                                  "hunyuan-cla-uneven"])
def test_chunks(name, artifact):
    """A prompt in chunks of rows."""
    expected = np.load(DATA / "hf" / f"{name}.npy")
    check(prefill(artifact(name, "--prefill-rows=3"), make_tokens(name)), expected)


@pytest.mark.parametrize("name", ["llama-shards", "hunyuan-cla-uneven"])
def test_meaning(name, checkpoint, tmp_path):
    """What is imported, by plain loops, without code generation; weights come from every shard."""
    module, tokens = tmp_path / "model.mlir", make_tokens(name)
    succeed("nyala-import", checkpoint(name), "-o", module)
    rows = ",".join(map(str, range(len(tokens))))
    inputs = {"tokens": ",".join(map(str, tokens)), "positions": rows, "slots": rows,
              "wanted": rows, "sequences": ",".join("0" for _ in tokens)}
    flags = [flag for role, values in inputs.items() for flag in ("--input", f"{role}={values}")]
    result = succeed("nyala-interpret", module, "--precision", "f64", "--json", "--full",
                     "--dim", "sequences=1,slots=32", *flags)
    logits = next(r for r in json.loads(result.stdout)["results"] if r["name"] == "logits")
    check(np.array(logits["values"]).reshape(logits["shape"]),
          np.load(DATA / "hf" / f"{name}.npy"))


def test_sharing_halves_the_cache(artifact):
    """Keys and values of two heads of 16 channels in f32, of all four layers or of every other."""
    def cache_bytes(name):
        result = succeed("nyala-inspect", artifact(name), "--json")
        return json.loads(result.stdout)["kv_bytes_per_token"]

    assert cache_bytes("hunyuan") == 4 * 2 * 32 * 4
    assert cache_bytes("hunyuan-cla") == 2 * 2 * 32 * 4


def test_tied_head_that_differs(tmp_path):
    """The tensors decide, as for transformers: a head of its own is used, with a warning."""
    directory = tiny_checkpoints.make(tmp_path, "llama", keys={"tie_word_embeddings": True})
    artifact = tmp_path / "model.nyala"
    result = succeed("nyala-compile", directory, "-o", artifact, "--arithmetic=f32")
    assert b"'lm_head.weight' differs from the embeddings" in result.stderr
    check(prefill(artifact, make_tokens("llama")), np.load(DATA / "hf" / "llama.npy"))


def test_single_file_before_shards(tmp_path):
    """Where both are there, model.safetensors is read, as transformers does."""
    directory = tiny_checkpoints.make(tmp_path, "llama-shards")
    single = tiny_checkpoints.make(tmp_path, "llama")
    (single / "model.safetensors").rename(directory / "model.safetensors")
    module = succeed("nyala-import", directory).stdout.decode()
    assert "-of-00003" not in module and "model.safetensors" in module


@pytest.mark.parametrize("spelling", ["tiny-1.5B", "tiny-1.5B/", "./tiny-1.5B//", "."])
def test_default_output(spelling, checkpoint, tmp_path):
    """Beside the folder, whose name may have dots."""
    (tmp_path / "tiny-1.5B").symlink_to(checkpoint("llama"))
    within = tmp_path / "tiny-1.5B" if spelling == "." else tmp_path
    env = {**os.environ, "PWD": str(within)}
    succeed("nyala-compile", spelling, cwd=within, env=env)
    parent = checkpoint("llama") if spelling == "." else tmp_path / "tiny-1.5B"
    output = parent.with_name(parent.name + ".nyala")
    assert output.is_file()
    output.unlink()


def test_tools_keep_the_compiled_model(tmp_path):
    """nyala-bench compiles a folder once, and again when a file of the model has changed."""
    directory = tiny_checkpoints.make(tmp_path, "llama")
    env = environment(tmp_path)

    def bench():
        return b"compiling" in succeed("nyala-bench", directory, "-p", 4, "-n", 2, "-r", 1,
                                       env=env).stderr

    assert bench()
    assert not bench()
    (directory / "README.md").write_text("not part of the model")
    assert not bench()
    for name in ("config.json", "model.safetensors"):
        os.utime(directory / name, ns=(1, 1))
        assert bench(), name
    (directory / "generation_config.json").write_text("{}")
    assert bench()


def test_reference():
    """The logits that are kept, computed anew: needs test/requirements-reference.txt."""
    python = os.environ.get("NYALA_REFERENCE_PYTHON")
    if not python and all(map(importlib.util.find_spec, ("torch", "transformers"))):
        python = sys.executable
    if not python:
        pytest.skip("no transformers: set NYALA_REFERENCE_PYTHON (test/data/hf/README.md)")
    script = Path(__file__).with_name("hf_reference.py")
    result = subprocess.run([python, script, "--check"], check=False, capture_output=True,
                            timeout=300, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    assert result.returncode == 0, result.stdout.decode() + result.stderr.decode()
