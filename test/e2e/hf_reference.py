#!/usr/bin/env python3
"""Logits of the tiny checkpoints by transformers: what nyala's are compared with.

  hf_reference.py [--check] [NAME...]     writes test/data/hf/NAME.npy, or compares with it

Needs test/requirements-reference.txt. transformers has no attention across layers: those models go
through the short reference below, which is compared with transformers on one that shares nothing.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

import tiny_checkpoints
from tiny_checkpoints import CONFIGS, make_tokens

DATA = Path(__file__).resolve().parents[1] / "data" / "hf"
TOLERANCE = 1e-4  # between versions and machines


def transformers_logits(directory, tokens):
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32,
                                                 attn_implementation="eager")
    with torch.no_grad():
        return model(torch.tensor([tokens])).logits[0].numpy()


def hunyuan_forward(config, weights, tokens, share):
    """Logits of Hunyuan's dense decoder, with keys and values of every `share`-th layer alone."""
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    head_dim, epsilon = config["head_dim"], config["rms_norm_eps"]
    rope = config.get("rope_scaling") or config["rope_parameters"]
    base = rope.get("rope_theta", config.get("rope_theta"))
    base *= rope.get("alpha", 1) ** (head_dim / (head_dim - 2))
    rows = len(tokens)

    def norm(x, name):
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + epsilon) * weights[name + ".weight"]

    def linear(x, name):
        return torch.nn.functional.linear(x, weights[name + ".weight"], weights.get(name + ".bias"))

    angles = torch.outer(torch.arange(rows).float(),
                         base ** (-torch.arange(0, head_dim, 2).float() / head_dim))
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]

    def rotate(x):
        a, b = x.chunk(2, -1)
        return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)

    x = weights["model.embed_tokens.weight"][tokens]
    for layer in range(config["num_hidden_layers"]):
        block = f"model.layers.{layer}."
        attention = block + "self_attn."
        h = norm(x, block + "input_layernorm")
        q = linear(h, attention + "q_proj").view(rows, heads, head_dim)
        q = norm(rotate(q), attention + "query_layernorm")
        if layer % share == 0:
            k = linear(h, attention + "k_proj").view(rows, kv_heads, head_dim)
            k = norm(rotate(k), attention + "key_layernorm")
            v = linear(h, attention + "v_proj").view(rows, kv_heads, head_dim)
            k, v = (t.repeat_interleave(heads // kv_heads, 1) for t in (k, v))
        scores = torch.einsum("qhd,khd->hqk", q, k) / head_dim**0.5
        scores += torch.full((rows, rows), -torch.inf).triu(1)
        h = torch.einsum("hqk,khd->qhd", scores.softmax(-1), v).reshape(rows, -1)
        x = x + linear(h, attention + "o_proj")
        h = norm(x, block + "post_attention_layernorm")
        gate = torch.nn.functional.silu(linear(h, block + "mlp.gate_proj"))
        x = x + linear(gate * linear(h, block + "mlp.up_proj"), block + "mlp.down_proj")
    head = "lm_head" if "lm_head.weight" in weights else "model.embed_tokens"
    return linear(norm(x, "model.norm"), head)


def load_checkpoint(directory):
    """(config.json, weights in f32)"""
    weights = load_file(directory / "model.safetensors")
    return (json.loads((directory / "config.json").read_text()),
            {name: tensor.float() for name, tensor in weights.items()})


def hunyuan_logits(directory, tokens):
    config, weights = load_checkpoint(directory)
    share = config["cla_share_factor"] if config.get("use_cla") else 1
    return hunyuan_forward(config, weights, tokens, share).numpy()


def compute(name, directory):
    tokens = make_tokens(name)
    if CONFIGS[name].cla:
        return hunyuan_logits(directory, tokens)
    logits = transformers_logits(directory, tokens)
    if CONFIGS[name].type == "hunyuan_v1_dense":
        difference = np.abs(hunyuan_logits(directory, tokens) - logits).max()
        assert difference < TOLERANCE, f"{name}: the short reference is {difference} off"
    return logits


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    args = parser.parse_args()
    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in args.names or CONFIGS:
            logits = compute(name, tiny_checkpoints.make(folder, name))
            path = DATA / f"{name}.npy"
            if not args.check:
                np.save(path, logits.astype(np.float32))
                continue
            difference = np.abs(np.load(path) - logits).max()
            print(f"{name}: within {difference:.1e}")
            worst = max(worst, difference)
    sys.exit(worst > TOLERANCE)


if __name__ == "__main__":
    main()
