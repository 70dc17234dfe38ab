#!/usr/bin/env python3
"""Compares what nyala reads from GGUF files with what the `gguf` package of PyPI reads.

    pip install gguf          # 0.19.0 was used
    gguf_values.py --dump build/bin/nyala-test-dump-gguf [MODEL.gguf...]

Without a model, only files with random content in every tensor type and every metadata type are
compared. Every f32 value must have the same bits; of NaNs only that they are NaNs.
With --vectors, prints test/unit/storage/QuantizedVectors.h instead.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

try:
    import gguf
    import numpy as np
except ImportError as error:
    sys.exit(f"gguf_values.py: {error}; run: pip install gguf")

TYPES = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"]


def block_size(tensor_type):
    return gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[tensor_type]][0]


class Mismatch(Exception):
    pass


def expect(what, actual, expected):
    if actual != expected:
        raise Mismatch(f"{what}: nyala has {str(actual)[:200]}, gguf {str(expected)[:200]}")


def dequantize(data, tensor_type):
    with np.errstate(all="ignore"):
        values = gguf.quants.dequantize(data, tensor_type)
    return np.ascontiguousarray(values).reshape(-1).view(np.uint32)


def compare_metadata(metadata, reader):
    fields = {k: f for k, f in reader.fields.items() if not k.startswith("GGUF.")}
    expect("keys", sorted(metadata), sorted(fields))
    for key, field in fields.items():
        # JSON has no NaN; nothing else is rounded or widened.
        expect(f"key {key}", metadata[key], field.contents())


def compare_values(dump, path, reader):
    with subprocess.Popen([dump, "--values", path], stdout=subprocess.PIPE) as process:
        for tensor in reader.tensors:
            expected = dequantize(tensor.data, tensor.tensor_type)
            raw = process.stdout.read(expected.nbytes)
            expect(f"bytes of values of {tensor.name}", len(raw), expected.nbytes)
            actual = np.frombuffer(raw, np.uint32)
            nan = np.isnan(actual.view(np.float32)) & np.isnan(expected.view(np.float32))
            wrong = np.flatnonzero((actual != expected) & ~nan)
            if wrong.size:
                i = wrong[0]
                raise Mismatch(
                    f"tensor {tensor.name}: {wrong.size} of {expected.size} values differ, first at"
                    f" {i}: nyala has {actual[i]:#010x}, gguf {expected[i]:#010x}"
                )
        expect("rest of the values", process.stdout.read(), b"")
    expect("exit code", process.returncode, 0)


def byte_characters():
    """GPT-2's byte-level encoding: the byte of each character."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + i): b for i, b in enumerate(others)}


def compare_tokenizer(tokenizer, reader):
    get = lambda key: (field := reader.get_field("tokenizer.ggml." + key)) and field.contents()
    if tokenizer is None:
        return expect("tokenizer", None, get("model"))
    texts, types = get("tokens"), get("token_type")
    characters = byte_characters()
    expected = [
        [characters[c] for c in text] if kind == 1 else list(text.encode())
        for text, kind in zip(texts, types)
    ]
    expect("tokens", tokenizer["tokens"], expected)
    kinds = {1: 0, 2: 1, 3: 2, 4: 3, 5: 5, 6: 4}
    expect("kinds", tokenizer["kinds"], [kinds[kind] for kind in types])
    ids = {text: i for i, text in enumerate(texts)}
    merges = []
    for rank, merge in enumerate(get("merges")):
        left, right = merge.split(" ")
        merges.append([ids[left], ids[right], rank, ids[left + right]])
    expect("merges", tokenizer["merges"], merges)
    expect("bos", tokenizer["bos"], get("bos_token_id"))
    expect("eos", tokenizer["eos"], get("eos_token_id"))
    print(f"  tokenizer: {len(texts)} tokens, {len(merges)} merges, stops {tokenizer['stops']}")


def compare(dump, path):
    reader = gguf.GGUFReader(path)
    result = json.loads(subprocess.run([dump, path], check=True, stdout=subprocess.PIPE).stdout)
    compare_metadata(result["metadata"], reader)
    expect("number of tensors", len(result["tensors"]), len(reader.tensors))
    for actual, tensor in zip(result["tensors"], reader.tensors):
        expect("name", actual["name"], tensor.name)
        what = f"tensor {tensor.name}: "
        expect(what + "shape", actual["shape"], [int(n) for n in reversed(tensor.shape)])
        expect(what + "format", actual["format"], tensor.tensor_type.name.lower())
        expect(what + "offset", actual["offset"], int(tensor.data_offset))
        expect(what + "bytes", actual["bytes"], int(tensor.n_bytes))
    compare_values(dump, path, reader)
    compare_tokenizer(result["tokenizer"], reader)
    print(f"{path}: {len(reader.tensors)} tensors, {len(result['metadata'])} keys agree")


