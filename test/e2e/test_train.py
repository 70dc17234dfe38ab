"""nyala-train on tiny models: what it learns, writes, resumes from, and refuses."""

import json
import os
import re
import resource
import signal
import subprocess
import time
import xml.etree.ElementTree
from pathlib import Path

import numpy as np
import pytest

import tiny_checkpoints
import tiny_models
from harness import (check_refused, compile_model, explain, generate, run, step_logits, succeed,
                     tool)

CONFIG = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 999,
          "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
          "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 64,
          "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": True}
STEP = ("--batch", 2, "--seq", 16, "--lr", 1e-2, "--warmup", 2, "--threads", 2,
        "--cpu", "x86-64-v3")  # whose code is compiled fastest
FAST = ("--arithmetic=f32", "--prefill-rows=1", "--cpu=x86-64-v3")
FILES = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
         "training_state.safetensors", "loss.svg", "metrics.jsonl"}


@pytest.fixture(scope="module", name="inputs")
def make_inputs(tmp_path_factory):
    """A folder with config.json and text.txt."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    animals = ["zebra", "nyala", "okapi", "kudu", "hartebeest", "oryx", "springbok"]
    text = " ".join(f"the {animals[i % 7]} has {i % 9} stripes and {i * i % 31} spots."
                    for i in range(300))
    (folder / "text.txt").write_text(text)
    return folder


def command(inputs, out, steps, *flags):
    """What `flags` say comes in place of the defaults."""
    options = {"--model": inputs / "config.json", "--data": inputs / "text.txt",
               "--tokenizer": "bpe:300", "--steps": steps, "-o": out,
               **dict(zip(STEP[::2], STEP[1::2], strict=True))}
    chosen = [(name, value) for name, value in options.items() if name not in flags]
    return [part for option in chosen for part in option] + list(flags)


def train(inputs, out, steps, *flags, **options):
    return succeed("nyala-train", *command(inputs, out, steps, *flags), **options)


def read_log(out):
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def read_losses(out):
    """The log without what depends on the machine's mood."""
    return [{key: value for key, value in line.items() if key != "tok_s"} for line in read_log(out)]


def read_weights(out):
    data = (out / "model.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__")
    return {name: np.frombuffer(data, "<f4", offset=8 + length + entry["data_offsets"][0],
                                count=int(np.prod(entry["shape"]))).reshape(entry["shape"])
            for name, entry in header.items()}


@pytest.fixture(scope="module", name="trained")
def make_trained(inputs, tmp_path_factory):
    """(output, messages) of 20 steps with an evaluation."""
    out = tmp_path_factory.mktemp("trained") / "out"
    result = train(inputs, out, 20, "--eval", inputs / "text.txt", "--eval-every", 10,
                   "--save-every", 7, "--cpu", "native")
    return out, result.stderr.decode()


# What is learned and written.

def test_loss_falls(trained):
    out, messages = trained
    log = read_log(out)
    assert [line["step"] for line in log] == list(range(1, 21))
    assert all(set(line) >= {"step", "loss", "lr", "tok_s", "peak_bytes", "grad_norm"}
               for line in log)
    assert abs(log[0]["loss"] - np.log(300)) < 0.3
    assert log[-1]["loss"] < log[0]["loss"] - 1
    assert [line["step"] for line in log if "eval_loss" in line] == [10, 20]
    assert log[-1]["eval_loss"] < log[0]["loss"] - 1
    assert log[0]["lr"] == pytest.approx(5e-3)
    assert {path.name for path in out.iterdir()} == FILES
    assert xml.etree.ElementTree.parse(out / "loss.svg").getroot().tag.endswith("svg")
    assert "in place of the 999" in messages
    assert re.search(r"step 20/20, loss \d\.\d+, \d+ tokens/s, 0:00 left, \d+\.\d MB", messages)


def test_checkpoint_runs(trained, tmp_path):
    """It is compiled and run, and goes on as the text does."""
    artifact = compile_model(trained[0], tmp_path / "model.nyala")
    answer = generate(artifact, "-p", "the zebra has", "-n", 4, "--temp", 0)
    assert answer["ids"]


