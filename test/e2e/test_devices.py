"""--device of nyala-run and nyala-bench. What a GPU computes is not tested here: most machines have
none (test/unit/runtime/cuda)."""

import pytest

from harness import check_refused, explain, generate, run

PROMPT = ("-n", 1, "-p", "x")
TOOLS = pytest.mark.parametrize("tool, arguments", [("nyala-run", PROMPT), ("nyala-bench", ())])


def test_the_device_is_reported(tiny_artifact):
    assert generate(tiny_artifact, *PROMPT)["device"] == "cpu"
    assert generate(tiny_artifact, *PROMPT, "--device=cpu")["device"] == "cpu"


@TOOLS
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_no_code_for_the_device(tiny_artifact, tool, arguments, device):
    """No other device takes the place of one that is named."""
    check_refused(run(tool, tiny_artifact, *arguments, "--device", device),
                  "no code for cuda", "only for cpu", "--target=cuda")


@TOOLS
@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "cpu:0", "cuda:-1"])
def test_names_that_are_none(tiny_artifact, tool, arguments, device):
    result = run(tool, tiny_artifact, *arguments, "--device", device)
    assert result.returncode == 2, explain(result)
    assert f"got '{device}'" in result.stderr.decode()


def test_random_weights_take_a_gpu(tiny_artifact):
    check_refused(run("nyala-bench", tiny_artifact, "--random-weights"), "random weights", "cpu")
