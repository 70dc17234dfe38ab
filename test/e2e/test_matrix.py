"""What options of nyala-compile make together of one tiny model: arithmetic, the cache's numbers,
shared keys and values, and a prefill without its tail.

Without the last, logits are compared with the reference; with it, with those of the same artifact
but for that. The prompts are a token, one chunk, chunks and a single token, chunks of several
tokens.
"""

import functools
import json

import numpy as np
import pytest

import tiny_models
from harness import check_refused, compile_model, generate, run, step_logits, succeed
from llama_reference import Llama

LAYERS = 4
# Query and key merge into one product, the value has one of its own. A head is a block of 32.
CONFIG = {"layers": LAYERS, "head_dim": 32, "types": {"attn_v": "Q8_0"}}
VOCABULARY = len(tiny_models.vocabulary(tiny_models.CONFIGS["q4_1"].vocab_padding))

ROWS = 32  # of a chunk
LENGTHS = (1, 13, 2 * ROWS + 1, 70)
STEPS = 4

ARITHMETIC = ["f32", "native"]
KV_TYPES = ["f32", "f16", "q8", "q4"]
KV_MAPS = {"own": None, "shared": "0,0,2,2"}

# Of the largest logit of a row: see test_tiny.py. Where activations or caches are rounded, a value
# near a tie may be rounded otherwise, by a step of its type; not in every prompt.
TOLERANCE, TIE_TOLERANCE = 2e-5, 0.1


def parse_map(kv_map):
    return kv_map and [int(layer) for layer in kv_map.split(",")]


@pytest.fixture(scope="module", name="models")
def make_models(tmp_path_factory):
    """Makes when first asked for: models.artifact(…), models.reference(…)"""
    directory = tmp_path_factory.mktemp("matrix")

    class Models:
        gguf = tiny_models.make(directory, "q4_1", **CONFIG)

        @staticmethod
        @functools.cache
        def reference(arithmetic, kv_type, kv_map):
            # Values of q4 are multiples of an eighth of the largest one, whose 127 levels as activations
            # have ties among those: in f32 they fall alike.
            native = arithmetic == "native"
            return Llama(Models.gguf, np.float32 if native else np.float64, native=native,
                         kv_map=parse_map(kv_map), kv_type=kv_type)

        @staticmethod
        @functools.cache
        def artifact(arithmetic, kv_type, kv_map, *flags):
            name = "-".join([arithmetic, kv_type, kv_map or "own", *flags]).replace("-", "")
            share = [f"--share-kv=map:{kv_map}"] if kv_map else []
            return compile_model(Models.gguf, directory / f"{name}.nyala", *share, *flags,
                                 f"--arithmetic={arithmetic}", f"--kv-type={kv_type}",
                                 f"--prefill-rows={ROWS}")

    return Models


def answer_of(artifact, length):
    """Logits (steps × vocabulary), ids of the prompt and of the greedy continuation."""
    answer = generate(artifact, "--temp", 0, "-n", STEPS, "--top-logits", VOCABULARY, "-p",
                      tiny_models.plain_text(length, seed=length))
    logits = [[step[i] for i in range(VOCABULARY)] for step in step_logits(answer)]
    return np.array(logits), answer["prompt_ids"], answer["ids"]


def error_of(actual, expected):
    """In parts of the largest logit of a row."""
    return (np.abs(actual - expected).max(axis=-1) / np.abs(expected).max(axis=-1)).max()


def matrix(test):
    for name, values in {"kv_map": KV_MAPS, "kv_type": KV_TYPES, "arithmetic": ARITHMETIC}.items():
        test = pytest.mark.parametrize(name, values)(test)
    return test


@matrix
def test_reference(arithmetic, kv_type, kv_map, models):
    """Logits after prompts and of greedy steps are those of the reference."""
    options = arithmetic, kv_type, KV_MAPS[kv_map]
    errors = []
    for length in LENGTHS:
        logits, prompt, ids = answer_of(models.artifact(*options), length)
        expected = models.reference(*options).logits(prompt + ids[:-1])[len(prompt) - 1:]
        errors.append(error_of(logits, expected))
    print(", ".join(f"{length} tokens: within {error:.2g}"
                    for length, error in zip(LENGTHS, errors)))
    assert min(errors) <= TOLERANCE
    is_exact = arithmetic == kv_type == "f32"
    assert max(errors) <= (TOLERANCE if is_exact else TIE_TOLERANCE)


