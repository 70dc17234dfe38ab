"""Model files that are wrong: a clear error, exit code 1, no output."""

import struct

import pytest

import tiny_models
from gguf_edit import Layout, cut, patch
from harness import check_refused, run

HUGE = [1 << 31, 1 << 40, 1 << 60, (1 << 64) - 1]


@pytest.fixture(name="refuse")
def make_refuse(tmp_path):
    """Compiles a file into an empty folder and checks that it is refused and leaves nothing."""
    directory = tmp_path / "out"
    directory.mkdir()

    def refuse(path, *culprits):
        result = run("nyala-compile", path, "-o", directory / "model.nyala")
        message = check_refused(result, path.name, *culprits)
        assert not list(directory.iterdir()), "left a partial file"
        return message

    return refuse


@pytest.fixture(scope="module", name="layout")
def make_layout(tiny_gguf):
    return Layout(tiny_gguf)


@pytest.fixture(name="patched")
def make_patched(tiny_gguf, tmp_path):
    def patched(offset, data):
        patch(tiny_gguf, tmp_path / "patched.gguf", offset, data)
        return tmp_path / "patched.gguf"

    return patched


def test_empty(refuse, tmp_path):
    (tmp_path / "empty.gguf").touch()
    refuse(tmp_path / "empty.gguf", "empty")


def test_missing(refuse, tmp_path):
    refuse(tmp_path / "missing.gguf", "no such file")


def test_directory(refuse, tmp_path):
    refuse(tmp_path, "directory")


def test_truncated(refuse, tiny_gguf, layout, tmp_path):
    """At every border between sections, and a byte before and after."""
    path = tmp_path / "short.gguf"
    sizes = {size for border in layout.borders() for size in (border - 1, border, border + 1)}
    # Nothing is lost when only padding after the last tensor is.
    last = max(offset + count for offset, count in layout.data.values())
    for size in sorted(sizes):
        if 0 <= size < last:
            cut(tiny_gguf, path, size)
            refuse(path)


@pytest.mark.parametrize("magic", [b"GGML", b"\0\0\0\0", b"FUGG"])
def test_magic(magic, refuse, patched):
    refuse(patched(0, magic), "gguf")


@pytest.mark.parametrize("version", [0, 1, 4, 99, 0x03000000])
def test_version(version, refuse, patched):
    refuse(patched(4, struct.pack("<I", version)), "version")


@pytest.mark.parametrize("count", HUGE)
@pytest.mark.parametrize("field", ["tensor_count", "key_count"])
def test_counts(field, count, refuse, patched, layout):
    refuse(patched(getattr(layout, field), struct.pack("<Q", count)))


@pytest.mark.parametrize("length", HUGE)
@pytest.mark.parametrize("key", ["general.architecture", "tokenizer.ggml.pre"])
def test_string_lengths(key, length, refuse, patched, layout):
    refuse(patched(layout.values[key], struct.pack("<Q", length)))
    refuse(patched(layout.keys[key], struct.pack("<Q", length)))


@pytest.mark.parametrize("count", HUGE)
@pytest.mark.parametrize("key", ["tokenizer.ggml.tokens", "tokenizer.ggml.token_type"])
def test_array_counts(key, count, refuse, patched, layout):
    refuse(patched(layout.values[key] + 4, struct.pack("<Q", count)))


@pytest.mark.parametrize("kind", [13, 255, 0xFFFFFFFF])
def test_value_types(kind, refuse, patched, layout):
    refuse(patched(layout.values["llama.block_count"] - 4, struct.pack("<I", kind)))
    refuse(patched(layout.values["tokenizer.ggml.tokens"], struct.pack("<I", kind)))


TENSOR = "blk.0.attn_k.weight"


@pytest.mark.parametrize("count", [0, 5, 1 << 31])
def test_dimension_counts(count, refuse, patched, layout):
    refuse(patched(layout.dimension_counts[TENSOR], struct.pack("<I", count)), TENSOR)


@pytest.mark.parametrize("size", [0, *HUGE])
def test_dimensions(size, refuse, patched, layout):
    refuse(patched(layout.dimensions[TENSOR], struct.pack("<Q", size)), TENSOR)
    refuse(patched(layout.dimensions[TENSOR] + 8, struct.pack("<Q", size)), TENSOR)


@pytest.mark.parametrize("kind", [11, 200, 0xFFFFFFFF])  # 11: Q3_K, valid but not supported
def test_tensor_types(kind, refuse, patched, layout):
    refuse(patched(layout.types[TENSOR], struct.pack("<I", kind)), TENSOR, "type")


@pytest.mark.parametrize("kind", [12, 13, 14])
def test_partial_super_blocks(kind, refuse, patched, layout):
    """Q4_K, Q5_K, Q6_K have blocks of 256; rows here have 64."""
    refuse(patched(layout.types[TENSOR], struct.pack("<I", kind)), TENSOR, "multiple of 256")


