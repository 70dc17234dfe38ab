"""Small graphs that together have every operator: (opset, inputs, weights, nodes) by name."""

import numpy as np

INT = np.int64
X4 = {"x": (2, 4, 9, 8)}


def ints(*values):
    return np.array(values, dtype=INT)


def floats(*values):
    return np.array(values, dtype=np.float32)


CASES = {
    "convolutions": (11, X4, {"w": (6, 4, 3, 3), "g": (8, 1, 3, 2), "h": (6, 2, 1, 1), "b": (6,)}, [
        "y0 = Conv (x, w)",
        "y1 = Conv <strides = [2, 3], pads = [1, 0, 2, 1], dilations = [2, 1]> (x, w, b)",
        "y2 = Conv <group = 4> (x, g)",
        "y3 = Conv <group = 2, kernel_shape = [1, 1], strides = [2, 2]> (x, h, b)",
        "y4 = Conv <auto_pad = \"SAME_UPPER\", strides = [2, 2]> (x, w)",
        "y5 = Conv <auto_pad = \"SAME_LOWER\", group = 4, strides = [2, 2]> (x, g)",
        "y6 = Conv <auto_pad = \"VALID\"> (x, w)",
    ]),
    "convolutions of rows": (13, {"x": (2, 4, 17)}, {"w": (6, 4, 5), "t": (4, 3, 4), "b": (6,)}, [
        "y0 = Conv <strides = [2], pads = [2, 1]> (x, w, b)",
        "y1 = ConvTranspose <strides = [2], pads = [1, 1]> (x, t)",
        "y2 = MaxPool <kernel_shape = [3], strides = [2]> (x)",
        "y3 = AveragePool <kernel_shape = [2]> (x)",
        "y4 = GlobalAveragePool (x)",
    ]),
    "transposed convolutions": (11, X4, {"w": (4, 5, 3, 3), "g": (4, 2, 2, 3), "b": (5,)}, [
        "y0 = ConvTranspose (x, w)",
        "y1 = ConvTranspose <strides = [2, 3], pads = [1, 0, 0, 2], dilations = [1, 2]> (x, w, b)",
        "y2 = ConvTranspose <strides = [2, 2], output_padding = [1, 0]> (x, w)",
        "y3 = ConvTranspose <group = 2, strides = [2, 2]> (x, g)",
        "y4 = ConvTranspose <strides = [2, 2], output_shape = [19, 17]> (x, w)",
        "y5 = ConvTranspose <strides = [2, 2], auto_pad = \"SAME_UPPER\"> (x, w)",
        "y6 = ConvTranspose <strides = [2, 2], auto_pad = \"SAME_LOWER\"> (x, w)",
    ]),
    "pooling": (11, X4, {}, [
        "y0 = MaxPool <kernel_shape = [3, 2], strides = [2, 2]> (x)",
        "y1 = MaxPool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 0, 1], ceil_mode = 1> (x)",
        "y2 = MaxPool <kernel_shape = [2, 2], dilations = [2, 3]> (x)",
        "y3 = MaxPool <kernel_shape = [3, 3], strides = [2, 2], auto_pad = \"SAME_UPPER\"> (x)",
        "y4 = AveragePool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 0]> (x)",
        "y5 = AveragePool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 0], count_include_pad = 1> (x)",
        "y6 = AveragePool <kernel_shape = [3, 2], strides = [2, 3], ceil_mode = 1> (x)",
        "y7 = GlobalAveragePool (x)",
        "y8 = GlobalMaxPool (x)",
    ]),
    "pooling with dilations": (19, X4, {}, [
        "y0 = AveragePool <kernel_shape = [3, 2], dilations = [2, 2], pads = [1, 0, 1, 0]> (x)",
        "y1 = AveragePool <kernel_shape = [3, 2], pads = [1, 0, 1, 0], strides = [3, 3], ceil_mode = 1, count_include_pad = 1> (x)",
    ]),
    "norms": (17, X4, {"s": (4,), "b": (4,), "m": (4,), "var": (4,), "u": (9, 8), "v": (9, 8), "w": (8,)}, [
        "y0 = BatchNormalization <epsilon = 0.01> (x, s, b, m, var)",
        "y1 = LRN <size = 3> (x)",
        "y2 = LRN <size = 5, alpha = 0.5, beta = 0.6, bias = 2.0> (x)",
        "y3 = InstanceNormalization (x, s, b)",
        "y4 = LayerNormalization <axis = 2> (x, u, v)",
        "y5 = LayerNormalization <epsilon = 0.1> (x, w)",
    ]),
    "norms of groups, of groups": (18, X4, {"s": (2,), "b": (2,)}, [
        "y = GroupNormalization <num_groups = 2> (x, s, b)",
    ]),
    "norms of groups, of channels": (21, X4, {"s": (4,), "b": (4,)}, [
        "y = GroupNormalization <num_groups = 2> (x, s, b)",
    ]),
    "resizing": (13, {"x": (1, 2, 5, 4)}, {
        "twice": floats(1, 1, 2, 2), "some": floats(1, 1, 1.6, 0.75), "less": floats(1, 1, 0.6, 0.5),
        "size": ints(1, 2, 7, 9), "one": ints(1, 2, 1, 1)}, [
        "y0 = Resize <mode = \"nearest\", coordinate_transformation_mode = \"asymmetric\", nearest_mode = \"floor\"> (x, , twice)",
        "y1 = Resize <mode = \"nearest\"> (x, , some)",
        "y2 = Resize <mode = \"nearest\", nearest_mode = \"ceil\"> (x, , , size)",
        "y3 = Resize <mode = \"nearest\", nearest_mode = \"round_prefer_ceil\", coordinate_transformation_mode = \"asymmetric\"> (x, , twice)",
        "y4 = Resize <mode = \"linear\"> (x, , some)",
        "y5 = Resize <mode = \"linear\", coordinate_transformation_mode = \"align_corners\"> (x, , , size)",
        "y6 = Resize <mode = \"linear\", coordinate_transformation_mode = \"pytorch_half_pixel\"> (x, , , one)",
        "y7 = Resize <mode = \"linear\", coordinate_transformation_mode = \"asymmetric\"> (x, , less)",
    ]),
    "upsampling": (9, {"x": (1, 2, 5, 4)}, {"twice": floats(1, 1, 2, 3)}, [
        "y0 = Upsample <mode = \"nearest\"> (x, twice)",
        "y1 = Upsample <mode = \"linear\"> (x, twice)",
    ]),
    "depth to space": (13, {"x": (2, 8, 3, 2)}, {}, [
        "y0 = DepthToSpace <blocksize = 2> (x)",
        "y1 = DepthToSpace <blocksize = 2, mode = \"CRD\"> (x)",
    ]),
    "activations": (20, {"x": (3, 5), "z": (2, 3, 2, 2)}, {"slope": (3, 1, 1), "low": np.float32(-0.5), "high": np.float32(0.7)}, [
        "y0 = Relu (z)", "y1 = LeakyRelu <alpha = 0.2> (x)", "y2 = PRelu (z, slope)",
        "y3 = Elu <alpha = 0.7> (x)", "y4 = Selu (x)", "y5 = Sigmoid (x)", "y6 = HardSigmoid (x)",
        "y7 = HardSwish (x)", "y8 = Softplus (x)", "y9 = Softsign (x)", "y10 = Tanh (x)",
        "y11 = Mish (x)", "y12 = Gelu (x)", "y13 = Gelu <approximate = \"tanh\"> (z)",
        "y14 = Clip (x, low, high)", "y15 = Clip (x, , high)", "y16 = Relu (x)",
    ]),
    "clip of opset 9": (9, {"x": (3, 5)}, {}, ["y = Clip <min = -0.5, max = 0.25> (x)"]),
    "arithmetic": (14, {"x": (3, 1, 5), "z": (2, 1)}, {"w": (5,), "two": np.float32(2), "h": np.float32(0.5), "k": floats(1, 2, 3, 2, 1)}, [
        "y0 = Add (x, z)", "y1 = Sub (x, w)", "y2 = Mul (z, x)", "y3 = Div (x, two)",
        "p = Abs (x)", "y4 = Pow (p, two)", "y5 = Pow (p, h)", "y6 = Pow (p, k)",
        "y7 = Exp (x)", "y8 = Log (p)", "y9 = Sqrt (p)", "y10 = Reciprocal (x)", "y11 = Neg (x)",
        "y12 = Floor (x)", "y13 = Ceil (x)", "y14 = Erf (x)", "y15 = Sin (x)", "y16 = Cos (x)",
        "y17 = Min (x, z, w)", "y18 = Max (x, z)", "y19 = Sum (x, z, w)", "y20 = Mean (x, w)",
        "y21 = Abs (z)", "y22 = Identity (x)", "y23 = Dropout (x)",
    ]),
    "comparisons": (16, {"x": (3, 5), "z": (5,), "n": ints(1, 2, 3)}, {"two": np.array(2, dtype=INT), "small": np.array([-3, 5, 127], dtype=np.int8)}, [
        "b0 = Greater (x, z)", "b1 = Less (x, z)", "b2 = GreaterOrEqual (x, z)",
        "b3 = LessOrEqual (x, x)", "b4 = Equal (n, two)", "b5 = Not (b0)", "b6 = And (b0, b1)",
        "b7 = Or (b0, b2)", "b8 = Xor (b0, b1)", "y0 = Where (b0, x, z)", "i0 = Add (n, two)",
        "i1 = Mul (n, n)", "y1 = Cast <to = 1> (b0)", "y2 = Cast <to = 1> (n)", "i2 = Cast <to = 7> (x)",
        "b9 = Cast <to = 9> (n)", "i3 = Cast <to = 7> (b1)",
        "y3 = Cast <to = 1> (small)",
    ]),
    "products": (13, {"x": (3, 4), "z": (2, 3, 4), "q": (2, 5, 3, 4), "k": (5, 4, 6), "v": (4,)},
                 {"w": (4, 5), "t": (5, 4), "b": (5,), "c": (3, 1), "p": (3, 5)}, [
        "y0 = Gemm <transB = 1> (x, t, b)", "y1 = Gemm (x, w, b)",
        "y2 = Gemm <alpha = 0.5, beta = 2.0> (x, w, c)", "y3 = Gemm <transA = 1> (p, p)",
        "y4 = Gemm <transA = 1, transB = 1, alpha = 2.0> (w, t)", "y5 = MatMul (z, w)",
        "y6 = MatMul (q, k)", "y7 = MatMul (x, v)", "y8 = MatMul (v, w)", "y9 = MatMul (v, v)",
        "y10 = MatMul (v, k)", "y11 = MatMul (q, v)", "y12 = Gemm <transB = 1> (x, t)",
    ]),
    "reductions": (13, X4, {"axes": ints(1, -1), "none": ints()}, [
        "y0 = ReduceMean <axes = [2, 3]> (x)", "y1 = ReduceMean <axes = [1], keepdims = 0> (x)",
        "y2 = ReduceSum (x, axes)", "y3 = ReduceMax <axes = [0, 2], keepdims = 0> (x)",
        "y4 = ReduceMin (x)", "y5 = ReduceSum <noop_with_empty_axes = 1> (x, none)",
        "y6 = Softmax (x)", "y7 = Softmax <axis = 1> (x)", "y8 = LogSoftmax <axis = 2> (x)",
    ]),
    "reductions of opset 18": (18, X4, {"axes": ints(2, 3)}, [
        "y0 = ReduceMean (x, axes)", "y1 = ReduceMax <keepdims = 0> (x, axes)",
    ]),
    "softmax of opset 9": (9, X4, {}, [
        "y0 = Softmax (x)", "y1 = Softmax <axis = 2> (x)", "y2 = ReduceSum <axes = [1]> (x)",
    ]),
    "shapes": (13, X4, {"one": ints(0, -1, 6), "two": ints(8, 4, 9, 2), "axes": ints(0, 3), "last": ints(-1)}, [
        "y0 = Reshape (x, one)", "y1 = Reshape (x, two)", "y2 = Flatten (x)", "y3 = Flatten <axis = 3> (x)",
        "y4 = Flatten <axis = 0> (x)", "y5 = Transpose <perm = [0, 2, 3, 1]> (x)", "y6 = Transpose (x)",
        "y7 = Unsqueeze (x, axes)", "y8 = Squeeze (y7, axes)", "y9 = Squeeze (y7)", "y10 = Flatten <axis = -1> (x)",
    ]),
    "shapes of opset 9": (9, X4, {"two": ints(8, 4, 9, 2)}, [
        "y0 = Unsqueeze <axes = [0, 5]> (x)", "y1 = Squeeze <axes = [5]> (y0)", "y2 = Reshape (x, two)",
    ]),
    "movements": (13, {"x": (2, 4, 9, 8), "n": ints(2, 0, 1)},
                  {"w": (3, 5, 2), "i": np.array(-2, dtype=INT), "j": ints(0, 3, 1, 2), "s": ints(1, 2),
                   "starts": ints(1, -3), "ends": ints(9223372036854775807, -1), "axes": ints(2, 3),
                   "steps": ints(3, 1), "parts": ints(1, 3), "pads": ints(0, 1, 0, 2, 1, 0, 0, -1),
                   "number": np.float32(0.5), "repeats": ints(2, 1, 1, 3), "shape": ints(3, 1, 1, 9, 8)}, [
        "y0 = Concat <axis = 1> (x, x)", "y1 = Concat <axis = -1> (x, x, x)", "y2 = Gather <axis = 1> (x, i)",
        "y3 = Gather <axis = 1> (x, j)", "y4 = Gather (w, n)", "y5 = Slice (x, starts, ends, axes, steps)",
        "y6, y7 = Split <axis = 1> (x, parts)", "y8, r8 = Split <axis = 3> (x)", "y9 = Pad (x, pads, number)",
        "y10 = Tile (x, repeats)", "y11 = Gather <axis = 2> (x, s)", "y12 = Add (y8, r8)",
    ]),
    "movements of opset 9": (9, X4, {}, [
        "y0 = Slice <starts = [1, 0], ends = [3, -2], axes = [1, 2]> (x)", "y1 = Slice <starts = [1], ends = [100]> (x)",
        "y2, r2 = Split <axis = 1, split = [3, 1]> (x)", "y3 = Pad <pads = [0, 0, 1, 2, 0, 1, 0, 0], value = 1.5> (x)",
    ]),
    "split into parts": (18, {"x": (2, 7)}, {"pads": ints(1, 2), "axes": ints(1)}, [
        "y0, r0, q0 = Split <axis = 1, num_outputs = 3> (x)", "y1 = Pad (x, pads, , axes)", "y2 = Identity (q0)",
    ]),
    "computed shapes": (15, {"x": (2, 4, 9, 8)}, {"zero": np.array(0, dtype=INT), "two": np.array(2, dtype=INT), "axis": ints(0), "open": ints(-1), "half": floats(1)}, [
        "shape = Shape (x)", "n = Gather (shape, zero)", "n1 = Unsqueeze (n, axis)", "tail = Shape <start = 2> (x)",
        "flat = Concat <axis = 0> (n1, open)", "y0 = Reshape (x, flat)",
        "h = Gather (shape, two)", "size = Size (x)", "per = Div (size, h)", "per1 = Unsqueeze (per, axis)",
        "rear = Concat <axis = 0> (open, per1)", "y1 = Reshape (x, rear)",
        "filled = ConstantOfShape <value: tensor = float[1] {0.5}> (tail)", "y2 = Add (x, filled)",
        "y3 = Expand (half, tail)",
        "step = Range (zero, h, two)", "f = Cast <to = 1> (step)", "y4 = Mul (f, half)", "d = Cast <to = 1> (h)", "root = Sqrt (d)", "y5 = Div (x, root)",
        "same = Equal (shape, shape)", "picked = Where (same, shape, shape)", "y6 = Reshape (y0, picked)",
    ]),
}


