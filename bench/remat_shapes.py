#!/usr/bin/env python3
"""Training steps of known networks as graphs for nyala-solve-graph, from their layer tables.

    bench/remat_shapes.py resnet50 --batch 32 > resnet50.json
    bench/remat_shapes.py gpt12 --costs roofline > gpt12.json
    bench/remat_shapes.py --list

Layers as Keras has them (activations of VGG, U-Net and dense layers in their layer), in Checkmate's convention
(Jain et al. 2020): a forward node a layer, the loss, a backward node a layer, 2 F + 1 in all, each with
one result. A backward node reads the gradients that the layer's readers made, the layer's inputs and
its result, and makes the gradient of the inputs. Costs are FLOPs, of a backward node twice those of
the forward node where there are weights, or (--costs roofline) seconds on a GPU that takes them and the
bytes that a node moves at its peaks; weights and their gradients are fixed bytes. For measuring
solvers; nyala-compile makes its graphs from the step that it compiles.
"""
import argparse
import json
import math
import sys

F32 = 4
# Of a GPU as Checkmate's publication had it (V100): f32 arithmetic and memory as they are reached.
PEAK_FLOPS, PEAK_BYTES = 13e12, 800e9


class Net:
    """Layers in order; `step` makes the rest of the step of them. Values are indices of layers."""

    def __init__(self):
        self.layers = []  # (name, inputs, elements, flops, weights)

    def layer(self, name, inputs, elements, flops=None, weights=0):
        """`flops`: one an element of the result unless given."""
        self.layers.append((name, inputs, elements, elements if flops is None else flops, weights))
        return len(self.layers) - 1

    def step(self):
        tensors, nodes = [], []

        def node(name, inputs, elements, flops, weights, forward):
            """`weights`: elements of these that it reads or writes."""
            tensors.append({"bytes": int(elements) * F32})
            moved = sum(tensors[value]["bytes"] for value in (*inputs, len(tensors) - 1))
            entry = {"op": name, "cost": float(flops), "bytes": tensors[-1]["bytes"],
                     "moved_bytes": moved + weights * F32,
                     "inputs": inputs, "outputs": [len(tensors) - 1]}
            if forward:
                entry["recomputable"] = True
            nodes.append(entry)
            return len(tensors) - 1

        readers = [[] for _ in self.layers]
        for index, (name, inputs, elements, flops, weights) in enumerate(self.layers):
            node(name, inputs, elements, flops, weights, True)
            for value in inputs:
                readers[value].append(index)
        last = len(self.layers) - 1
        gradients = {}
        loss = node("loss", [last], self.layers[last][2], self.layers[last][2], 0, False)
        for index in range(last, -1, -1):
            name, inputs, elements, flops, weights = self.layers[index]
            arrived = [gradients[reader] for reader in readers[index]] or [loss]
            # The gradient of a sum is that of each operand.
            made = elements if name == "add" else sum(self.layers[value][2] for value in inputs)
            gradients[index] = node(name + "_grad", [*arrived, *inputs, index], made,
                                    flops * (2 if weights else 1), 2 * weights, False)
        fixed = 2 * F32 * sum(layer[4] for layer in self.layers)
        return {"fixed_bytes": fixed, "first_backward": last + 1, "tensors": tensors, "nodes": nodes}


def with_roofline(graph):
    """The graph with seconds for costs."""
    nodes = [{**node, "cost": max(node["cost"] / PEAK_FLOPS, node["moved_bytes"] / PEAK_BYTES)}
             for node in graph["nodes"]]
    return {**graph, "nodes": nodes}


