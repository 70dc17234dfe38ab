#!/usr/bin/env python3
"""Measures training steps of nyala beside PyTorch's (torch.compile) on this CPU: time and memory.

    bench/training.py                       # SmolLM2's shape, random weights, 2 sequences of 256 tokens
    bench/training.py --precision f32,bf16 --json FILE

Needs nyala built (build/, or $NYALA_BUILD_DIR) and a Python with the packages of
test/requirements-reference.txt as $NYALA_REFERENCE_PYTHON. Both engines train the same weights on
the same tokens, in turn, on the same number of threads. A figure is the median over the steps of
all repetitions but the first two of each, which compile and warm up. The machine should be quiet.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from quiet import say

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("NYALA_BUILD_DIR", HERE.parent / "build"))
USAGE = HERE.parent / "test" / "e2e" / "usage.py"
SMOLLM2 = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 49152,
           "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
           "num_attention_heads": 9, "num_key_value_heads": 3, "max_position_embeddings": 8192,
           "rms_norm_eps": 1e-5, "rope_theta": 100000.0, "tie_word_embeddings": True,
           "hidden_act": "silu", "bos_token_id": None, "eos_token_id": None}
WARMUP = 2
MAKE_INPUTS = """
import json, sys, numpy, torch
from transformers import AutoConfig, AutoModelForCausalLM
torch.manual_seed(0)
config = AutoConfig.for_model(**json.load(open(sys.argv[1])))
AutoModelForCausalLM.from_config(config).save_pretrained(sys.argv[2])
ids = numpy.random.default_rng(0).integers(0, config.vocab_size, 40000).astype(numpy.int32)
numpy.save(sys.argv[3], ids)
"""


def run(command, **options):
    result = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, check=False,
                            **options)
    if result.returncode != 0:
        sys.exit(f"training.py: '{' '.join(map(str, command))}' failed; its messages are above")
    return result.stdout.decode()


def run_torch(python, folder, precision, arguments):
    output = run([python, HERE / "torch_trainer.py", folder / "model", folder / "tokens.npy",
                  "--steps", arguments.steps, "--batch", arguments.batch, "--seq", arguments.seq,
                  "--threads", arguments.threads, "--precision", precision, "--compile"])
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    steps = [line for line in lines if "step" in line]
    tokens = arguments.batch * arguments.seq
    return {"tok_s": [tokens / step["seconds"] for step in steps[WARMUP:]],
            "loss": [step["loss"] for step in steps], "peak_rss": lines[-1]["peak_rss"],
            "state_bytes": lines[-1]["state_bytes"]}


def run_nyala(folder, precision, arguments):
    report, log = folder / "usage.json", folder / "log.jsonl"
    run([sys.executable, USAGE, report, BUILD / "bin" / "nyala-train", "--model", folder / "model",
         "--data", folder / "tokens.npy", "--steps", arguments.steps, "--batch", arguments.batch,
         "--seq", arguments.seq, "--threads", arguments.threads, "--precision", precision,
         "--lr", "3e-4", "--warmup", "0", "--log", log, "-o", folder / "out", "--overwrite"])
    steps = [json.loads(line) for line in log.read_text().splitlines()]
    return {"tok_s": [step["tok_s"] for step in steps[WARMUP:]],
            "loss": [step["loss"] for step in steps],
            "peak_rss": json.loads(report.read_text())["peak_rss"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, help="a config.json (default: SmolLM2-135M)")
    parser.add_argument("--precision", default="f32", help="f32, bf16 or both (default: f32)")
    parser.add_argument("--steps", type=int, default=8, help="of a repetition (default: 8)")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--seq", type=int, default=256)
    parser.add_argument("-t", "--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("-r", type=int, default=3, help="repetitions (default: 3)")
    parser.add_argument("--json", type=argparse.FileType("w"), metavar="FILE")
    arguments = parser.parse_args()
    python = os.environ.get("NYALA_REFERENCE_PYTHON")
    if not python:
        sys.exit("training.py: set NYALA_REFERENCE_PYTHON to a Python with the packages of "
                 "test/requirements-reference.txt")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "config.json"
        config.write_text(arguments.config.read_text() if arguments.config else json.dumps(SMOLLM2))
        run([python, "-c", MAKE_INPUTS, config, folder / "model", folder / "tokens.npy"])
        for precision in arguments.precision.split(","):
            samples = {"torch": [], "nyala": []}
            for repetition in range(arguments.r):  # in turn: disturbances do not stay with one
                say(f"{precision}, repetition {repetition + 1} of {arguments.r}")
                samples["torch"].append(run_torch(python, folder, precision, arguments))
                samples["nyala"].append(run_nyala(folder, precision, arguments))
            report(samples, precision, arguments)


def report(samples, precision, arguments):
    speed = {engine: statistics.median(value for run in runs for value in run["tok_s"])
             for engine, runs in samples.items()}
    states = samples["torch"][0]["state_bytes"]
    extra = {engine: min(run["peak_rss"] for run in runs) - states
             for engine, runs in samples.items()}
    apart = max(abs(l - r) for l, r in zip(samples["torch"][0]["loss"], samples["nyala"][0]["loss"]))
    figures = {"precision": precision, "threads": arguments.threads, "batch": arguments.batch,
               "seq": arguments.seq, "torch_tok_s": speed["torch"], "nyala_tok_s": speed["nyala"],
               "speed_ratio": speed["nyala"] / speed["torch"], "state_bytes": states,
               "torch_extra_bytes": extra["torch"], "nyala_extra_bytes": extra["nyala"],
               "memory_ratio": extra["nyala"] / extra["torch"], "largest_loss_difference": apart}
    print("  ".join(f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
                    for key, value in figures.items()), flush=True)
    if arguments.json:
        arguments.json.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
