#!/usr/bin/env python3
"""The llama architecture in numpy, as the oracle of the end-to-end tests.

Reads a GGUF file with PyPI's `gguf` (which also dequantizes) and shares no code with nyala. Plain
and slow on purpose: one function per formula, everything in one floating-point type (f32 or f64).

Sources: "LLaMA" (arXiv:2302.13971), RMSNorm (1910.07467), RoPE (2104.09864), GQA (2305.13245),
SwiGLU (2002.05202), YaRN (2309.00071). GGUF files of this architecture keep query and key weights
permuted so that rope rotates adjacent channels (2i, 2i+1).

  llama_reference.py MODEL.gguf --ids 504,3575,282 -n 8        greedy continuation
  llama_reference.py MODEL.gguf --golden test/data/golden/smollm2-135m-f32.json
"""

import argparse
import json
import math
from dataclasses import dataclass

import gguf
import numpy as np

WINDOW = 512  # of perplexity


def round_in_blocks(x, lowest, highest):
    """x: rows × kv heads × head_dim. Blocks of 32 channels become integers from `lowest` to `highest`
    times a scale in half precision, which makes the largest value the outermost integer."""
    blocks = x.reshape(x.shape[0], -1, 32)
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=-1, keepdims=True), axis=-1)
    scales = np.abs(largest) / highest if lowest == -highest else largest / lowest
    scales = scales.astype(np.float16).astype(x.dtype)
    factors = np.divide(1, scales, out=np.zeros_like(scales), where=scales != 0)
    return (np.clip(np.rint(blocks * factors), lowest, highest) * scales).reshape(x.shape)


# What a cache of each type makes of keys and values.
CACHE_ROUNDING = {
    "f32": lambda x: x,
    "f16": lambda x: x.astype(np.float16).astype(x.dtype),
    "q8": lambda x: round_in_blocks(x, -127, 127),
    "q4": lambda x: round_in_blocks(x, -8, 7),
}


@dataclass
class Hyperparameters:
    layers: int
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    rope_dims: int
    rope_base: float
    epsilon: float
    scaling: str
    scaling_factor: float
    original_context: int
    attention_factor: float


