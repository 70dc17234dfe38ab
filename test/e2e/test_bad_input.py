"""Prompts that are wrong, and an environment that refuses: full disks, folders that are absent."""

import os
import resource
import shutil
import signal
import subprocess

import pytest

import tiny_models
from harness import check_refused, compile_model, generate, run, tool
from tiny_models import SPECIAL_ID


def run_prompt(artifact, *flags, **options):
    return run("nyala-run", artifact, "-n", 1, *flags, **options)


def test_prompt_too_long(tiny_artifact):
    context = tiny_models.CONFIGS["q4_1"].context
    text = tiny_models.plain_text(context + 1)
    message = check_refused(run_prompt(tiny_artifact, "-p", text), "context", str(context))
    assert str(context + 1) in message
    check_refused(run_prompt(tiny_artifact, "--context", 16, "-p", text[:17]), "16", "17")


BAD_UTF8 = [(b"abc\xff", 3), (b"\x80", 0), (b"ab\xc3", 2), (b"x\xe2\x82y", 1),
            (b"\xc0\xaf", 0), (b"a\xed\xa0\x80", 1), (b"\xf4\x90\x80\x80", 0)]


@pytest.mark.parametrize("text, offset", BAD_UTF8)
def test_invalid_utf8(text, offset, tiny_artifact, tmp_path):
    (tmp_path / "prompt").write_bytes(text)
    for result in (run_prompt(tiny_artifact, "-f", tmp_path / "prompt"),
                   run_prompt(tiny_artifact, "-f", "-", input=text),
                   subprocess.run([tool("nyala-run").encode(), os.fsencode(tiny_artifact), b"-n",
                                   b"1", b"-p", text], capture_output=True, check=False,
                                  stdin=subprocess.DEVNULL, timeout=60)):
        message = check_refused(result, "utf-8", "offset")
        assert str(offset) in message, message


def test_nul(tiny_artifact, tmp_path):
    (tmp_path / "prompt").write_bytes(b"abcd\0ef")
    check_refused(run_prompt(tiny_artifact, "-f", tmp_path / "prompt"), "nul", "4")
    check_refused(run_prompt(tiny_artifact, "-f", "-", input=b"abcd\0ef"), "nul", "4")


def test_empty_prompt(tmp_path):
    """An error where the model has no token to begin with."""
    bare = compile_model(tiny_models.make(tmp_path, "q4_1", bos_id=False), tmp_path / "bare.nyala")
    check_refused(run_prompt(bare, "-p", ""), "empty")
    check_refused(run_prompt(bare, "-f", "-", input=b""), "empty")
    bos = compile_model(tiny_models.make(tmp_path, "bos"), tmp_path / "bos.nyala")
    assert generate(bos, "-n", 1, "-p", "")["prompt_ids"] == [SPECIAL_ID["<|endoftext|>"]]


def test_missing_prompt_file(tiny_artifact):
    check_refused(run_prompt(tiny_artifact, "-f", "/nonexistent/prompt"), "/nonexistent/prompt")


def test_context_above_capacity(tiny_artifact):
    context = tiny_models.CONFIGS["q4_1"].context
    check_refused(run_prompt(tiny_artifact, "--context", context + 1, "-p", "x"), str(context))


def test_output_folder_missing(tiny_gguf):
    result = run("nyala-compile", tiny_gguf, "-o", "/nonexistent/model.nyala")
    check_refused(result, "/nonexistent/model.nyala")


def test_output_is_folder(tiny_gguf, tmp_path):
    (tmp_path / "folder").mkdir()
    check_refused(run("nyala-compile", tiny_gguf, "-o", tmp_path / "folder"), "folder")
    assert not list((tmp_path / "folder").iterdir())


def test_old_output_survives(tmp_path):
    """A compilation that fails leaves the file that was there."""
    bad = tiny_models.make(tmp_path, "q4_1", drop=("blk.0.attn_q.weight",))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "model.nyala").write_text("precious")
    check_refused(run("nyala-compile", bad, "-o", tmp_path / "out" / "model.nyala"), "attn_q")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model.nyala"]
    assert (tmp_path / "out" / "model.nyala").read_text() == "precious"


def test_file_size_limit(tiny_gguf, tmp_path):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384))

    result = run("nyala-compile", tiny_gguf, "-o", tmp_path / "model.nyala", preexec_fn=limit)
    check_refused(result, "model.nyala", "large")
    assert not list(tmp_path.iterdir())


def test_disk_full(tiny_gguf, tmp_path):
    """On a file system of 16 KB, mounted in a namespace of its own."""
    script = ('mount -t tmpfs -o size=16k none "$1" || exit 77\n'
              '"$2" "$3" -o "$1/model.nyala"; code=$?\n'
              'ls -A "$1"; exit $code')
    for flags in (["--mount"], ["--mount", "--map-root-user"]):
        command = ["unshare", *flags, "sh", "-c", script, "sh", tmp_path, tool("nyala-compile"),
                   tiny_gguf]
        result = subprocess.run(command, capture_output=True, check=False, timeout=60)
        if result.returncode != 77 and not result.stderr.startswith(b"unshare:"):
            break
    else:
        pytest.skip("optional: this user may not mount; test_file_size_limit stands in")
    check_refused(result, "model.nyala", "no space")
    assert not result.stdout, "left a partial file"


def test_standard_output_full(tiny_artifact):
    """Text that cannot be written is an error."""
    with open("/dev/full", "wb") as full:
        result = subprocess.run([tool("nyala-run"), tiny_artifact, "-n", "4", "-p", "x"],
                                stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE,
                                check=False, timeout=60)
    check_refused(result, "no space")


def test_read_only_folder(tiny_gguf, tmp_path):
    """The model may lie where nothing can be written."""
    folder = tmp_path / "read only"
    folder.mkdir()
    shutil.copy(tiny_gguf, folder / "a model.gguf")
    folder.chmod(0o555)
    compile_model(folder / "a model.gguf", tmp_path / "a model.nyala")
    assert [path.name for path in folder.iterdir()] == ["a model.gguf"]