def test_files(trained):
    out, _ = trained
    config = json.loads((out / "config.json").read_text())
    assert config["vocab_size"] == 300 and config["model_type"] == "llama"
    assert config["eos_token_id"] == 299 and config["dtype"] == "float32"
    weights = read_weights(out)
    assert weights["model.embed_tokens.weight"].shape == (300, 32)
    assert "lm_head.weight" not in weights and len(weights) == 2 + 2 * 9


def test_first_values(inputs, tmp_path):
    """Zero steps write what training begins with: the same for the same seed, for any threads."""
    train(inputs, tmp_path / "a", 0)
    train(inputs, tmp_path / "b", 0, "--threads", 1)
    train(inputs, tmp_path / "c", 0, "--seed", 1)
    a, b, c = (read_weights(tmp_path / name) for name in "abc")
    for name, values in a.items():
        assert np.array_equal(values, b[name])
        if "norm" in name:
            assert (values == 1).all()
        else:
            assert not np.array_equal(values, c[name])
            assert abs(values.std() - 0.02) < 0.002 and abs(values.mean()) < 0.002


def test_only_some_weights_are_trained(inputs, tmp_path):
    train(inputs, tmp_path / "a", 0)
    train(inputs, tmp_path / "b", 2, "--train", r"layers\.1\.mlp")
    before, after = read_weights(tmp_path / "a"), read_weights(tmp_path / "b")
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {f"model.layers.1.mlp.{part}_proj.weight" for part in ("gate", "up", "down")}


def test_accumulated_batches_are_one(inputs, tmp_path):
    train(inputs, tmp_path / "a", 3, "--batch", 4)
    train(inputs, tmp_path / "b", 3, "--batch", 1, "--accumulate", 4)
    for a, b in zip(read_log(tmp_path / "a"), read_log(tmp_path / "b"), strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-5)
        assert a["grad_norm"] == pytest.approx(b["grad_norm"], rel=1e-4)


def test_sgd(inputs, tmp_path):
    train(inputs, tmp_path / "out", 10, "--optimizer", "sgd", "--lr", 1)
    log = read_log(tmp_path / "out")
    assert log[-1]["loss"] < log[0]["loss"]


def test_precision(inputs, tmp_path):
    """auto is bf16 where the CPU multiplies it; its losses are near those of f32."""
    has_bf16 = re.search(r"^flags.*\bavx512_bf16\b", Path("/proc/cpuinfo").read_text(), re.M)
    for name, flags in {"v3": (), "native": ("--cpu", "native")}.items():
        chosen = "bf16" if has_bf16 and name == "native" else "f32"
        for precision in {"auto", "f32", chosen}:
            train(inputs, tmp_path / name / precision, 10, "--precision", precision, *flags)
        auto, f32 = tmp_path / name / "auto", tmp_path / name / "f32"
        assert read_losses(auto) == read_losses(tmp_path / name / chosen)
        assert (read_losses(auto) == read_losses(f32)) == (chosen == "f32")
        for a, b in zip(read_log(auto), read_log(f32), strict=True):
            assert a["loss"] == pytest.approx(b["loss"], rel=1e-2)
    result = run("nyala-train", *command(inputs, tmp_path / "no", 1, "--precision", "bf16"))
    assert result.returncode == 1 and b"expected a CPU with the feature avx512bf16" in result.stderr


# Other models and data.

def test_shared_keys_and_values(inputs, tmp_path):
    """The checkpoint is of a type that transformers does not know, and nyala does."""
    train(inputs, tmp_path / "out", 2, "--share-kv", 2)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["model_type"] == "nyala_llama" and config["kv_sharing"] == [0, 0]
    assert config["architectures"] == ["NyalaLlamaForCausalLM"]
    assert "model.layers.1.self_attn.k_proj.weight" not in read_weights(tmp_path / "out")
    artifact = compile_model(tmp_path / "out", tmp_path / "model.nyala")
    assert generate(artifact, "-p", "the", "-n", 2)["ids"]
    # It can be trained further, as it is.
    succeed("nyala-train", "--model", tmp_path / "out", "--data", inputs / "text.txt", "--steps", 1,
            "-o", tmp_path / "again", *STEP)
    again = json.loads((tmp_path / "again" / "config.json").read_text())
    assert again["kv_sharing"] == [0, 0] and again["model_type"] == "nyala_llama"