def random_blocks(random, tensor_type, shape):
    """Random bytes of a tensor: any scale, also subnormal, infinite or NaN."""
    tensor_type = gguf.GGMLQuantizationType[tensor_type]
    return random.integers(
        0, 256, gguf.quants.quant_shape_to_byte_shape(shape, tensor_type), np.uint8
    )


def write_random(path, seed):
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "random")
    writer.add_custom_alignment(int(2 ** random.integers(3, 9)))
    limits = {"uint8": 2**8 - 1, "uint16": 2**16 - 1, "uint32": 2**32 - 1, "uint64": 2**64 - 1}
    limits |= {"int8": -(2**7), "int16": -(2**15), "int32": -(2**31), "int64": -(2**63)}
    for name, value in limits.items():
        getattr(writer, "add_" + name)("limit." + name, value)
    writer.add_float32("float32", float(np.float32(random.normal())))
    writer.add_float64("float64", float(random.normal()))
    writer.add_bool("bool", bool(random.integers(2)))
    writer.add_string("string", "a\n\u00e9\U0001f993")
    writer.add_array("array.strings", ["", "x", "\u0120y"])
    writer.add_array("array.integers", [int(n) for n in random.integers(-(2**31), 2**31, 5)])
    writer.add_array("array.floats", [0.5, -1.25])
    writer.add_array("array.bools", [True, False])
    for tensor_type in TYPES:
        for rank in range(1, 5):
            outer = [int(n) for n in random.integers(1, 4, rank - 1)]
            row = int(random.integers(1, 9)) * block_size(tensor_type)
            data = random_blocks(random, tensor_type, [*outer, row])
            name = f"{tensor_type}.{rank}"
            writer.add_tensor(name, data, raw_dtype=gguf.GGMLQuantizationType[tensor_type])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


VECTORS_HEADER = """\
// Stored bytes and the f32 values (as bits) that gguf.quants.dequantize of PyPI's gguf {version}
// widens them to. Written once by test/e2e/gguf_values.py --vectors.
#ifndef NYALA_TEST_UNIT_STORAGE_QUANTIZEDVECTORS_H
#define NYALA_TEST_UNIT_STORAGE_QUANTIZEDVECTORS_H

#include "ir/storage/StoredFormat.h"

#include <vector>

namespace nyala {{

struct QuantizedVector {{
  StoredFormat format;
  const char *bytes; ///< hexadecimal
  std::vector<uint32_t> values;
}};

inline const QuantizedVector quantizedVectors[] = {{"""


def print_vectors():
    from importlib.metadata import version

    random = np.random.default_rng(1)
    print(VECTORS_HEADER.format(version=version("gguf")))
    for tensor_type in TYPES:
        values = {1: 16, 32: 96, 256: 256}[block_size(tensor_type)]
        while True:  # scales that are not NaN
            data = random_blocks(random, tensor_type, [values])
            bits = dequantize(data, gguf.GGMLQuantizationType[tensor_type])
            if not np.isnan(bits.view(np.float32)).any():
                break
        words = ", ".join(f"{n:#010x}" for n in bits)
        print(f'{{StoredFormat::{tensor_type}, "{data.tobytes().hex()}", {{{words}}}}},')
    print("};\n\n} // namespace nyala\n\n#endif // NYALA_TEST_UNIT_STORAGE_QUANTIZEDVECTORS_H")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dump", default="build/bin/nyala-test-dump-gguf", metavar="PROGRAM")
    parser.add_argument("--random", type=int, default=8, help="number of random files")
    parser.add_argument("--vectors", action="store_true", help="print the unit test's vectors")
    parser.add_argument("models", nargs="*")
    arguments = parser.parse_args()
    if arguments.vectors:
        return print_vectors()
    with tempfile.TemporaryDirectory() as folder:
        paths = list(arguments.models)
        for seed in range(arguments.random):
            paths.append(os.path.join(folder, f"random-{seed}.gguf"))
            write_random(paths[-1], seed)
        for path in paths:
            try:
                compare(arguments.dump, path)
            except Mismatch as mismatch:
                sys.exit(f"{path}: {mismatch}")


if __name__ == "__main__":
    main()
