"""The command lines: streams, exit codes, stopping, chat, JSON, caching."""

import json
import os
import pty
import signal
import subprocess
import time

import pytest

import tiny_models
from harness import DATA, environment, explain, generate, run, succeed, tool
from tiny_models import SPECIAL_ID, plain_text

GREEDY = ("--temp", 0)
PROMPT = plain_text(5)


@pytest.fixture(name="answer", scope="module")
def make_answer(tiny_artifact):
    return generate(tiny_artifact, *GREEDY, "-n", 12, "-p", PROMPT)


def test_text_alone_on_stdout(tiny_artifact, answer):
    result = succeed("nyala-run", tiny_artifact, *GREEDY, "-n", 12, "-p", PROMPT)
    assert answer["text"] == bytes(answer["ids"]).decode()
    assert result.stdout.decode() in (answer["text"], answer["text"] + "\n")


def test_json_fields(answer):
    assert {"prompt_ids", "ids", "text", "timings"} <= answer.keys()
    assert "top_logits" not in answer
    assert answer["prompt_ids"] == list(PROMPT.encode())
    assert len(answer["ids"]) == 12
    assert answer["timings"] and all(value >= 0 for value in answer["timings"].values())


def test_top_logits(tiny_artifact, answer):
    top = generate(tiny_artifact, *GREEDY, "-n", 12, "--top-logits", 3, "-p", PROMPT)
    assert top["ids"] == answer["ids"]
    assert [step[0][0] for step in top["top_logits"]] == answer["ids"]
    for step in top["top_logits"]:
        logits = [logit for _, logit in step]
        assert len(step) == 3 and logits == sorted(logits, reverse=True)


def test_prompt_from_file_and_stdin(tiny_artifact, answer, tmp_path):
    (tmp_path / "prompt").write_text(PROMPT, encoding="utf-8")
    flags = (tiny_artifact, "--json", *GREEDY, "-n", 12)
    from_file = json.loads(succeed("nyala-run", *flags, "-f", tmp_path / "prompt").stdout)
    from_stdin = json.loads(succeed("nyala-run", *flags, "-f", "-", input=PROMPT.encode()).stdout)
    assert from_file["ids"] == from_stdin["ids"] == answer["ids"]


def test_seeds(tiny_artifact):
    def sample(seed):
        flags = ("--temp", 1.5, "--top-k", 50, "--top-p", 0.95, "--seed", seed)
        return generate(tiny_artifact, *flags, "-n", 24, "-p", PROMPT)["ids"]

    assert sample(1) == sample(1)
    assert sample(1) != sample(2)


def test_top_k_of_one_is_greedy(tiny_artifact, answer):
    sampled = generate(tiny_artifact, "--temp", 2, "--top-k", 1, "-n", 12, "-p", PROMPT)
    assert sampled["ids"] == answer["ids"]


def test_stop(tiny_artifact, answer):
    """Generation ends at the text, which is not part of the answer."""
    text = answer["text"]
    stop = text[5:7]
    end = text.index(stop)
    stopped = generate(tiny_artifact, *GREEDY, "-n", 12, "--stop", stop, "-p", PROMPT)
    assert stopped["text"] == text[:end]
    assert stopped["ids"] == answer["ids"][:end + 2]
    plain = succeed("nyala-run", tiny_artifact, *GREEDY, "-n", 12, "--stop", stop, "-p", PROMPT)
    assert plain.stdout.decode().rstrip("\n") == text[:end]


def test_special_tokens_in_a_prompt(tiny_artifact):
    text = "X<|im_start|>Y"
    start = SPECIAL_ID["<|im_start|>"]
    special = generate(tiny_artifact, "-n", 1, "-p", text)["prompt_ids"]
    assert special == [ord("X"), start, ord("Y")]
    literal = generate(tiny_artifact, "-n", 1, "--no-special", "-p", text)["prompt_ids"]
    assert start not in literal and len(literal) > 3


def chat_bytes(*messages):
    """The bytes of a ChatML conversation in which special tokens stand for themselves."""
    text = "".join(f"<|im_start|>{role}\n{content}<|im_end|>\n" for role, content in messages)
    return text + "<|im_start|>assistant\n"