@pytest.mark.parametrize("name", ["llama-biases", "qwen2", "qwen3", "llama-shards"])
def test_checkpoints_stay_what_they_are(name, tmp_path):
    """Without a step: the same logits."""
    model = tiny_checkpoints.make(tmp_path, name)
    tokens = np.arange(90, dtype=np.int32) % tiny_checkpoints.VOCABULARY
    np.save(tmp_path / "tokens.npy", tokens)
    succeed("nyala-train", "--model", model, "--data", tmp_path / "tokens.npy", "--steps", 0,
            "-o", tmp_path / "out", "--batch", 1, "--seq", 16)
    before = tiny_checkpoints.make_tensors(tiny_checkpoints.CONFIGS[name], name)
    after = read_weights(tmp_path / "out")
    assert set(after) == set(before)
    for key, values in after.items():
        assert np.allclose(values, before[key], rtol=1e-2, atol=1e-3 if "BF16" not in name else 1)


@pytest.mark.parametrize("name", ["q4_1", "f32-gqa-tied", "bias-all", "rope-linear", "bos"])
def test_gguf_as_checkpoint(name, tmp_path):
    """Dequantized, its rows of queries and keys in the order that checkpoints have: the same
    logits as the file's."""
    model = tiny_models.make(tmp_path, name)
    (tmp_path / "text.txt").write_text("zbz" * 40)
    succeed("nyala-train", "--model", model, "--data", tmp_path / "text.txt", "--steps", 0,
            "-o", tmp_path / "out", "--batch", 1, "--seq", 16)
    answers = [generate(compile_model(path, tmp_path / "model.nyala", *FAST), "-p",
                        "zbzz zb", "-n", 2, "--temp", 0, "--top-logits", 20)
               for path in (model, tmp_path / "out")]
    assert answers[0]["prompt_ids"] == answers[1]["prompt_ids"]
    for a, b in zip(*map(step_logits, answers), strict=True):
        assert a.keys() == b.keys()
        assert all(abs(a[i] - b[i]) < 1e-4 for i in a)


@pytest.mark.parametrize("name, culprit", [
    ("rope-factors", "by its own factor"), ("rope-partial", "rotates 8 channels"),
    ("rope-yarn", "scales"), ("bias-attention", "bias of attn_q, but none of attn_output")])
def test_gguf_that_no_checkpoint_is_like(name, culprit, tmp_path):
    (tmp_path / "text.txt").write_text("zbz" * 40)
    check_refused(run("nyala-train", "--model", tiny_models.make(tmp_path, name), "--data",
                      tmp_path / "text.txt", "--steps", 0, "-o", tmp_path / "out", *STEP), culprit)


def test_lines_of_json(inputs, tmp_path):
    lines = [{"text": f"the zebra has {i} stripes."} for i in range(40)]
    (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, lines)))
    succeed("nyala-train", "--model", inputs / "config.json", "--data", tmp_path / "data.jsonl",
            "--tokenizer", "bpe:280", "--steps", 1, "-o", tmp_path / "out", *STEP)
    assert read_log(tmp_path / "out")[0]["loss"] > 4


# Going on.

