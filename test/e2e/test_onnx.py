"""ONNX graphs through the importer and the interpreter, against onnxruntime in f32."""

import os

import numpy as np
import onnx
import pytest

import onnx_cases
from harness import succeed
from onnx_models import LIGHT, compare, load_light, make_model, run_nyala, run_onnxruntime

TOLERANCE = 1e-5
# The rest takes minutes or is much the same.
FULL = pytest.mark.skipif("NYALA_FULL_GRAPHS" not in os.environ,
                          reason="large graphs run with NYALA_FULL_GRAPHS=1")


def check(model, inputs, folder, *flags):
    path = str(folder / "graph.onnx")
    onnx.save(model, path)
    differences = compare(run_nyala(path, inputs, *flags), run_onnxruntime(path, inputs))
    far = {name: difference for name, difference in differences.items()
           if not difference <= TOLERANCE}
    assert not far, f"beyond {TOLERANCE}: {far}"


def make_image(model, seed=1):
    value = model.graph.input[0]
    shape = [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
    return {value.name: np.random.default_rng(seed).standard_normal(shape).astype(np.float32)}


@pytest.mark.parametrize("name", [
    "resnet50", "squeezenet", "shufflenet", "inception_v1", "densenet121",
    *(pytest.param(name, marks=FULL)
      for name in ("bvlc_alexnet", "inception_v2", "vgg19", "zfnet512"))])
def test_light(name, tmp_path):
    """Logits of the onnx package's graphs, whose weights are random here."""
    model = load_light(name)
    check(model, make_image(model), tmp_path)


@pytest.mark.parametrize("name, size, features", [("vgg19", 64, 512 * 2 * 2),
                                                  ("bvlc_alexnet", 112, 256 * 2 * 2)])
def test_small_images(name, size, features, tmp_path):
    model = load_light(name, size, features)
    check(model, make_image(model), tmp_path)


def test_generated_weights():
    """As the package has it, all weights are one number; they are weights nevertheless."""
    module = succeed("nyala-import", LIGHT / "light_squeezenet.onnx").stdout.decode()
    assert module.count("nyala.weight @") == 52
    assert module.count("initializer {") == 39


def test_batch(tmp_path):
    """Of several images at once, though the graph's reshapes say one."""
    model, path = load_light("shufflenet"), str(tmp_path / "graph.onnx")
    onnx.save(model, path)
    images = [make_image(model, seed) for seed in range(2)]
    name = next(iter(images[0]))
    expected = [next(iter(run_onnxruntime(path, image).values())) for image in images]
    stacked = {name: np.concatenate([image[name] for image in images])}
    actual = run_nyala(path, stacked, "--batch", 2)
    assert compare(actual, {"logits": np.concatenate(expected)})["logits"] <= TOLERANCE


@pytest.mark.parametrize("name", onnx_cases.CASES)
def test_operators(name, tmp_path):
    """One output for each type of operator, and for each form that an opset gives it."""
    model, inputs = make_model(*onnx_cases.CASES[name])
    check(model, inputs, tmp_path)
