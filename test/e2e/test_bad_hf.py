"""Hugging Face checkpoints that are wrong: a clear error, exit code 1, no output."""

import json
import struct

import pytest

import tiny_checkpoints
from harness import check_refused, run
from tiny_checkpoints import write_safetensors

QUERY = "model.layers.0.self_attn.q_proj.weight"


@pytest.fixture(name="refuse")
def make_refuse(tmp_path):
    """Imports a folder and checks that it is refused and leaves nothing."""
    def refuse(path, *culprits):
        output = tmp_path / "out.mlir"
        message = check_refused(run("nyala-import", path, "-o", output), path.name, *culprits)
        assert not output.exists(), "left a partial file"
        return message

    return refuse


@pytest.fixture(name="directory")
def make_directory(tmp_path):
    return tiny_checkpoints.make(tmp_path, "llama")


# The folder.

def test_empty_directory(refuse, tmp_path):
    refuse(tmp_path, "directory", "config.json")


def test_no_weights(refuse, directory):
    (directory / "model.safetensors").unlink()
    refuse(directory, "no weights", "model.safetensors")
    (directory / "pytorch_model.bin").write_bytes(b"PK")
    refuse(directory, "pytorch_model.bin", "save_pretrained")


def test_file_instead_of_directory(refuse, directory):
    refuse(directory / "model.safetensors", "directory of a Hugging Face checkpoint")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_part_is_a_directory(name, refuse, directory):
    (directory / name).unlink()
    (directory / name).mkdir()
    refuse(directory, name, "is a directory")


# config.json

@pytest.mark.parametrize("text, culprit", [
    ("", "empty"), ("{", "not json: cannot be read from line 1, column 2"), ("[]", "array"), ("null", "null"),
    ('{"model_type": "llama", "model_type": "qwen2"}', "'model_type' is there twice"),
    ('{"a": {"b": 1, "b": 2}}', "'b' is there twice"), ("[" * 100_000, "nested deeper than 64"),
    ('{"a":' * 100_000, "nested deeper than 64"), ('{"a": 1e999}', "out of range"),
    ('{"a": "\xff"}', "not json"), ("{} {}", "not json"),
    ('{"a": "' + "x" * (1 << 20) + '"}', "expected at most 1048576")])
def test_config_text(text, culprit, refuse, directory):
    (directory / "config.json").write_bytes(text.encode("latin-1"))
    refuse(directory, "config.json", culprit)


@pytest.mark.parametrize("key, value, culprit", [
    ("model_type", None, "missing"), ("model_type", "gptzebra", "'hunyuan_v1_dense'"),
    ("model_type", 7, "is 7, expected a text"),
    ("architectures", ["LlamaForSequenceClassification"], "next token"),
    ("hidden_size", None, "missing"), ("hidden_size", 0, "expected 1 to"),
    ("hidden_size", -64, "is -64"), ("hidden_size", 64.5, "a fraction"),
    ("hidden_size", "64", "is '64'"), ("hidden_size", 1 << 40, "expected 1 to"),
    ("hidden_size", 66, "a multiple of the 4 heads"), ("hidden_size", 32, "shape"),
    ("intermediate_size", 81, "shape"), ("vocab_size", 97, "shape"),
    ("num_hidden_layers", 3, "model.layers.2."), ("num_hidden_layers", 1, "model.layers.1."),
    ("num_hidden_layers", 1 << 30, "more than the checkpoint's 21 tensors"),
    ("num_attention_heads", 0, "expected 1 to"), ("num_key_value_heads", 3, "divisor"),
    ("num_key_value_heads", 4, "k_proj"), ("head_dim", 15, "even"), ("head_dim", 2, "from 4 up"),
    ("head_dim", 1 << 30, "at most 65536"), ("head_dim", 32, "q_proj"),
    ("max_position_embeddings", None, "missing"), ("rms_norm_eps", 0, "positive"),
    ("rms_norm_eps", "small", "a number"), ("hidden_act", "zebra", "'gelu_pytorch_tanh'"),
    ("attention_bias", True, "q_proj.bias"), ("attention_bias", "yes", "true or false"),
    ("mlp_bias", True, "gate_proj.bias"), ("tie_word_embeddings", 1, "true or false"),
    ("quantization_config", {"quant_method": "gptq"}, "quantized weights"),
    ("num_local_experts", 8, "mixture of experts"), ("num_experts", 2, "mixture of experts"),
    ("final_logit_softcapping", 30.0, "soft cap"), ("partial_rotary_factor", 0.5, "rotation"),
    ("rope_theta", -1, "positive"), ("rope_scaling", 4, "an object")])
def test_config_key(key, value, culprit, refuse, tmp_path):
    directory = tiny_checkpoints.make(tmp_path, "llama", keys={key: value})
    message = refuse(directory, culprit)
    assert key in message or "layers" in message or "tensor" in message or key == "head_dim"