def test_resumed_run_is_the_same(inputs, tmp_path):
    flags = ("--eval", inputs / "text.txt", "--eval-every", 3, "--save-every", 4)
    train(inputs, tmp_path / "a", 12, *flags, "--schedule", "constant")
    train(inputs, tmp_path / "b", 6, *flags, "--schedule", "constant")
    result = train(inputs, tmp_path / "b", 12, *flags, "--schedule", "constant", "--resume")
    assert b"going on from the checkpoint of step 6\n" in result.stderr
    assert read_losses(tmp_path / "a") == read_losses(tmp_path / "b")
    for name in ("model.safetensors", "training_state.safetensors", "config.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_memory_budget_changes_nothing(inputs, tmp_path):
    """But memory: neither what is learned, nor whether a run can go on."""
    budget = ("--memory-budget", "60%", "--remat-method", "greedy")
    train(inputs, tmp_path / "a", 6)
    train(inputs, tmp_path / "b", 3, *budget, "--remat-report", tmp_path / "report.json")
    result = train(inputs, tmp_path / "b", 6, "--resume", "--memory-budget", "80%",
                   "--remat-method", "greedy")
    assert re.search(rb"recomputation: \d+ nodes, budget [\d.]+ MB, peak [\d.]+ MB", result.stderr)
    logs = [read_log(tmp_path / name) for name in "ab"]
    for a, b in zip(*logs, strict=True):
        assert (a["loss"], a["grad_norm"]) == (b["loss"], b["grad_norm"])
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["peak"] <= report["budget"] < logs[0][0]["peak_bytes"]
    # What the runtime reserves is what was planned, but for some bytes of arguments.
    assert abs(logs[1][0]["peak_bytes"] - report["peak"]) < 4096
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in "ab"]
    assert weights[0] == weights[1]


def start(inputs, out, steps, *flags):
    return subprocess.Popen([tool("nyala-train"),
                             *map(str, command(inputs, out, steps, *flags))],
                            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)


def wait_for_step(process, out, step):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        log = out / "metrics.jsonl"
        if log.exists() and log.read_bytes().count(b"\n") >= step:
            return
        time.sleep(0.005)
    pytest.fail(f"no step {step}: {process.stderr.read().decode()}")


def wait_for_start(process):
    """What is said of the checkpoint that is gone on from; the log is cut back by then."""
    for line in process.stderr:
        if match := re.search(rb"begins anew|of step (\d+)(; \d+ later lines)?", line):
            said = match[0].decode()
        if b"windows; a step has" in line:
            return said
    pytest.fail("it did not start")


def test_killed_run_goes_on(inputs, tmp_path):
    flags = ("--save-every", 10, "--schedule", "constant", "--batch", 8, "--seq", 64)
    train(inputs, tmp_path / "whole", 150, *flags)
    out = tmp_path / "out"
    said = []
    for killed_after in (5, 38, 77):
        process = start(inputs, out, 150, "--resume", *flags)
        said.append(wait_for_start(process))
        wait_for_step(process, out, killed_after)
        process.kill()
        process.stderr.close()
        process.wait()
    result = train(inputs, out, 150, "--resume", *flags)
    assert said[0] == "begins anew"
    assert re.search(rb"going on from the checkpoint of step \d*0[;\n]", result.stderr)
    assert read_losses(out) == read_losses(tmp_path / "whole")
    assert {path.name for path in out.iterdir()} == FILES
    assert (out / "model.safetensors").read_bytes() \
        == (tmp_path / "whole" / "model.safetensors").read_bytes()


def test_interrupt_saves(inputs, tmp_path):
    out = tmp_path / "out"
    process = start(inputs, out, 100_000, "--save-every", 100_000, "--schedule", "constant")
    wait_for_step(process, out, 4)
    process.send_signal(signal.SIGINT)
    messages = process.stderr.read().decode()
    assert process.wait() == 130, messages
    step = int(re.search(r"interrupted; step (\d+) is saved", messages)[1])
    assert read_log(out)[-1]["step"] == step
    train(inputs, out, step + 2, "--resume", "--save-every", 100_000, "--schedule", "constant")
    train(inputs, tmp_path / "whole", step + 2, "--save-every", 100_000, "--schedule", "constant")
    assert read_losses(out) == read_losses(tmp_path / "whole")


def test_nothing_left_to_do(inputs, trained):
    out, _ = trained
    before = (out / "training_state.safetensors").read_bytes()
    train(inputs, out, 20, "--resume", "--eval", inputs / "text.txt", "--eval-every", 10)
    assert (out / "training_state.safetensors").read_bytes() == before
    assert len(read_log(out)) == 20


