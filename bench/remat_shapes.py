#!/usr/bin/env python3
"""Training steps of known networks as graphs for nyala-solve-graph, from their layer tables.

    bench/remat_shapes.py resnet50 --batch 32 > resnet50.json
    bench/remat_shapes.py --list

One node is one op, forward and backward; costs are FLOPs, with bytes moved counted as FLOPs of a
machine that does 50 a byte. A backward node reads what its formula needs: a convolution its input, an
activation its result, a normalization its input. Weights and their gradients are fixed bytes. For
measuring solvers; nyala-compile makes its graphs from the step that it compiles.
"""
import argparse
import json
import math
import sys

FLOPS_PER_BYTE = 50
F32 = 4


class Net:
    """Forward ops in order; `backward` makes the rest of the step of them."""

    def __init__(self):
        self.tensors = []  # bytes
        self.nodes = []
        self.ops = []  # (name, input values, output value, read later, flops, has weights)
        self.fixed = 0

    def tensor(self, elements):
        self.tensors.append({"bytes": int(elements) * F32})
        return len(self.tensors) - 1

    def elements(self, value):
        return self.tensors[value]["bytes"] // F32

    def node(self, name, inputs, outputs, flops, forward):
        moved = sum(self.tensors[value]["bytes"] for value in [*inputs, *outputs])
        entry = {"op": name, "cost": float(max(flops, moved * FLOPS_PER_BYTE)),
                 "inputs": list(dict.fromkeys(inputs)), "outputs": outputs}
        entry["bytes"] = sum(self.tensors[value]["bytes"] for value in outputs)
        if forward:
            entry["recomputable"] = True
        self.nodes.append(entry)

    def op(self, name, inputs, elements, flops=0, saves="input", weights=0, extra=0):
        """`saves`: what the backward node reads, of input, output, both, none; `extra`: elements
        of a second result that only it reads (statistics, indices)."""
        output = self.tensor(elements)
        outputs = [output] + ([self.tensor(extra)] if extra else [])
        self.node(name, inputs, outputs, flops, True)
        saved = {"input": inputs, "output": [output], "both": [*inputs, output], "none": []}[saves]
        self.ops.append((name, [value for value in inputs], output, [*saved, *outputs[1:]], flops,
                         bool(weights)))
        self.fixed += 2 * F32 * int(weights)
        return output

    def step(self, result, flops=0):
        first = len(self.nodes)
        gradients = {result: self.tensor(self.elements(result))}
        self.node("loss", [result], [gradients[result]], flops, False)
        for name, inputs, output, saved, flops, weighted in reversed(self.ops):
            gradient = gradients.pop(output)
            parts = {}
            for value in inputs:  # the gradient of a sum is that of each operand
                parts[value] = gradient if name == "add" else self.tensor(self.elements(value))
            if name != "add":
                self.node(name + "_grad", [gradient, *saved], list(parts.values()),
                          flops * (2 if weighted else 1), False)
            for value, part in parts.items():
                if value not in gradients:
                    gradients[value] = part
                    continue
                total = self.tensor(self.elements(value))
                self.node("add_grad", [gradients[value], part], [total], 0, False)
                gradients[value] = total
        return {"fixed_bytes": self.fixed, "first_backward": first, "tensors": self.tensors,
                "nodes": self.nodes}


class Images(Net):
    """Values are (tensor, channels, height) of square images."""

    def __init__(self, batch, height, channels=3):
        super().__init__()
        self.batch = batch
        self.input = (None, channels, height)

    def size(self, channels, height):
        return self.batch * channels * height * height

    def conv(self, value, channels, kernel=3, stride=1, groups=1, name="conv"):
        source, inputs, height = value
        height = math.ceil(height / stride)
        weights = channels * inputs // groups * kernel * kernel
        flops = 2 * self.batch * height * height * weights
        output = self.op(name, [] if source is None else [source], self.size(channels, height), flops,
                         "input", weights)
        return output, channels, height

    def upsample(self, value, channels):
        source, inputs, height = value
        weights = channels * inputs * 4
        flops = 2 * self.batch * height * height * weights
        return (self.op("conv_transpose", [source], self.size(channels, 2 * height), flops, "input",
                        weights), channels, 2 * height)

    def norm(self, value):
        source, channels, height = value
        return self.op("batch_norm", [source], self.size(channels, height), 0, "input", 2 * channels,
                       2 * channels), channels, height

    def relu(self, value):
        source, channels, height = value
        return self.op("relu", [source], self.size(channels, height), 0, "output"), channels, height

    def pool(self, value, stride=2):
        source, channels, height = value
        height = math.ceil(height / stride)
        return (self.op("max_pool", [source], self.size(channels, height), 0, "both"), channels,
                height)

    def add(self, left, right):
        return (self.op("add", [left[0], right[0]], self.size(*left[1:]), 0, "none"), *left[1:])

    def concat(self, left, right):
        channels = left[1] + right[1]
        return (self.op("concat", [left[0], right[0]], self.size(channels, left[2]), 0, "none"),
                channels, left[2])

    def dense(self, value, outputs, name="dense"):
        source, channels, height = value
        inputs = channels * height * height
        return (self.op(name, [source], self.batch * outputs, 2 * self.batch * inputs * outputs,
                        "input", inputs * outputs), outputs, 1)

    def average(self, value):
        source, channels, _ = value
        return self.op("average_pool", [source], self.batch * channels, 0, "none"), channels, 1


