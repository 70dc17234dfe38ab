"""nyala-run --session: texts and chats that go on in another run."""

import json
import os
import pty
import signal
import subprocess

import pytest

from harness import check_refused, compile_model, generate, run, succeed, tool
from tiny_models import plain_text

GREEDY = ("--temp", 0)
PROMPT = plain_text(40)


@pytest.fixture(name="file")
def make_file(tmp_path):
    return tmp_path / "saved"


def test_text_goes_on(tiny_artifact, file):
    """Two runs print what one run prints; the second evaluates the last token alone."""
    whole = generate(tiny_artifact, *GREEDY, "-n", 20, "-p", PROMPT)
    first = generate(tiny_artifact, *GREEDY, "-n", 12, "-p", PROMPT, "--session", file)
    assert first["kept_tokens"] == 0
    second = generate(tiny_artifact, *GREEDY, "-n", 8, "--session", file)
    assert first["ids"] + second["ids"] == whole["ids"]
    assert second["prompt_ids"] == first["prompt_ids"] + first["ids"]
    assert second["kept_tokens"] == len(second["prompt_ids"]) - 1


def test_prompt_is_not_read_again(tiny_artifact, file):
    """A prompt that extends the saved one, and one that leaves it in the middle."""
    generate(tiny_artifact, *GREEDY, "-n", 0, "-p", PROMPT, "--session", file)
    for prompt, kept in ((PROMPT + "XYZ", 40), (PROMPT[:30] + "[]", 30)):
        answer = generate(tiny_artifact, *GREEDY, "-n", 6, "-p", prompt, "--session", file)
        assert answer["kept_tokens"] == kept
        assert answer["ids"] == generate(tiny_artifact, *GREEDY, "-n", 6, "-p", prompt)["ids"]


def test_chat_goes_on(tiny_artifact, file):
    flags = (*GREEDY, "-n", 6, "--chat", "--session", file)
    first = generate(tiny_artifact, *flags, "--system", "[]", "-p", "PQ")
    second = generate(tiny_artifact, *flags, "-p", "XY")
    # The whole conversation is the prompt, and all that was evaluated of it is kept.
    assert second["prompt_ids"][:len(first["prompt_ids"])] == first["prompt_ids"]
    assert first["text"].encode() in bytes(i for i in second["prompt_ids"] if i < 256)
    assert second["kept_tokens"] >= len(first["prompt_ids"]) + len(first["ids"]) - 1


def test_conversation_is_saved(tiny_artifact, file):
    """On a terminal, at the end of input; the next one goes on."""
    for line in (b"PQ\n", b"XY\n"):
        keyboard, terminal = pty.openpty()
        with subprocess.Popen([tool("nyala-run"), tiny_artifact, "--chat", "-n", "3", "--temp", "0",
                               "--session", file], stdin=terminal, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as process:
            os.close(terminal)
            os.write(keyboard, line)
            assert len(process.stdout.readline()) > 1
            os.write(keyboard, b"\x04")  # Ctrl-D
            process.communicate(timeout=30)
        os.close(keyboard)
        assert process.returncode == 0
    answer = generate(tiny_artifact, "--chat", "-n", 1, "--session", file, "-p", "!")
    text = bytes(i for i in answer["prompt_ids"] if i < 256)
    assert b"PQ" in text and b"XY" in text


def test_interrupted_text_goes_on(smollm2_artifact, file):
    with subprocess.Popen([tool("nyala-run"), smollm2_artifact, "--temp", "0", "-n", "2000",
                           "-p", "1, 2, 3,", "--session", file], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        # Past the file object's buffer, which communicate() does not read.
        printed = os.read(process.stdout.fileno(), 1)
        process.send_signal(signal.SIGINT)
        printed += process.communicate(timeout=20)[0]
    assert process.returncode == 130
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    rest = succeed("nyala-run", smollm2_artifact, "--temp", "0", "-n", 8, "--session", file).stdout
    whole = succeed("nyala-run", smollm2_artifact, "--temp", "0", "-n", 200, "-p", "1, 2, 3,")
    assert whole.stdout.startswith(printed + rest.rstrip(b"\n"))


def test_second_turn_on_a_real_model(smollm2, file, tmp_path):
    """In native arithmetic the kept tokens give the bits that reading them again gives."""
    native = compile_model(smollm2, tmp_path / "m.nyala", "--arithmetic=native", timeout=300)
    flags = (*GREEDY, "-n", 8, "--top-logits", 10)
    first = generate(native, *flags, "-p", "The capital of France is", "--session", file)
    second = generate(native, *flags, "--session", file)
    assert second["kept_tokens"] == len(second["prompt_ids"]) - 1
    whole = generate(native, *GREEDY, "-n", 16, "--top-logits", 10, "-p",
                     "The capital of France is")
    assert first["top_logits"] + second["top_logits"] == whole["top_logits"]


def test_refused_files(tiny_artifact, tiny_gguf, file, tmp_path):
    """Another model, an altered or truncated file, no session at all: refused and left alone."""
    flags = (*GREEDY, "-n", 2, "-p", PROMPT, "--session", file)
    generate(tiny_artifact, *flags)
    content = file.read_bytes()
    other = compile_model(tiny_gguf, tmp_path / "other.nyala", "--context", 64)
    check_refused(run("nyala-run", other, *flags), file.name, "another model")
    check_refused(run("nyala-run", tiny_artifact, *flags, "--context", 20), "42 positions", "20")
    for bad in (content[:100], content[:-1] + b"?", b"", b"hello"):
        file.write_bytes(bad)
        check_refused(run("nyala-run", tiny_artifact, *flags), file.name)
        assert file.read_bytes() == bad
    file.write_bytes(content)
    generate(tiny_artifact, *flags)


def test_places(tiny_artifact, tmp_path):
    """Where nothing can be written, the run says so before it generates."""
    for place, reason in ((tmp_path / "none" / "saved", "no such file or directory"),
                          (tmp_path, "expected a regular file")):
        result = run("nyala-run", tiny_artifact, "-n", 2, "-p", "x", "--session", place)
        check_refused(result, str(place), reason)
        assert not result.stdout
    result = run("nyala-run", tiny_artifact, "-n", 2, "--session", tmp_path / "saved")
    check_refused(result, "no prompt", "saved")
    assert not list(tmp_path.iterdir())


def test_usage(tiny_artifact, file):
    result = run("nyala-run", tiny_artifact, "--session", file, "--perplexity", file)
    assert result.returncode == 2


def test_json_stays_one_object(tiny_artifact, file):
    result = succeed("nyala-run", tiny_artifact, "--json", "-n", 2, "-p", "x", "--session", file)
    assert json.loads(result.stdout)["finish"] == "length"
