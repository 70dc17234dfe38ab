"""What compiling and running a real model may take."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

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


def read_bandwidth():
    """Bytes per second that all cores together read from memory: the best of several passes."""
    count = os.cpu_count()
    with ThreadPoolExecutor(count) as pool:
        arrays = list(pool.map(lambda seed: np.full(32 << 20, seed, np.uint64), range(count)))
        times = []
        for _ in range(5):
            begin = time.monotonic()
            list(pool.map(np.max, arrays))
            times.append(time.monotonic() - begin)
    return sum(array.nbytes for array in arrays) / min(times)


def test_run_memory_and_speed(smollm2_artifact, tmp_path):
    size = smollm2_artifact.stat().st_size
    steps = 64
    result, usage = run_measured(tmp_path, "nyala-run", smollm2_artifact, "--json", "--temp", "0",
                                 "-n", steps, "-p", PROMPT)
    ratio = usage["peak_rss"] / size
    answer = json.loads(result.stdout)
    decode = answer["timings"]["decode_tokens_per_second"]
    share = decode * size / read_bandwidth()  # every weight is read once a token
    print(f"peak memory / artifact = {ratio:.3f}; decode {decode:.1f} tokens per second,"
          f" {share:.0%} of memory bandwidth; timings {answer['timings']}")
    assert len(answer["ids"]) == steps
    assert ratio <= 1.3