# What is refused.

@pytest.fixture(name="refuse")
def make_refuse(inputs):
    def refuse(out, *flags, culprits, steps=20):
        return check_refused(run("nyala-train", *command(inputs, out, steps, *flags)), *culprits)

    return refuse


def test_other_runs_are_not_gone_on_from(refuse, trained, inputs, tmp_path):
    out, _ = trained
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    refuse(out, culprits=["has a checkpoint already", "--resume", "--overwrite"])
    refuse(out, "--resume", "--lr", 0.5, culprits=["'options.lr' is 0.5, but was 0.01"])
    refuse(out, "--resume", "--seed", 3, culprits=["'options.seed' is 3, but was 0"])
    refuse(out, "--resume", "--share-kv", 2, culprits=["'model."])
    (tmp_path / "other.txt").write_text((inputs / "text.txt").read_text() + " okapi")
    refuse(out, "--resume", "--data", tmp_path / "other.txt", culprits=["'data' is"])
    refuse(out, "--resume", steps=19, culprits=["of step 20, more than --steps 19"])
    state = out / "training_state.safetensors"
    state.write_bytes(before[state.name][:-1])
    refuse(out, "--resume", culprits=["training_state.safetensors", "truncated"])
    state.write_bytes(before[state.name])
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize("name, content, culprits", [
    ("empty.txt", b"", ["empty.txt", "the file is empty"]),
    ("short.txt", b"zebra zebra", ["tokens, expected at least 17", "--seq 16"]),
    ("bad.txt", b"a\nb\xff", ["bad.txt:2", "utf-8"]),
    ("bad.jsonl", b'{"text": "a"}\n{"text": ', ["bad.jsonl:2", "not json"]),
    ("other.jsonl", b'{"body": "a"}', ["other.jsonl:1", "'text'"]),
    ("bad.npy", b"\x93NUMPY", ["bad.npy", "numpy"])])
def test_bad_data(name, content, culprits, refuse, tmp_path):
    (tmp_path / name).write_bytes(content)
    refuse(tmp_path / "out", "--data", tmp_path / name, culprits=culprits)
    assert not (tmp_path / "out").exists()


def test_ids_of_no_token(inputs, tmp_path):
    np.save(tmp_path / "tokens.npy", np.array([1, 2, 999] * 20))
    arguments = ("nyala-train", "--model", inputs / "config.json", "--data",
                 tmp_path / "tokens.npy", "--steps", 1, "-o", tmp_path / "out", *STEP)
    check_refused(run(*arguments), "token 2 is 999, expected 0 to 998")
    np.save(tmp_path / "tokens.npy", np.ones((4, 40), dtype=np.int32))
    check_refused(run(*arguments), "one dimension")


def test_bad_models(refuse, tmp_path):
    refuse(tmp_path / "out", "--model", tmp_path / "none", culprits=["none", "no such file"])
    refuse(tmp_path / "out", "--seq", 65, culprits=["--seq 65", "context of 64"])
    # A checkpoint whose tensors have other shapes than its configuration says.
    model = tiny_checkpoints.make(tmp_path, "llama", shapes={
        "model.layers.0.self_attn.q_proj.weight": (32, 64)})
    np.save(tmp_path / "tokens.npy", np.ones(90, dtype=np.int32))
    check_refused(run("nyala-train", "--model", model, "--data", tmp_path / "tokens.npy",
                      "--steps", 1, "-o", tmp_path / "out", *STEP),
                  "q_proj.weight' has shape [32, 64], expected [64, 64]")
    model = tiny_checkpoints.make(tmp_path, "qwen2")
    refuse(tmp_path / "out", "--model", model,
           culprits=["vocabulary has 96 tokens, the tokenizer"])


def test_log_of_something_else(refuse, tmp_path):
    (tmp_path / "notes.txt").write_text("zebra\n")
    refuse(tmp_path / "out", "--log", tmp_path / "notes.txt",
           culprits=["notes.txt:1", "no line of a log"])
    assert (tmp_path / "notes.txt").read_text() == "zebra\n"


