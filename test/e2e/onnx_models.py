"""ONNX graphs with random weights, and what onnxruntime and nyala compute of them."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper, parser

from harness import succeed

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"


def random_weight(random, shape, kind):
    """Filters and matrices that keep activations' size; `kind` is that of a norm's vector."""
    if kind == "variance":
        return random.uniform(0.5, 1.5, shape).astype(np.float32)
    if kind == "scale":
        return random.uniform(0.8, 1.2, shape).astype(np.float32)
    scale = 0.1 if len(shape) < 2 else np.sqrt(2 / np.prod(shape[1:]))
    return (scale * random.standard_normal(shape)).astype(np.float32)


def load_light(name, size=None, features=None, seed=0):
    """One of the onnx package's graphs: its weights, which ConstantOfShape generates or which are the
    same number throughout, are random initializers; it ends before a final Softmax. With `size` images are
    that large, and the first fully connected layer has as many `features`."""
    model = onnx.load(LIGHT / f"light_{name}.onnx")
    graph, random = model.graph, np.random.default_rng(seed)
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes = [node for node in graph.node if node.op_type != "ConstantOfShape"]
    weights = {node.output[0]: tuple(stored[node.input[0]])
               for node in graph.node if node.op_type == "ConstantOfShape"}
    weights |= {name: value.shape for name, value in stored.items() if value.dtype == np.float32}
    if size:
        image = next(value for value in graph.input if value.name == nodes[0].input[0])
        for dimension in image.type.tensor_type.shape.dim[2:]:
            dimension.dim_value = size
        gemm = next(node for node in nodes if node.op_type == "Gemm")
        flatten = next(node for node in nodes if gemm.input[0] in node.output)
        weights[gemm.input[1]] = (weights[gemm.input[1]][0], features)
        stored[flatten.input[1]] = np.array([1, features])

    kinds = {}
    for node in nodes:
        if node.op_type == "BatchNormalization":
            kinds[node.input[1]], kinds[node.input[4]] = "scale", "variance"
    if nodes[-1].op_type == "Softmax":
        graph.output[0].name = nodes.pop().input[0]
    read = {name for node in nodes for name in node.input}
    arrays = {name: value for name, value in stored.items() if name in read}
    arrays |= {name: random_weight(random, shape, kinds.get(name))
               for name, shape in weights.items() if name in read}
    tensors = [numpy_helper.from_array(value, name) for name, value in arrays.items()]
    inputs = [value for value in graph.input if value.name in read and value.name not in arrays]
    for field, values in ((graph.node, nodes), (graph.initializer, tensors), (graph.input, inputs)):
        del field[:]
        field.extend(values)
    model.ir_version = 8  # before 4 all initializers are inputs, too
    return model


def make_model(opset, inputs, weights, lines, seed=0):
    """A graph of nodes in ONNX's text form. `inputs` has shapes or arrays by name, `weights` too. Outputs
    are all first outputs of nodes that begin with y, of booleans with b, of integers with i."""
    random = np.random.default_rng(seed)

    def to_array(value, kind=None):
        return random_weight(random, value, kind) if isinstance(value, tuple) else np.asarray(value)

    nodes = [parser.parse_node(line) for line in lines]
    types = {"y": TensorProto.FLOAT, "b": TensorProto.BOOL, "i": TensorProto.INT64}
    outputs = [helper.make_tensor_value_info(node.output[0], types[node.output[0][0]], None)
               for node in nodes if node.output[0][0] in types]
    arrays = {name: random.standard_normal(value).astype(np.float32)
              if isinstance(value, tuple) else value for name, value in inputs.items()}
    values = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype),
                                            array.shape) for name, array in arrays.items()]
    tensors = [numpy_helper.from_array(to_array(value, "variance" if name.startswith("var") else None),
                                       name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "case", values, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return model, arrays


def run_onnxruntime(path, inputs):
    """All outputs by name."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, inputs)))


def run_nyala(path, inputs, *flags):
    """The same by the interpreter; the only output is called logits, the only input that is an image
    image."""
    module = Path(path).with_suffix(".mlir")
    succeed("nyala-import", path, "-o", module, *flags)
    if [array.ndim for array in inputs.values()] == [4]:
        inputs = {"image": next(iter(inputs.values()))}
    arguments = []
    for number, (name, array) in enumerate(inputs.items()):
        file = Path(path).with_suffix(f".{number}.json")
        file.write_text(json.dumps(array.tolist()))
        arguments += ["--input", f"{name}={file}"]
    result = succeed("nyala-interpret", module, *arguments, "--json", timeout=300)
    return {value["name"]: np.array(value["values"], dtype=np.float64).reshape(value["shape"])
            for value in json.loads(result.stdout)["results"]}


def compare(actual, expected):
    """The largest differences, relative to the largest value, of outputs of equal shapes."""
    if len(expected) == 1:
        actual = {next(iter(expected)): actual["logits"]}
    assert actual.keys() == expected.keys()
    differences = {}
    for name, value in expected.items():
        assert actual[name].shape == value.shape, name
        value = value.astype(np.float64)
        differences[name] = np.abs(actual[name] - value).max() / max(np.abs(value).max(), 1e-3)
    return differences
