#!/usr/bin/env python3
"""Writes a tiny Hugging Face checkpoint of zeros, with Python's standard library alone.

  make-checkpoint.py DIR                               a llama of one layer
  make-checkpoint.py DIR --key model_type=qwen2 --key num_hidden_layers=2 --shards 2
  make-checkpoint.py DIR --key rms_norm_eps=none --dtype BF16

--key   a key of config.json: JSON, a string without quotes, or `none` to leave it out

The tensors are those that the keys ask for. test/e2e/tiny_checkpoints.py writes models that compute
something; this one shows what they are imported as.
"""

import argparse
import json
import struct
from pathlib import Path

WIDTH, FFN, HEADS, KV_HEADS, HEAD_DIM, VOCABULARY = 64, 96, 4, 2, 16, 32
KEYS = {
    "model_type": "llama", "architectures": ["TinyForCausalLM"], "hidden_size": WIDTH,
    "intermediate_size": FFN, "num_hidden_layers": 1, "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS, "head_dim": HEAD_DIM, "vocab_size": VOCABULARY,
    "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "tie_word_embeddings": True,
}
NORMS = {"qwen3": ("q_norm", "k_norm"), "hunyuan_v1_dense": ("query_layernorm", "key_layernorm")}


def describe_tensors(keys):
    """Name: shape."""
    tensors = {"model.embed_tokens.weight": [VOCABULARY, WIDTH], "model.norm.weight": [WIDTH]}
    if not keys["tie_word_embeddings"]:
        tensors["lm_head.weight"] = [VOCABULARY, WIDTH]
    share = keys.get("cla_share_factor", 1) if keys.get("use_cla") else 1
    for layer in range(keys["num_hidden_layers"]):
        block = f"model.layers.{layer}."
        attention = block + "self_attn."
        biased = keys["model_type"] == "qwen2" or keys.get("attention_bias")
        for name, heads in {"q": HEADS, "k": KV_HEADS, "v": KV_HEADS}.items():
            if name == "q" or layer % share == 0:
                tensors[f"{attention}{name}_proj.weight"] = [heads * HEAD_DIM, WIDTH]
                if biased:
                    tensors[f"{attention}{name}_proj.bias"] = [heads * HEAD_DIM]
        tensors[attention + "o_proj.weight"] = [WIDTH, HEADS * HEAD_DIM]
        for norm in NORMS.get(keys["model_type"], ()):
            if norm.startswith("q") or layer % share == 0:
                tensors[f"{attention}{norm}.weight"] = [HEAD_DIM]
        for name, shape in {"gate": [FFN, WIDTH], "up": [FFN, WIDTH], "down": [WIDTH, FFN]}.items():
            tensors[f"{block}mlp.{name}_proj.weight"] = shape
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{block}{norm}.weight"] = [WIDTH]
    return tensors


def write(path, tensors, dtype):
    header, offset = {}, 0
    for name, shape in tensors.items():
        size = {"F32": 4, "F16": 2, "BF16": 2}[dtype]
        for extent in shape:
            size *= extent
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(offset))


def parse_key(text):
    key, _, value = text.partition("=")
    if value == "none":
        return key, None
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--key", action="append", default=[], metavar="NAME=VALUE", type=parse_key)
    parser.add_argument("--dtype", default="F32")
    parser.add_argument("--shards", type=int, default=1)
    args = parser.parse_args()
    keys = KEYS | dict(args.key)
    tensors = describe_tensors(keys)
    args.directory.mkdir()
    config = {key: value for key, value in keys.items() if value is not None}
    (args.directory / "config.json").write_text(json.dumps(config))
    if args.shards == 1:
        write(args.directory / "model.safetensors", tensors, args.dtype)
        return
    weight_map = {}
    for shard in range(args.shards):
        file = f"model-{shard + 1}-of-{args.shards}.safetensors"
        chosen = dict(list(tensors.items())[shard::args.shards])
        write(args.directory / file, chosen, args.dtype)
        weight_map |= dict.fromkeys(chosen, file)
    index = {"weight_map": weight_map}
    (args.directory / "model.safetensors.index.json").write_text(json.dumps(index))


if __name__ == "__main__":
    main()
