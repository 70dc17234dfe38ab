"""The contract of decoding (docs/numerics.md), bit by bit: a row's logits depend neither on the number
of threads, nor on how many rows are computed with it, nor on which vectors the CPU has.

The measure of all is one thread, tokens one by one, AVX2.
"""

import pytest

import tiny_models
from harness import compile_model, cpu_flags, generate, step_logits

ROWS = 64
LEVELS = {"x86-64-v3": "avx2", "x86-64-v4": "avx512vl", "alderlake": "avx_vnni",
          "cascadelake": "avx512_vnni", "sapphirerapids": "amx_int8"}
# Models, and what their caches hold. Those in blocks differ in what attention reads: fewer lengths do.
MODELS = [("q4_1", "f16"), ("q8_0", "f16"), ("mixed-k", "f16"), ("q4_1", "q8"), ("mixed-k", "q4")]
LENGTHS = {"f16": range(1, ROWS + 1), "q8": (1, 2, 3, 8, 31, ROWS), "q4": (1, 2, 3, 8, 31, ROWS)}


class Contract:
    """One model: logits after a prompt of its tokens, computed in different ways."""

    def __init__(self, folder, name, kv_type):
        self.folder, self.gguf, self.kv_type = folder, tiny_models.make(folder, name), kv_type
        self.vocabulary = len(tiny_models.vocabulary(tiny_models.CONFIGS[name].vocab_padding))
        self.text = tiny_models.plain_text(ROWS, seed=7)
        self.expected = {}

    def compile(self, cpu, rows):
        path = self.folder / f"{cpu}-{rows}.nyala"
        if not path.exists():
            compile_model(self.gguf, path, f"--cpu={cpu}", f"--prefill-rows={rows}",
                          f"--kv-type={self.kv_type}")
        return path

    def logits(self, artifact, length, threads, steps=1):
        answer = generate(artifact, "-t", threads, "--temp", 0, "-n", steps, "--top-logits",
                          self.vocabulary, "-p", self.text[:length])
        assert len(answer["prompt_ids"]) == length
        return step_logits(answer)

    def one_by_one(self, length):
        """The measure."""
        if length not in self.expected:
            self.expected[length] = self.logits(self.compile("x86-64-v3", 1), length, 1)
        return self.expected[length]


@pytest.fixture(scope="module", name="contract", params=MODELS, ids="-".join)
def make_contract(request, tmp_path_factory):
    return Contract(tmp_path_factory.mktemp("contract"), *request.param)


@pytest.fixture(params=LEVELS)
def cpu(request):
    if LEVELS[request.param] not in cpu_flags():
        pytest.skip(f"this machine has no {LEVELS[request.param]}")
    return request.param


def test_rows(contract, cpu):
    """A prompt of 1 to 64 tokens at once is what its tokens are one by one."""
    together = contract.compile(cpu, ROWS)
    for length in LENGTHS[contract.kv_type]:
        assert contract.logits(together, length, 1) == contract.one_by_one(length), length


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_threads(contract, cpu, threads):
    """Of prompts and of what is decoded after them."""
    together, alone = contract.compile(cpu, ROWS), contract.compile("x86-64-v3", 1)
    for length in (1, 5, 17, ROWS):
        assert (contract.logits(together, length, threads, steps=4) ==
                contract.logits(alone, length, 1, steps=4)), length