@pytest.mark.parametrize("parameters, culprit", [
    ({"rope_type": "longrope"}, "'longrope'"), ({"rope_type": 3}, "a text"),
    ({"type": "dynamic", "factor": 2.0}, "'dynamic'"),
    ({"type": "dynamic", "alpha": 2.0}, "'dynamic'"),
    ({"rope_type": "linear"}, "factor' is missing"),
    ({"rope_type": "linear", "factor": 0}, "positive"), ({"rope_theta": 1.0}, "more than 1"),
    ({"rope_type": "llama3", "factor": 8.0}, "low_freq_factor"),
    ({**tiny_checkpoints.LLAMA3, "high_freq_factor": 1.0}, "high_freq_factor"),
    ({**tiny_checkpoints.LLAMA3, "original_max_position_embeddings": 0}, "expected 1 to"),
    ({**tiny_checkpoints.YARN, "factor": 0.5}, "at least 1"),
    ({**tiny_checkpoints.YARN, "beta_fast": 1}, "beta_slow"),
    ({**tiny_checkpoints.YARN, "attention_factor": -1.0}, "positive"),
    ({**tiny_checkpoints.YARN, "mscale": -1.0, "mscale_all_dim": 1.0}, "positive"),
    ({**tiny_checkpoints.YARN, "truncate": "no"}, "true or false"),
    ({"full_attention": {"rope_type": "default"}}, "by type of layer"),
    ({"rope_type": "default", "partial_rotary_factor": 0.25}, "rotation")])
def test_rope(parameters, culprit, refuse, tmp_path):
    directory = tiny_checkpoints.make(tmp_path, "llama", keys={"rope_parameters": parameters})
    refuse(directory, "config.json: key 'rope_parameters.", culprit)


@pytest.mark.parametrize("name, keys, culprit", [
    ("qwen2", {"layer_types": ["full_attention"]}, "1 entries, expected 2"),
    ("qwen2", {"layer_types": ["full_attention", "zebra"]}, "'zebra'"),
    ("qwen2", {"layer_types": ["full_attention", 1]}, "array of texts"),
    ("qwen2", {"layer_types": ["full_attention", "sliding_attention"]}, "how far it reaches"),
    ("qwen2-windows", {"use_sliding_window": True, "sliding_window": 0}, "expected 1 to"),
    ("qwen2", {"use_sliding_window": True, "sliding_window": None}, "sliding_window' is missing"),
    ("llama", {"sliding_window": 32}, "window"),
    ("hunyuan-cla", {"use_cla": True, "cla_share_factor": 0}, "expected 1 to"),
    ("hunyuan-cla", {"use_cla": True, "cla_share_factor": None}, "missing"),
    ("hunyuan-cla", {"use_cla": False}, "k_proj.weight' is missing"),
    ("hunyuan-cla", {"use_cla": True, "cla_share_factor": 4}, "model.layers.2.self_attn.k"),
    ("hunyuan", {"use_cla": True, "cla_share_factor": 2}, "model.layers.1.self_attn.k"),
    ("hunyuan", {"use_mla": True}, "latent attention"),
    ("hunyuan", {"rope_scaling": {"type": "dynamic", "alpha": 0}}, "with an alpha"),
    ("hunyuan", {"rope_scaling": {"type": "dynamic", "alpha": 1e18}}, "base"),
    ("hunyuan", {"rope_scaling": tiny_checkpoints.YARN}, "attention factor"),
    ("qwen3", {"head_dim": None}, "shape")])
def test_architecture_keys(name, keys, culprit, refuse, tmp_path):
    refuse(tiny_checkpoints.make(tmp_path, name, keys=keys), culprit)


def test_unknown_keys_are_warned_of(tmp_path):
    keys = {"stripes": 7, "rope_parameters": {"rope_theta": 10000.0, "spots": 1}, "seed": None}
    result = run("nyala-import", tiny_checkpoints.make(tmp_path, "llama", keys=keys))
    assert result.returncode == 0
    assert b"config.json: keys 'rope_parameters.spots', 'stripes' are not used" in result.stderr
    assert b"seed" not in result.stderr


# Tensors.

@pytest.mark.parametrize("changes, culprit", [
    ({"drop": (QUERY,)}, f"'{QUERY}' is missing"),
    ({"drop": ("model.embed_tokens.weight",)}, "'model.embed_tokens.weight' is missing"),
    ({"drop": ("lm_head.weight",)}, "'lm_head.weight' is missing"),
    ({"shapes": {QUERY: (32, 64)}}, "has shape [32, 64], expected [64, 64]"),
    ({"shapes": {QUERY: (64, 64, 1)}}, "[64, 64, 1]"),
    ({"shapes": {"model.norm.weight": (0,)}}, "[0]"),
    ({"dtypes": {QUERY: "F8_E4M3"}}, "'F8_E4M3'"), ({"dtypes": {QUERY: "I64"}}, "'I64'"),
    ({"add": {"model.layers.0.self_attn.zebra": (3,)}}, "zebra' is part of the model"),
    ({"add": {"model.layers.0.self_attn.q_proj.bias": (64,)}}, "q_proj.bias' is part")])
