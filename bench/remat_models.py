#!/usr/bin/env python3
"""Known networks as ONNX graphs of a few kilobytes, for training steps to reschedule.

    bench/remat_models.py mobilenet -o mobilenet.onnx
    bench/remat_models.py unet --image 416x608 -o unet.onnx
    bench/remat_models.py --list

Weights are ConstantOfShape, as in the graphs of the `onnx` package (which has VGG19 and ResNet-50
itself): what they hold is of no matter to a schedule. The batch is that of the importer (--batch).
Networks without convolutions have sequences of --length tokens. Classes are scores, without a final
Softmax; networks that segment have some for each pixel.
"""
import argparse
import math

import onnx
from onnx import TensorProto, helper

OPSET = 20


class Graph:
    """Nodes in order; values are (name, shape), of which the leading size, the batch, is 1."""

    def __init__(self):
        self.nodes, self.stored, self.inputs = [], {}, []
        self.counts = {}

    def name(self, kind):
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return f"{kind}{self.counts[kind]}"

    def input(self, shape, kind=TensorProto.FLOAT, name="x"):
        self.inputs.append(helper.make_tensor_value_info(name, kind, ["batch", *shape[1:]]))
        return name, tuple(shape)

    def integers(self, values, shape=None):
        """A stored tensor of integers; equal ones are one."""
        key = (tuple(values), tuple(shape if shape is not None else (len(values),)))
        if key not in self.stored:
            self.stored[key] = helper.make_tensor(f"integers{len(self.stored)}", TensorProto.INT64,
                                                  key[1], list(values))
        return self.stored[key].name

    def weight(self, kind, shape, value=0.01):
        name = f"{self.name(kind)}"
        tensor = helper.make_tensor("value", TensorProto.FLOAT, [1], [value])
        self.nodes.append(helper.make_node("ConstantOfShape", [self.integers(shape)], [name],
                                           value=tensor))
        return name

    def node(self, operator, inputs, shape, outputs=None, **attributes):
        names = outputs or [self.name(operator.lower() + "_")]
        self.nodes.append(helper.make_node(operator, inputs, names, names[0], **attributes))
        return names[0], tuple(shape)

    def model(self, output, name):
        value = helper.make_tensor_value_info(output[0], TensorProto.FLOAT, ["batch", *output[1][1:]])
        graph = helper.make_graph(self.nodes, name, self.inputs, [value],
                                  list(self.stored.values()))
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)],
                                 ir_version=8)


