"""Parts of nyala against the packages of PyPI that do the same; each script says more."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness import DATA, run, tool


def check(script, *arguments):
    """Runs a script of this folder, which exits with 0 if everything agrees."""
    path = Path(__file__).with_name(script)
    result = subprocess.run([sys.executable, path, *map(str, arguments)], check=False, timeout=600,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
    print(result.stdout)
    assert result.returncode == 0, result.stdout[-4000:]


def test_gguf_values(smollm2):
    """Values, metadata and tokenizer of files, with the package gguf."""
    check("gguf_values.py", "--dump", tool("nyala-test-dump-gguf"), smollm2)


def test_tokenizer(smollm2):
    """Token ids of thousands of texts, with the package tokenizers."""
    check("tokenizer_equality.py", smollm2, "--tool", tool("nyala-test-tokenize"),
          "--golden", DATA / "golden" / "smollm2-135m-f32.json")


def test_chat_templates():
    """Rendered conversations, with the package jinja2."""
    check("chat_templates.py", "--tool", tool("nyala-test-render-chat"))


def test_c_program(smollm2_artifact):
    """The C program in test/runtime/ that links the runtime alone."""
    result = run("nyala-test-generate", smollm2_artifact, "The capital of France is", 8)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(b" Paris.")


@pytest.mark.parametrize("library", ["libLLVM", "libMLIR"])
def test_runtime_has_no_llvm(library):
    """What links the runtime alone needs neither LLVM nor MLIR."""
    listed = subprocess.run(["ldd", tool("nyala-test-generate")], check=True, capture_output=True)
    assert b"libnyala" in listed.stdout
    assert library.encode() not in listed.stdout
