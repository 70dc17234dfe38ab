#!/usr/bin/env python3
"""Losses and gradients of tiny checkpoints by torch: what nyala's are compared with.

  gradient_reference.py [NAME...]           writes test/data/training/NAME.npz: parts of each gradient
  gradient_reference.py --full DIR [NAME...]  writes DIR/NAME.npz: all of them

Needs test/requirements-reference.txt. Models are transformers' with eager attention, but for those that
share keys and values, which are the short reference of hf_reference.py. All in f64, since what torch
rounds in f32 is more than the difference that is tested (test/data/training/README.md).
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM

import hf_reference
from training_cases import CASES, make_batch, make_checkpoint, sketch

DATA = Path(__file__).resolve().parents[1] / "data" / "training"


def transformers_model(directory):
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float64,
                                                 attn_implementation="eager")
    return dict(model.named_parameters()), lambda tokens: model(tokens[None]).logits[0]


def sharing_model(directory, share):
    config, weights = hf_reference.load_checkpoint(directory)
    weights = {name: weight.double().requires_grad_() for name, weight in weights.items()}
    return weights, lambda tokens: hf_reference.hunyuan_forward(config, weights, tokens, share)


def compute(name, directory):
    """The loss and, by name, the gradient of each weight that it depends on."""
    case = CASES[name]
    share = case.share or (2 if "cla" in case.checkpoint else 0)
    weights, forward = (sharing_model(directory, share) if share else transformers_model(directory))
    tokens, targets, row_weights = map(torch.tensor, make_batch(name))
    loss = 0
    for sequence, target, row_weight in zip(tokens, targets, row_weights):
        losses = torch.nn.functional.cross_entropy(forward(sequence), target, reduction="none")
        loss = loss + (losses * row_weight).sum()
    loss.backward()
    gradients = {n: w.grad.numpy() for n, w in weights.items() if w.grad is not None}
    return {"loss": np.float32(loss.item()), **gradients}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--full", type=Path, metavar="DIR", help="write whole gradients into DIR")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in args.names or CASES:
            values = compute(name, make_checkpoint(Path(folder) / name, name))
            if not args.full:
                values = {n: v if n == "loss" else sketch(v) for n, v in values.items()}
            np.savez((args.full or DATA) / f"{name}.npz", **values)


if __name__ == "__main__":
    main()