def test_loss_that_is_not_finite(refuse, tmp_path):
    """The step and the op are named; the checkpoint before stays."""
    out = tmp_path / "out"
    message = refuse(out, "--lr", 1e6, "--warmup", 0, "--clip", 0, "--optimizer", "sgd",
                     "--save-every", 1, culprits=["step ", "not finite"])
    step = int(re.search(r"step (\d+): the (loss|norm)", message)[1])
    assert step > 1 and "made by '" in message
    assert read_log(out)[-1]["step"] == step - 1
    assert all(np.isfinite(values).all() for values in read_weights(out).values())


def test_full_disk(inputs, tmp_path):
    """A file that may not grow as far: an error; the checkpoint before stays as it was."""
    out = tmp_path / "out"
    train(inputs, out, 3)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def limit():
        size = len(before["training_state.safetensors"]) - 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    result = subprocess.run([tool("nyala-train"),
                             *map(str, command(inputs, out, 6, "--resume", "--save-every", 1))],
                            capture_output=True, check=False, timeout=60, preexec_fn=limit,
                            env={**os.environ, "TMPDIR": str(tmp_path)})
    check_refused(result, "cannot write", "too large", "the checkpoint of step 3 is whole")
    after = {path.name: path.read_bytes() for path in out.iterdir()}
    assert after.pop("metrics.jsonl").startswith(before.pop("metrics.jsonl"))
    assert after == before


def test_given_tokenizer(inputs, trained, tmp_path):
    """That of a checkpoint is copied, that of a GGUF file written; both have room in the model."""
    given = trained[0] / "tokenizer.json"
    train(inputs, tmp_path / "a", 1, "--tokenizer", trained[0])
    assert (tmp_path / "a" / "tokenizer.json").read_bytes() == given.read_bytes()
    config = json.loads((tmp_path / "a" / "config.json").read_text())
    assert config["vocab_size"] == 999 and config["eos_token_id"] == 299
    train(inputs, tmp_path / "b", 1, "--tokenizer", tiny_models.make(tmp_path, "bos"))
    config = json.loads((tmp_path / "b" / "config.json").read_text())
    assert config["bos_token_id"] == tiny_models.SPECIAL_ID["<|endoftext|>"]
    artifact = compile_model(tmp_path / "b", tmp_path / "model.nyala", *FAST)
    assert generate(artifact, "-p", "zb", "-n", 1)["prompt_ids"] \
        == [config["bos_token_id"], *tiny_models.plain_ids("zb")]
    check_refused(run("nyala-train", *command(inputs, tmp_path / "c", 1, "--tokenizer", tmp_path)),
                  "has no tokenizer")


def test_tokens_need_no_tokenizer(tmp_path):
    """One that nyala does not read is copied as it is."""
    model = tiny_checkpoints.make(tmp_path, "llama")
    (model / "tokenizer.json").write_text('{"model": {"type": "Unigram"}}')
    (tmp_path / "tokens.jsonl").write_text(json.dumps({"tokens": [1, 2, 3, 4] * 10}))
    arguments = ("nyala-train", "--model", model, "--data", tmp_path / "tokens.jsonl", "--steps", 1,
                 "-o", tmp_path / "out", *STEP)
    assert b"the tokenizer is not read: " in succeed(*arguments).stderr
    assert "Unigram" in (tmp_path / "out" / "tokenizer.json").read_text()
    (tmp_path / "tokens.jsonl").write_text('{"text": "zebra"}')
    check_refused(run(*arguments, "--overwrite"), "tokenizer.json", "'bpe'")


def test_two_at_once(inputs, refuse, tmp_path):
    out = tmp_path / "out"
    process = start(inputs, out, 100_000)
    wait_for_step(process, out, 1)
    refuse(out, "--resume", culprits=["another nyala-train"])
    process.kill()
    process.stderr.close()
    process.wait()


def test_usage():
    result = run("nyala-train", "--model", "m", "--data", "d", "--steps", 1)
    assert result.returncode == 2, explain(result)
    assert b"--output is required" in result.stderr
