"""Several sequences of different lengths in one step (docs/cpu-kernels.md, "Batches"): logits of each
are those it has alone, bit by bit; and what sequences cost that nobody asks for.
"""

import json

import numpy as np
import pytest

import tiny_models
from harness import check_refused, compile_model, run, run_measured, succeed
from runtime_api import Session

ROWS = 64
STEPS = 3
# Flags of the compiler; rows of the largest step for which a row's logits are those it has alone.
MODELS = {"native": ("q4_1", ROWS, ()),
          "q8_0": ("q8_0", ROWS, ("--kv-type=f32",)),
          "q8-cache": ("q4_1", ROWS, ("--kv-type=q8",)),
          "q4-cache": ("mixed-k", ROWS, ("--kv-type=q4",)),
          "f32": ("q4_1", 8, ("--arithmetic=f32",))}


class Batches:
    """One model, and the logits of its sequences alone: tokens one by one."""

    def __init__(self, folder, name, rows, flags):
        self.rows = rows
        self.artifact = compile_model(tiny_models.make(folder, name), folder / "m.nyala", *flags,
                                      f"--sequences={ROWS}", f"--prefill-rows={rows}")
        self.vocabulary = len(tiny_models.vocabulary(tiny_models.CONFIGS[name].vocab_padding))
        # Attention takes positions in parts: lengths on both sides of their borders.
        rng = np.random.default_rng(5)
        lengths = [1, 2, 127, 128, 200] + [int(n) for n in rng.integers(1, 140, ROWS - 5)]
        self.tokens = [[int(t) for t in rng.integers(0, self.vocabulary, length + STEPS)]
                       for length in lengths]
        self.alone = []
        for tokens in self.tokens[:rows]:
            with Session(self.artifact, self.vocabulary, threads=1) as session:
                self.alone.append([session.decode(token) for token in tokens][-STEPS:])

    def check_step(self, session, sequences, step):
        fed = [self.tokens[i][step - STEPS] for i in sequences]
        for i, row in zip(sequences, session.decode_batch(sequences, fed)):
            assert (row == self.alone[i][step]).all(), (i, step)


@pytest.fixture(scope="module", name="batches", params=MODELS)
def make_batches(request, tmp_path_factory):
    return Batches(tmp_path_factory.mktemp("batches"), *MODELS[request.param])


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_rows(batches, threads):
    with Session(batches.artifact, batches.vocabulary, threads, ROWS) as session:
        for i in range(batches.rows):
            session.select(i)
            session.prefill(batches.tokens[i][:-STEPS])
        # All, in any order, in steps of any size; sequences do not go on at the same time.
        batches.check_step(session, range(batches.rows), 0)
        order = [int(i) for i in np.random.default_rng(threads).permutation(batches.rows)]
        for step in (1, 2):
            rest = list(order)
            for size in (1, 2, 3, 7, 16, ROWS):
                if rest:
                    batches.check_step(session, rest[:size], step)
                rest = rest[size:]


def test_copies(batches):
    """A copied prefix is as good as one of its own."""
    shared = batches.tokens[4][:100]
    tails = [[3, 4], [5, 6], [7, 8]]
    expected = []
    for tail in tails:
        with Session(batches.artifact, batches.vocabulary, threads=1) as session:
            expected.append([session.decode(token) for token in shared + tail][-2:])
    with Session(batches.artifact, batches.vocabulary, threads=2, sequences=4) as session:
        for token in batches.tokens[4]:
            session.decode(token)
        for i in (1, 2, 3):
            session.copy(0, i, len(shared))
        for step in (0, 1):
            rows = session.decode_batch([1, 2, 3], [tail[step] for tail in tails])
            assert (rows == [logits[step] for logits in expected]).all()


def test_far_sequences(tmp_path):
    """Slots that are hundreds of gigabytes away from the first."""
    sequences, last = 4096, 4095
    artifact = compile_model(tiny_models.make(tmp_path, "q4_1", context=1 << 20),
                             tmp_path / "m.nyala", f"--sequences={sequences}")
    vocabulary = len(tiny_models.vocabulary(tiny_models.CONFIGS["q4_1"].vocab_padding))
    prompt = [5, 9, 2, 8, 1, 7]
    with Session(artifact, vocabulary, threads=2, sequences=sequences) as session:
        session.prefill(prompt)
        session.select(last)
        session.prefill(prompt[::-1])
        session.select(last - 1)
        session.prefill(prompt)
        session.copy(0, 2048, len(prompt))
        first, other, far, middle = session.decode_batch([0, last, last - 1, 2048], [3] * 4)
        assert (first == far).all() and (first == middle).all() and (first != other).any()


def test_unused_sequences_cost_nothing(tiny_gguf, tmp_path):
    """Neither memory nor a larger artifact."""
    def measure(sequences):
        artifact = compile_model(tiny_gguf, tmp_path / "m.nyala", f"--sequences={sequences}")
        facts = json.loads(succeed("nyala-inspect", "--json", artifact).stdout)
        assert {state["sequences"] for state in facts["states"]} == {sequences}
        peaks = [run_measured(tmp_path, "nyala-run", artifact, "-t", 2, "-n", 8, "-p", "Hello")
                 [1]["peak_rss"] for _ in range(3)]
        return artifact.stat().st_size, min(peaks)

    (size, peak), (other_size, other_peak) = measure(1), measure(65536)
    assert size == other_size
    assert other_peak < peak + (1 << 20)


def test_refused(tiny_gguf, tmp_path):
    # 65536 sequences of this context are more than a process can address.
    huge = tiny_models.make(tmp_path, "q4_1", context=1 << 27)
    message = check_refused(run("nyala-compile", huge, "-o", tmp_path / "m.nyala",
                                "--sequences=65536"), "larger than memory can be")
    assert "sequences" in message
    for value in ("0", "65537", "x"):
        result = run("nyala-compile", tiny_gguf, "--sequences", value)
        assert result.returncode == 2 and b"--sequences" in result.stderr