def test_tensors(changes, culprit, refuse, tmp_path):
    refuse(tiny_checkpoints.make(tmp_path, "llama", **changes), culprit)


def test_types_that_are_not_needed(tmp_path):
    """A buffer may be of any type."""
    name = "model.layers.0.self_attn.rotary_emb.inv_freq"
    directory = tiny_checkpoints.make(tmp_path, "llama-old-keys", dtypes={name: "I64"})
    result = run("nyala-import", directory)
    assert result.returncode == 0 and not result.stderr


# The safetensors file; test/unit/hf has more.

def write(directory, change=lambda header: None, padding=0):
    """Its weights again, with a changed header."""
    config = tiny_checkpoints.CONFIGS["llama"]
    tensors = {name: ("F32", values.shape, tiny_checkpoints.encode(values, "F32"))
               for name, values in tiny_checkpoints.make_tensors(config, "llama").items()}
    write_safetensors(directory / "model.safetensors", tensors, padding, change)


def set_field(field, value):
    return lambda header: header[QUERY].__setitem__(field, value)


@pytest.mark.parametrize("change, culprits", [
    (set_field("data_offsets", [0, 64]), (QUERY, "expected 16384")),
    (set_field("data_offsets", [0, 16384]), ("shares bytes",)),
    (set_field("data_offsets", [1 << 60, (1 << 60) + 16384]), (QUERY, "truncated")),
    (set_field("data_offsets", [16384, 0]), (QUERY, "16384 to 0")),
    (set_field("shape", [64, 65]), (QUERY, "expected 16640")),
    (set_field("shape", [1 << 62, 1 << 62]), (QUERY, "counted")),
    (set_field("shape", [1 << 63, 0]), (QUERY, "dimension")),
    (set_field("shape", [-64, 64]), (QUERY, "-64")),
    (set_field("shape", "64"), (QUERY, "shape")), (set_field("dtype", 3), (QUERY, "dtype")),
    (set_field("stripes", 3), (QUERY, "stripes")),
    (lambda header: header[QUERY].pop("dtype"), (QUERY, "dtype")),
    (lambda header: header.__setitem__(QUERY, 3), (QUERY, "object"))])
def test_header(change, culprits, refuse, directory):
    write(directory, change)
    refuse(directory, "model.safetensors", *culprits)


@pytest.mark.parametrize("data, culprit", [
    (b"", "empty"), (b"\x08\0\0", "truncated"), (struct.pack("<Q", 1 << 40), "length"),
    (struct.pack("<Q", 100) + b"{}", "truncated"), (struct.pack("<Q", 2) + b"[]", "object"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull")])
def test_file(data, culprit, refuse, directory):
    (directory / "model.safetensors").write_bytes(data)
    refuse(directory, "model.safetensors", culprit)


def test_truncated_and_longer(refuse, directory):
    path = directory / "model.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    refuse(directory, "truncated")
    path.write_bytes(data + b"\0")
    refuse(directory, "1 bytes after the last tensor")


# Shards.

@pytest.fixture(name="sharded")
def make_sharded(tmp_path):
    return tiny_checkpoints.make(tmp_path, "llama-shards")


def change_index(directory, change):
    path = directory / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    change(index)
    path.write_text(json.dumps(index))


@pytest.mark.parametrize("file", ["../model.safetensors", "/etc/passwd", "a/b.safetensors", "..",
                                  "", "zebra.bin", "a\0.safetensors"])
def test_shard_outside(file, refuse, sharded):
    change_index(sharded, lambda index: index["weight_map"].__setitem__(QUERY, file))
    refuse(sharded, "index.json", "same folder")


@pytest.mark.parametrize("change, culprit", [
    (lambda index: index.pop("weight_map"), "weight_map"),
    (lambda index: index.__setitem__("weight_map", {}), "weight_map"),
    (lambda index: index.__setitem__("weight_map", []), "weight_map"),
    (lambda index: index["weight_map"].__setitem__(QUERY, 1), "expected the name of a file"),
    (lambda index: index["weight_map"].__setitem__(QUERY, "zebra.safetensors"),
     "'zebra.safetensors' is missing"),
    (lambda index: index["weight_map"].__setitem__("zebra", index["weight_map"][QUERY]),
     "tensor 'zebra' is missing"),
    (lambda index: index["weight_map"].pop(QUERY), QUERY)])
def test_index(change, culprit, refuse, sharded):
    change_index(sharded, change)
    refuse(sharded, "model.safetensors.index.json", culprit)


def test_missing_shard(refuse, sharded):
    (sharded / "model-00002-of-00003.safetensors").unlink()
    refuse(sharded, "'model-00002-of-00003.safetensors' is missing")