class Images(Net):
    """Values are (layer, channels, height, width)."""

    def __init__(self, batch, height, width=None):
        super().__init__()
        self.batch = batch
        self.input = (None, 3, height, width or height)

    def image(self, name, value, channels=None, height=None, width=None, per_element=1, weights=0):
        """A layer on one or more images of which it makes one."""
        values = value if isinstance(value, list) else [value]
        shape = (channels or values[0][1], height or values[0][2], width or values[0][3])
        elements = self.batch * math.prod(shape)
        inputs = [layer for layer, *_ in values if layer is not None]
        return (self.layer(name, inputs, elements, elements * per_element, weights), *shape)

    def conv(self, value, channels, kernel=3, stride=1, groups=1, padded=False, name="conv"):
        """`padded`: a layer before has added the border."""
        _, inputs, height, width = value
        border = kernel - 1 if padded else 0
        taps = inputs // groups * kernel * kernel
        return self.image(name, value, channels, math.ceil((height - border) / stride),
                          math.ceil((width - border) / stride), 2 * taps, channels * taps)

    def pad(self, value, border=2):
        return self.image("pad", value, None, value[2] + border, value[3] + border)

    def norm(self, value):
        return self.image("batch_norm", value, per_element=4, weights=2 * value[1])

    def relu(self, value):
        return self.image("relu", value)

    def pool(self, value, kernel=2, padded=False):
        border = kernel - 1 if padded else 0
        return self.image("max_pool", value, None, math.ceil((value[2] - border) / 2),
                          math.ceil((value[3] - border) / 2), kernel * kernel)

    def upsample(self, value):
        return self.image("upsample", value, None, 2 * value[2], 2 * value[3])

    def concat(self, left, right):
        return self.image("concat", [left, right], left[1] + right[1])

    def add(self, left, right):
        return self.image("add", [left, right])

    def average(self, value):
        return self.image("average_pool", value, None, 1, 1, value[2] * value[3])

    def dense(self, value, outputs):
        inputs = math.prod(value[1:])
        return self.image("dense", value, outputs, 1, 1, 2 * inputs, inputs * outputs)

    def classify(self, value):
        """Of each pixel: as rows, and their softmax."""
        return self.image("softmax", self.image("reshape", value), per_element=5)


def vgg_blocks(net, value, counts):
    """The convolutions of VGG, and what its poolings make."""
    pooled = []
    for channels, count in zip((64, 128, 256, 512, 512), counts):
        for _ in range(count):
            value = net.conv(value, channels)
        value = net.pool(value)
        pooled.append(value)
    return pooled


def vgg(batch, counts):
    net = Images(batch, 224)
    value = net.image("flatten", vgg_blocks(net, net.input, counts)[-1])
    for outputs in (4096, 4096, 1000):
        value = net.dense(value, outputs)
    return net.step()


def resnet50(batch):
    net = Images(batch, 224)
    value = net.conv(net.pad(net.input, 6), 64, 7, 2, padded=True)
    value = net.pool(net.pad(net.relu(net.norm(value))), 3, padded=True)
    for stage, (channels, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for block in range(count):
            stride = 2 if stage and block == 0 else 1
            inner = net.relu(net.norm(net.conv(value, channels, 1, stride)))
            inner = net.relu(net.norm(net.conv(inner, channels, 3)))
            if block == 0:
                value = net.norm(net.conv(value, 4 * channels, 1, stride))
            inner = net.norm(net.conv(inner, 4 * channels, 1))
            value = net.relu(net.add(value, inner))
    net.dense(net.average(value), 1000)
    return net.step()


def mobilenet(batch):
    net = Images(batch, 224)
    value = net.conv(net.pad(net.input, 1), 32, 3, 2)
    value = net.relu(net.norm(value[:2] + (112, 112)))
    for channels, stride in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
                             *[(512, 1)] * 5, (1024, 2), (1024, 1)]:
        height = value[2] // stride
        if stride == 2:
            value = net.pad(value, 1)
        value = net.conv(value, value[1], 3, stride, value[1], name="depthwise")
        value = net.relu(net.norm((*value[:2], height, height)))
        value = net.relu(net.norm(net.conv(value, channels, 1)))
    value = net.image("dropout", net.image("reshape", net.average(value)))
    value = net.image("reshape", net.conv(value, 1000, 1))
    net.image("softmax", value, per_element=5)
    return net.step()


def vgg_unet(batch):
    net = Images(batch, 416, 608)
    pooled = vgg_blocks(net, net.input, (2, 2, 3, 3))
    value = net.norm(net.conv(net.pad(pooled.pop()), 512, padded=True))
    for channels in (256, 128, 64):
        value = net.concat(net.upsample(value), pooled.pop())
        value = net.norm(net.conv(net.pad(value), channels, padded=True))
    net.classify(net.conv(value, 11))
    return net.step()


