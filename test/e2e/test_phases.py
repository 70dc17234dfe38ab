"""Stopping at and resuming from each phase."""

import pytest

from harness import run, succeed

PHASES = ["input", "model", "dispatch", "kernel", "program"]


@pytest.fixture(scope="module", name="dumped")
def make_dumped(tiny_gguf, tmp_path_factory):
    """A folder with the module after every phase, and the artifact."""
    directory = tmp_path_factory.mktemp("phases")
    succeed("nyala-compile", tiny_gguf, "-o", directory / "model.nyala",
            f"--dump-phases-to={directory / 'dumps'}")
    return directory


def dump_of(dumped, phase):
    files = [path for path in (dumped / "dumps").iterdir() if phase in path.name]
    assert len(files) == 1, f"{phase}: {files}"
    return files[0]


@pytest.mark.parametrize("phase", PHASES)
def test_resume(phase, dumped, tmp_path):
    """From the dump of every phase comes the same artifact."""
    succeed("nyala-compile", dump_of(dumped, phase), f"--compile-from={phase}",
            "-o", tmp_path / "again.nyala")
    again, first = tmp_path / "again.nyala", dumped / "model.nyala"
    assert again.read_bytes() == first.read_bytes()


@pytest.mark.parametrize("phase", PHASES)
def test_stop(phase, dumped, tiny_gguf, tmp_path):
    """--compile-to writes what --dump-phases-to does."""
    succeed("nyala-compile", tiny_gguf, f"--compile-to={phase}", "-o", tmp_path / "x.mlir")
    assert (tmp_path / "x.mlir").read_text() == dump_of(dumped, phase).read_text()


def test_import(tiny_gguf, dumped):
    """nyala-import makes the input phase; nyala-opt reads it."""
    module = succeed("nyala-import", tiny_gguf).stdout
    assert module.decode() == dump_of(dumped, "input").read_text()
    assert b"@forward" in succeed("nyala-opt", input=module).stdout


def test_wrong_phase(dumped, tmp_path):
    """Resuming from another phase than the module is in is an error."""
    result = run("nyala-compile", dump_of(dumped, "input"), "--compile-from=program",
                 "-o", tmp_path / "x.nyala")
    assert result.returncode == 1 and result.stderr
    assert not list(tmp_path.iterdir())