@matrix
def test_skipped_tail(arithmetic, kv_type, kv_map, models):
    """A prefill without its tail gives the same: in native arithmetic the same bits, in f32 (where
    more than 8 rows at once round otherwise) the prompt's logits within rounding, and the same
    cache, so the same bits as long as the continuation is the same."""
    options = arithmetic, kv_type, KV_MAPS[kv_map]
    for length in LENGTHS:
        logits, _, ids = answer_of(models.artifact(*options), length)
        artifact = models.artifact(*options, "--skip-prefill-tail")
        skipped, _, skipped_ids = answer_of(artifact, length)
        assert skipped_ids == ids, length
        assert np.array_equal(skipped[1:], logits[1:]), length
        if arithmetic == "native":
            assert np.array_equal(skipped[0], logits[0]), length
        assert error_of(skipped[:1], logits[:1]) <= TOLERANCE, length


def test_sharing_shows(models):
    """The test of shared layers is worth something: it is another function than that of layers that
    share nothing, or the other way."""
    ids = tiny_models.plain_ids(tiny_models.plain_text(13))
    own, shared, other = (models.reference("f32", "f32", kv_map).logits(ids)[-1:]
                          for kv_map in (None, KV_MAPS["shared"], "0,1,1,1"))
    assert min(error_of(own, shared), error_of(other, shared), error_of(own, other)) > 0.1


def test_tail_of_half_a_model(models):
    """All layers behind the last one with a cache of its own."""
    kv_map = "0,1,1,1"
    artifact = models.artifact("f32", "f32", kv_map, "--skip-prefill-tail")
    logits, prompt, ids = answer_of(artifact, 70)
    expected = models.reference("f32", "f32", kv_map).logits(prompt + ids[:-1])[len(prompt) - 1:]
    assert error_of(logits, expected) <= TOLERANCE


def test_tail_runs_as_decode_does(models):
    """By the steps: products of the tail are for wanted rows, with decode's kernels."""
    facts = {}
    for flags in ([], ["--skip-prefill-tail"]):
        artifact = models.artifact("native", "f16", "0,1,1,1", *flags)
        facts[bool(flags)] = json.loads(succeed("nyala-inspect", artifact, "--json").stdout)
    assert facts[True]["metadata"]["prefill_tail"] == "skipped"
    assert "prefill_tail" not in facts[False]["metadata"]
    assert b"prefill tail  skipped" in succeed("nyala-inspect", artifact).stdout

    def steps(skipped, name):
        entry = next(e for e in facts[skipped]["entries"] if e["name"] == name)
        return [(step["kernel"], step["rows"]) for step in entry["steps"]]

    def wanted(skipped):
        return [kernel for kernel, rows in steps(skipped, "prefill") if rows == "wanted"]

    # Attention, the product behind it and the feed-forward's two of each of three layers, the query
    # of all but the first, where it comes with the keys. The head's rows are gathered already.
    decode = {kernel for kernel, _ in steps(True, "decode")}
    assert sum(kernel in decode for kernel in wanted(True)) == 3 * 4 + 2
    assert sum("attention" in kernel for kernel in wanted(True)) == 3
    assert not any("attention" in kernel for kernel in wanted(False))


def test_logits_of_all_rows_are_refused(tmp_path):
    """Perplexity asks for what is not there. A prefill of one row has all there is."""
    text = tmp_path / "text.txt"
    text.write_text(tiny_models.plain_text(600), encoding="ascii")
    gguf = tiny_models.make(tmp_path, "long")
    skipped, alone = (compile_model(gguf, tmp_path / f"{rows}.nyala", "--skip-prefill-tail",
                                    f"--prefill-rows={rows}") for rows in (128, 1))
    for tool in ("nyala-run", "nyala-bench"):
        check_refused(run(tool, skipped, "--perplexity", text), "--skip-prefill-tail")
        succeed(tool, alone, "--perplexity", text)