def make_transformer(opset, layers=2, batch=2, length=6, width=16, heads=4, vocabulary=20):
    """A small GPT as exporters write one: heads by reshapes and transposes, a mask that is added."""
    each = width // heads
    weights = {"embedding": (vocabulary, width), "positions": (length, width),
               "split": ints(0, 0, heads, each), "join": ints(0, 0, width),
               "root": np.float32(each ** 0.5),
               "mask": np.triu(np.full((length, length), -1e9, dtype=np.float32), 1),
               "s": (width,), "t": (width,), "head": (vocabulary, width)}
    lines = ["e = Gather (embedding, tokens)", "x0 = Add (e, positions)"]
    for layer in range(layers):
        for name, shape in {"q": (width, width), "k": (width, width), "v": (width, width),
                            "o": (width, width), "up": (width, 4 * width),
                            "down": (4 * width, width)}.items():
            weights[f"{name}w{layer}"], weights[f"{name}b{layer}"] = shape, shape[1:]
        weights |= {f"{name}{layer}": (width,) for name in ("n", "m", "nb", "mb")}
        lines += [f"h{layer} = LayerNormalization (x{layer}, n{layer}, nb{layer})"]
        for name in "qkv":
            permutation = "0, 2, 3, 1" if name == "k" else "0, 2, 1, 3"
            lines += [f"{name}p{layer} = MatMul (h{layer}, {name}w{layer})",
                      f"{name}a{layer} = Add ({name}b{layer}, {name}p{layer})",
                      f"{name}r{layer} = Reshape ({name}a{layer}, split)",
                      f"{name}{layer} = Transpose <perm = [{permutation}]> ({name}r{layer})"]
        lines += [f"s{layer} = MatMul (q{layer}, k{layer})", f"d{layer} = Div (s{layer}, root)",
                  f"z{layer} = Add (d{layer}, mask)", f"p{layer} = Softmax (z{layer})",
                  f"a{layer} = MatMul (p{layer}, v{layer})",
                  f"at{layer} = Transpose <perm = [0, 2, 1, 3]> (a{layer})",
                  f"j{layer} = Reshape (at{layer}, join)", f"op{layer} = MatMul (j{layer}, ow{layer})",
                  f"oa{layer} = Add (op{layer}, ob{layer})", f"r{layer} = Add (x{layer}, oa{layer})",
                  f"g{layer} = LayerNormalization (r{layer}, m{layer}, mb{layer})",
                  f"u{layer} = MatMul (g{layer}, upw{layer})", f"ua{layer} = Add (u{layer}, upb{layer})",
                  *([f"act{layer} = Gelu (ua{layer})"] if opset >= 20 else gelu(layer)),
                  f"w{layer} = MatMul (act{layer}, downw{layer})",
                  f"wa{layer} = Add (w{layer}, downb{layer})", f"x{layer + 1} = Add (r{layer}, wa{layer})"]
    lines += [f"last = LayerNormalization (x{layers}, s, t)", "turned = Transpose <perm = [1, 0]> (head)",
              "y = MatMul (last, turned)"]
    if opset < 20:
        weights |= {"two": np.float32(2 ** 0.5), "one": np.float32(1), "half": np.float32(0.5)}
    tokens = np.random.default_rng(2).integers(0, vocabulary, (batch, length))
    return opset, {"tokens": tokens}, weights, lines


def gelu(layer):
    """As arithmetic, before it was an operator."""
    return [f"ge{layer} = Div (ua{layer}, two)", f"gf{layer} = Erf (ge{layer})",
            f"gg{layer} = Add (gf{layer}, one)", f"gh{layer} = Mul (ua{layer}, gg{layer})",
            f"act{layer} = Mul (gh{layer}, half)"]


CASES["transformer of opset 17"] = make_transformer(17)
CASES["transformer of opset 21"] = make_transformer(21, layers=3, batch=1)
