#!/usr/bin/env python3
"""Writes a tiny random GGUF file of the architecture llama, with Python's standard library alone.

  make-gguf.py OUT.gguf                              a model of one layer
  make-gguf.py OUT.gguf --set heads=8 --set tied=true --set biases='["attn_q"]'
  make-gguf.py OUT.gguf --key llama.rope.freq_base=5e5 --key llama.block_count=none
  make-gguf.py OUT.gguf --tensor blk.0.attn_q.weight=q8_0:64x64 --tensor output_norm.weight=none
  make-gguf.py OUT.gguf --from model.json

--set     a field of DEFAULTS below, as JSON
--key     a metadata entry by its whole name: JSON, `u64:5` (a type before it) or `none` to leave
          it out. Integers are u32, fractions f32.
--tensor  a tensor by its name: TYPE:SHAPE, slowest dimension first, or `none` to leave it out
--from    a JSON object {"set": {...}, "keys": {...}, "tensors": {...}}, for longer descriptions

The same description gives the same bytes.
"""

import argparse
import json
import random
import struct
import zlib

DEFAULTS = {
    "architecture": "llama", "layers": 1, "width": 64, "hidden": 96, "heads": 4, "kv_heads": 2,
    "head_dim": None,  # None: width / heads, not stated in the file
    "vocabulary": 32, "context": 128, "type": "f32", "tied": False,
    "biases": [],  # of attn_q attn_k attn_v attn_output ffn_gate ffn_up ffn_down
    "tokenizer": True, "version": 3, "seed": 0,
}

# name: (number in the file, struct format); of values and, below, of tensors
VALUE_TYPES = {"u8": (0, "B"), "i8": (1, "b"), "u16": (2, "H"), "i16": (3, "h"), "u32": (4, "I"),
               "i32": (5, "i"), "f32": (6, "f"), "bool": (7, "?"), "u64": (10, "Q"),
               "i64": (11, "q"), "f64": (12, "d")}
STRING, ARRAY = 8, 9
# name: (number, values of a block, f16 scales of a block, further bytes of a block)
TENSOR_TYPES = {"f32": (0, 1, 0, 4), "f16": (1, 1, 0, 2), "bf16": (30, 1, 0, 2),
                "q4_0": (2, 32, 1, 16), "q4_1": (3, 32, 2, 16), "q5_0": (6, 32, 1, 20),
                "q5_1": (7, 32, 2, 20), "q8_0": (8, 32, 1, 32),
                "q4_k": (12, 256, 2, 140), "q5_k": (13, 256, 2, 172), "q6_k": (14, 256, 1, 208),
                "zero": (0, 1, 0, 4)}  # f32 zeros
ALIGNMENT = 32


def describe_model(fields):
    """Metadata and tensors ({name: (type, shape)}) that the fields ask for."""
    f = argparse.Namespace(**fields)
    head_dim = f.head_dim or f.width // f.heads
    keys = {
        "general.architecture": f.architecture, "general.name": "tiny",
        "context_length": f.context, "embedding_length": f.width, "block_count": f.layers,
        "feed_forward_length": f.hidden, "attention.head_count": f.heads,
        "attention.head_count_kv": f.kv_heads, "attention.layer_norm_rms_epsilon": 1e-5,
    }
    if f.head_dim:
        keys |= {"attention.key_length": f.head_dim, "attention.value_length": f.head_dim}
    keys = {key if key.startswith("general.") else f"{f.architecture}.{key}": value
            for key, value in keys.items()}
    if f.tokenizer:
        tokens = [chr(33 + n) if n < 94 else f"<{n}>" for n in range(f.vocabulary)]
        keys |= {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2",
                 "tokenizer.ggml.tokens": tokens}

    tensors = {"token_embd.weight": (f.type, [f.vocabulary, f.width]),
               "output_norm.weight": ("f32", [f.width])}
    if not f.tied:
        tensors["output.weight"] = (f.type, [f.vocabulary, f.width])
    matrices = {
        "attn_q": (f.heads * head_dim, f.width), "attn_k": (f.kv_heads * head_dim, f.width),
        "attn_v": (f.kv_heads * head_dim, f.width), "attn_output": (f.width, f.heads * head_dim),
        "ffn_gate": (f.hidden, f.width), "ffn_up": (f.hidden, f.width),
        "ffn_down": (f.width, f.hidden),
    }
    for layer in range(f.layers):
        block = f"blk.{layer}."
        for norm in ("attn_norm", "ffn_norm"):
            tensors[f"{block}{norm}.weight"] = ("f32", [f.width])
        for name, shape in matrices.items():
            tensors[f"{block}{name}.weight"] = (f.type, list(shape))
        for name in f.biases:
            tensors[f"{block}{name}.bias"] = ("f32", [matrices[name][0]])
    return keys, tensors