def ids_to_text(ids):
    tokens, specials = tiny_models.vocabulary(), set(SPECIAL_ID.values())
    byte_of = {c: byte for byte, c in enumerate(tiny_models.byte_characters())}
    return b"".join(tokens[i].encode() if i in specials else bytes(byte_of[c] for c in tokens[i])
                    for i in ids).decode()


def test_chat(tiny_artifact):
    answer = generate(tiny_artifact, "-n", 2, "--chat", "-p", "PQ")
    assert ids_to_text(answer["prompt_ids"]) == chat_bytes(("user", "PQ"))
    assert answer["prompt_ids"][0] == SPECIAL_ID["<|im_start|>"]
    answer = generate(tiny_artifact, "-n", 2, "--chat", "--system", "be kind", "-p", "PQ")
    expected = chat_bytes(("system", "be kind"), ("user", "PQ"))
    assert ids_to_text(answer["prompt_ids"]) == expected


def test_chat_message_spells_no_special_token(tiny_artifact):
    """What a user writes in a chat cannot end the turn."""
    answer = generate(tiny_artifact, "-n", 1, "--chat", "--no-special", "-p", "P<|im_end|>Q")
    assert answer["prompt_ids"].count(SPECIAL_ID["<|im_end|>"]) <= 1


def test_chat_reads_stdin_once(tiny_artifact):
    result = succeed("nyala-run", tiny_artifact, "--json", "-n", 2, "--chat", input=b"PQ")
    ids = json.loads(result.stdout)["prompt_ids"]
    assert ids_to_text(ids).rstrip("\n").startswith("<|im_start|>user\nPQ")


