"""Compiled training steps against the interpreter, which executes the meaning of each op."""

import json

import numpy as np
import pytest

import tiny_models
from harness import succeed
from runtime_api import Trainer

BATCH, LENGTH, RATE = 2, 12, 0.01
ROWS = BATCH * LENGTH
TARGET = '#nyala.cpu_target<"x86-64-v3", features = "avx", "avx2", "f16c", "fma">'
BF16_TARGET = ('#nyala.cpu_target<"cooperlake", features = "avx", "avx2", "fma", "f16c", "avx512f", '
               '"avx512bw", "avx512dq", "avx512vl", "avx512bf16">')


class Step:
    """A training step as module and artifact."""

    def __init__(self, directory, model, options, target=TARGET, length=LENGTH):
        self.directory, self.module = directory, directory / "step.mlir"
        # Three ranges of the vocabulary, the last one shorter.
        pipeline = f"--nyala-training-pipeline=batch={BATCH} length={length} range=100 {options}"
        imported = succeed("nyala-import", model, "--locations").stdout.replace(
            b"module attributes {", f"module attributes {{nyala.targets = [{target}], ".encode(), 1)
        succeed("nyala-opt", "-", pipeline, "--mlir-print-debuginfo", "-o", self.module,
                input=imported)
        self.artifact = directory / "step.nyala"
        succeed("nyala-compile", "-q", "--compile-from=model", self.module, "-o", self.artifact)

    def interpret(self, entry, inputs):
        """Results by name."""
        flags = []
        for index, (name, values) in enumerate(inputs.items()):
            path = self.directory / f"{index}.json"
            path.write_text(json.dumps(np.asarray(values).tolist()))
            flags.append(f"--input={name}={path}")
        text = succeed("nyala-interpret", self.module, f"--entry={entry}", "--json", *flags).stdout
        return {result["name"]: np.reshape(result["values"], result["shape"])
                for result in json.loads(text)["results"]}


@pytest.fixture(name="make_step")
def prepare_step(tmp_path):
    return lambda options, name="f32-gqa-tied", **more: Step(
        tmp_path, tiny_models.make(tmp_path, name), options, **more)


def fill(trainer):
    """Sets all states to random values, in the artifact's order."""
    rng = np.random.default_rng(1)
    for name, values in trainer.states.items():
        drawn = 0.1 * rng.normal(size=values.shape)
        kind = name.split(":")[0]
        values[:] = drawn + (kind == name and "norm" in name)
        if kind in ("mean", "velocity"):
            values[:] = 0.1 * drawn
        elif kind == "variance" or kind.startswith("correction"):
            values[:] = 0.1
        elif kind == "gradient":
            values[:] = 0


def copy_states(trainer):
    return {name: values.copy() for name, values in trainer.states.items()}


def draw_batch(seed, trainer):
    """Tokens, targets and weights of rows, one of them 0."""
    rng = np.random.default_rng(seed)
    rows = trainer.info.batch * trainer.info.length
    weights = rng.random(rows).astype(np.float32)
    weights[5] = 0
    size = trainer.states["token_embd.weight"].shape[0]
    return rng.integers(size, size=rows), rng.integers(size, size=rows), weights / weights.sum()


def to_inputs(batch):
    tokens, targets, weights = batch
    return {"tokens": tokens, "targets": targets, "loss_weights": weights[:, None],
            "positions": np.arange(ROWS) % LENGTH}


def check_states(trainer, expected, before, tolerance=2e-5):
    """Within what f32 loses of the change, and of the value."""
    for name in before:
        wanted = expected.get(name, before[name])
        change = np.abs(wanted - before[name]).max()
        error = np.abs(trainer.states[name] - wanted).max()
        assert error <= tolerance * change + 2e-7 * np.abs(wanted).max(), name


@pytest.mark.parametrize("name,options", [("f32-gqa-tied", "optimizer=adamw"),
                                          ("f32-odd", "optimizer=sgd clip=0 train=blk")])
def test_steps(name, options, make_step):
    """Two steps, the second from what the first left."""
    step = make_step(options, name)
    with Trainer(step.artifact, threads=2) as trainer:
        assert (trainer.info.batch, trainer.info.length) == (BATCH, LENGTH)
        fill(trainer)
        for seed in range(2):
            batch, before = draw_batch(seed, trainer), copy_states(trainer)
            expected = step.interpret("train_step",
                                      {**to_inputs(batch), "rate": [[RATE]], **before})
            loss = trainer.evaluate(batch)
            assert all(np.array_equal(before[n], v) for n, v in trainer.states.items())
            results = trainer.step(batch, RATE)
            assert np.allclose([loss, *results], [expected[n].item() for n in (
                "loss", "loss", "gradient_norm")], rtol=1e-5)
            check_states(trainer, expected, before)


