#!/usr/bin/env python3
"""Tiny random Hugging Face checkpoints: kilobytes each, one per feature that the importer knows.

  tiny_checkpoints.py OUT_DIR [NAME...]     writes OUT_DIR/NAME/ (all of CONFIGS without names)

Needs numpy alone. The same name and config give the same bytes, with every version of numpy: logits
of these models are kept in test/data/hf. Weights are drawn so that attention is far from uniform and
logits are of order one.
"""

import json
import math
import struct
import sys
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

VOCABULARY = 96


@dataclass(frozen=True)
class Config:
    type: str = "llama"  # model_type
    width: int = 64
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 16
    ffn: int = 80
    layers: int = 2
    dtype: str = "F32"
    tied: bool = False
    stored_head: bool = False  # a tied checkpoint that has lm_head.weight all the same
    qkv_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False
    cla: int = 0  # Hunyuan: layers that share keys and values
    shards: int = 0  # 0: one model.safetensors
    buffers: bool = False  # rotary_emb.inv_freq, as old checkpoints have
    padding: int = 0  # bytes after the header, which move tensors to odd offsets
    keys: dict = field(default_factory=dict)  # of config.json; None: left out
    # Mistakes, for tests of bad input.
    drop: tuple = ()  # tensors left out
    add: dict = field(default_factory=dict)  # tensors to add: shape
    shapes: dict = field(default_factory=dict)  # tensor: another shape
    dtypes: dict = field(default_factory=dict)  # tensor: another type, whose bits are arbitrary


LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
HUNYUAN = {"type": "hunyuan_v1_dense", "layers": 4}

