"""nyala-run --data: text about JSON data, with references into them."""

import json
import re

import pytest

import tiny_models
from harness import check_refused, compile_model, explain, run, succeed

GAME = {"home": {"team": "Hawks", "points": 129}, "visitor": {"team": "Celtics", "points": 116},
        "players": [{"name": "Young", "points": 31}, {"name": "Tatum", "points": 28}],
        "note": "{{ home.team }} <|im_end|>"}
REFERENCE = re.compile(r"\{\{ .*? \}\}")


@pytest.fixture(name="model", scope="module")
def make_model(tmp_path_factory):
    """A random model with room for prompts, a token a byte."""
    directory = tmp_path_factory.mktemp("grounded")
    return compile_model(tiny_models.make(directory, "q4_1", context=4096),
                         directory / "model.nyala")


@pytest.fixture(name="game", scope="module")
def make_game(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "game.json"
    path.write_text(json.dumps(GAME), encoding="utf-8")
    return path


def shown(data, path):
    """The value at a path of names and indices."""
    for name, index in re.findall(r"(\w+)|\[(\d+)\]", path):
        data = data[name] if name else data[int(index)]
    return str(data)


def check_spans(answer, data):
    """Are the spans those of the texts? Returns those of references."""
    text, raw = answer["text"].encode(), ""
    end = 0
    for span in answer["spans"]:
        assert span["start"] == end
        end = span["end"]
        part = text[span["start"]:end].decode()
        raw += span.get("ref", part)
        assert span.get("value", part) == part
        if span["kind"] == "reference" and " | " not in span["ref"] and len(span["operands"]) == 1:
            assert part == shown(data, span["path"]), span
    assert end == len(text) and raw == answer["raw"]
    return [span for span in answer["spans"] if span["kind"] == "reference"]


def test_renderings(model, game, tmp_path):
    flags = (model, "--data", game, "-p", "Summarize the game.", "-n", 200, "--temp", 2, "--seed", 3)
    answer = json.loads(succeed("nyala-run", *flags, "--json").stdout)
    check_spans(answer, GAME)
    assert succeed("nyala-run", *flags).stdout.decode() == answer["text"]
    assert succeed("nyala-run", *flags, "--render", "raw").stdout.decode() == answer["raw"]
    lines = succeed("nyala-run", *flags, "--render", "jsonl").stdout.decode().splitlines()
    assert [json.loads(line) for line in lines] == answer["spans"]
    page = tmp_path / "report.html"
    assert not succeed("nyala-run", *flags, "-o", page).stdout
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    from_input = succeed("nyala-run", model, "--data", "-", *flags[3:], input=game.read_bytes())
    assert from_input.stdout.decode() == answer["text"]


def show_prompt(model, path, *flags):
    return succeed("nyala-run", model, "--data", path, *flags, "--show-prompt").stdout.decode()


def test_prompt(model, game):
    prompt = show_prompt(model, game, "-p", "Say <|im_start|>.")
    assert json.dumps(GAME, separators=(",", ":")) in prompt or "home.team: Hawks\n" in prompt
    assert "\n\nSay <|im_start|>. " in prompt
    assert "{{ home.team }} <|im_end|>" in prompt
    assert "There are {{ players | count }} players." in prompt
    assert prompt.endswith("<|im_start|>assistant\n")
    ids = json.loads(succeed("nyala-run", model, "--data", game, "-n", 1, "-p",
                             "Say <|im_start|>.", "--json").stdout)["prompt_ids"]
    ends = ids.count(tiny_models.SPECIAL_ID["<|im_end|>"])
    assert ends == prompt.count("<|im_end|>") - 1, "the data's is text"
    assert ids.count(tiny_models.SPECIAL_ID["<|im_start|>"]) == ends + 1, "the prompt's is text"


def test_fields(model, game, tmp_path):
    prompt = show_prompt(model, game, "--fields", "visitor.*", "--fields", "players[1]")
    assert "Celtics" in prompt and "Tatum" in prompt
    assert "Hawks" not in prompt and "Young" not in prompt
    # Ten thousand paths: a prompt of a few, references to all.
    large = tmp_path / "large.json"
    large.write_text(json.dumps({"few": {"a": 1}, "rows": list(range(10000))}), encoding="utf-8")
    answer = json.loads(succeed("nyala-run", model, "--data", large, "--fields", "few", "-n", 50,
                                "--json").stdout)
    assert len(answer["prompt_ids"]) < 1000
    message = check_refused(run("nyala-run", model, "--data", large), "more than the context",
                            "--fields", "rows takes")
    assert message.index("rows takes") < message.index("few takes")


def test_indirect(model, tmp_path):
    """The prose's words stay, and those that are values become references."""
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"letters": {c: c for c in tiny_models.PLAIN},
                                "word": "x"}), encoding="utf-8")
    for seed in range(3):
        flags = ("--data", path, "--mode", "indirect", "-n", 40, "--temp", 1, "--seed", seed)
        answer = json.loads(succeed("nyala-run", model, *flags, "--json").stdout)
        assert len(answer["prose"]) > 0 and answer["finish"] == "stop"
        references = len(REFERENCE.findall(answer["raw"]))
        pattern = "(.*)".join(re.escape(part) for part in REFERENCE.split(answer["raw"]))
        assert re.fullmatch(pattern, answer["prose"], re.DOTALL), (references, answer)


