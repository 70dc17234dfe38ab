"""Caches in blocks of 8 and 4 bits (docs/numerics.md): logits against a reference that rounds alike, what
the artifact says of its size, saved sessions, and models that blocks do not fit. test_contract.py has
them too.

Tolerances are parts of the largest logit of a row. ROUNDED: against the reference with the same
cache, in f64, for prompts that put no value near a tie. PLAIN: against one that rounds nothing;
random weights of few channels make errors larger than those of a real model.
"""

import json

import numpy as np
import pytest

import tiny_models
from harness import check_refused, compile_model, generate, run, step_logits, succeed
from llama_reference import Llama
from tiny_models import CONFIGS, plain_ids, plain_text

ROUNDED = 5e-6
PLAIN = {"q8": 0.03, "q4": 0.5}
# Heads of 16 (grouped, and each its own), 32 (one for all) and 64 channels.
MODELS = {"q4_1": 16, "f32-mha": 16, "q5_k": 32, "q4_k": 64}
BLOCK_BYTES = {"q8": 34, "q4": 18}
every_type = pytest.mark.parametrize("kv_type", BLOCK_BYTES)


@pytest.fixture(scope="module", name="model", params=MODELS)
def make_model(request, tmp_path_factory):
    """(name, GGUF file)"""
    assert CONFIGS[request.param].head_dim == MODELS[request.param]
    return request.param, tiny_models.make(tmp_path_factory.mktemp("kv"), request.param)


def error(actual, expected):
    return (np.abs(actual - expected).max(axis=-1) / np.abs(expected).max(axis=-1)).max()


@every_type
def test_logits(model, kv_type, tmp_path):
    """Of a prompt and of tokens decoded after it; and the bytes of a position."""
    name, gguf = model
    artifact = compile_model(gguf, tmp_path / "m.nyala", "--arithmetic=f32", f"--kv-type={kv_type}")
    facts = json.loads(succeed("nyala-inspect", "--json", artifact).stdout)
    config = CONFIGS[name]
    assert facts["metadata"]["kv_type"] == kv_type
    assert (facts["kv_bytes_per_token"] ==
            2 * config.layers * config.kv_width() * BLOCK_BYTES[kv_type] // 32)

    vocabulary, prompt = len(tiny_models.vocabulary(config.vocab_padding)), plain_text(13, seed=4)
    answer = generate(artifact, "--temp", 0, "-n", 5, "--top-logits", vocabulary, "-p", prompt)
    actual = np.array([[step[i] for i in range(vocabulary)] for step in step_logits(answer)])
    ids = plain_ids(prompt) + answer["ids"][:-1]
    rounded, plain = (error(actual, Llama(gguf, np.float64, kv_type=of).logits(ids)[12:])
                      for of in (kv_type, "f32"))
    print(f"within {rounded:.1e} of a reference that rounds alike, {plain:.4f} of one that does not")
    assert rounded < ROUNDED
    assert 1e-4 < plain < PLAIN[kv_type]


@every_type
def test_saved(kv_type, tiny_gguf, tmp_path):
    """A saved session goes on as if it had not ended; with another type of cache it is refused."""
    artifact = compile_model(tiny_gguf, tmp_path / "m.nyala", f"--kv-type={kv_type}")
    flags = ("--temp", 0, "--top-logits", 20)
    file, prompt = tmp_path / "saved", plain_text(40)
    first = generate(artifact, *flags, "-n", 12, "-p", prompt, "--session", file)
    second = generate(artifact, *flags, "-n", 8, "--session", file)
    assert second["kept_tokens"] == len(second["prompt_ids"]) - 1
    whole = generate(artifact, *flags, "-n", 20, "-p", prompt)
    assert first["top_logits"] + second["top_logits"] == whole["top_logits"]
    halves = compile_model(tiny_gguf, tmp_path / "halves.nyala")
    check_refused(run("nyala-run", halves, "-n", 1, "--session", file), "another model")


def test_refused(tmp_path):
    """What blocks do not fit: the state, what was expected, what was got."""
    for changes, expected in (({"kv_heads": 1, "head_dim": 20}, ("multiple of 32 channels", "got 20")),
                              ({"head_dim": 24}, ("heads of a multiple of 16 channels", "got 24"))):
        gguf = tiny_models.make(tmp_path, "f32-mha", **changes)
        result = run("nyala-compile", gguf, "-o", tmp_path / "m.nyala", "--kv-type=q8")
        check_refused(result, "state 'blk.0.keys' cannot be stored as q8", *expected)
        assert not (tmp_path / "m.nyala").exists()
        compile_model(gguf, tmp_path / "m.nyala", "--kv-type=f16").unlink()
