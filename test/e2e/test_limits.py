"""What compiling and running a real model may take."""

import json

from harness import compile_model, run_measured

PROMPT = "Once upon a time, in a small village by the sea,"


def test_compile_resources(compiled_smollm2):
    _, usage = compiled_smollm2
    print(f"compiled in {usage['seconds']:.1f} s, peak {usage['peak_rss'] / 1e6:.0f} MB")
    assert usage["seconds"] <= 60
    assert usage["peak_rss"] <= 1e9


def test_artifact_size(smollm2, smollm2_artifact):
    ratio = smollm2_artifact.stat().st_size / smollm2.stat().st_size
    print(f"artifact / GGUF = {ratio:.4f}")
    assert ratio <= 1.05


def test_same_bytes(smollm2, smollm2_artifact, tmp_path):
    again = compile_model(smollm2, tmp_path / "again.nyala", timeout=300)
    assert again.read_bytes() == smollm2_artifact.read_bytes()


def test_run_memory_and_speed(smollm2_artifact, tmp_path):
    size = smollm2_artifact.stat().st_size
    steps = 64
    result, usage = run_measured(tmp_path, "nyala-run", smollm2_artifact, "--json", "--temp", "0",
                                 "-n", steps, "-p", PROMPT)
    ratio = usage["peak_rss"] / size
    answer = json.loads(result.stdout)
    print(f"peak memory / artifact = {ratio:.3f}; timings {answer['timings']}")
    assert len(answer["ids"]) == steps
    assert ratio <= 1.3