def pack_string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def pack_value(value):
    """Type and value. A pair ("u64", 5) states its type."""
    if isinstance(value, str):
        return struct.pack("<I", STRING) + pack_string(value)
    if isinstance(value, list):
        assert value, "an empty array has no type"
        items = [pack_value(item) for item in value]
        return (struct.pack("<I", ARRAY) + items[0][:4] + struct.pack("<Q", len(items))
                + b"".join(item[4:] for item in items))
    if isinstance(value, tuple):
        kind, value = value
    else:
        kind = {bool: "bool", int: "u32", float: "f32"}[type(value)]
    number, code = VALUE_TYPES[kind]
    return struct.pack("<I", number) + struct.pack("<" + code, value)


def make_data(name, kind, shape, seed):
    """Random bytes of a tensor, positive values of order one for f32 vectors."""
    rng = random.Random(zlib.crc32(name.encode()) ^ seed)
    count = 1
    for size in shape:
        count *= size
    if kind == "zero":
        return bytes(4 * count)
    if kind in ("f32", "f16", "bf16"):
        spread = 1 / shape[-1] ** 0.5
        values = [rng.uniform(0.5, 1.5) if len(shape) == 1 else rng.gauss(0, spread)
                  for _ in range(count)]
        if kind == "bf16":
            return b"".join(struct.pack("<f", value)[2:] for value in values)
        return struct.pack(f"<{count}" + ("f" if kind == "f32" else "e"), *values)
    _, block, scales, rest = TENSOR_TYPES[kind]
    data = b""
    # A tensor that is no multiple of blocks is one of the mistakes that tests make.
    for _ in range(-(-count // block)):
        halves = struct.pack(f"<{scales}e", *(rng.uniform(0.001, 0.01) for _ in range(scales)))
        others = rng.randbytes(rest)
        data += others + halves if kind == "q6_k" else halves + others
    return data


def write(path, keys, tensors, version, seed):
    header = struct.pack("<4sIQQ", b"GGUF", version, len(tensors), len(keys))
    for key, value in keys.items():
        header += pack_string(key) + pack_value(value)
    data = b""
    for name, (kind, shape) in tensors.items():
        header += pack_string(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape[::-1])
        header += struct.pack("<IQ", TENSOR_TYPES[kind][0], len(data))
        data += make_data(name, kind, shape, seed)
        data += bytes(-len(data) % ALIGNMENT)
    with open(path, "wb") as file:
        file.write(header + bytes(-len(header) % ALIGNMENT) + data)


def parse_value(text):
    """The value of --key: None to leave it out."""
    if text == "none":
        return None
    kind, colon, rest = text.partition(":")
    if colon and kind in VALUE_TYPES:
        return kind, json.loads(rest)
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text  # a string without quotes


def parse_tensor(text):
    if text == "none":
        return None
    kind, _, shape = text.partition(":")
    return kind, [int(size) for size in shape.split("x")]


def update(entries, changes, parse):
    for name, change in changes:
        value = parse(change) if isinstance(change, str) else change
        if value is None:
            entries.pop(name, None)
        else:
            entries[name] = value


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--from", dest="description", metavar="FILE")
    for option in ("set", "key", "tensor"):
        parser.add_argument(f"--{option}", action="append", default=[], metavar="NAME=VALUE",
                            type=lambda text: text.split("=", 1))
    args = parser.parse_args()
    description = {}
    if args.description:
        with open(args.description, encoding="utf-8") as file:
            description = json.load(file)
    fields = dict(DEFAULTS)
    changes = [*description.get("set", {}).items(),
               *((name, parse_value(text)) for name, text in args.set)]
    for name, value in changes:
        if name not in fields:
            parser.error(f"unknown field {name!r}, expected one of: {', '.join(fields)}")
        fields[name] = value
    keys, tensors = describe_model(fields)
    update(keys, [*description.get("keys", {}).items(), *args.key], parse_value)
    update(tensors, [*description.get("tensors", {}).items(), *args.tensor], parse_tensor)
    write(args.out, keys, tensors, fields["version"], fields["seed"])


if __name__ == "__main__":
    main()
