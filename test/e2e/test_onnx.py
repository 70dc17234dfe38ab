"""ONNX graphs through the importer and the interpreter, against onnxruntime in f32."""

import os
import re
from pathlib import Path

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


@pytest.mark.parametrize("form", ["raw", "floats", "float16", "external"])
def test_stored_weights(form, tmp_path):
    """Weights stay in the file, by their name and in their format."""
    model, path = make_model(13, {"x": (1, 4)}, {"w/0": (3, 4)}, ["y = Gemm <transB = 1> (x, w)"])[0], tmp_path / "graph.onnx"
    model.graph.node[0].input[1] = "w/0"
    tensor = model.graph.initializer[0]
    values = onnx.numpy_helper.to_array(tensor)
    if form == "floats":
        tensor.CopyFrom(onnx.helper.make_tensor("w/0", onnx.TensorProto.FLOAT, (3, 4), values))
    if form == "float16":
        values = values.astype(np.float16)
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, "w/0"))
    onnx.save(model, path, save_as_external_data=form == "external", location="data",
              size_threshold=0)
    module = succeed("nyala-import", path).stdout.decode()
    name, offset, size, stored = re.search(
        r'nyala.weight @"w/0" : tensor<3x4xf32> source <"(.*)", offset = (\d+), '
        r'bytes = (\d+), format = (\w+)>', module).groups()
    assert name == str(tmp_path / "data" if form == "external" else path)
    assert stored == ("f16" if form == "float16" else "f32")
    content = Path(name).read_bytes()[int(offset):int(offset) + int(size)]
    assert content == values.tobytes()


def test_module(tmp_path):
    """Names of arguments and results, locations, constants that are no weights."""
    model, _ = make_model(13, {"x": (1, 4, 8, 8)}, {"half": np.float32(0.5), "s": (4,)},
                          ["p = GlobalAveragePool (x)", "q = Mul (p, half)", "y = Flatten (q)"])
    onnx.save(model, tmp_path / "graph.onnx")
    result = succeed("nyala-import", tmp_path / "graph.onnx", "--locations", "--batch", 2)
    module = result.stdout.decode()
    assert re.search(r'@forward\(%arg0: tensor<2x4x8x8xf32> {nyala.role = "image"}.*'
                     r'-> \(tensor<2x4xf32> {nyala.result = "logits"}\)', module)
    assert "nyala.weight" not in module
    assert 'loc("p")' in module
    assert b"initializer 's' is not read" in result.stderr


def test_random_weights(tmp_path):
    model, _ = make_model(13, {"x": (1, 400)}, {}, [
        "n = RandomNormal <shape = [400, 300], mean = 1.0, scale = 0.5> ()",
        "u = RandomUniform <shape = [400, 300], low = 1.0, high = 3.0, seed = 5.0> ()",
        "y0 = MatMul (x, n)", "y1 = MatMul (x, u)"])
    onnx.save(model, tmp_path / "graph.onnx")
    inputs = {"x": np.full((1, 400), 1 / 400, dtype=np.float32)}
    results = run_nyala(str(tmp_path / "graph.onnx"), inputs)
    for name, mean, deviation in (("y0", 1, 0.5), ("y1", 2, 2 / 12 ** 0.5)):
        assert abs(results[name].mean() - mean) < 0.01
        assert abs(results[name].std() * 20 - deviation) < 0.1


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
