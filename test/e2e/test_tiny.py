"""Tiny random models against an independent implementation, per CPU level.

Tolerance: every logit within 2e-5 of the row's largest magnitude, against f64. numpy in f32 stays
within 2e-6, and test_faults_show proves that each mistake a model is there to catch exceeds 1e-2.
"""

import functools

import numpy as np
import pytest

import tiny_models
from harness import compile_model, cpu_flags, generate, step_logits
from llama_reference import Llama
from tiny_models import CONFIGS, SPECIAL_ID, plain_ids, plain_text

TOLERANCE = 2e-5
STEPS = 8
FEATURES_OF_V4 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
CPUS = ["x86-64-v3", *(["x86-64-v4"] if FEATURES_OF_V4 <= cpu_flags() else []), "native"]
every_cpu = pytest.mark.parametrize("cpu", CPUS)
every_model = pytest.mark.parametrize("name", CONFIGS)


@pytest.fixture(scope="module", name="models")
def make_models(tmp_path_factory):
    """Makes when first asked for: models.gguf(name), .reference(name), .artifact(name, cpu)"""
    directory = tmp_path_factory.mktemp("models")

    class Models:
        @staticmethod
        @functools.cache
        def gguf(name):
            return tiny_models.make(directory, name)

        @staticmethod
        @functools.cache
        def reference(name):
            return Llama(Models.gguf(name), np.float64)

        @staticmethod
        @functools.cache
        def artifact(name, cpu):
            path = directory / f"{name}-{cpu}.nyala"
            return compile_model(Models.gguf(name), path, f"--cpu={cpu}", "--arithmetic=f32")

    return Models


def prompt_ids(name, text):
    start = [SPECIAL_ID["<|endoftext|>"]] if CONFIGS[name].bos else []
    return start + plain_ids(text)


def answer_of(artifact, name, text, steps, *flags):
    """Logits of the whole vocabulary (steps × vocabulary) and the JSON object."""
    size = len(tiny_models.vocabulary(CONFIGS[name].vocab_padding))
    answer = generate(artifact, "--temp", 0, "-n", steps, "--top-logits", size, *flags, "-p", text)
    assert answer["prompt_ids"] == prompt_ids(name, text)
    rows = [[step[i] for i in range(size)] for step in step_logits(answer)]
    return np.array(rows), answer


def check_rows(actual, expected):
    limit = TOLERANCE * np.maximum(1, np.abs(expected).max(axis=-1))
    worst = np.abs(actual - expected).max(axis=-1) / limit
    assert (worst <= 1).all(), f"error per row in units of the tolerance: {np.round(worst, 1)}"


FAULTS = {
    "half-pairing": lambda config: True,
    "interleaved-groups": lambda config: 1 < config.kv_heads < config.heads,
    "no-bias": lambda config: config.biases,
    "no-rope-scaling": lambda config: config.rope_linear or config.rope_yarn,
    "no-rope-factors": lambda config: config.rope_factors,
}


@every_model
def test_faults_show(name, models):
    """The models are worth something: a planted mistake in what one has changes its logits."""
    ids = prompt_ids(name, plain_text(12))
    expected = models.reference(name).logits(ids)[-1]
    for fault, applies in FAULTS.items():
        if applies(CONFIGS[name]):
            wrong = Llama(models.gguf(name), np.float64, [fault]).logits(ids)[-1]
            assert np.abs(wrong - expected).max() > 1e-2 * np.abs(expected).max(), fault


@every_cpu
@every_model
@pytest.mark.parametrize("length", [1, 13])
def test_logits(name, cpu, length, models):
    """Logits after the prompt and of greedy steps."""
    text = plain_text(length, seed=length)
    actual, answer = answer_of(models.artifact(name, cpu), name, text, STEPS + 1)
    assert len(answer["ids"]) == STEPS + 1
    # The reference follows the ids that were generated, so that a near tie cannot part the two.
    ids = answer["prompt_ids"] + answer["ids"][:-1]
    expected = models.reference(name).logits(ids)[len(answer["prompt_ids"]) - 1:]
    check_rows(actual, expected)
    assert answer["ids"] == actual.argmax(axis=-1).tolist()


@every_cpu
@every_model
def test_threads(name, cpu, models):
    """One and three threads give the same bits, in decode and prefill."""
    text = plain_text(70, seed=70)
    one, _ = answer_of(models.artifact(name, cpu), name, text, STEPS, "-t", 1)
    three, _ = answer_of(models.artifact(name, cpu), name, text, STEPS, "-t", 3)
    assert np.array_equal(one, three)


@every_cpu
@every_model
def test_chunks(name, cpu, models):
    """A long prompt in chunks, and the same tokens one by one."""
    head, steps = plain_text(90, seed=90), 60
    artifact = models.artifact(name, cpu)
    decoded, answer = answer_of(artifact, name, head, steps)
    tail = bytes(answer["ids"][:-1]).decode("ascii")
    prefilled, _ = answer_of(artifact, name, head + tail, 1)
    expected = models.reference(name).logits(prompt_ids(name, head + tail))
    check_rows(decoded, expected[-steps:])
    check_rows(prefilled, expected[-1:])


@pytest.mark.parametrize("rows", [1, 7, 64])
def test_chunk_sizes(rows, models, tmp_path):
    """Whatever the chunks a prompt is computed in."""
    artifact = compile_model(models.gguf("q8_0"), tmp_path / "m.nyala", f"--prefill-rows={rows}",
                             "--arithmetic=f32")
    text = plain_text(100, seed=rows)
    actual, _ = answer_of(artifact, "q8_0", text, 1)
    check_rows(actual, models.reference("q8_0").logits(plain_ids(text))[-1:])


@every_cpu
def test_all_rows(cpu, models, tmp_path):
    """Logits of every row of a prefill, by way of the perplexity of two windows."""
    text = plain_text(1100, seed=5)
    file = tmp_path / "text.txt"
    file.write_text(text, encoding="ascii")
    answer = generate(models.artifact("long", cpu), "--perplexity", file)
    expected = models.reference("long").perplexity(plain_ids(text))
    assert answer["perplexity"] == pytest.approx(expected, rel=1e-5)


def test_arbitrary_text(models):
    """Text with merges, specials and other bytes, against the same ids in the reference."""
    size = len(tiny_models.vocabulary(CONFIGS["q8_0"].vocab_padding))
    text = "<|im_start|>the thin on a\té 😀\n\n 12345<|im_end|>"
    answer = generate(models.artifact("q8_0", "native"), "--temp", 0, "-n", 1,
                      "--top-logits", size, "-p", text)
    assert answer["prompt_ids"][0] == SPECIAL_ID["<|im_start|>"]
    assert answer["prompt_ids"][-1] == SPECIAL_ID["<|im_end|>"]
    actual = np.array([[step[i] for i in range(size)] for step in step_logits(answer)])
    check_rows(actual, models.reference("q8_0").logits(answer["prompt_ids"])[-1:])
