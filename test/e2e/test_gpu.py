"""A real model on a real GPU: as close to the f32 reference as docs/numerics.md says, and bound by the
contract of decoding. Skipped where there is no GPU."""

import hashlib
import json

import pytest

from harness import DATA, compile_model, generate, run
from runtime_api import Session

GOLDEN = DATA / "golden"
PROMPTS = json.loads((GOLDEN / "smollm2-135m-f32.json").read_text(encoding="utf-8"))
F32_PERPLEXITY = 51.938
# How far the perplexity may be from that, and the margin above which greedy ids may not differ.
PERPLEXITY_TOLERANCE, MARGIN = 0.005, 0.25
ROWS, VOCABULARY = 64, 49152


@pytest.fixture(scope="module", name="artifact",
                params=["bf16", "native", "f32", "bf16-sm_80", "native-sm_80"])
def compile_for_gpu(request, gpu_arch, smollm2, tmp_path_factory):
    """Code for the GPU itself, or the oldest PTX, which its driver compiles."""
    arithmetic, _, arch = request.param.partition("-")
    return compile_model(smollm2, tmp_path_factory.mktemp("gpu") / "m.nyala", "--target=cuda",
                         f"--arithmetic={arithmetic}", f"--cuda-arch={arch or gpu_arch}", "--ptx-only",
                         f"--sequences={ROWS}", timeout=300)


def test_perplexity(artifact):
    answer = generate(artifact, "--perplexity", GOLDEN / "jargon-slice.txt", timeout=300)
    print(f"perplexity {answer['perplexity']}")
    assert answer["perplexity"] == pytest.approx(F32_PERPLEXITY, rel=PERPLEXITY_TOLERANCE)


def test_greedy(artifact):
    """Ids of the f32 reference, up to steps that rounding decides."""
    parted = []
    for entry in PROMPTS:
        expected = entry["greedy_ids"]
        answer = generate(artifact, "--temp", 0, "-n", len(expected), "-p", entry["text"])
        assert answer["prompt_ids"] == entry["prompt_ids"]
        steps = zip(answer["ids"], expected, entry["margins"])
        parted += [margin for got, wanted, margin in steps if got != wanted][:1]
    print(f"{len(parted)} of {len(PROMPTS)} part, at margins up to {max(parted, default=0)}")
    assert max(parted, default=0) < MARGIN


def token(sequence, position):
    """Any tokens, others for each sequence."""
    return 100 + (sequence * 7919 + position * 104729) % 40000


def digest(logits):
    return hashlib.sha256(logits.tobytes()).digest()


@pytest.fixture(scope="module", name="alone")
def decode_alone(artifact):
    """[sequence][position]: what logits are when tokens are computed one by one."""
    with Session(artifact, VOCABULARY, sequences=ROWS) as session:
        rows = []
        for sequence in range(ROWS):
            session.select(sequence)
            rows.append([digest(session.decode(token(sequence, position)))
                         for position in range(ROWS - sequence)])
        return rows


def test_batches(artifact, alone):
    """Steps of 1 to 64 sequences, each at a position of its own."""
    with Session(artifact, VOCABULARY, sequences=ROWS) as session:
        for rows in range(1, ROWS + 1):
            # Sequence i takes part in steps of more than i rows.
            positions = [rows - 1 - sequence for sequence in range(rows)]
            logits = session.decode_batch(list(range(rows)), list(map(token, range(rows), positions)))
            assert [digest(row) for row in logits] == [
                alone[sequence][position] for sequence, position in enumerate(positions)], rows


def test_prompts(artifact, alone):
    """Prompts of 1 to 64 tokens at once."""
    with Session(artifact, VOCABULARY, sequences=ROWS) as session:
        for length in range(1, ROWS + 1):
            session.select(length - 1)
            session.prefill([token(0, position) for position in range(length)])
            assert digest(session.logits()) == alone[0][length - 1], length


def test_no_such_gpu(artifact):
    result = run("nyala-run", artifact, "-n", 1, "-p", "x", "--device=cuda:63")
    assert result.returncode == 1
    assert b"there is no cuda:63: this machine has " in result.stderr