class Images(Graph):
    def conv(self, value, channels, kernel=3, stride=1, groups=1, bias=True):
        name, (_, inputs, height, width) = value
        pad = (kernel - 1) // 2
        weight = self.weight("filter", (channels, inputs // groups, kernel, kernel))
        names = [name, weight] + ([self.weight("bias", (channels,))] if bias else [])
        size = [(length + 2 * pad - kernel) // stride + 1 for length in (height, width)]
        return self.node("Conv", names, (1, channels, *size), kernel_shape=[kernel] * 2,
                         strides=[stride] * 2, pads=[pad] * 4, group=groups)

    def upsample(self, value, channels):
        """Twice as large, by a transposed convolution."""
        name, (_, inputs, height, width) = value
        weight = self.weight("filter", (inputs, channels, 2, 2))
        return self.node("ConvTranspose", [name, weight, self.weight("bias", (channels,))],
                         (1, channels, 2 * height, 2 * width), kernel_shape=[2, 2], strides=[2, 2])

    def norm(self, value):
        name, shape = value
        vectors = [self.weight(kind, (shape[1],), 1.0) for kind in ("scale", "shift", "mean",
                                                                     "variance")]
        return self.node("BatchNormalization", [name, *vectors], shape)

    def relu(self, value):
        return self.node("Relu", [value[0]], value[1])

    def pool(self, value, kernel=2, stride=2, pad=0):
        name, (_, channels, height, width) = value
        size = [(length + 2 * pad - kernel) // stride + 1 for length in (height, width)]
        return self.node("MaxPool", [name], (1, channels, *size), kernel_shape=[kernel] * 2,
                         strides=[stride] * 2, pads=[pad] * 4)

    def average(self, value):
        return self.node("GlobalAveragePool", [value[0]], (*value[1][:2], 1, 1))

    def add(self, left, right):
        return self.node("Add", [left[0], right[0]], left[1])

    def concat(self, left, right):
        shape = (1, left[1][1] + right[1][1], *left[1][2:])
        return self.node("Concat", [left[0], right[0]], shape, axis=1)

    def dense(self, value, outputs):
        name, shape = value
        inputs = math.prod(shape)
        if len(shape) > 2:
            name, _ = self.node("Flatten", [name], (1, inputs))
        weight = self.weight("matrix", (outputs, inputs))
        return self.node("Gemm", [name, weight, self.weight("bias", (outputs,))], (1, outputs),
                         transB=1)


def vgg(net, image, layers):
    value = image
    for channels, count in zip((64, 128, 256, 512, 512), layers):
        for _ in range(count):
            value = net.relu(net.conv(value, channels))
        value = net.pool(value)
    for outputs in (4096, 4096):
        value = net.relu(net.dense(value, outputs))
    return net.dense(value, 1000)


def resnet50(net, image):
    def unit(value, channels, kernel=1, stride=1):
        return net.norm(net.conv(value, channels, kernel, stride, bias=False))

    value = net.pool(net.relu(unit(image, 64, 7, 2)), 3, 2, 1)
    for stage, (channels, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for block in range(count):
            stride = 2 if stage and block == 0 else 1
            inner = net.relu(unit(value, channels))
            inner = net.relu(unit(inner, channels, 3, stride))
            inner = unit(inner, 4 * channels)
            if block == 0:
                value = unit(value, 4 * channels, 1, stride)
            value = net.relu(net.add(inner, value))
    return net.dense(net.average(value), 1000)


def mobilenet(net, image):
    """Of Howard et al. 2017, with ReLU."""
    def unit(value, channels, kernel, stride, groups=1):
        return net.relu(net.norm(net.conv(value, channels, kernel, stride, groups, bias=False)))

    value = unit(image, 32, 3, 2)
    for channels, stride in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
                             *[(512, 1)] * 5, (1024, 2), (1024, 1)]:
        value = unit(value, value[1][1], 3, stride, value[1][1])
        value = unit(value, channels, 1, 1)
    return net.dense(net.average(value), 1000)


def unet(net, image):
    """Of Ronneberger et al. 2015, with images padded so that no size is lost."""
    def pair(value, channels):
        for _ in range(2):
            value = net.relu(net.conv(value, channels))
        return value

    value, skips = image, []
    for channels in (64, 128, 256, 512):
        skips.append(pair(value, channels))
        value = net.pool(skips[-1])
    value = pair(value, 1024)
    for skip in reversed(skips):
        value = pair(net.concat(skip, net.upsample(value, skip[1][1])), skip[1][1])
    return net.conv(value, 2, 1)


def segnet(net, image):
    """Like that of Badrinarayanan et al. 2017, with transposed convolutions for its unpooling."""
    value = image
    for channels in (64, 128, 256, 512):
        value = net.pool(net.relu(net.norm(net.conv(value, channels))))
    for channels in (512, 256, 128, 64):
        value = net.relu(net.norm(net.upsample(value, channels)))
    return net.conv(value, 12, 1)


class Sequences(Graph):
    def linear(self, value, outputs):
        name, shape = value
        weight = self.weight("matrix", (shape[-1], outputs))
        product = self.node("MatMul", [name, weight], (*shape[:-1], outputs))
        return self.node("Add", [product[0], self.weight("bias", (outputs,))], product[1])

    def norm(self, value):
        vectors = [self.weight(kind, value[1][-1:], 1.0) for kind in ("scale", "shift")]
        return self.node("LayerNormalization", [value[0], *vectors], value[1])

    def add(self, left, right):
        return self.node("Add", [left[0], right[0]], left[1])

    def heads(self, value, heads, permutation):
        """[batch, length, width] as matrices of heads, in the order of `permutation`."""
        name, (_, length, width) = value
        sizes = (1, length, heads, width // heads)
        split, _ = self.node("Reshape", [name, self.integers((0, 0, *sizes[2:]))], sizes)
        return self.node("Transpose", [split], [sizes[i] for i in permutation], perm=permutation)

    def attention(self, value, heads, causal):
        _, (_, length, width) = value
        query, keys, values = (self.linear(value, width) for _ in range(3))
        query = self.heads(query, heads, [0, 2, 1, 3])
        keys = self.heads(keys, heads, [0, 2, 3, 1])
        values = self.heads(values, heads, [0, 2, 1, 3])
        scores = self.node("MatMul", [query[0], keys[0]], (1, heads, length, length))
        scores = self.node("Div", [scores[0], self.number(math.sqrt(width / heads))], scores[1])
        if causal:
            scores = self.node("Where", [self.mask(length), scores[0], self.number(-1e9)], scores[1])
        weights = self.node("Softmax", [scores[0]], scores[1], axis=-1)
        result = self.node("MatMul", [weights[0], values[0]], values[1])
        rows = self.node("Transpose", [result[0]], (1, length, heads, width // heads),
                         perm=[0, 2, 1, 3])
        joined = self.node("Reshape", [rows[0], self.integers((0, 0, width))], value[1])
        return self.linear(joined, width)

    def number(self, value):
        name = f"number{value:g}"
        if name not in self.stored:
            self.stored[name] = helper.make_tensor(name, TensorProto.FLOAT, (), [value])
        return name

    def mask(self, length):
        """Which positions (columns) each position (row) may attend to."""
        if "mask" not in self.counts:
            self.counts["mask"] = 1
            places = range(length)
            self.node("LessOrEqual", [self.integers(places, (1, length)),
                                      self.integers(places, (length, 1))], (), ["mask"])
        return "mask"

    def gelu(self, value):
        return self.node("Gelu", [value[0]], value[1])


def transformer(net, tokens, layers, width=768, heads=12, vocabulary=50257, causal=True):
    _, (_, length) = tokens
    table = net.weight("table", (vocabulary, width))
    places = net.weight("places", (length, width))
    value = net.node("Gather", [table, tokens[0]], (1, length, width))
    value = net.node("Add", [value[0], places], value[1])
    for _ in range(layers):
        value = net.add(value, net.attention(net.norm(value), heads, causal))
        inner = net.gelu(net.linear(net.norm(value), 4 * width))
        value = net.add(value, net.linear(inner, width))
    # The head is the table of embeddings, as in GPT-2.
    head = net.node("Transpose", [table], (width, vocabulary), perm=[1, 0])
    return net.node("MatMul", [net.norm(value)[0], head[0]], (1, length, vocabulary))


def tiny(net, image):
    """Every kind of layer once, for tests."""
    value = net.relu(net.norm(net.conv(image, 4, 3, 2, bias=False)))
    value = net.add(value, net.conv(net.relu(net.norm(net.conv(value, 4, 3, 1, 4))), 4, 1))
    value = net.concat(net.pool(value), net.pool(value, 3, 2, 1))
    return net.dense(net.average(net.relu(value)), 5)


# A builder, and the images' height, 0 for sequences.
NETWORKS = {
    "vgg16": (lambda net, image: vgg(net, image, (2, 2, 3, 3, 3)), 224),
    "vgg19": (lambda net, image: vgg(net, image, (2, 2, 4, 4, 4)), 224),
    "resnet50": (resnet50, 224),
    "mobilenet": (mobilenet, 224),
    "unet": (unet, 416),
    "segnet": (segnet, 416),
    "tiny": (tiny, 16),
    "gpt12": (lambda net, tokens: transformer(net, tokens, 12), 0),
    "gpt30": (lambda net, tokens: transformer(net, tokens, 30), 0),
    "tiny-gpt": (lambda net, tokens: transformer(net, tokens, 2, 8, 2, 20), 0),
}


def make(name, image=None, length=512):
    """The model of a network; `image` is (height, width)."""
    build, height = NETWORKS[name]
    net = Images() if height else Sequences()
    source = (net.input((1, 3, *(image or (height, height)))) if height else
              net.input((1, length), TensorProto.INT64, "tokens"))
    return net.model(build(net, source), name)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", nargs="?", choices=NETWORKS)
    parser.add_argument("--list", action="store_true", help="print the networks' names")
    parser.add_argument("--image", help="height and width, for example 416x608")
    parser.add_argument("--length", type=int, default=512, help="tokens of a sequence")
    parser.add_argument("-o", "--output", help="the file to write")
    options = parser.parse_args()
    if options.list:
        print("\n".join(NETWORKS))
        return
    if not options.network or not options.output:
        parser.error("expected a network and the file to write (-o)")
    image = tuple(map(int, options.image.split("x"))) if options.image else None
    onnx.save(make(options.network, image, options.length), options.output)


if __name__ == "__main__":
    main()
