"""Keys and values that layers share: what the compiler prints, the artifact says and memory holds.

What shared models compute is in test_matrix.py.
"""

import json
import math
import re
import shutil

import pytest

import tiny_models
from harness import check_refused, compile_model, generate, run, succeed

LAYERS, WIDTH = 6, 2 * 2 * 16  # channels of keys and values of a layer
TEXT_SEED = 11


@pytest.fixture(scope="module", name="model")
def make_model(tmp_path_factory):
    return tiny_models.make(tmp_path_factory.mktemp("sharing"), "long", layers=LAYERS)


@pytest.fixture(scope="module", name="text")
def make_text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "calibration.txt"
    path.write_text(tiny_models.plain_text(1100, seed=TEXT_SEED), encoding="ascii")
    return path


def inspect(artifact):
    return json.loads(succeed("nyala-inspect", artifact, "--json").stdout)


def perplexities(stderr):
    found = re.search(rb"perplexity of '[^']*': ([0-9.]+) before sharing, ([0-9.]+) after", stderr)
    return float(found[1]), float(found[2])


@pytest.mark.parametrize("share, kv_map", [
    ("1", None), ("2", "0,0,2,2,4,4"), ("4", "0,0,0,0,4,4"), ("6", "0,0,0,0,0,0"),
    ("map:0,1,0,1,1,5", "0,1,0,1,1,5"),
])
def test_map(share, kv_map, model, tmp_path):
    artifact = tmp_path / "m.nyala"
    result = succeed("nyala-compile", model, "-o", artifact, f"--share-kv={share}",
                     "--arithmetic=f32")
    caches = len(set(kv_map.split(","))) if kv_map else LAYERS
    report = inspect(artifact)
    assert report["kv_bytes_per_token"] == caches * WIDTH * 4
    assert f"cache {caches * WIDTH * 4} bytes a token".encode() in result.stderr
    assert (b"--calibration TEXT shows by how much" in result.stderr) == bool(kv_map)
    assert report["metadata"].get("kv_sharing") == kv_map
    assert report["metadata"].get("kv_sharing_source") == (kv_map and "first")
    assert ("converted without training" in report["metadata"].get("kv_sharing_lossy", "")) == bool(
        kv_map)
    summary = succeed("nyala-inspect", artifact).stdout.decode()
    assert (f"kv sharing    {kv_map}, source first; converted without" in summary) == bool(kv_map)
    # Consumers' weights are gone.
    names = {weight["name"] for weight in report["weights"]}
    for layer in range(LAYERS):
        producer = not kv_map or int(kv_map.split(",")[layer]) == layer
        assert any(f"blk.{layer}.attn_q" in name and "attn_k" in name for name in names) == producer


def test_real_model(smollm2, tmp_path):
    """Bytes of a token of SmolLM2: 30 layers x 2 x 192 channels x 2 bytes, and of a half and a third
    of the layers."""
    for factor, expected in {1: 23040, 2: 11520, 3: 7680}.items():
        artifact = compile_model(smollm2, tmp_path / "m.nyala", f"--share-kv={factor}")
        assert inspect(artifact)["kv_bytes_per_token"] == expected


