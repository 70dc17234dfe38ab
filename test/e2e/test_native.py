"""Integer products of quantized weights and activations."""

import pytest

from harness import DATA, compile_model, generate, run

TEXT = DATA / "golden" / "jargon-slice.txt"
PROMPT = "Once upon a time, in a small village by the sea,"


@pytest.fixture(scope="module", name="native")
def make_native(smollm2, tmp_path_factory):
    return compile_model(smollm2, tmp_path_factory.mktemp("native") / "m.nyala",
                         "--arithmetic=native", timeout=300)


def test_perplexity(native):
    """Within 1 % of that in f32 (test_golden.py)."""
    answer = generate(native, "--perplexity", TEXT, timeout=300)
    print(f"perplexity {answer['perplexity']}")
    assert answer["perplexity"] <= 51.938 * 1.01


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
        if result.returncode != 0 and b"feature" in result.stderr:
            pytest.skip(f"this machine lacks a CPU feature: {result.stderr.decode().strip()}")
    answers = [generate(artifact, *flags) for artifact in artifacts]
    assert answers[0]["top_logits"] == answers[1]["top_logits"]