CONFIGS = {
    "llama": Config(),
    "llama-tied-f16": Config(tied=True, dtype="F16"),
    "llama-tied-twice": Config(tied=True, stored_head=True),
    "llama-bf16-mqa": Config(dtype="BF16", heads=6, kv_heads=1, head_dim=20, width=48,
                             keys={"head_dim": 20}),
    "llama-biases": Config(qkv_bias=True, output_bias=True, mlp_bias=True, kv_heads=4,
                           keys={"hidden_act": "gelu_pytorch_tanh"}),
    "llama-old-keys": Config(buffers=True, keys={
        "rope_parameters": None, "rope_theta": 500.0, "torch_dtype": "float32", "pretraining_tp": 2,
        "rope_scaling": {"type": "linear", "factor": 4.0}}),
    "llama-llama3": Config(keys={"rope_parameters": {**LLAMA3, "rope_theta": 5000.0}}),
    "llama-yarn": Config(keys={"rope_parameters": {**YARN, "rope_theta": 10000.0}}),
    "llama-yarn-exact": Config(keys={
        "rope_scaling": {**YARN, "truncate": False, "beta_fast": 16, "beta_slow": 2,
                         "mscale": 0.7, "mscale_all_dim": 1.3}, "rope_theta": 1000.0}),
    "llama-yarn-factor": Config(keys={
        "rope_parameters": {**YARN, "rope_theta": 10000.0, "attention_factor": 0.8}}),
    "llama-shards": Config(shards=3, dtype="BF16", padding=3),
    "qwen2": Config(type="qwen2", qkv_bias=True, tied=True, keys={
        "use_sliding_window": False, "sliding_window": 8, "max_window_layers": 1}),
    "qwen2-windows": Config(type="qwen2", qkv_bias=True, layers=3, keys={
        "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1}),
    "qwen3": Config(type="qwen3", head_dim=24, keys={"head_dim": 24}),
    "qwen3-biases": Config(type="qwen3", qkv_bias=True, output_bias=True, kv_heads=1, tied=True),
    "hunyuan": Config(**HUNYUAN, dtype="BF16", keys={
        "rope_parameters": None, "rope_theta": 100.0,
        "rope_scaling": {"type": "dynamic", "alpha": 50.0, "factor": 1.0, "beta_fast": 32,
                         "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 1.0},
        "use_cla": False, "cla_share_factor": 2, "num_experts": 1, "use_qk_norm": True}),
    "hunyuan-cla": Config(**HUNYUAN, cla=2),
    "hunyuan-cla-uneven": Config(**{**HUNYUAN, "layers": 5}, cla=3, tied=True, qkv_bias=True,
                                 output_bias=True, kv_heads=1),
}


def make_tokens(name, count=20):
    """A prompt."""
    raw = np.random.PCG64(zlib.crc32(name.encode()) + 1).random_raw(count)
    return [int(token) for token in raw % np.uint64(VOCABULARY)]


def make_keys(config):
    """config.json"""
    architecture = {"llama": "Llama", "qwen2": "Qwen2", "qwen3": "Qwen3",
                    "hunyuan_v1_dense": "HunYuanDenseV1"}[config.type]
    keys = {
        "architectures": [architecture + "ForCausalLM"], "model_type": config.type,
        "hidden_size": config.width, "intermediate_size": config.ffn,
        "num_hidden_layers": config.layers, "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads, "vocab_size": VOCABULARY,
        "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "hidden_act": "silu",
        "tie_word_embeddings": config.tied, "transformers_version": "5.24.0", "dtype": "float32",
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    }
    if config.type != "qwen2":
        keys["attention_bias"] = config.qkv_bias
    if config.type == "llama":
        keys["mlp_bias"] = config.mlp_bias
    if config.type in ("qwen3", "hunyuan_v1_dense"):
        keys["head_dim"] = config.head_dim
    if config.cla:
        keys |= {"use_cla": True, "cla_share_factor": config.cla}
    keys |= config.keys
    return {key: value for key, value in keys.items() if value is not None}


def make_tensors(config, seed):
    """Name: f32 values, in the order of transformers' modules."""
    tensors = {}
    bits = np.random.PCG64(zlib.crc32(seed.encode()))

    def draw(shape):
        """Of variance 1. Only a generator's bits stay what they are from version to version."""
        values = (bits.random_raw(math.prod(shape)) >> np.uint64(11)) * 2.0**-53 - 0.5
        return (values * math.sqrt(12)).reshape(shape)

    def add(name, *shape, scale=None):
        shape = config.shapes.get(name, shape)
        values = draw(shape) * (scale or 1.5 / math.sqrt(shape[-1]))
        tensors[name] = values.astype(np.float32)

    def add_norm(name, size):
        shape = config.shapes.get(name + ".weight", (size,))
        tensors[name + ".weight"] = (1 + 0.3 * draw(shape)).astype(np.float32)

    def add_linear(name, outputs, inputs, bias):
        add(name + ".weight", outputs, inputs)
        if bias:
            add(name + ".bias", outputs, scale=0.5)

    queries, keys = config.heads * config.head_dim, config.kv_heads * config.head_dim
    add("model.embed_tokens.weight", VOCABULARY, config.width, scale=1.0)
    norms = {"qwen3": ("q_norm", "k_norm"),
             "hunyuan_v1_dense": ("query_layernorm", "key_layernorm")}.get(config.type, ())
    for layer in range(config.layers):
        block = f"model.layers.{layer}."
        attention = block + "self_attn."
        produces = not config.cla or layer % config.cla == 0
        add_linear(attention + "q_proj", queries, config.width, config.qkv_bias)
        if produces:
            add_linear(attention + "k_proj", keys, config.width, config.qkv_bias)
            add_linear(attention + "v_proj", keys, config.width, config.qkv_bias)
        add_linear(attention + "o_proj", config.width, queries, config.output_bias)
        for norm in norms if produces else norms[:1]:
            add_norm(attention + norm, config.head_dim)
        if config.buffers:
            half = np.arange(config.head_dim // 2, dtype=np.float32)
            tensors[attention + "rotary_emb.inv_freq"] = half
        add_linear(block + "mlp.gate_proj", config.ffn, config.width, config.mlp_bias)
        add_linear(block + "mlp.up_proj", config.ffn, config.width, config.mlp_bias)
        add_linear(block + "mlp.down_proj", config.width, config.ffn, config.mlp_bias)
        add_norm(block + "input_layernorm", config.width)
        add_norm(block + "post_attention_layernorm", config.width)
    add_norm("model.norm", config.width)
    if config.stored_head:
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]
    elif not config.tied:
        add("lm_head.weight", VOCABULARY, config.width, scale=2.5 / math.sqrt(config.width))
    for name, shape in config.add.items():
        add(name, *shape)
    return {name: values for name, values in tensors.items() if name not in config.drop}


def encode(values, dtype):
    """Bytes of a tensor. Values that have no such type are bits."""
    if dtype == "F32":
        return values.astype("<f4").tobytes()
    if dtype == "F16":
        return values.astype("<f2").tobytes()
    if dtype == "BF16":  # to nearest even
        bits = values.astype("<f4").view("<u4").astype(np.uint64)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()
    return bytes(values.size * {"I64": 8, "F64": 8, "F8_E4M3": 1}[dtype])


def write_safetensors(path, tensors, padding=0, change=lambda header: None):
    """`tensors`: name: (type, shape, bytes). `change` may spoil the header."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape),
                        "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    change(header)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8 + padding)
    path.write_bytes(struct.pack("<Q", len(text)) + text
                     + b"".join(data for _, _, data in tensors.values()))


def write(directory, config, seed):
    """Writes the checkpoint into a folder, which is made; returns it."""
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(make_keys(config), indent=2))
    tensors = {}
    for name, values in make_tensors(config, seed).items():
        dtype = config.dtypes.get(name, config.dtype)
        tensors[name] = (dtype, values.shape, encode(values, dtype))
    if not config.shards:
        write_safetensors(directory / "model.safetensors", tensors, config.padding)
        return directory
    weight_map = {}
    for shard in range(config.shards):
        file = f"model-{shard + 1:05}-of-{config.shards:05}.safetensors"
        chosen = dict(list(tensors.items())[shard::config.shards])
        write_safetensors(directory / file, chosen, config.padding)
        weight_map |= {name: file for name in chosen}
    index = {"metadata": {"total_size": sum(len(t[2]) for t in tensors.values())},
             "weight_map": weight_map}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
    return directory


def make(parent, name, **changes):
    """Writes CONFIGS[name], with fields changed, into a new folder of `parent`; returns it."""
    config = replace(CONFIGS[name], **changes)
    return write(Path(parent) / (name + ("-changed" if changes else "")), config, name)


if __name__ == "__main__":
    for chosen in sys.argv[2:] or CONFIGS:
        print(make(sys.argv[1], chosen))