def test_truncated_super_blocks(refuse, tmp_path):
    path = tiny_models.make(tmp_path, "q5_k")
    offset, count = max(Layout(path).data.values())
    cut(path, tmp_path / "short.gguf", offset + count - 1)
    refuse(tmp_path / "short.gguf", "truncated")


@pytest.mark.parametrize("offset", [1, 4, *HUGE])  # 1 and 4 are not aligned
def test_tensor_offsets(offset, refuse, patched, layout):
    refuse(patched(layout.offsets[TENSOR], struct.pack("<Q", offset)), TENSOR)


def test_duplicate_tensor(refuse, patched, layout):
    refuse(patched(layout.infos["blk.1.attn_k.weight"] + 8, TENSOR.encode()), TENSOR)


@pytest.mark.parametrize("alignment", [0, 3, 0xFFFFFFFF])
def test_alignment(alignment, refuse, tmp_path):
    path = tiny_models.make(tmp_path, "alignment-64")
    offset = Layout(path).values["general.alignment"]
    patch(path, path, offset, struct.pack("<I", alignment))
    refuse(path, "alignment")


def test_architecture(refuse, tmp_path):
    refuse(tiny_models.make(tmp_path, "q4_1", architecture="gptzebra"), "gptzebra", "llama")


def test_pre_tokenizer(refuse, tmp_path):
    refuse(tiny_models.make(tmp_path, "q4_1", pre="zebra"), "zebra", "smollm")


def test_tokenizer_model(refuse, patched, layout):
    refuse(patched(layout.values["tokenizer.ggml.model"] + 8, b"zebr"), "zebr", "gpt2")


@pytest.mark.parametrize("name", [
    "token_embd.weight", "output_norm.weight", "blk.0.attn_norm.weight", "blk.1.attn_q.weight",
    "blk.1.attn_v.weight", "blk.0.attn_output.weight", "blk.1.ffn_norm.weight",
    "blk.0.ffn_gate.weight", "blk.1.ffn_down.weight"])
def test_missing_tensor(name, refuse, tmp_path):
    refuse(tiny_models.make(tmp_path, "q4_1", drop=(name,)), name)


@pytest.mark.parametrize("name, shape", [
    ("token_embd.weight", (100, 64)), ("output.weight", (272, 32)), ("output_norm.weight", (32,)),
    ("blk.0.attn_q.weight", (32, 64)), ("blk.0.attn_k.weight", (64, 64)),
    ("blk.1.attn_output.weight", (64, 32)), ("blk.1.ffn_up.weight", (96, 96)),
    ("blk.0.ffn_down.weight", (96, 64)), ("blk.0.ffn_gate.weight", (2, 48, 64))])
def test_shape(name, shape, refuse, tmp_path):
    message = refuse(tiny_models.make(tmp_path, "q4_1", shapes={name: shape}), name)
    assert str(shape[-1]) in message, "the message does not say what was got"


@pytest.mark.parametrize("name, shape", [
    ("blk.0.attn_q.bias", (32,)), ("blk.1.ffn_down.bias", (65,))])
def test_bias_shape(name, shape, refuse, tmp_path):
    refuse(tiny_models.make(tmp_path, "bias-all", shapes={name: shape}), name)


def test_rope_factors_shape(refuse, tmp_path):
    path = tiny_models.make(tmp_path, "rope-factors", shapes={"rope_freqs.weight": (3,)})
    refuse(path, "rope_freqs.weight")


@pytest.mark.parametrize("key, value", [
    ("block_count", None), ("block_count", 0), ("block_count", 3), ("block_count", 0xFFFFFFFF),
    ("embedding_length", None), ("embedding_length", 0), ("embedding_length", 63),
    ("embedding_length", 0xFFFFFFFF), ("attention.head_count", None), ("attention.head_count", 0),
    ("attention.head_count", 0xFFFFFFFF), ("attention.head_count_kv", 0),
    ("attention.head_count_kv", 3), ("attention.key_length", 0), ("attention.key_length", 15),
    ("attention.key_length", 0xFFFFFFFF), ("attention.value_length", 8),
    ("rope.dimension_count", 7), ("rope.dimension_count", 18), ("feed_forward_length", 0),
    ("feed_forward_length", 97), ("context_length", 0), ("expert_count", 4)])
def test_hyperparameter(key, value, refuse, tmp_path):
    """A key that is missing, out of range, or at odds with the tensors."""
    path = tiny_models.make(tmp_path, "q4_1", keys={key: value})
    message = refuse(path)
    tensors = ("attn_", "ffn_", "token_embd", "norm", "blk.2", "a head's")
    assert key in message or any(name in message for name in tensors), message
