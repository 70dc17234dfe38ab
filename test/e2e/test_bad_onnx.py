"""ONNX files that are wrong: a clear error that names file and node, exit code 1, no output."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness import check_refused, run, succeed
from onnx_models import make_model

INT = np.int64
X4 = {"x": (1, 4, 8, 8)}


@pytest.fixture(name="refuse")
def make_refuse(tmp_path):
    """Imports a model, or a file's bytes, and checks that it is refused and leaves nothing."""
    def refuse(model, *culprits, flags=(), name="graph.onnx"):
        path, output = tmp_path / name, tmp_path / "out.mlir"
        if isinstance(model, bytes):
            path.write_bytes(model)
        elif model is not None:
            onnx.save(model, path)
        message = check_refused(run("nyala-import", path, "-o", output, *flags), path.name, *culprits)
        assert not output.exists(), "left a partial file"
        return message

    return refuse


def small(opset=13):
    return make_model(opset, X4, {"w": (6, 4, 3, 3)}, ["c = Conv (x, w)", "y = Relu (c)"])[0]


# The file.

def test_empty(refuse):
    refuse(b"", "the file is empty", "ONNX")


def test_no_model(refuse):
    refuse(b"PK\x03\x04 and so on", "is no ONNX model, or is cut off or damaged")
    refuse(b"\x08\x08", "has no graph")
    refuse(b"\x08\x08 and so on", "is no ONNX model", name="anything")


def test_cut_off(refuse):
    content = small().SerializeToString()
    for length in range(2, len(content), 29):
        refuse(content[:length])


@pytest.mark.parametrize("opset", [6, 22])
def test_opset(opset, refuse):
    model = small()
    model.opset_import[0].version = opset
    refuse(model, f"has opset {opset}, expected one of 7 to 21")


def test_no_opset(refuse):
    model = small()
    del model.opset_import[:]
    refuse(model, "names no opset")


# Tensors.

def test_missing_external_file(refuse, tmp_path):
    model = small()
    onnx.save(model, tmp_path / "graph.onnx", save_as_external_data=True, location="weights.bin",
              size_threshold=0)
    succeed("nyala-import", tmp_path / "graph.onnx")
    (tmp_path / "weights.bin").write_bytes(b"\0" * 100)
    refuse(None, "initializer 'w'", "weights.bin")
    (tmp_path / "weights.bin").unlink()
    refuse(None, "initializer 'w' has external data", "weights.bin", "no such file")


@pytest.mark.parametrize("key, value, culprit", [
    ("location", "../other", "'../other', expected a file beside the model or below"),
    ("location", "/etc/passwd", "'/etc/passwd', expected a file beside the model or below"),
    ("location", "", "expected a file beside the model"),
    ("offset", "-1", "offset '-1', expected a number"),
    ("length", "1e3", "length '1e3', expected a number"),
    ("offset", "18446744073709551615", "which has"),
    ("length", "18446744073709551615", "which has"),
])
def test_external_data(key, value, culprit, refuse, tmp_path):
    model = small()
    tensor = model.graph.initializer[0]
    (tmp_path / "data").write_bytes(tensor.raw_data)
    entries = {"location": "data", "offset": "0", "length": str(len(tensor.raw_data)), key: value}
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for entry in entries.items():
        tensor.external_data.add(key=entry[0], value=entry[1])
    refuse(model.SerializeToString(), "initializer 'w'", culprit)


def test_too_few_bytes(refuse):
    model = small()
    model.graph.initializer[0].raw_data = b"\0" * 10
    refuse(model, "initializer 'w' of type float has 10 bytes, expected 864 for its 216 elements")


@pytest.mark.parametrize("dims", [[-1, 4, 3, 3], [2 ** 40, 2 ** 40]])
def test_sizes(dims, refuse):
    model = small()
    del model.graph.initializer[0].dims[:]
    model.graph.initializer[0].dims.extend(dims)
    refuse(model, "initializer 'w' has a negative size, or more than 2^40 elements")


def test_weight_of_doubles(refuse):
    model = small()
    values = np.zeros((60, 40, 30, 30))
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(values, "w"))
    refuse(model, "'w' is of type double", "expected a weight of type float, float16 or bfloat16")


def test_half_as_integers(refuse):
    model = small()
    model.graph.initializer[0].CopyFrom(
        helper.make_tensor("w", TensorProto.FLOAT16, (6, 4, 3, 3), [0.0] * 216))
    refuse(model, "'w' of type float16", "save the model with raw data")


def test_two_of_a_name(refuse):
    model = small()
    model.graph.initializer.append(model.graph.initializer[0])
    refuse(model, "defines 'w', which is defined already")


# Graphs.

def test_unknown_operator(refuse):
    model = small()
    model.graph.node[1].op_type, model.graph.node[1].name = "Zebra", "n1"
    refuse(model, "node 'n1' ('Zebra'): operator 'Zebra' is not supported")
    model.graph.node[1].name = ""
    refuse(model, "node of output 'y' ('Zebra')")
    model.graph.node[1].op_type, model.graph.node[1].domain = "Gelu", "com.microsoft"
    refuse(model, "domain 'com.microsoft', which is not supported")


def test_unknown_input(refuse):
    model = small()
    model.graph.node[1].input[0] = "nobody"
    refuse(model, "('Relu'): reads 'nobody'")


def test_order_of_nodes(refuse):
    model = small()
    nodes = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    refuse(model, "('Relu'): reads 'c', which is neither")


