"""nyala-bench on training steps, and the file of costs that it keeps."""

import json

import pytest

import tiny_models
from harness import check_refused, explain, run, succeed
from test_training_step import BATCH, LENGTH, Step

FIELDS = ["version", "producer", "date", "machine", "arch", "threads", "arithmetic", "batch", "length",
          "repetitions", "step_seconds", "rest_seconds", "kernels"]


@pytest.fixture(name="steps", scope="module")
def compile_steps(tmp_path_factory):
    """A step, and one in two entries, whose kernels have other names."""
    artifacts = {}
    for options in ("", "accumulate=2"):
        directory = tmp_path_factory.mktemp("steps")
        artifacts[options] = Step(directory, tiny_models.make(directory, "f32-gqa-tied"),
                                  options).artifact
    return artifacts


def profile(artifact, path, *arguments):
    succeed("nyala-bench", "--profile-ops", artifact, "-o", path, *arguments)
    return json.loads(path.read_text())


def test_costs(steps, tmp_path):
    costs = profile(steps[""], tmp_path / "costs.json", "-t", 2, "-r", 3)
    assert list(costs) == FIELDS
    assert costs["version"] == 1 and costs["threads"] == 2 and costs["repetitions"] == 3
    assert (costs["batch"], costs["length"]) == (BATCH, LENGTH)
    kernels = {kernel["key"]: kernel for kernel in costs["kernels"]}
    assert len(kernels) == len(costs["kernels"])
    assert all(kernel["seconds"] > 0 for kernel in kernels.values())
    assert all(kernel["flops"] + kernel["bytes"] > 0 for kernel in kernels.values())
    program = json.loads(succeed("nyala-inspect", "--json", steps[""]).stdout)
    entry = next(entry for entry in program["entries"] if entry["name"] == "train_step")
    assert sum(kernel["calls"] for kernel in kernels.values()) == len(entry["steps"])
    assert costs["step_seconds"] > 0 and costs["rest_seconds"] > 0

    # All products are the same in both forms of the step but those that add to kept gradients.
    other = profile(steps["accumulate=2"], tmp_path / "other.json", "-t", 1, "-r", 1)
    products = {key for key in kernels if key.startswith(("linear", "matmul"))}
    assert len(products & {kernel["key"] for kernel in other["kernels"]}) > len(products) / 2
    assert other["arch"] == costs["arch"] == "x86-64-v3"


def test_per_dispatch(steps):
    lines = [json.loads(line) for line in
             succeed("nyala-bench", steps[""], "-r", 1, "--per-dispatch", "--json").stdout.splitlines()]
    assert lines[0]["test"] == "train_step" and lines[0]["unit"] == "ms"
    assert (lines[0]["batch"], lines[0]["tokens"]) == (BATCH, LENGTH)
    assert [line["step"] for line in lines if "step" in line] == list(range(len(lines) - 3))
    assert lines[-1]["dispatch"] == "all"


@pytest.mark.parametrize("arguments, named", [
    (("--profile-ops",), "-o"),
    (("-o", "costs.json"), "--profile-ops"),
    (("--profile-ops", "-o", "costs.json", "-r", 0), "-r"),
    (("--profile-ops", "-o", "costs.json", "-t", "1,2"), "one number"),
])
def test_usage(steps, arguments, named):
    result = run("nyala-bench", steps[""], *arguments)
    assert result.returncode == 2, explain(result)
    assert named in result.stderr.decode() and not result.stdout


def test_refused(steps, tiny_artifact, tmp_path):
    def check(artifact, *named, path=tmp_path / "costs.json", options=()):
        check_refused(run("nyala-bench", "--profile-ops", artifact, "-o", path, "-r", 1, *options),
                      *named)
        assert not (tmp_path / "costs.json").exists()

    check(tiny_artifact, "holds no training step", "--per-dispatch")
    garbage = tmp_path / "garbage.nyala"
    garbage.write_bytes(b"no artifact" * 100)
    check(garbage, "garbage.nyala")
    check(steps[""], "cuda", options=("--device", "cuda"))
    check(steps[""], str(tmp_path), path=tmp_path)  # a directory
    check(steps[""], "none/costs.json", path=tmp_path / "none" / "costs.json")
    check_refused(run("nyala-bench", steps[""], "-p", 4), "is a training step", "-p")
