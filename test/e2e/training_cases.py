"""Tiny models whose gradients are compared with torch's, and the batch that they are of.

Needs numpy alone; gradient_reference.py, which needs torch, and test_training_gradients.py use it.
"""

from dataclasses import dataclass, field

import numpy as np

import tiny_checkpoints

BATCH, LENGTH = 2, 10
KEPT = 24  # elements of each gradient in test/data/training


@dataclass(frozen=True)
class Case:
    checkpoint: str
    changes: dict = field(default_factory=dict)  # of tiny_checkpoints' config
    share: int = 0  # layers that nyala-share-kv lets share keys and values; 0: as imported


CASES = {
    "llama": Case("llama"),
    "llama-biases": Case("llama-biases"),
    "qwen2-windows": Case("qwen2-windows"),
    "qwen3-biases": Case("qwen3-biases"),  # norms of queries and keys, a tied head
    "hunyuan-shared": Case("hunyuan", {"layers": 2, "dtype": "F32"}, share=2),
    "hunyuan-cla": Case("hunyuan-cla", {"layers": 2}),
}


def make_checkpoint(folder, name):
    """Writes a case's checkpoint into a new folder of `folder`; returns it."""
    case = CASES[name]
    return tiny_checkpoints.make(folder, case.checkpoint, **case.changes)


def make_batch(name):
    """Tokens and targets, BATCH by LENGTH, and weights of rows: the last row has no target."""
    tokens = np.array(tiny_checkpoints.make_tokens(name, BATCH * (LENGTH + 1)))
    tokens = tokens.reshape(BATCH, LENGTH + 1)
    weights = np.full((BATCH, LENGTH), 1 / (BATCH * LENGTH - 1), np.float32)
    weights[-1, -1] = 0
    return tokens[:, :-1], tokens[:, 1:], weights


def sketch(gradient):
    """What is kept of a gradient: its norm, its largest size and some elements."""
    values = np.asarray(gradient, np.float32).reshape(-1)
    chosen = np.linspace(0, values.size - 1, KEPT).astype(int)
    return np.concatenate(([np.linalg.norm(values)], [np.abs(values).max()], values[chosen]))