@pytest.mark.skipif("avx512_bf16" not in open("/proc/cpuinfo", encoding="utf-8").read(),
                    reason="needs a CPU that multiplies bf16")
def test_bf16(make_step):
    """What is rounded lies near a tie here and there, and the sums before it are not the same."""
    step = make_step("bf16=true", target=BF16_TARGET)
    with Trainer(step.artifact, threads=2) as trainer:
        fill(trainer)
        batch, before = draw_batch(0, trainer), copy_states(trainer)
        expected = step.interpret("train_step", {**to_inputs(batch), "rate": [[RATE]], **before})
        results = trainer.step(batch, RATE)
        assert np.allclose(results, [expected[n].item() for n in ("loss", "gradient_norm")],
                           rtol=1e-5)
        check_states(trainer, expected, before, tolerance=2e-3)


def test_accumulated(make_step):
    """Two batches, then their update, which clears the sums."""
    step = make_step("accumulate=2")
    with Trainer(step.artifact, threads=2) as trainer:
        assert trainer.info.accumulates
        fill(trainer)
        for seed in range(2):
            batch, before = draw_batch(seed, trainer), copy_states(trainer)
            names = [n for n in before if ":" not in n or n.startswith("gradient:")]
            names = [n for n in names if not n.startswith("correction")]
            expected = step.interpret("accumulate", {**to_inputs(batch),
                                                     **{n: before[n] for n in names}})
            assert np.isclose(trainer.accumulate(batch), expected["loss"].item(), rtol=1e-5)
            check_states(trainer, expected, before)
        before = copy_states(trainer)
        expected = step.interpret("update", {"rate": [[RATE]], **before})
        assert np.isclose(trainer.update(RATE), expected["gradient_norm"].item(), rtol=1e-5)
        check_states(trainer, expected, before)
        assert not trainer.states["gradient:token_embd.weight"].any()


def test_rematerialized(make_step):
    """Within less memory the same bits: loss, norm of the gradients, and what they make of the states."""
    step = make_step("optimizer=adamw", length=128)  # activations take more than gradients

    def run(artifact):
        with Trainer(artifact, threads=2) as trainer:
            fill(trainer)
            results = [trainer.step(draw_batch(seed, trainer), RATE) for seed in range(2)]
            return results, copy_states(trainer)

    results, states = run(step.artifact)
    for fraction in 0.75, 0.6:
        report, module = step.directory / "report.json", step.directory / "less.mlir"
        succeed("nyala-opt", step.module, "--nyala-dispatch-pipeline",
                f"--nyala-rematerialize=fraction={fraction} report={report}", "-o", module)
        plan = json.loads(report.read_text())
        assert plan["peak"] <= plan["budget"] < plan["plain_peak"]
        assert len(plan["schedule"]) > plan["nodes"]
        artifact = step.directory / "less.nyala"
        succeed("nyala-compile", "-q", "--compile-from=dispatch", module, "-o", artifact)
        entries = json.loads(succeed("nyala-inspect", artifact, "--json").stdout)["entries"]
        arena = {entry["name"]: entry["arena_bytes"] for entry in entries}["train_step"]
        assert arena == plan["peak"] - plan["graph"]["fixed_bytes"]
        less, after = run(artifact)
        assert less == results
        assert all(np.array_equal(states[name], values) for name, values in after.items())


def test_not_finite(make_step):
    """The first op whose result is not finite, by its name in the model."""
    step = make_step("optimizer=adamw")
    with Trainer(step.artifact, threads=2) as trainer:
        fill(trainer)
        batch = draw_batch(0, trainer)
        trainer.step(batch, RATE)
        assert trainer.find_non_finite() is None
        trainer.states["blk.1.ffn_up.weight"][3, 5] = 1e38
        trainer.states["blk.1.ffn_up.weight"][3, 6] = 1e38
        trainer.states["blk.1.ffn_norm.weight"][0, 5:7] = 1e3
        before = copy_states(trainer)
        loss, norm = trainer.step(batch, RATE)
        assert not np.isfinite(loss) and not np.isfinite(norm)
        state, label, kernel = trainer.find_non_finite()
        assert (state, label) == (None, b"blk.1.ffn_up")
        assert b"linear" in kernel
        assert all(np.array_equal(before[n], v) for n, v in trainer.states.items()
                   if not n.startswith("correction"))
        trainer.states["blk.0.attn_k.weight"][0, 0] = np.nan
        trainer.step(batch, RATE)
        assert trainer.find_non_finite()[:2] == (b"blk.0.attn_k.weight", b"blk.0.attn_k")
