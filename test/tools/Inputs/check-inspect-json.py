"""Does the JSON of nyala-inspect describe the artifact? check-inspect-json.py JSON ARTIFACT"""
import json
import os
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    model = json.load(file)

assert model["file_bytes"] == os.path.getsize(sys.argv[2])
assert model["kv_bytes_per_token"] == sum(state["slot_bytes"] for state in model["states"]) == 512
assert model["weight_bytes"] >= sum(weight["bytes"] for weight in model["weights"]) > 0
assert model["weight_file"] is None
assert model["arena_bytes"] == max(entry["arena_bytes"] for entry in model["entries"])
assert model["code_bytes"] == sum(code["bytes"] for code in model["executables"])
assert [entry["name"] for entry in model["entries"]] == ["decode", "prefill"]
assert model["tokenizer"]["merges"] == 1

calls = [step["kernel"] for entry in model["entries"] for step in entry["steps"]]
for kernel in model["kernels"]:
    assert (kernel["target"], kernel["arch"], kernel["format"]) == ("cpu", "sapphirerapids", "elf")
    assert 0 < kernel["bytes"] < model["code_bytes"]
    assert kernel["uses"] == calls.count(kernel["name"]) > 0

for entry in model["entries"]:
    values = entry["arena_values"]
    for value in values:
        assert value["offset"] + value["bytes"] <= entry["arena_bytes"]
        assert all(step > value["written"] for step in value["read"])
    # No two values that live at one step overlap, and every buffer in the arena belongs to one.
    for number, step in enumerate(entry["steps"]):
        live = sorted((value["offset"], value["bytes"]) for value in values
                      if value["written"] <= number <= max([value["written"], *value["read"]]))
        assert all(a + size <= b for (a, size), (b, _) in zip(live, live[1:])), live
        arena = {buffer["offset"] for buffer in step["buffers"] if buffer["region"] == "arena"}
        assert arena <= {offset for offset, _ in live}
        assert all(wait < number for wait in step["waits"])
    logits = entry["steps"][-1]["buffers"][-1]
    assert (logits["region"], logits["name"], logits["written_bytes"]) == ("result", "logits", 128)