def test_no_outputs(refuse):
    model = small()
    del model.graph.output[:]
    refuse(model, "the graph has no outputs")


def test_node_without_outputs(refuse):
    model = small()
    del model.graph.node[0].output[:]
    refuse(model, "('Conv'): has no outputs")


def test_open_sizes(refuse, tmp_path):
    model = small()
    dims = model.graph.input[0].type.tensor_type.shape.dim
    dims[0].dim_param, dims[2].dim_param = "n", "height"
    refuse(model, "dimension 2 of input 'x' is 'height', expected a number", "--size height=NUMBER")
    module = succeed("nyala-import", tmp_path / "graph.onnx", "--size", "height=8", "--batch", 3)
    assert b"tensor<3x4x8x8xf32>" in module.stdout
    dims[2].Clear()
    refuse(model, "dimension 2 of input 'x' is not stated")
    model.graph.input[0].type.tensor_type.ClearField("shape")
    refuse(model, "input 'x' has no shape")


def test_type_of_input(refuse):
    model = small()
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING
    refuse(model, "input 'x' has type string")


BAD_NODES = {
    "channels": (13, {"w": (6, 3, 3, 3)}, "y = Conv (x, w)", "images of 4 channels, expected 3"),
    "groups": (13, {"w": (6, 1, 3, 3)}, "y = Conv <group = 4> (x, w)", "4 groups"),
    "strides": (13, {"w": (6, 4, 3, 3)}, "y = Conv <strides = [0, 1]> (x, w)", "strides [0, 1]"),
    "pads": (13, {"w": (6, 4, 3, 3)}, "y = Conv <pads = [1, 1]> (x, w)", "pads [1, 1], expected 4"),
    "window": (13, {}, "y = MaxPool <kernel_shape = [9, 9]> (x)", "window of 9 rows"),
    "kernel": (13, {}, "y = AveragePool (x)", "no attribute 'kernel_shape'"),
    "type of attribute": (13, {}, "y = Flatten <axis = 1.5> (x)", "'axis' of type float, expected int"),
    "axis": (13, {}, "y = Concat <axis = 4> (x, x)", "axis 4 of a tensor of 4 dimensions"),
    "reshape": (13, {"s": np.array([5, -1])}, "y = Reshape (x, s)", "shape [1, 4, 8, 8]", "[5, 1]"),
    "computed shape": (13, {}, "y = Reshape (x, x)", "that are computed, expected constants"),
    "broadcast": (13, {"w": (3,)}, "y = Add (x, w)", "[1, 4, 8, 8] and [3]"),
    "depth": (13, {"w": (3, 3)}, "y = MatMul (x, w)", "one has 8 columns, the other 3 rows"),
    "training": (15, {"w": (4,)}, "y = BatchNormalization <training_mode = 1> (x, w, w, w, w)",
                 "'training_mode' = 1"),
    "mask": (13, {}, "y, b = Dropout (x)", "output 'b' that is read"),
    "no inputs": (13, {}, "y = Cast <to = 1> ()", "has no input 0, which it needs"),
    "index": (13, {"i": np.array(4)}, "y = Gather <axis = 1> (x, i)", "outside the 4"),
    "cubic": (11, {"s": np.array([1, 1, 2, 2], dtype=np.float32)}, "y = Resize <mode = \"cubic\"> (x, , s)",
              "mode 'cubic'"),
    "slice": (13, {"a": np.array([5]), "b": np.array([5])}, "y = Slice (x, a, b)", "takes nothing"),
    "large": (13, {"s": np.array([2 ** 30, 2 ** 30, 1, 1, 1, 1])}, "y = Expand (x, s)", "too large"),
    "tile": (13, {"s": np.array([2 ** 40] * 4)}, "y = Tile (x, s)", "2^40 elements"),
}


@pytest.mark.parametrize("name", BAD_NODES)
def test_nodes(name, refuse):
    opset, weights, line, *culprits = BAD_NODES[name]
    model, _ = make_model(opset, X4, weights, [line])
    model.graph.node[0].name = "bad"
    if name == "mask":
        model.graph.output.append(helper.make_tensor_value_info("b", TensorProto.BOOL, None))
    refuse(model, "node 'bad' (", *culprits)


def test_attribute_without_effect(tmp_path):
    model = small()
    model.graph.node[1].attribute.append(helper.make_attribute("zebra", 1))
    onnx.save(model, tmp_path / "graph.onnx")
    result = succeed("nyala-import", tmp_path / "graph.onnx")
    assert b"attribute 'zebra' is not known" in result.stderr


# Tools.

def test_train(tmp_path):
    onnx.save(small(), tmp_path / "graph.onnx")
    (tmp_path / "text").write_text("a line of text " * 100)
    check_refused(run("nyala-train", "--model", tmp_path / "graph.onnx", "--data", tmp_path / "text",
                      "--tokenizer=bpe:260", "--steps", 1, "-o", tmp_path / "out"),
                  "graph.onnx", "no vocabulary")


def test_batch_of_another_format(tiny_gguf):
    check_refused(run("nyala-import", tiny_gguf, "--batch", 2), "of an ONNX graph alone")


def test_compile(refuse, tmp_path):
    onnx.save(small(), tmp_path / "graph.onnx")
    output = tmp_path / "graph.nyala"
    check_refused(run("nyala-compile", tmp_path / "graph.onnx", "-o", output), "graph.onnx", "for which no kernels are generated")
    assert not output.exists()
