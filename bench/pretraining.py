#!/usr/bin/env python3
"""Trains a Llama of 5M parameters from nothing, with and without layers that share keys and values.

    bench/pretraining.py FOLDER             # three seeds of both, and PyTorch beside the first
    bench/pretraining.py FOLDER --no-torch

The text is the Jargon File of Debian's package jargon-text without characters 200,000-240,000 and
400,000-440,000, which are kept for evaluation; the vocabulary, 4,096 tokens of byte-pair encoding,
is trained on the rest. Needs nyala built (build/, or $NYALA_BUILD_DIR), the package jargon-text and,
for PyTorch, a Python with the packages of test/requirements-reference.txt as
$NYALA_REFERENCE_PYTHON. Logs, checkpoints, figures.jsonl and the plot, losses.svg, stay in FOLDER.
"""
import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from plot import draw, read_curve
from quiet import say

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("NYALA_BUILD_DIR", HERE.parent / "build"))
JARGON = Path("/usr/share/doc/jargon-text/jargon.txt.gz")
KEPT = ((200_000, 240_000), (400_000, 440_000))
CONFIG = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 4096,
          "hidden_size": 256, "intermediate_size": 640, "num_hidden_layers": 6,
          "num_attention_heads": 8, "num_key_value_heads": 4, "max_position_embeddings": 1024,
          "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": True,
          "hidden_act": "silu", "initializer_range": 0.02}
BATCH, LENGTH, STEPS, WARMUP, RATE = 8, 256, 800, 50, 3e-3
TOKENIZE = """
import sys, numpy
from tokenizers import Tokenizer
ids = Tokenizer.from_file(sys.argv[1]).encode(open(sys.argv[2]).read(), add_special_tokens=False).ids
numpy.save(sys.argv[3], numpy.array(ids, dtype=numpy.int32))
"""


def run(*command):
    result = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, check=False)
    if result.returncode != 0:
        sys.exit(f"pretraining.py: '{' '.join(map(str, command))}' failed; its messages are above")
    return result.stdout.decode()


def write_texts(folder):
    if not JARGON.exists():
        sys.exit(f"pretraining.py: {JARGON} is missing; apt-get install jargon-text")
    text = gzip.decompress(JARGON.read_bytes()).decode()
    (folder / "eval.txt").write_text("".join(text[begin:end] for begin, end in KEPT))
    for begin, end in reversed(KEPT):
        text = text[:begin] + text[end:]
    (folder / "train.txt").write_text(text)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=1))


def train(folder, name, seed, flags, steps):
    out, log = folder / name, folder / f"{name}.jsonl"
    begin = time.monotonic()
    run(BUILD / "bin" / "nyala-train", "--model", folder / "config.json", "--data",
        folder / "train.txt", "--tokenizer=bpe:4096", "--eval", folder / "eval.txt",
        "--eval-every", max(1, steps // 10), "--steps", steps, "--batch", BATCH, "--seq", LENGTH,
        "--seed", seed, "--lr", RATE, "--warmup", WARMUP, "--log", log, "-o", out, "--overwrite",
        *flags)
    seconds = time.monotonic() - begin
    lines = [json.loads(line) for line in log.read_text().splitlines()] if steps else []
    return lines, seconds


def last_mean(lines):
    """Of the last 50 steps: one step's loss is that of its batch."""
    return statistics.mean(line["loss"] for line in lines[-50:])


def kv_bytes(folder, name):
    run(BUILD / "bin" / "nyala-compile", "-q", folder / name, "-o", folder / f"{name}.nyala")
    report = json.loads(run(BUILD / "bin" / "nyala-inspect", folder / f"{name}.nyala", "--json"))
    return report["kv_bytes_per_token"]


def train_with_torch(folder, python):
    """From the weights that seed 0 begins with, on the tokens of its tokenizer."""
    train(folder, "begin", 0, [], 0)
    for name in ("train", "eval"):
        run(python, "-c", TOKENIZE, folder / "begin" / "tokenizer.json", folder / f"{name}.txt",
            folder / f"{name}.npy")
    output = run(python, HERE / "torch_trainer.py", folder / "begin", folder / "train.npy",
                 "--eval", folder / "eval.npy", "--steps", STEPS, "--batch", BATCH, "--seq", LENGTH,
                 "--seed", 0, "--lr", RATE, "--warmup", WARMUP, "--compile")
    (folder / "torch.jsonl").write_text(output)
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return ([line for line in lines if "step" in line],
            next(line["eval_loss"] for line in lines if "eval_loss" in line))


def plot(folder, seeds, bytes_of):
    curves = {f"own keys and values ({bytes_of['own']:,} bytes a token)":
              read_curve([folder / f"own-{seed}.jsonl" for seed in range(seeds)]),
              f"shared by two layers ({bytes_of['shared']:,} bytes a token)":
              read_curve([folder / f"shared-{seed}.jsonl" for seed in range(seeds)])}
    draw(folder / "losses.svg", "step", "training loss, mean of 20 steps", curves,
         f"Loss of a Llama of 5M parameters with and without shared keys and values, {seeds} seeds")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--no-torch", action="store_true")
    arguments = parser.parse_args()
    folder = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    write_texts(folder)
    with open(folder / "figures.jsonl", "w", encoding="ascii") as file:
        def add(**figure):
            print(json.dumps(figure), flush=True)
            file.write(json.dumps(figure) + "\n")

        bytes_of = {}
        for seed in range(arguments.seeds):
            for variant, flags in (("own", []), ("shared", ["--share-kv", "2"])):
                name = f"{variant}-{seed}"
                say(f"{name}: {STEPS} steps")
                lines, seconds = train(folder, name, seed, flags, STEPS)
                bytes_of[variant] = kv_bytes(folder, name)
                add(run=name, loss=last_mean(lines), seconds=seconds,
                    eval_loss=[line["eval_loss"] for line in lines if "eval_loss" in line][-1],
                    kv_bytes_per_token=bytes_of[variant])
        plot(folder, arguments.seeds, bytes_of)
        if not arguments.no_torch:
            say("PyTorch, seed 0")
            lines, eval_loss = train_with_torch(folder, os.environ["NYALA_REFERENCE_PYTHON"])
            add(run="torch-0", loss=last_mean(lines), eval_loss=eval_loss,
                seconds=sum(line["seconds"] for line in lines))


if __name__ == "__main__":
    main()
