"""Integer products of quantized weights and activations."""

import json

import numpy as np
import pytest

import k_quants
import tiny_models
from gguf_edit import replace_string
from harness import DATA, compile_model, cpu_flags, generate, run, step_logits
from llama_reference import Llama

TEXT = DATA / "golden" / "jargon-slice.txt"
GOLDEN = json.loads((DATA / "golden" / "smollm2-135m-f32.json").read_text(encoding="utf-8"))
# How far 8-bit activations and a cache of halves may take a logit from that in f32, in parts of the
# largest one of its row; and the margin above which they may not change the likeliest token.
TOLERANCE, MARGIN = 0.05, 0.5
# Of random weights of few channels, whose roundings average out less.
TINY_TOLERANCE = 0.12
PROMPT = "Once upon a time, in a small village by the sea,"


@pytest.fixture(name="native")
def choose_native(smollm2_artifact):
    """Native arithmetic is the default."""
    assert b'"arithmetic":"native"' in run("nyala-inspect", "--json", smollm2_artifact).stdout
    return smollm2_artifact


def perplexity(artifact):
    answer = generate(artifact, "--perplexity", TEXT, timeout=300)
    print(f"perplexity {answer['perplexity']}")
    return answer["perplexity"]


def test_perplexity(native):
    """Within 1 % of that in f32 (test_golden.py)."""
    assert perplexity(native) <= 51.938 * 1.01


def test_recorded_perplexity(smollm2, tmp_path):
    """With the pre-tokenizer of the recorded figure, 50.362 in f32 (test_golden.py)."""
    model = tmp_path / "gpt-2.gguf"
    replace_string(smollm2, model, "tokenizer.ggml.pre", "gpt-2")
    assert perplexity(compile_model(model, tmp_path / "gpt-2.nyala", timeout=300)) <= 50.9


@pytest.mark.parametrize("entry", GOLDEN, ids=lambda entry: entry["prompt"][:24].strip())
def test_golden(entry, native):
    """The recorded f32 outputs, within what rounding activations may change."""
    answer = generate(native, "--top-logits", 50, "--temp", 0, "-n", len(entry["greedy_ids"]), "-p",
                      entry["text"])
    logits = dict(answer["top_logits"][0])
    worst = max(abs(logits[i] - logit) for i, logit in entry["first_top10"])
    largest = max(abs(logit) for _, logit in entry["first_top10"])
    steps = zip(answer["ids"], entry["greedy_ids"], entry["margins"])
    parted = next((margin for got, wanted, margin in steps if got != wanted), 0)
    print(f"logits within {worst / largest:.3f} of the largest; parted at a margin of {parted}")
    assert worst <= TOLERANCE * largest
    assert parted <= MARGIN


@pytest.mark.parametrize("name", tiny_models.CONFIGS)
def test_tiny(name, tmp_path):
    """Every kind of model (test_tiny.py), within a tolerance of a reference in f64."""
    model = tiny_models.make(tmp_path, name)
    artifact = compile_model(model, tmp_path / "m.nyala")
    config = tiny_models.CONFIGS[name]
    vocabulary = len(tiny_models.vocabulary(config.vocab_padding))
    answer = generate(artifact, "--temp", 0, "--top-logits", vocabulary, "-n", 9, "-p",
                      tiny_models.plain_text(13, seed=13))
    actual = np.array([[step[i] for i in range(vocabulary)] for step in step_logits(answer)])
    ids = answer["prompt_ids"] + answer["ids"][:-1]
    expected = Llama(model, np.float64).logits(ids)[len(answer["prompt_ids"]) - 1:]
    error = np.abs(actual - expected).max(axis=-1) / np.abs(expected).max(axis=-1)
    print(f"within {error.max():.4f}")
    assert (error <= TINY_TOLERANCE).all()