class Llama:
    """A model in memory. `faults` plants known mistakes (see test_tiny.py). `native`: the inputs of
    linears whose weights are stored in blocks are rounded to 8 bits, as docs/numerics.md says.
    `kv_map`: the layer whose keys and values each layer uses (docs/kv-sharing.md); default its own.
    `kv_type`: what the cache holds."""

    def __init__(self, path, dtype=np.float32, faults=(), native=False, kv_map=None,
                 kv_type="f32"):
        reader = gguf.GGUFReader(path)
        self.dtype = dtype
        self.in_blocks = {t.name for t in reader.tensors
                          if native and gguf.GGML_QUANT_SIZES[t.tensor_type][0] > 1}
        self.faults = frozenset(faults)
        self.fields = reader.fields
        architecture = self._get("general.architecture")
        if architecture != "llama":
            raise ValueError(f"architecture {architecture!r}: this reference knows llama only")
        self.tensors = {
            t.name: gguf.quants.dequantize(t.data, t.tensor_type).astype(dtype)
            for t in reader.tensors
        }
        self.hp = self._hyperparameters()
        self.kv_map = kv_map or range(self.hp.layers)
        self.round_cache = CACHE_ROUNDING[kv_type]
        self.frequencies, self.rope_magnitude = self._rope_frequencies()

    def _get(self, key, default=None):
        field = self.fields.get(key)
        return default if field is None else field.contents()

    def _hyperparameters(self):
        def get(key, default=None):
            return self._get("llama." + key, default)

        width, heads = get("embedding_length"), get("attention.head_count")
        head_dim = get("attention.key_length", width // heads)
        if get("attention.value_length", head_dim) != head_dim:
            raise ValueError("keys and values of different length")
        if get("expert_count", 0):
            raise ValueError("mixture of experts")
        return Hyperparameters(
            layers=get("block_count"),
            width=width,
            heads=heads,
            kv_heads=get("attention.head_count_kv", heads),
            head_dim=head_dim,
            rope_dims=get("rope.dimension_count", head_dim),
            rope_base=get("rope.freq_base", 10000.0),
            epsilon=get("attention.layer_norm_rms_epsilon"),
            scaling=get("rope.scaling.type", "none"),
            scaling_factor=get("rope.scaling.factor", 1.0),
            original_context=get("rope.scaling.original_context_length", get("context_length")),
            attention_factor=get("rope.scaling.attn_factor", 1.0),
        )

    def _rope_frequencies(self):
        """Angle per position of each channel pair, and the factor on cosine and sine."""
        hp = self.hp
        pairs = np.arange(hp.rope_dims // 2, dtype=np.float64)
        frequencies = hp.rope_base ** (-2.0 * pairs / hp.rope_dims)
        if "no-rope-factors" not in self.faults and "rope_freqs.weight" in self.tensors:
            frequencies = frequencies / self.tensors["rope_freqs.weight"].astype(np.float64)
        if hp.scaling == "none" or "no-rope-scaling" in self.faults:
            return frequencies, 1.0
        interpolated = frequencies / hp.scaling_factor
        if hp.scaling == "linear":
            return interpolated, 1.0
        if hp.scaling != "yarn":
            raise ValueError(f"rope scaling {hp.scaling!r}")

        def pair_turning(turns):  # the pair that makes so many turns over the original context
            return (hp.rope_dims * math.log(hp.original_context / (turns * 2 * math.pi))
                    / (2 * math.log(hp.rope_base)))

        low = max(0, math.floor(pair_turning(32)))
        high = min(hp.rope_dims - 1, math.ceil(pair_turning(1)))
        ramp = np.clip((pairs - low) / max(0.001, high - low), 0, 1)
        magnitude = hp.attention_factor * (1 + 0.1 * math.log(hp.scaling_factor))
        return interpolated * ramp + frequencies * (1 - ramp), magnitude

    def new_cache(self):
        shape = (0, self.hp.kv_heads, self.hp.head_dim)
        return [[np.zeros(shape, self.dtype), np.zeros(shape, self.dtype)]
                for _ in range(self.hp.layers)]

    def _round(self, x):
        """Blocks of 32 channels to multiples of a 127th of their largest."""
        blocks = x.reshape(x.shape[0], -1, 32)
        largest = np.abs(blocks).max(axis=-1, keepdims=True)
        factors = np.divide(127, largest, out=np.zeros_like(largest), where=largest > 0)
        return (np.rint(blocks * factors) * (largest / 127)).reshape(x.shape)

    def _linear(self, x, name):
        if name + ".weight" in self.in_blocks:
            x = self._round(x)
        y = x @ self.tensors[name + ".weight"].T
        if name + ".bias" in self.tensors and "no-bias" not in self.faults:
            y = y + self.tensors[name + ".bias"]
        return y

    def _norm(self, x, name):
        mean_square = np.mean(x * x, axis=-1, keepdims=True, dtype=self.dtype)
        scale = 1 / np.sqrt(mean_square + self.dtype(self.hp.epsilon))
        return x * scale * self.tensors[name + ".weight"]

    def _rope(self, x, positions):
        """x: rows × heads × head_dim"""
        angle = positions[:, None] * self.frequencies[None, :]  # f64: rows × pairs
        cos = (np.cos(angle) * self.rope_magnitude).astype(self.dtype)[:, None, :]
        sin = (np.sin(angle) * self.rope_magnitude).astype(self.dtype)[:, None, :]
        dims, out = self.hp.rope_dims, x.copy()
        if "half-pairing" in self.faults:
            even, odd = slice(0, dims // 2), slice(dims // 2, dims)
        else:
            even, odd = slice(0, dims, 2), slice(1, dims, 2)
        a, b = x[..., even], x[..., odd]
        out[..., even] = a * cos - b * sin
        out[..., odd] = a * sin + b * cos
        return out

    def _attention(self, q, keys, values, positions):
        """q: rows × heads × head_dim; keys, values: slots × kv heads × head_dim"""
        group = self.hp.heads // self.hp.kv_heads
        slots = np.arange(keys.shape[0])
        visible = slots[None, :] <= positions[:, None]
        out = np.empty_like(q)
        for head in range(self.hp.heads):
            source = head // group
            if "interleaved-groups" in self.faults:
                source = head % self.hp.kv_heads
            scores = q[:, head] @ keys[:, source].T / self.dtype(math.sqrt(self.hp.head_dim))
            scores = np.where(visible, scores, -np.inf)
            weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
            out[:, head] = weights @ values[:, source] / weights.sum(axis=-1, keepdims=True)
        return out

    def _block(self, x, layer, positions, cache):
        hp, blk = self.hp, f"blk.{layer}."
        rows = x.shape[0]
        h = self._norm(x, blk + "attn_norm")
        q = self._linear(h, blk + "attn_q").reshape(rows, hp.heads, hp.head_dim)
        producer = self.kv_map[layer]
        if producer == layer:
            k = self._linear(h, blk + "attn_k").reshape(rows, hp.kv_heads, hp.head_dim)
            v = self._linear(h, blk + "attn_v").reshape(rows, hp.kv_heads, hp.head_dim)
            for i, new in enumerate((self._rope(k, positions), v)):
                cache[layer][i] = np.concatenate([cache[layer][i], self.round_cache(new)])
        attended = self._attention(self._rope(q, positions), *cache[producer], positions)
        x = x + self._linear(attended.reshape(rows, hp.heads * hp.head_dim), blk + "attn_output")
        h = self._norm(x, blk + "ffn_norm")
        gate, up = self._linear(h, blk + "ffn_gate"), self._linear(h, blk + "ffn_up")
        return x + self._linear(gate / (1 + np.exp(-gate)) * up, blk + "ffn_down")

    def forward(self, tokens, cache):
        """Appends tokens to the cache; logits of every one of them: tokens × vocabulary."""
        first = cache[0][0].shape[0]
        positions = np.arange(first, first + len(tokens), dtype=np.float64)
        x = self.tensors["token_embd.weight"][np.asarray(tokens)]
        for layer in range(self.hp.layers):
            x = self._block(x, layer, positions, cache)
        x = self._norm(x, "output_norm")
        head = "output" if "output.weight" in self.tensors else "token_embd"
        return self._linear(x, head)

    def logits(self, tokens):
        return self.forward(tokens, self.new_cache())

    def greedy(self, tokens, steps, stops=()):
        """Ids, margins (top-1 minus top-2) and logits of each step; ends after a stop token."""
        cache, ids, margins, rows = self.new_cache(), [], [], []
        row = self.forward(tokens, cache)[-1]
        while True:
            best = int(row.argmax())
            ids.append(best)
            rows.append(row)
            margins.append(float(row[best] - np.partition(row, -2)[-2]))
            if len(ids) == steps or best in stops:
                return ids, margins, np.stack(rows)
            row = self.forward([best], cache)[-1]

    def perplexity(self, tokens, window=WINDOW):
        """Over windows that do not overlap: each token of one but its first is predicted from the
        tokens before it in the window; a last short window is dropped."""
        total, count = 0.0, 0
        for begin in range(0, len(tokens) - window + 1, window):
            ids = tokens[begin:begin + window]
            logits = self.logits(ids)[:-1].astype(np.float64)
            peak = logits.max(axis=-1)
            log_sum = peak + np.log(np.exp(logits - peak[:, None]).sum(axis=-1))
            total += float((log_sum - logits[np.arange(window - 1), ids[1:]]).sum())
            count += window - 1
        return math.exp(total / count)


def check_golden(model, path, prompts):
    """Compares with recorded outputs: worst difference of first_top10, first step that differs."""
    with open(path, encoding="utf-8") as file:
        golden = json.load(file)
    for entry in golden[:prompts]:
        ids, _, rows = model.greedy(entry["prompt_ids"], len(entry["greedy_ids"]))
        worst = max(abs(rows[0][i] - logit) for i, logit in entry["first_top10"])
        steps = zip(ids, entry["greedy_ids"], entry["margins"])
        differing = [(n, margin) for n, (a, b, margin) in enumerate(steps) if a != b][:1]
        print(f"{entry['prompt']!r}: logits within {worst:.1e}, {len(ids)} steps,"
              f" first difference (step, margin): {differing[0] if differing else 'none'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--f64", action="store_true", help="compute in f64")
    parser.add_argument("--ids", help="comma-separated token ids to continue")
    parser.add_argument("-n", type=int, default=16, help="tokens to generate")
    parser.add_argument("--golden", help="recorded outputs to compare with")
    parser.add_argument("--prompts", type=int, help="compare only the first so many")
    parser.add_argument("--perplexity", help="file with a JSON list of token ids")
    args = parser.parse_args()
    model = Llama(args.model, np.float64 if args.f64 else np.float32)
    if args.golden:
        check_golden(model, args.golden, args.prompts)
    if args.ids:
        ids, margins, _ = model.greedy([int(i) for i in args.ids.split(",")], args.n)
        print(json.dumps({"ids": ids, "margins": [round(m, 4) for m in margins]}))
    if args.perplexity:
        with open(args.perplexity, encoding="utf-8") as file:
            print(f"perplexity {model.perplexity(json.load(file)):.4f}")


if __name__ == "__main__":
    main()