def unet(batch):
    """Ronneberger et al. 2015, with borders: 416 x 608."""
    net = Images(batch, 416, 608)
    value, skips = net.input, []
    for channels in (64, 128, 256, 512):
        value = net.conv(net.conv(value, channels), channels)
        skips.append(value)
        value = net.pool(value)
    value = net.conv(net.conv(value, 1024), 1024)
    for skip in reversed(skips):
        value = net.concat(skip, net.conv(net.upsample(value), skip[1], 2))
        value = net.conv(net.conv(value, skip[1]), skip[1])
    value = net.conv(value, 2, 1)
    net.image("softmax", value, per_element=5)
    return net.step()


def segnet(batch):
    net = Images(batch, 416, 608)
    value = net.input
    for channels in (64, 128, 256, 256):
        value = net.relu(net.norm(net.conv(net.pad(value), channels, padded=True)))
        value = net.pool(value)
    value = net.norm(net.conv(net.pad(value), 512, padded=True))
    for channels in (256, 128, 64):
        value = net.norm(net.conv(net.pad(net.upsample(value)), channels, padded=True))
    net.classify(net.conv(value, 11))
    return net.step()


def gpt(batch, layers, width=768, heads=12, length=1024, vocabulary=50257):
    net = Net()
    rows = batch * length

    def linear(name, source, inputs, outputs):
        return net.layer(name, [source], rows * outputs, 2 * rows * inputs * outputs,
                         inputs * outputs)

    def norm(source):
        return net.layer("layer_norm", [source], rows * width, 8 * rows * width, 2 * width)

    value = net.layer("embedding", [], rows * width, weights=(vocabulary + length) * width)
    for _ in range(layers):
        inner = linear("qkv", norm(value), width, 3 * width)
        inner = net.layer("attention", [inner], rows * width, 4 * rows * length * width)
        inner = linear("projection", inner, width, width)
        value = net.layer("add", [value, inner], rows * width)
        inner = linear("up", norm(value), width, 4 * width)
        inner = net.layer("gelu", [inner], rows * 4 * width, 8 * rows * 4 * width)
        inner = linear("down", inner, 4 * width, width)
        value = net.layer("add", [value, inner], rows * width)
    # The head's logits are those of a range of the vocabulary at a time.
    net.layer("head", [norm(value)], rows * width, 2 * rows * width * vocabulary)
    return net.step()


def chain(length):
    """Equal sizes and costs; gradients of no bytes."""
    tensors = [{"bytes": 1} for _ in range(length)] + [{"bytes": 1} for _ in range(length + 1)]
    nodes = [{"op": f"f{i}", "cost": 1.0, "inputs": [i - 1] if i else [], "outputs": [i],
              "recomputable": True} for i in range(length)]
    for i in range(length - 1, -1, -1):
        nodes.append({"op": f"b{i}", "cost": 1.0, "outputs": [2 * length - 1 - i],
                      "inputs": [i] + ([2 * length - 2 - i] if i < length - 1 else [])})
    return {"first_backward": length, "tensors": tensors, "nodes": nodes}


COSTS = {"flops": lambda graph: graph, "roofline": with_roofline}
NETWORKS = {
    "vgg16": lambda batch: vgg(batch, (2, 2, 3, 3, 3)),
    "vgg19": lambda batch: vgg(batch, (2, 2, 4, 4, 4)),
    "unet": unet,
    "vggunet": vgg_unet,
    "segnet": segnet,
    "mobilenet": mobilenet,
    "resnet50": resnet50,
    "gpt12": lambda batch: gpt(batch, 12),
    "gpt30": lambda batch: gpt(batch, 30),
    "gpt42": lambda batch: gpt(batch, 42),
    "gpt100": lambda batch: gpt(batch, 100),
    "gpt200": lambda batch: gpt(batch, 200),
    "chain": chain,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", nargs="?", choices=NETWORKS)
    parser.add_argument("--batch", type=int, default=8, help="of chain: its length")
    parser.add_argument("--costs", choices=COSTS, default="flops", help="(default: %(default)s)")
    parser.add_argument("--list", action="store_true", help="name the networks")
    arguments = parser.parse_args()
    if arguments.list or not arguments.network:
        print("\n".join(NETWORKS))
        return
    graph = COSTS[arguments.costs](NETWORKS[arguments.network](arguments.batch))
    json.dump(graph, sys.stdout)


if __name__ == "__main__":
    main()
