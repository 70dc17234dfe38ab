"""Artifacts that are altered, truncated, of a newer version, or for another CPU."""

import re
import struct

import pytest
import xxhash

from harness import check_refused, compile_model, cpu_flags, foreign_cpu, generate, run

# runtime/artifact_header.h
VERSION, ABI_VERSION, FILE_SIZE, PROGRAM_OFFSET, RESERVED, CHECKSUM = 8, 12, 16, 24, 48, 56
HEADER_SIZE = 64


@pytest.fixture(name="altered")
def make_altered(tiny_artifact, tmp_path):
    """altered(offset, data): refused? Writes the artifact with bytes replaced and runs it."""
    original = tiny_artifact.read_bytes()
    path = tmp_path / "altered.nyala"

    def run_altered(offset, data, fix_checksum=False):
        content = bytearray(original)
        content[offset:offset + len(data)] = data
        if fix_checksum:
            digest = xxhash.xxh3_64_intdigest(bytes(content[:CHECKSUM]))
            content[CHECKSUM:HEADER_SIZE] = struct.pack("<Q", digest)
        path.write_bytes(content)
        return run("nyala-run", path, "-n", 1, "-p", "x")

    return run_altered


def test_header_checksum(tiny_artifact):
    """What fix_checksum computes is what the compiler writes."""
    header = tiny_artifact.read_bytes()[:HEADER_SIZE]
    assert header[:8] == b"NYALAMDL"
    assert struct.unpack("<Q", header[CHECKSUM:])[0] == xxhash.xxh3_64_intdigest(header[:CHECKSUM])


def test_every_region(altered, tiny_artifact):
    """One flipped bit: in each header field, and at places all over the program, the kernels and
    the weights. A byte of zero may be padding, any other carries something."""
    content = tiny_artifact.read_bytes()
    offset, size = struct.unpack_from("<QQ", content, PROGRAM_OFFSET)
    kernels = content.find(b"\x7fELF", HEADER_SIZE)
    assert kernels > 0
    places = {0, VERSION, ABI_VERSION, FILE_SIZE, PROGRAM_OFFSET, PROGRAM_OFFSET + 8,
              PROGRAM_OFFSET + 16, RESERVED, CHECKSUM, kernels, kernels + 16}
    places |= {offset, offset + 4, offset + size // 2, offset + size - 1}
    places |= set(range(HEADER_SIZE, len(content), max(1, len(content) // 60)))
    for place in sorted(places):
        if content[place] or place < HEADER_SIZE or offset <= place < offset + size:
            check_refused(altered(place, bytes([content[place] ^ 0x10])), "altered.nyala")


def test_truncated(tiny_artifact, tmp_path):
    content = tiny_artifact.read_bytes()
    path = tmp_path / "short.nyala"
    for size in (0, 7, 8, 63, 64, 4096, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        check_refused(run("nyala-run", path, "-n", 1, "-p", "x"), "short.nyala")


def test_longer(tiny_artifact, tmp_path):
    path = tmp_path / "long.nyala"
    path.write_bytes(tiny_artifact.read_bytes() + b"x")
    check_refused(run("nyala-run", path, "-n", 1, "-p", "x"), "long.nyala")


@pytest.mark.parametrize("field", [VERSION, ABI_VERSION])
def test_newer_version(field, altered):
    check_refused(altered(field, struct.pack("<I", 1000), fix_checksum=True), "version", "1000")


def test_not_an_artifact(tmp_path):
    path = tmp_path / "text.nyala"
    path.write_text("hello\n" * 100)
    check_refused(run("nyala-run", path, "-n", 1, "-p", "x"), "text.nyala")


def test_missing():
    check_refused(run("nyala-run", "/nonexistent/model.nyala", "-p", "x"), "no such file")


def test_external_weights(tiny_gguf, tiny_artifact, tmp_path):
    """Weights in a file of their own: same answer; absent or altered, an error naming the file."""
    artifact = compile_model(tiny_gguf, tmp_path / "model.nyala", "--weights=external")
    files = [path for path in tmp_path.iterdir() if path != artifact]
    assert len(files) == 1
    flags = ("-n", 4, "--temp", 0, "-p", "x")
    assert generate(artifact, *flags)["ids"] == generate(tiny_artifact, *flags)["ids"]
    content = bytearray(files[0].read_bytes())
    content[len(content) // 2] ^= 1
    files[0].write_bytes(content)
    check_refused(run("nyala-run", artifact, *flags), files[0].name)
    files[0].write_bytes(content[:100])
    check_refused(run("nyala-run", artifact, *flags), files[0].name)
    files[0].unlink()
    check_refused(run("nyala-run", artifact, *flags), files[0].name)


def test_missing_cpu_feature(tiny_gguf, tmp_path):
    """An error naming what is missing, never an illegal instruction."""
    artifact = compile_model(tiny_gguf, tmp_path / "foreign.nyala", f"--cpu={foreign_cpu()}")
    result = run("nyala-run", artifact, "-n", 1, "-p", "x")
    message = check_refused(result, "foreign.nyala", "--cpu")
    # LLVM writes amx-tile and avxvnni what the kernel calls amx_tile and avx_vnni.
    missing = re.search(r"needs '([^']+)', which this machine lacks", message)[1]
    assert missing.replace("-", "") not in {flag.replace("_", "") for flag in cpu_flags()}


def test_unknown_cpu(tiny_gguf, tmp_path):
    result = run("nyala-compile", tiny_gguf, "-o", tmp_path / "x.nyala", "--cpu=zebra9000")
    assert result.returncode in (1, 2)
    assert b"zebra9000" in result.stderr
    assert not (tmp_path / "x.nyala").exists()
