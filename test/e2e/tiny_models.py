#!/usr/bin/env python3
"""Tiny random llama-architecture GGUF files: kilobytes each, one per feature of the file format.

  tiny_models.py OUT_DIR [NAME...]     writes OUT_DIR/NAME.gguf (all of CONFIGS without names)

Weights are drawn so that attention is far from uniform and logits are of order one. Greedy
continuations stay in PLAIN characters: the head's rows of all other tokens are scaled down, so that
a continuation is text that tokenizes to the same ids again and no stop token ends it early.
"""

import math
import struct
import sys
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import gguf
import numpy as np

import k_quants

MERGES = ["t h", "i n", "th e", "Ġ th", "Ġth e", "e r", "o n", "Ġ a"]
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CHAT_TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content']"
    " + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% endif %}")

# Characters that no merge joins: one byte, one token.
PLAIN = [c for c in map(chr, range(33, 127)) if c not in "theinrao<|>"]


def byte_characters():
    """The printable character that stands for each byte in byte-level BPE vocabularies."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    characters, extra = {}, 0
    for byte in range(256):
        if byte in printable:
            characters[byte] = chr(byte)
        else:
            characters[byte] = chr(256 + extra)
            extra += 1
    return [characters[byte] for byte in range(256)]


def vocabulary(padding=0):
    """Token strings: 256 bytes, merges, specials, unused padding. Ids 0…255 are bytes."""
    merged = [merge.replace(" ", "") for merge in MERGES]
    return byte_characters() + merged + SPECIALS + [f"<unused{n}>" for n in range(padding)]


SPECIAL_ID = {text: 256 + len(MERGES) + n for n, text in enumerate(SPECIALS)}


def plain_ids(text):
    """Token ids of a text of PLAIN characters."""
    assert all(c in PLAIN for c in text), text
    return list(text.encode())


def plain_text(length, seed=0):
    return "".join(np.random.default_rng(seed).choice(PLAIN, length))


@dataclass(frozen=True)
class Config:
    width: int = 64
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 16  # written as attention.key_length unless width / heads
    ffn: int = 96
    layers: int = 2
    vocab_padding: int = 0
    context: int = 256
    type: str = "F32"  # of all matrices that `types` does not name
    types: dict = field(default_factory=dict)  # tensor name without blk.N. and .weight: type
    tied: bool = False
    biases: tuple = ()  # of attn_q attn_k attn_v attn_output ffn_gate ffn_up ffn_down
    rope_base: float = 10000.0
    rope_dims: int = 0  # 0: head_dim
    rope_linear: float = 0.0  # factor
    rope_yarn: float = 0.0  # factor
    rope_factors: bool = False  # rope_freqs.weight, as Llama 3.1 has
    epsilon: float = 1e-5
    version: int = 3  # of GGUF
    alignment: int = 32
    bos: bool = False  # add_bos_token
    bos_id: bool = True  # bos_token_id is there
    pre: str = "gpt-2"
    architecture: str = "llama"
    # Mistakes, for tests of bad input.
    drop: tuple = ()  # tensors left out
    shapes: dict = field(default_factory=dict)  # tensor: another shape
    keys: dict = field(default_factory=dict)  # key (without "llama."): integer, None: left out

    def head_width(self):
        return self.heads * self.head_dim

    def kv_width(self):
        return self.kv_heads * self.head_dim


ATTENTION_BIASES = ("attn_q", "attn_k", "attn_v")
ALL_BIASES = ATTENTION_BIASES + ("attn_output", "ffn_gate", "ffn_up", "ffn_down")

CONFIGS = {
    # heads: MHA, GQA, MQA, head_dim other than width / heads
    "f32-mha": Config(heads=4, kv_heads=4),
    "f32-gqa-tied": Config(tied=True),
    "f32-mqa-head-dim-20": Config(heads=6, kv_heads=1, head_dim=20, layers=1),
    "f32-head-dim-6": Config(width=48, heads=8, kv_heads=4, head_dim=6, ffn=52, layers=3),
    # odd widths, every plain type
    "f32-odd": Config(width=33, heads=3, kv_heads=1, head_dim=10, ffn=35, vocab_padding=4),
    "f16-odd": Config(type="F16", width=33, heads=3, kv_heads=3, head_dim=10, ffn=52,
                      vocab_padding=1),
    "bf16-odd": Config(type="BF16", width=80, heads=5, kv_heads=1, head_dim=20, ffn=67, tied=True),
    # every block type
    "q4_0": Config(type="Q4_0"),
    "q4_1": Config(type="Q4_1", vocab_padding=5),
    "q5_0": Config(type="Q5_0", heads=16, kv_heads=4, head_dim=6),
    "q5_1": Config(type="Q5_1", heads=16, kv_heads=1, head_dim=10, ffn=160),
    "q8_0": Config(type="Q8_0", width=96, heads=8, kv_heads=2, head_dim=20, ffn=224, layers=3),
    "q8_0-tied": Config(type="Q8_0", tied=True, vocab_padding=2),
    # types of blocks of 256
    "q4_k": Config(type="Q4_K", width=256, heads=4, kv_heads=2, head_dim=64, ffn=256),
    "q5_k": Config(type="Q5_K", width=256, heads=8, kv_heads=1, head_dim=32, ffn=512, layers=1),
    # mixed types: linears that share an input but not a format
    "mixed-value": Config(type="Q4_1", types={"attn_v": "Q8_0", "ffn_down": "Q5_1"}),
    "mixed-embedding": Config(type="Q4_1", types={"token_embd": "Q8_0"}, tied=True),
    "mixed-k": Config(type="Q4_K", types={"attn_v": "Q6_K", "ffn_down": "Q6_K", "ffn_up": "Q5_K",
                                          "token_embd": "Q6_K", "attn_output": "Q8_0"}, tied=True,
                      width=256, heads=4, kv_heads=2, head_dim=64, ffn=512, biases=ATTENTION_BIASES),
    "mixed-gate": Config(type="Q4_0", types={"ffn_gate": "F16", "attn_k": "BF16",
                                             "output": "F32", "token_embd": "Q5_0"}),
    # biases
    "bias-attention": Config(type="Q8_0", biases=ATTENTION_BIASES),
    "bias-all": Config(type="F16", biases=ALL_BIASES, kv_heads=1, width=48, ffn=52),
    # rope
    "rope-base": Config(rope_base=500000.0, head_dim=20),
    "rope-linear": Config(rope_linear=4.0),
    "rope-factors": Config(rope_factors=True, rope_base=500000.0),
    "rope-partial": Config(rope_dims=8),
    "rope-yarn": Config(rope_yarn=4.0),
    # the file format
    "version-2": Config(version=2, type="Q4_1"),
    "alignment-64": Config(alignment=64, type="Q8_0", width=32, heads=2, kv_heads=1),
    "bos": Config(bos=True, pre="llama-bpe"),
    "epsilon": Config(epsilon=0.3),
    # two windows of perplexity
    "long": Config(context=640, layers=1, type="Q4_1"),
}


def llama3_factors(head_dim, base):
    """Divisors of rope frequencies: 8 for long waves, 1 for short ones, smooth between."""
    factors, old_context = [], 64
    for pair in range(head_dim // 2):
        wave = 2 * math.pi * base ** (2 * pair / head_dim)
        smooth = (old_context / wave - 1) / (4 - 1)
        smooth = min(max(smooth, 0), 1)
        factors.append(1 / ((1 - smooth) / 8 + smooth))
    return np.array(factors, np.float32)


def make_tensors(config, rng):
    """Name: (f32 values, type name), in the order of the file."""
    tensors = {}

    def add(name, *shape, scale=None):
        key = name.split(".")[-2]
        shape = config.shapes.get(name, shape)
        values = rng.standard_normal(shape) * (scale or 1.5 / math.sqrt(shape[-1]))
        tensors[name] = (values.astype(np.float32), config.types.get(key, config.type))

    def add_vector(name, values):
        if name in config.shapes:
            values = np.resize(values, config.shapes[name])
        tensors[name] = (np.asarray(values, np.float32), "F32")

    def add_norm(name):
        add_vector(name, 1 + 0.3 * rng.standard_normal(config.width))

    size = len(vocabulary(config.vocab_padding))
    plain = np.zeros(size, bool)
    plain[[ord(c) for c in PLAIN]] = True
    damping = np.where(plain, 1.0, 0.05).astype(np.float32)[:, None]
    add("token_embd.weight", size, config.width, scale=1.0)
    head = "token_embd.weight"
    if not config.tied:
        head = "output.weight"
        add(head, size, config.width, scale=2.5 / math.sqrt(config.width))
    if head not in config.shapes:
        tensors[head] = (tensors[head][0] * damping, tensors[head][1])
    add_norm("output_norm.weight")
    if config.rope_factors:
        add_vector("rope_freqs.weight", llama3_factors(config.head_dim, config.rope_base))
    for layer in range(config.layers):
        blk = f"blk.{layer}."
        add_norm(blk + "attn_norm.weight")
        add_norm(blk + "ffn_norm.weight")
        add(blk + "attn_q.weight", config.head_width(), config.width)
        add(blk + "attn_k.weight", config.kv_width(), config.width)
        add(blk + "attn_v.weight", config.kv_width(), config.width)
        add(blk + "attn_output.weight", config.width, config.head_width())
        add(blk + "ffn_gate.weight", config.ffn, config.width)
        add(blk + "ffn_up.weight", config.ffn, config.width)
        add(blk + "ffn_down.weight", config.width, config.ffn)
        for name in config.biases:
            rows = tensors[blk + name + ".weight"][0].shape[0]
            add_vector(blk + name + ".bias", 0.5 * rng.standard_normal(rows))
    return {name: t for name, t in tensors.items() if name not in config.drop}


def add_metadata(writer, config):
    rope_dims = config.rope_dims or config.head_dim
    integers = {
        "context_length": config.context,
        "embedding_length": config.width,
        "block_count": config.layers,
        "feed_forward_length": config.ffn,
        "attention.head_count": config.heads,
        "attention.head_count_kv": config.kv_heads,
        "rope.dimension_count": rope_dims,
        "vocab_size": len(vocabulary(config.vocab_padding)),
    }
    if config.head_dim * config.heads != config.width:
        integers["attention.key_length"] = config.head_dim
        integers["attention.value_length"] = config.head_dim
    integers |= config.keys
    for key, value in integers.items():
        if value is not None:
            writer.add_uint32(f"{config.architecture}.{key}", value)
    floats = {"attention.layer_norm_rms_epsilon": config.epsilon,
              "rope.freq_base": config.rope_base}
    scaling = "linear" if config.rope_linear else "yarn" if config.rope_yarn else None
    if scaling:
        floats["rope.scaling.factor"] = config.rope_linear or config.rope_yarn
        writer.add_string(f"{config.architecture}.rope.scaling.type", scaling)
        writer.add_uint32(f"{config.architecture}.rope.scaling.original_context_length", 64)
    for key, value in floats.items():
        writer.add_float32(f"{config.architecture}.{key}", value)


def add_tokenizer(writer, config):
    tokens = vocabulary(config.vocab_padding)
    kinds = [gguf.TokenType.NORMAL] * (256 + len(MERGES))
    kinds += [gguf.TokenType.CONTROL] * len(SPECIALS)
    kinds += [gguf.TokenType.UNUSED] * config.vocab_padding
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(config.pre)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(MERGES)
    if config.bos_id:
        writer.add_bos_token_id(SPECIAL_ID["<|endoftext|>"])
    writer.add_eos_token_id(SPECIAL_ID["<|im_end|>"])
    writer.add_add_bos_token(config.bos)
    writer.add_chat_template(CHAT_TEMPLATE)


def quantize(values, kind):
    if kind in k_quants.QUANTIZERS:  # those that the package can only read
        return k_quants.QUANTIZERS[kind](values)
    return gguf.quants.quantize(values, kind)


def write(path, config, name):
    """Writes the model; the same name and config give the same bytes."""
    writer = gguf.GGUFWriter(path, config.architecture)
    if config.alignment != 32:
        writer.add_custom_alignment(config.alignment)
    writer.add_name(name)
    add_metadata(writer, config)
    add_tokenizer(writer, config)
    for tensor, (values, type_name) in make_tensors(
            config, np.random.default_rng(zlib.crc32(name.encode()))).items():
        kind = gguf.GGMLQuantizationType[type_name]
        writer.add_tensor(tensor, quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    if config.version != 3:  # little-endian files of versions 2 and 3 differ in nothing else
        with open(path, "r+b") as file:
            file.seek(4)
            file.write(struct.pack("<I", config.version))
    return path


def make(directory, name, **changes):
    """Writes CONFIGS[name], with fields changed, into a directory; returns the path."""
    suffix = "-changed" if changes else ""
    config = replace(CONFIGS[name], **changes)
    return write(Path(directory) / f"{name}{suffix}.gguf", config, name)


if __name__ == "__main__":
    for chosen in sys.argv[2:] or CONFIGS:
        print(make(sys.argv[1], chosen))
