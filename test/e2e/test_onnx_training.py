"""Training steps of ONNX graphs, by the interpreter: losses beside onnxruntime, gradients beside
finite differences of the step's own loss in f64."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from harness import succeed
from onnx_models import LIGHT, random_weight, run_onnxruntime

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
import remat_models  # noqa: E402

BATCH, LENGTH = 2, 3
STEP = 1e-6  # so small that no maximum changes its place, in f64


class Step:
    """A network's @train_step or @evaluate, to be run with values by name of role or state."""

    def __init__(self, name, folder):
        self.folder = folder
        self.model = remat_models.make(name, length=LENGTH)
        onnx.save(self.model, folder / "graph.onnx")
        module, self.path = folder / "graph.mlir", folder / "step.mlir"
        succeed("nyala-import", folder / "graph.onnx", "--batch", BATCH, "-o", module)
        succeed("nyala-opt", module, "--nyala-build-loss", "--nyala-differentiate",
                "--canonicalize", "--cse", "-o", self.path)
        signature = re.search(r"@train_step\((.*?)\) ->", self.path.read_text()).group(1)
        random = np.random.default_rng(1)
        self.values = {}
        for shape, key, name in re.findall(
                r'tensor<([0-9x]+)x(?:f32|i32)> {[^}]*nyala\.(role|state) = "([^"]*)"', signature):
            shape = tuple(map(int, shape.split("x")))
            kind = "variance" if "variance" in name else "scale" if "scale" in name else None
            self.values[name] = self.make(random, name, shape, kind if key == "state" else key)

    @staticmethod
    def make(random, name, shape, kind):
        if name in ("tokens", "targets"):
            return random.integers(0, 5, shape)
        if name == "loss_weights":
            return random.uniform(0.1, 1, shape)
        if kind == "role":
            return random.standard_normal(shape).astype(np.float32)
        return random_weight(random, shape if shape[0] > 1 else shape[1:], kind).reshape(shape)

    def run(self, entry, module=None, **changed):
        flags = []
        for name, value in {**self.values, **changed}.items():
            file = self.folder / f"{name}.json"
            file.write_text(json.dumps(np.asarray(value).tolist()))
            flags += ["--input", f"{name}={file}"]
        result = succeed("nyala-interpret", module or self.path, f"--entry={entry}",
                         "--precision=f64", "--json", "--full", *flags)
        return {value["name"]: np.array(value["values"], dtype=np.float64).reshape(value["shape"])
                for value in json.loads(result.stdout)["results"]}


@pytest.fixture(scope="module", name="step", params=["tiny", "tiny-gpt"])
def make_step(request, tmp_path_factory):
    return Step(request.param, tmp_path_factory.mktemp(request.param))


def test_gradients(step):
    """All weights at once, in random directions: what the loss gains is what the gradients say."""
    results = step.run("train_step")
    gradients = {name.removeprefix("gradient:"): value for name, value in results.items()
                 if name.startswith("gradient:")}
    trained = {name for name in step.values
               if not re.match(r"(mean|variance|x|image|tokens|targets|loss_weights)\d*$", name)}
    assert set(gradients) == trained
    assert all(np.abs(value).max() > 0 for value in gradients.values())
    random = np.random.default_rng(2)
    for group in (sorted(gradients)[::2], sorted(gradients)[1::2], sorted(gradients)):
        directions = {name: random.standard_normal(gradients[name].shape) for name in group}
        losses = [step.run("train_step", **{
            name: step.values[name] + sign * STEP * direction
            for name, direction in directions.items()})["loss"].item() for sign in (-1, 1)]
        expected = (losses[1] - losses[0]) / (2 * STEP)
        actual = sum((gradients[name] * directions[name]).sum() for name in group)
        assert abs(actual - expected) <= 1e-6 + 1e-5 * abs(expected)


def test_running_statistics(step):
    """They move from what they were towards the batch's, by the norm's momentum, and do not count
    in the loss of training."""
    if "mean1" not in step.values:
        pytest.skip("no batch normalization")
    before = step.run("train_step")
    other = step.values["mean1"] + 1
    after = step.run("train_step", mean1=other)
    assert before["loss"] == after["loss"]
    assert np.allclose(after["mean1"] - before["mean1"], 0.9, atol=1e-6)


def test_descent(step):
    """The whole step, with an optimizer, three times: the loss falls."""
    module = step.folder / "sgd.mlir"
    succeed("nyala-opt", step.folder / "graph.mlir",
            "--nyala-training-pipeline=optimizer=sgd momentum=0", "-o", module)
    states = {f"velocity:{name}": np.zeros(value.shape) for name, value in step.values.items()
              if f'"velocity:{name}"' in module.read_text()}
    losses = []
    for _ in range(3):
        results = step.run("train_step", module, rate=[[0.05]], **states)
        losses.append(results["loss"].item())
        states = {name: value for name, value in results.items()
                  if name not in ("loss", "gradient_norm")}
    assert losses == sorted(losses, reverse=True)
    assert losses[2] < 0.98 * losses[0]


def test_evaluate(step):
    """The loss without training, of what onnxruntime computes of the same weights."""
    model = onnx.ModelProto()
    model.CopyFrom(step.model)
    nodes, stored = [], []
    shapes = {tensor.name: onnx.numpy_helper.to_array(tensor)
              for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "ConstantOfShape":
            nodes.append(node)
            continue
        value = step.values[node.output[0]].astype(np.float32).reshape(shapes[node.input[0]])
        stored.append(onnx.numpy_helper.from_array(value, node.output[0]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(stored)
    path = step.folder / "weights.onnx"
    onnx.save(model, path)
    source = model.graph.input[0].name
    inputs = step.values["image" if source == "x" else source]
    logits = next(iter(run_onnxruntime(str(path), {source: inputs}).values()))
    logits = logits.astype(np.float64).reshape(-1, logits.shape[-1])
    sums = np.log(np.exp(logits).sum(axis=1))
    losses = sums - logits[np.arange(len(logits)), step.values["targets"]]
    expected = (losses * step.values["loss_weights"].reshape(-1)).sum()
    assert abs(step.run("evaluate")["loss"].item() - expected) <= 1e-5 * expected


@pytest.mark.parametrize("name", ["squeezenet", "shufflenet"])
def test_light(name, tmp_path):
    """Graphs of the onnx package give a whole step with an optimizer."""
    module = tmp_path / "graph.mlir"
    succeed("nyala-import", LIGHT / f"light_{name}.onnx", "--batch", 4, "-o", module)
    step = succeed("nyala-opt", module, "--nyala-training-pipeline").stdout.decode()
    assert "nyala.adamw" in step
    assert "nyala.softmax " not in step
    assert re.search(r'tensor<4xi32> {[^}]*nyala.role = "targets"', step)