def test_threads_and_rows(native):
    """The same bits on one and three threads, and for tokens prefilled or decoded."""
    answers = [generate(native, "--top-logits", 10, "--temp", 0, "-n", 24, "-t", threads, "-p", PROMPT)
               for threads in (1, 3)]
    assert answers[0]["top_logits"] == answers[1]["top_logits"]
    # What was decoded in the first run is part of the second one's prompt.
    longer = generate(native, "--top-logits", 10, "--temp", 0, "-n", 4, "-p",
                      PROMPT + answers[0]["text"])
    if longer["prompt_ids"] != answers[0]["prompt_ids"] + answers[0]["ids"]:
        pytest.skip("the text's ids are not those that were generated")
    again = generate(native, "--top-logits", 10, "--temp", 0, "-n", 28, "-p", PROMPT)
    assert longer["top_logits"] == again["top_logits"][24:]


@pytest.mark.parametrize("cpu", ["alderlake", "native"])
def test_dot_product_instructions(cpu, smollm2, tmp_path):
    """256-bit (alderlake) and this machine's instructions give the bits that AVX2 gives."""
    flags = ["--top-logits", 10, "--temp", 0, "-n", 8, "-p", PROMPT]
    artifacts = [compile_model(smollm2, tmp_path / f"{name}.nyala", "--arithmetic=native",
                               f"--cpu={name}", timeout=300) for name in ("x86-64-v3", cpu)]
    for artifact in artifacts:
        result = run("nyala-run", artifact, "-n", 1, "-p", PROMPT)
        if result.returncode != 0 and b"this machine lacks" in result.stderr:
            pytest.skip(f"this machine lacks a CPU feature: {result.stderr.decode().strip()}")
    answers = [generate(artifact, *flags) for artifact in artifacts]
    assert answers[0]["top_logits"] == answers[1]["top_logits"]


FORMATS = ["q4_0", "q5_1", "q8_0", "q4_k", "q5_k", "mixed-k"]
# A CPU, and a feature of it that this machine may lack.
CPUS = [("x86-64-v3", "avx2"), ("alderlake", "avx_vnni"), ("native", "sse2")]


@pytest.mark.parametrize("name", FORMATS)
def test_formats(name, tmp_path):
    """Logits of a reference that quantizes activations alike, the same bits on every CPU, for any
    number of threads, and whether a token is prefilled, with at most 64 rows, or decoded."""
    model = tiny_models.make(tmp_path, name)
    vocabulary = len(tiny_models.vocabulary(tiny_models.CONFIGS[name].vocab_padding))
    flags = ["--temp", 0, "--top-logits", vocabulary]
    prompt, steps = tiny_models.plain_text(58), 5

    def rows(answer):
        return np.array([[step[i] for i in range(vocabulary)] for step in step_logits(answer)])

    def compute(artifact, text, count, threads=1):
        return generate(artifact, *flags, "-n", count, "-t", threads, "-p", text)

    answers = {}
    for cpu, feature in CPUS:
        if feature not in cpu_flags():
            continue
        artifact = compile_model(model, tmp_path / f"{cpu}.nyala", "--arithmetic=native",
                                 "--kv-type=f32", f"--cpu={cpu}")
        answers[cpu] = compute(artifact, prompt, steps)
        assert np.array_equal(rows(answers[cpu]), rows(answers["x86-64-v3"])), cpu
    assert np.array_equal(rows(compute(artifact, prompt, steps, 3)), rows(answers["native"]))
    ids = answers["native"]["ids"]
    longer = compute(artifact, prompt + bytes(ids[:-1]).decode("ascii"), 1)
    assert np.array_equal(rows(longer)[0], rows(answers["native"])[-1])

    # Of few tokens, as activations near a tie may be rounded otherwise in f64.
    expected, in_f32 = (Llama(model, np.float64, native=native).logits(
        tiny_models.plain_ids(prompt[:3]))[-1] for native in (True, False))
    actual = rows(compute(artifact, prompt[:3], 1))[0]
    assert np.abs(actual - expected).max() < 2e-5 * np.abs(expected).max()
    assert np.abs(actual - in_f32).max() > 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize("kind, limit", list(zip(k_quants.QUANTIZERS, [0.09, 0.045, 0.022])))
def test_k_quantizers(kind, limit):
    """The tests' own quantizers are what the gguf package reads: else their models are noise."""
    values = np.random.default_rng(0).standard_normal((8, 512)).astype(np.float32)
    assert 0 < k_quants.relative_error(values, kind) < limit