def test_mean(model, text, tmp_path):
    """Means are stored in blocks of 8 bits, whatever their members' format; remarks say what that
    takes."""
    artifact = tmp_path / "m.nyala"
    result = succeed("nyala-compile", model, "-o", artifact, "--share-kv=2",
                     "--share-kv-source=mean", "--calibration", text,
                     "--remarks-filter=nyala-share-kv")
    report = inspect(artifact)
    assert report["metadata"]["kv_sharing_source"] == "mean"
    means = [weight for weight in report["weights"] if "mean" in weight["name"]]
    assert [weight["format"] for weight in means] == ["q8_0x16"] * (LAYERS // 2)
    # 32 x 64 values: q8_0 has 34 bytes for 32, q4_1 has 20.
    assert (b"@blk.0.attn_k.weight.mean, the mean of 2 weights, takes 2176 bytes, 896 more than the "
            b"first") in result.stderr
    before, after = perplexities(result.stderr)
    answer = generate(artifact, "--perplexity", text)
    assert answer["perplexity"] == pytest.approx(after, rel=1e-4)
    assert before != pytest.approx(after, rel=1e-4)


def test_search(model, text, tmp_path):
    """The search's map keeps as many caches as were asked for, and on its text it is not worse than
    a factor or a mean of as many. Nothing that it evaluated is left behind."""
    losses = {}
    folder = tmp_path / "temporary"
    folder.mkdir()
    for name, flags in {"first": ["--share-kv=2"], "search": ["--share-kv=search:3"],
                        "mean": ["--share-kv=2", "--share-kv-source=mean"]}.items():
        artifact = tmp_path / f"{name}.nyala"
        result = succeed("nyala-compile", model, "-o", artifact, *flags, "--calibration", text,
                         env={"TMPDIR": str(folder), "PATH": "/usr/bin"})
        assert not list(folder.iterdir())
        _, losses[name] = perplexities(result.stderr)
        assert inspect(artifact)["kv_bytes_per_token"] == 3 * WIDTH * 2
        answer = generate(artifact, "--perplexity", text)
        assert answer["perplexity"] == pytest.approx(losses[name], rel=1e-4)
    assert losses["search"] <= min(losses["first"], losses["mean"])


def test_search_needs_a_place(model, text, tmp_path):
    result = run("nyala-compile", model, "-o", tmp_path / "n.nyala", "--share-kv=search:5",
                 "--calibration", text,
                 env={"TMPDIR": str(tmp_path / "absent"), "PATH": "/usr/bin"})
    check_refused(result, "cannot create a temporary artifact", "TMPDIR")
    assert not (tmp_path / "n.nyala").exists()


@pytest.mark.parametrize("flags, words", [
    (["--share-kv=0"], ["a factor of 0", "expected 1 to 6"]),
    (["--share-kv=7"], ["a factor of 7", "expected 1 to 6"]),
    (["--share-kv=map:0,0"], ["has 2 entries", "6 layers"]),
    (["--share-kv=map:0,2,2,3,4,5"], ["layer 1", "layer 2", "comes later"]),
    (["--share-kv=map:0,1,2,3,4,9"], ["layer 9", "out of range"]),
    (["--share-kv=map:0,0,1,3,4,5"], ["layer 1", "none of its own"]),
    (["--share-kv=search:9", "--calibration=TEXT"], ["9 caches", "expected 1 to 6"]),
    (["--share-kv=search:2", "--calibration=SHORT"], ["9 tokens", "at least 512"]),
    (["--share-kv=2", "--calibration=BYTES"], ["UTF-8"]),
])
def test_refused(flags, words, model, text, tmp_path):
    (tmp_path / "SHORT").write_text("too short")
    (tmp_path / "BYTES").write_bytes(b"\xff" * 600)
    shutil.copy(text, tmp_path / "TEXT")
    result = run("nyala-compile", model, "-o", tmp_path / "m.nyala", *flags, cwd=tmp_path)
    check_refused(result, *words)
    assert not (tmp_path / "m.nyala").exists()


@pytest.mark.parametrize("flags, words", [
    (["--share-kv=two"], ["'two' is not a number"]),
    (["--share-kv=map:0,x"], ["'x' is not a number"]),
    (["--share-kv=search:2"], ["--calibration"]),
    (["--share-kv-source=mean"], ["--share-kv"]),
    (["--share-kv=2", "--share-kv-source=last"], ["last"]),
    (["--share-kv=2", "--calibration=absent"], ["absent"]),
    (["--calibration=absent"], ["absent"]),
])
def test_usage(flags, words, model, tmp_path):
    result = run("nyala-compile", model, "-o", tmp_path / "m.nyala", *flags, cwd=tmp_path)
    assert result.returncode == 2
    for word in words:
        assert word in result.stderr.decode()


def test_perplexity_is_finite(model, text, tmp_path):
    """All layers on one cache is the worst that can be asked for."""
    result = succeed("nyala-compile", model, "-o", tmp_path / "m.nyala", f"--share-kv={LAYERS}",
                     "--calibration", text)
    assert all(math.isfinite(value) for value in perplexities(result.stderr))
