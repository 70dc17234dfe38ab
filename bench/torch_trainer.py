"""Trains a checkpoint with PyTorch on the batches that nyala-train takes; training.py's peer.

    torch_trainer.py CHECKPOINT TOKENS.npy --steps N [--batch 2 --seq 256 --seed 0 --lr 3e-4 ...]

Prints a JSON line a step (step, loss, lr, grad_norm, seconds), with --eval one of the mean loss on those
tokens behind the last, and one of memory: the process's peak and the bytes of weights, gradients
and AdamW's moments in it.
"""
import argparse
import json
import math
import resource
import time

import numpy as np
import torch
from transformers import AutoModelForCausalLM

MASK = (1 << 64) - 1


def split_mix(state):
    """SplitMix64 as in docs/nyala-train.md."""
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
        yield z ^ z >> 31


def shuffle(windows, seed, epoch):
    order = list(range(windows))
    numbers = split_mix((next(split_mix(seed)) + epoch) & MASK)
    for i in range(windows - 1, 0, -1):
        j = next(numbers) % (i + 1)
        order[i], order[j] = order[j], order[i]
    return order


def batches(tokens, batch, length, seed):
    """(inputs, targets) of one step after the other."""
    windows = (len(tokens) - 1) // length
    index, epoch, order = 0, None, []
    while True:
        rows = []
        for _ in range(batch):
            if index // windows != epoch:
                epoch = index // windows
                order = shuffle(windows, seed, epoch)
            begin = order[index % windows] * length
            rows.append(tokens[begin:begin + length + 1])
            index += 1
        taken = torch.from_numpy(np.stack(rows).astype(np.int64))
        yield taken[:, :-1].contiguous(), taken[:, 1:].contiguous()


def learning_rate(step, options):
    if step < options.warmup:
        return options.lr * (step + 1) / options.warmup
    if options.schedule == "constant":
        return options.lr
    done = min(1.0, (step - options.warmup) / max(1, options.steps - options.warmup))
    kept = 1 - done if options.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * done))
    return options.min_lr + (options.lr - options.min_lr) * kept


def make_optimizer(model, options):
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [{"params": [p for p in parameters if p.dim() >= 2],
               "weight_decay": options.weight_decay},
              {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=options.lr, betas=(options.beta1, options.beta2),
                             eps=options.epsilon, fused=True)


def make_loss(model, options):
    def compute(inputs, targets):
        with torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bf16"):
            logits = model(input_ids=inputs, use_cache=False).logits
        return torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
    return torch.compile(compute) if options.compile else compute


def evaluate(compute, tokens, options):
    """Mean loss over all whole windows, a batch at a time."""
    count = (len(tokens) - 1) // options.seq
    begins = np.arange(count) * options.seq
    rows = np.stack([tokens[begin:begin + options.seq + 1] for begin in begins]).astype(np.int64)
    total = 0.0
    with torch.no_grad():
        for first in range(0, count, options.batch):
            taken = torch.from_numpy(rows[first:first + options.batch])
            loss = compute(taken[:, :-1].contiguous(), taken[:, 1:].contiguous())
            total += loss.item() * len(taken)
    return total / count


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("tokens")
    parser.add_argument("--eval")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--seq", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--min-lr", type=float, default=0.0)
    parser.add_argument("--warmup", type=int, default=0)
    parser.add_argument("--schedule", choices=["constant", "linear", "cosine"], default="cosine")
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--beta1", type=float, default=0.9)
    parser.add_argument("--beta2", type=float, default=0.95)
    parser.add_argument("--epsilon", type=float, default=1e-8)
    parser.add_argument("--clip", type=float, default=1.0)
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--compile", action="store_true", help="torch.compile the loss")
    return parser.parse_args()


def main():
    options = parse_arguments()
    if options.threads:
        torch.set_num_threads(options.threads)
    model = AutoModelForCausalLM.from_pretrained(options.checkpoint, dtype=torch.float32)
    model.train()
    optimizer = make_optimizer(model, options)
    compute = make_loss(model, options)
    source = batches(np.load(options.tokens), options.batch, options.seq, options.seed)
    for step in range(options.steps):
        begin = time.perf_counter()
        rate = learning_rate(step, options)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        loss = compute(*next(source))
        loss.backward()
        limit = options.clip if options.clip > 0 else math.inf
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), limit)
        optimizer.step()
        print(json.dumps({"step": step + 1, "loss": loss.item(), "lr": rate,
                          "grad_norm": norm.item(), "seconds": time.perf_counter() - begin}),
              flush=True)
    if options.eval:
        print(json.dumps({"eval_loss": evaluate(compute, np.load(options.eval), options)}))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(json.dumps({"peak_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                      "state_bytes": 4 * 4 * parameters}))


if __name__ == "__main__":
    main()