BAD = {
    "json": (b'{"a": 1,\n "b": }', ("line 2", "column 7")),
    "empty": (b"", ("line 1",)),
    "twice": (b'{"a": 1, "a": 2}', ("'a' comes twice",)),
    "no-fields": (b"{}", ("no value",)),
    "no-elements": (b"[]", ("no value",)),
    "no-values": (b'{"a": {"b": {}}}', ("no value",)),
    "scalar": (b"3", ("no value",)),
    "utf-8": (b'{"a": "\xff"}', ("column",)),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data(name, model, tmp_path):
    content, culprits = BAD[name]
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    page = tmp_path / "page.html"
    result = run("nyala-run", model, "--data", path, "-o", page)
    check_refused(result, str(path), *culprits)
    assert not page.exists()
    check_refused(run("nyala-run", model, "--data", "-", input=content), "standard input",
                  *culprits)


def test_bad_options(model, game, tmp_path):
    check_refused(run("nyala-run", model, "--data", tmp_path / "none.json"), "none.json",
                  "no such file")
    check_refused(run("nyala-run", model, "--data", game, "--fields", "umpire*"), "'umpire*'")
    check_refused(run("nyala-run", model, "--data", game, "-o", tmp_path / "none" / "x.html"),
                  "none")
    check_refused(run("nyala-run", model, "--data", game, "--context", 64), "more than the context")
    for flags in (("--chat",), ("--session", "x"), ("--stop", "x"), ("--render", "pdf"),
                  ("--mode", "both"), ("--json", "--render", "raw"), ("--json", "-o", "x")):
        result = run("nyala-run", model, "--data", game, *flags)
        assert result.returncode == 2, explain(result)
    for flags in (("--fields", "x"), ("--render", "raw"), ("-o", "x"), ("--show-prompt",)):
        result = run("nyala-run", model, "-p", "x", *flags)
        assert result.returncode == 2 and b"--data" in result.stderr, explain(result)


def test_smollm2(smollm2_artifact, tmp_path):
    """What the model is for: sentences that point at the data."""
    game = {"date": "2024-03-05", "arena": "State Farm Arena",
            "home": {"team": "Atlanta Hawks", "points": 129, "wins": 12, "losses": 8},
            "visitor": {"team": "Boston Celtics", "points": 116, "wins": 15, "losses": 6}}
    path = tmp_path / "game.json"
    path.write_text(json.dumps(game), encoding="utf-8")
    flags = (smollm2_artifact, "--data", path, "-p", "Summarize the game.", "-n", 60, "--json")
    direct = json.loads(succeed("nyala-run", *flags).stdout)
    assert check_spans(direct, game)
    indirect = json.loads(succeed("nyala-run", *flags, "--mode", "indirect").stdout)
    assert check_spans(indirect, game) and indirect["text"] == indirect["prose"]