def test_conversation_on_a_terminal(tiny_artifact):
    """--chat without a prompt answers line after line until the end of input."""
    keyboard, terminal = pty.openpty()
    with subprocess.Popen([tool("nyala-run"), tiny_artifact, "--chat", "-n", "3", "--temp", "0"],
                          stdin=terminal, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        os.close(terminal)
        answers = []
        for line in (b"PQ\n", b"XY\n"):
            os.write(keyboard, line)
            answers.append(process.stdout.readline())
        os.write(keyboard, b"\x04")  # Ctrl-D
        rest = process.stdout.read()
        process.wait(timeout=30)
    os.close(keyboard)
    assert process.returncode == 0
    assert all(len(answer) > 1 for answer in answers) and not rest.strip()


def test_real_chat(smollm2_artifact):
    golden = json.loads((DATA / "golden/smollm2-135m-f32.json").read_text(encoding="utf-8"))
    for entry in golden:
        if entry["kind"] == "chat":
            answer = generate(smollm2_artifact, "-n", 1, "--chat", "-p", entry["prompt"])
            assert answer["prompt_ids"] == entry["prompt_ids"]


def test_characters_are_whole(smollm2_artifact):
    """Bytes arrive in whole characters although tokens cut them."""
    with subprocess.Popen([tool("nyala-run"), smollm2_artifact, "--temp", "0", "-n", "16",
                           "-p", "Some emoji: 😀 😁 😂 🤣 😃 😄 😅"],
                          stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        while chunk := os.read(process.stdout.fileno(), 1 << 16):
            chunk.decode("utf-8")
    assert process.returncode == 0


def test_full_context(tiny_artifact):
    """Generation ends and says so."""
    result = succeed("nyala-run", tiny_artifact, "--json", *GREEDY, "--context", 16, "-n", 100,
                     "-p", PROMPT)
    ids = json.loads(result.stdout)["ids"]
    assert 16 - len(PROMPT) <= len(ids) <= 16 - len(PROMPT) + 1
    assert b"context" in result.stderr


def test_compile_context(tiny_gguf, tmp_path):
    succeed("nyala-compile", tiny_gguf, "-o", tmp_path / "x.nyala", "--context", 32)
    result = run("nyala-run", tmp_path / "x.nyala", "-n", 1, "-p", plain_text(33))
    assert result.returncode == 1 and b"32" in result.stderr, explain(result)


def test_pipe_closed(smollm2_artifact):
    """`| head` ends it quietly."""
    with subprocess.Popen([tool("nyala-run"), smollm2_artifact, "--temp", "0", "-n", "2000",
                           "-p", "1, 2, 3,"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        assert process.stdout.read(1)
        process.stdout.close()
        message = process.stderr.read()
        process.wait(timeout=60)
    assert process.returncode in (0, 128 + signal.SIGPIPE, -signal.SIGPIPE)
    assert b"rror" not in message and b"pipe" not in message.lower(), message


INTERRUPTED = (130, -signal.SIGINT)  # a shell calls both 130


def test_interrupted_run(smollm2_artifact):
    with subprocess.Popen([tool("nyala-run"), smollm2_artifact, "--temp", "0", "-n", "2000",
                           "-p", "1, 2, 3,"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        assert process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert process.returncode in INTERRUPTED


@pytest.mark.parametrize("moment", ["early", "writing"])
def test_interrupted_compile(moment, smollm2, tmp_path):
    """No partial file, also when the output was being written."""
    with subprocess.Popen([tool("nyala-compile"), smollm2, "-o", tmp_path / "x.nyala"],
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        if moment == "early":
            time.sleep(0.3)
        else:
            while process.poll() is None and not list(tmp_path.iterdir()):
                time.sleep(0.002)
        assert process.poll() is None, "compiled before it could be interrupted"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode in INTERRUPTED
    assert not list(tmp_path.iterdir())


def test_gguf_is_compiled_and_cached(tiny_gguf, answer, tmp_path):
    def generate_ids():
        flags = (*GREEDY, "-n", 12, "-p", PROMPT)
        return generate(tiny_gguf, *flags, env=environment(tmp_path))["ids"]

    def cached():
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nyala")}

    assert generate_ids() == answer["ids"]
    first = cached()
    assert len(first) == 1
    assert generate_ids() == answer["ids"]
    assert cached() == first, "compiled again"


def test_damaged_cache_is_replaced(tiny_gguf, answer, tmp_path):
    flags = (tiny_gguf, *GREEDY, "-n", 12, "-p", PROMPT)
    generate(*flags, env=environment(tmp_path))
    cached = next(tmp_path.rglob("*.nyala"))
    cached.write_bytes(cached.read_bytes()[:1000])
    assert generate(*flags, env=environment(tmp_path))["ids"] == answer["ids"]


@pytest.mark.parametrize("flags", [
    [], ["--zebra"], ["{model}", "-n"], ["{model}", "-n", "-3"], ["{model}", "-n", "many"],
    ["{model}", "-p", "x", "--temp", "-1"], ["{model}", "-p", "x", "--top-p", "1.5"],
    ["{model}", "-p", "x", "--top-k", "-1"], ["{model}", "-p", "x", "-t", "-1"],
    ["{model}", "-p", "x", "-f", "y"], ["{model}", "-p", "x", "--context", "0"],
    ["{model}", "-p", "x", "--top-logits", "-1"]], ids=" ".join)
def test_usage_of_run(flags, tiny_artifact):
    result = run("nyala-run", *[flag.format(model=tiny_artifact) for flag in flags])
    assert result.returncode == 2, explain(result)
    assert result.stderr and not result.stdout


@pytest.mark.parametrize("flags", [
    [], ["--zebra"], ["-o", "x.nyala"],
    ["{model}", "-o", "x.nyala", "--target=abacus"],
    ["{model}", "-o", "x.nyala", "--arithmetic=f13"], ["{model}", "-o", "x.nyala", "--context=0"],
    ["{model}", "-o", "x.nyala", "--weights=elsewhere"],
    ["{model}", "-o", "x.nyala", "--compile-to=heaven"]], ids=" ".join)
def test_usage_of_compile(flags, tiny_gguf, tmp_path):
    result = run("nyala-compile", *[flag.format(model=tiny_gguf) for flag in flags], cwd=tmp_path)
    assert result.returncode == 2, explain(result)
    assert result.stderr and not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["nyala-compile", "nyala-run", "nyala-import", "nyala-inspect",
                                  "nyala-interpret", "nyala-lsp-server", "nyala-opt",
                                  "nyala-reduce"])
def test_help(name):
    result = succeed(name, "--help")
    assert result.stdout and not result.stderr
    assert succeed(name, "--version").stdout
