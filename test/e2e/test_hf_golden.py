"""A real model as a Hugging Face checkpoint: SmolLM2's GGUF file written back into the folder that it
was converted from (dequantized, queries and keys in their original order of channels, vocabulary as
tokenizer.json) gives the recorded outputs."""

import json

import gguf
import numpy as np
import pytest

import tiny_checkpoints
from harness import DATA, compile_model, generate
from test_tokenizer_json import save
from tokenizer_equality import Vocabulary

# Of two conversations, what shows that names, pairing and text are right.
PROMPTS = json.loads((DATA / "golden" / "smollm2-135m-f32.json").read_text(encoding="utf-8"))[:2]
STEPS = 16
CLOSE = 0.01  # a margin below this may go either way by rounding

NAMES = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
         "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
         "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
         "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}


def rename(name):
    if not name.startswith("blk."):
        return {"token_embd.weight": "model.embed_tokens.weight",
                "output_norm.weight": "model.norm.weight"}[name]
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{NAMES[part]}.weight"


@pytest.fixture(scope="module", name="artifact")
def make_artifact(smollm2, tmp_path_factory):
    directory = tmp_path_factory.mktemp("hf") / "SmolLM2-135M-Instruct"
    directory.mkdir()
    reader = gguf.GGUFReader(smollm2)

    def get(key):
        return reader.fields[key].contents()

    heads = {"attn_q": get("llama.attention.head_count"),
             "attn_k": get("llama.attention.head_count_kv")}
    tensors = {}
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        count = heads.get(tensor.name.split(".")[-2], 0)
        if count:  # pairs of neighbours: back to halves
            rows, columns = values.shape
            values = values.reshape(count, rows // count // 2, 2, columns).swapaxes(1, 2)
            values = values.reshape(rows, columns)
        tensors[rename(tensor.name)] = ("F32", values.shape, values.astype("<f4").tobytes())
    tiny_checkpoints.write_safetensors(directory / "model.safetensors", tensors)
    (directory / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "hidden_size": get("llama.embedding_length"), "num_hidden_layers": get("llama.block_count"),
        "intermediate_size": get("llama.feed_forward_length"),
        "num_attention_heads": heads["attn_q"], "num_key_value_heads": heads["attn_k"],
        "max_position_embeddings": get("llama.context_length"),
        "rms_norm_eps": float(np.float32(get("llama.attention.layer_norm_rms_epsilon"))),
        "rope_theta": get("llama.rope.freq_base"), "tie_word_embeddings": True,
        "vocab_size": len(get("tokenizer.ggml.tokens")), "eos_token_id": 2}))
    vocabulary = Vocabulary(smollm2)
    save(vocabulary.peer(vocabulary.pre, len(vocabulary.merges)), directory,
         chat_template=get("tokenizer.chat_template"))
    artifact = compile_model(directory, directory.parent / "hf.nyala", "--arithmetic=f32",
                             timeout=300)
    (directory / "model.safetensors").unlink()  # half a gigabyte
    yield artifact
    artifact.unlink()


@pytest.mark.parametrize("entry", PROMPTS, ids=lambda entry: entry["prompt"][:24].strip())
def test_greedy(entry, artifact):
    answer = generate(artifact, "--top-logits", 10, "--temp", 0, "-n", STEPS, "-p", entry["text"])
    assert answer["prompt_ids"] == entry["prompt_ids"]
    assert [i for i, _ in answer["top_logits"][0]] == [i for i, _ in entry["first_top10"]]
    logits = dict(answer["top_logits"][0])
    assert max(abs(logits[i] - logit) for i, logit in entry["first_top10"]) <= 2e-3
    close = next((n for n, m in enumerate(entry["margins"]) if m < CLOSE), STEPS)
    assert close > 4
    assert answer["ids"][:close] == entry["greedy_ids"][:min(close, STEPS)]
