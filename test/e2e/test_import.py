"""What the importer builds means what the model is: run by nyala-interpret, without any code
generation, in f64, against an independent implementation. Parts the frontend's mistakes from the
compiler's (test_tiny.py)."""

import json

import numpy as np
import pytest

import tiny_models
from harness import succeed
from llama_reference import Llama
from tiny_models import CONFIGS, plain_ids, plain_text


@pytest.mark.parametrize("name", CONFIGS)
def test_meaning(name, tmp_path):
    gguf, module = tiny_models.make(tmp_path, name), tmp_path / "model.mlir"
    succeed("nyala-import", gguf, "-o", module)
    tokens = plain_ids(plain_text(12))
    rows = range(len(tokens))
    inputs = {"tokens": tokens, "positions": rows, "slots": rows, "wanted": rows,
              "sequences": [0] * len(tokens)}
    flags = [flag for role, values in inputs.items()
             for flag in ("--input", f"{role}={','.join(map(str, values))}")]
    result = succeed("nyala-interpret", module, "--precision", "f64", "--json", "--full",
                     "--dim", "sequences=1,slots=16", *flags)
    logits = next(r for r in json.loads(result.stdout)["results"] if r["name"] == "logits")
    actual = np.array(logits["values"]).reshape(logits["shape"])
    expected = Llama(gguf, np.float64).logits(tokens)
    # Constants (rope's frequencies, epsilon) are f32 in the module.
    assert np.abs(actual - expected).max() <= 1e-6 * np.abs(expected).max()
