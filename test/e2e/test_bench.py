"""nyala-bench: what it prints and refuses. What it measures is compared in bench/."""

import json
import statistics

import pytest

import tiny_models
from harness import check_refused, compile_model, explain, generate, run, succeed
from tiny_models import plain_text

FIGURE = ["test", "threads", "batch", "depth", "tokens", "samples", "median", "unit", "cpu",
          "device"]
SHORT = ("-p", 20, "-n", 6, "-r", 3)


def bench(*arguments):
    """The JSON objects that nyala-bench prints."""
    output = succeed("nyala-bench", *arguments, "--json").stdout.decode()
    return [json.loads(line) for line in output.splitlines()]


@pytest.fixture(name="long_artifact", scope="module")
def compile_long(tmp_path_factory):
    """Has room for a window of perplexity."""
    directory = tmp_path_factory.mktemp("bench")
    return compile_model(tiny_models.make(directory, "q4_1", context=512),
                         directory / "long.nyala")


def test_figures(tiny_artifact):
    lines = bench(tiny_artifact, *SHORT, "-t", "1,2", "-d", "0,17")
    assert [(line["test"], line["threads"], line["depth"], line["tokens"], line["unit"])
            for line in lines] == [
        (test, threads, depth, tokens, unit)
        for threads in (1, 2) for depth in (0, 17)
        for test, tokens, unit in (("prefill", 20, "tok/s"), ("first_token", 20, "ms"),
                                   ("decode", 6, "tok/s"))]
    for line in lines:
        assert list(line) == FIGURE
        assert line["batch"] == 1
        assert len(line["samples"]) == 3 and all(sample > 0 for sample in line["samples"])
        assert line["median"] == statistics.median(line["samples"])


@pytest.mark.parametrize("counts, tests", [
    (("-p", 0, "-n", 3), {"decode"}),
    (("-p", 3, "-n", 0), {"prefill", "first_token"}),
])
def test_a_count_of_0_skips(tiny_artifact, counts, tests):
    assert {line["test"] for line in bench(tiny_artifact, *counts, "-r", 1)} == tests


def test_table(tiny_artifact):
    result = succeed("nyala-bench", tiny_artifact, *SHORT, "--per-dispatch")
    words = result.stdout.decode().split()
    assert {"prefill", "first_token", "decode", "median", "GB/s", "waiting"} <= set(words)
    assert not result.stderr


def test_perplexity_is_that_of_nyala_run(long_artifact, tmp_path):
    text = tmp_path / "text"
    text.write_text(plain_text(1100), encoding="utf-8")
    expected = generate(long_artifact, "--perplexity", text)
    assert bench(long_artifact, "--perplexity", text, "-t", 1) == [{
        "test": "perplexity", "threads": 1, "batch": 1, "depth": 0, "tokens": 2 * 511,
        "samples": [expected["perplexity"]], "median": expected["perplexity"],
        "unit": "perplexity", "cpu": expected["cpu"],
        "device": "cpu"}]
    text.write_text("short", encoding="utf-8")
    check_refused(run("nyala-bench", long_artifact, "--perplexity", text), "5 tokens", "512")


def test_per_dispatch_covers_all_steps(tiny_artifact):
    lines = bench(tiny_artifact, *SHORT, "-t", 2, "--per-dispatch")
    limits = [line for line in lines if "machine" in line]
    assert len(limits) == 1 and limits[0]["gb_per_second"] > 0 and limits[0]["gflop_per_second"] > 0
    for test, entry in (("prefill", "prefill"), ("decode", "decode")):
        of_test = [line for line in lines if "dispatch" in line and line["test"] == test]
        *steps, total = of_test
        assert [step["step"] for step in steps] == list(range(len(steps)))
        assert {step["entry"] for step in steps} == {entry}
        assert total["dispatch"] == "all"
        assert sum(step["ms"] for step in steps) == pytest.approx(total["ms"])
        assert 0 < total["ms"] <= total["wall_ms"]
        for step in steps:
            assert step["ms"] > 0 and step["bytes"] > 0 and 0 <= step["waiting"] < 1
            assert step["bound"] in ("bandwidth", "compute") and step["share"] > 0
        assert any(step["flops"] > 0 for step in steps)


def test_attention_costs_grow_with_depth(tiny_artifact):
    """Bytes and FLOPs count the positions that are attended to."""
    def total(depth, key):
        lines = bench(tiny_artifact, "-p", 0, "-n", 4, "-r", 1, "-d", depth, "--per-dispatch")
        return sum(line[key] for line in lines if "step" in line)

    for key in ("bytes", "flops"):
        near, middle, far = (total(depth, key) for depth in (10, 20, 30))
        assert near < middle and far - middle == pytest.approx(middle - near)


def test_batches(tiny_artifact):
    """One decode for each number of sequences; prompts are of one."""
    lines = bench(tiny_artifact, *SHORT, "-t", 2, "-b", "1,3,16", "-d", "0,9")
    assert [(line["test"], line["batch"], line["depth"]) for line in lines] == [
        (test, batch, depth) for depth in (0, 9)
        for test, batch in (("prefill", 1), ("first_token", 1), ("decode", 1), ("decode", 3),
                            ("decode", 16))]


def test_batches_per_dispatch(tiny_artifact):
    """A step has a row for each sequence; each of them attends to one position more than the one
    before."""
    def total(batch, depth, key):
        lines = bench(tiny_artifact, "-p", 0, "-n", 4, "-r", 1, "-d", depth, "-b", batch,
                      "--per-dispatch")
        steps = [line for line in lines if "step" in line]
        assert {line["batch"] for line in steps} == {batch}
        return sum(line[key] for line in steps)

    for key in ("bytes", "flops"):
        rise = total(4, 20, key) - total(4, 10, key)
        assert rise > 0
        assert total(8, 20, key) - total(8, 10, key) == pytest.approx(2 * rise)
    single = [total(1, depth, "flops") for depth in range(4)]
    assert total(4, 0, "flops") == pytest.approx(sum(single))


@pytest.mark.parametrize("arguments, named", [
    (("-t", 0), "1 to 256 threads"),
    (("-t", "1,x"), "x"),
    (("-r", 0), "-r"),
    (("-p", 0, "-n", 0), "nothing to measure"),
    (("--perplexity", "text", "-p", 4), "--perplexity"),
    (("--perplexity", "text", "-t", "1,2"), "one number"),
    (("--perplexity", "text", "--per-dispatch"), "--per"),
    (("--perplexity", "text", "-b", 2), "-b"),
    (("-b", "4,0"), "1 to 65536 sequences"),
    (("--what",), "--what"),
])
def test_usage_errors(tiny_artifact, arguments, named):
    result = run("nyala-bench", tiny_artifact, *arguments)
    assert result.returncode == 2, explain(result)
    assert named in result.stderr.decode() and not result.stdout


def test_refused(tiny_artifact, tmp_path):
    check_refused(run("nyala-bench", tiny_artifact, "-b", "4,17"), "-b asks for 17 sequences",
                  "compiled for 16", "--sequences")
    check_refused(run("nyala-bench", tiny_artifact, "-p", 0, "-n", 250, "-b", 8), "257 positions",
                  "256", "--context")
    check_refused(run("nyala-bench", tiny_artifact, "-p", 200, "-d", 100), "300 positions", "256",
                  "--context")
    check_refused(run("nyala-bench", tmp_path / "none.nyala"), "none.nyala")