def vgg(batch, layers):
    net = Images(batch, 224)
    value = net.input
    for channels, count in zip((64, 128, 256, 512, 512), layers):
        for _ in range(count):
            value = net.relu(net.conv(value, channels))
        value = net.pool(value)
    for outputs in (4096, 4096):
        value = net.relu(net.dense(value, outputs))
    return net.step(net.dense(value, 1000)[0])


def resnet50(batch):
    net = Images(batch, 224)
    value = net.pool(net.relu(net.norm(net.conv(net.input, 64, 7, 2))))
    for stage, (channels, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for block in range(count):
            stride = 2 if stage and block == 0 else 1
            inner = net.relu(net.norm(net.conv(value, channels, 1)))
            inner = net.relu(net.norm(net.conv(inner, channels, 3, stride)))
            inner = net.norm(net.conv(inner, 4 * channels, 1))
            if block == 0:
                value = net.norm(net.conv(value, 4 * channels, 1, stride))
            value = net.relu(net.add(inner, value))
    return net.step(net.dense(net.average(value), 1000)[0])


def mobilenet(batch):
    net = Images(batch, 224)
    value = net.relu(net.norm(net.conv(net.input, 32, 3, 2)))
    for channels, stride in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
                             *[(512, 1)] * 5, (1024, 2), (1024, 1)]:
        value = net.relu(net.norm(net.conv(value, value[1], 3, stride, value[1], "depthwise")))
        value = net.relu(net.norm(net.conv(value, channels, 1)))
    return net.step(net.dense(net.average(value), 1000)[0])


def unet(batch):
    net = Images(batch, 416)
    value, skips = net.input, []
    for channels in (64, 128, 256, 512):
        for _ in range(2):
            value = net.conv(value, channels)
        skips.append(value)
        value = net.pool(value)
    for _ in range(2):
        value = net.conv(value, 1024)
    for skip in reversed(skips):
        value = net.concat(skip, net.upsample(value, skip[1]))
        for _ in range(2):
            value = net.conv(value, skip[1])
    return net.step(net.conv(value, 2, 1)[0])


def segnet(batch):
    net = Images(batch, 416)
    value = net.input
    for channels in (64, 128, 256, 512):
        value = net.pool(net.relu(net.norm(net.conv(value, channels))))
    for channels in (512, 256, 128, 64):
        value = net.relu(net.norm(net.upsample(value, channels)))
    return net.step(net.conv(value, 12, 1)[0])


def gpt(batch, layers, width=768, heads=12, length=1024, vocabulary=50257):
    net = Net()
    rows = batch * length

    def linear(name, source, inputs, outputs):
        return net.op(name, [source], rows * outputs, 2 * rows * inputs * outputs, "input",
                      inputs * outputs)

    value = net.op("embedding", [], rows * width, 0, "none", length * width)
    for _ in range(layers):
        inner = net.op("layer_norm", [value], rows * width, 0, "input", 2 * width, 2 * rows)
        inner = linear("qkv", inner, width, 3 * width)
        inner = net.op("attention", [inner], rows * width, 2 * rows * length * width, "both", 0,
                       rows * heads)
        value = net.op("add", [value, linear("projection", inner, width, width)], rows * width, 0,
                       "none")
        inner = net.op("layer_norm", [value], rows * width, 0, "input", 2 * width, 2 * rows)
        inner = net.op("gelu", [linear("up", inner, width, 4 * width)], rows * 4 * width, 0, "input")
        value = net.op("add", [value, linear("down", inner, 4 * width, width)], rows * width, 0,
                       "none")
    value = net.op("layer_norm", [value], rows * width, 0, "input", 2 * width, 2 * rows)
    # The head is part of the loss, computed for a range of the vocabulary at a time.
    net.fixed += 2 * F32 * width * vocabulary
    return net.step(value, 6 * rows * width * vocabulary)


def chain(length):
    """Equal sizes and costs; gradients of no bytes."""
    tensors = [{"bytes": 1} for _ in range(length)] + [{"bytes": 1} for _ in range(length + 1)]
    nodes = [{"op": f"f{i}", "cost": 1.0, "inputs": [i - 1] if i else [], "outputs": [i],
              "recomputable": True} for i in range(length)]
    for i in range(length - 1, -1, -1):
        nodes.append({"op": f"b{i}", "cost": 1.0, "outputs": [2 * length - 1 - i],
                      "inputs": [i] + ([2 * length - 2 - i] if i < length - 1 else [])})
    return {"first_backward": length, "tensors": tensors, "nodes": nodes}


NETWORKS = {
    "vgg16": lambda batch: vgg(batch, (2, 2, 3, 3, 3)),
    "vgg19": lambda batch: vgg(batch, (2, 2, 4, 4, 4)),
    "unet": unet,
    "segnet": segnet,
    "mobilenet": mobilenet,
    "resnet50": resnet50,
    "gpt12": lambda batch: gpt(batch, 12),
    "gpt30": lambda batch: gpt(batch, 30),
    "gpt42": lambda batch: gpt(batch, 42),
    "chain": chain,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", nargs="?", choices=NETWORKS)
    parser.add_argument("--batch", type=int, default=8, help="of chain: its length")
    parser.add_argument("--list", action="store_true", help="name the networks")
    arguments = parser.parse_args()
    if arguments.list or not arguments.network:
        print("\n".join(NETWORKS))
        return
    json.dump(NETWORKS[arguments.network](arguments.batch), sys.stdout)


if __name__ == "__main__":
    main()
