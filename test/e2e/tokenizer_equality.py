#!/usr/bin/env python3
"""Compares nyala's tokenizer with Hugging Face's `tokenizers` on the vocabulary of a GGUF file.

    python3 -m venv venv && venv/bin/pip install tokenizers gguf
    venv/bin/python test/e2e/tokenizer_equality.py MODEL.gguf --tool build/bin/nyala-test-tokenize

For each of the four pre-tokenizers, on seeded random texts and on every code point of the assigned
planes in several surroundings: the pieces before merging; the ids, with special tokens allowed and
not; and the ids with only the first 20000 merges, so that families that ignore merges differ from
those that do not. The tool decodes each encoding again and reports a difference. --golden FILE (a JSON list of objects with `text` and `prompt_ids`) is checked
with the file's own pre-tokenizer. Exit code 1 if any id differs.
"""
import argparse
import json
import random
import subprocess
import sys

from gguf import GGUFReader
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers

NEWER = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")


def split(digits):
    return pre_tokenizers.Split(Regex(NEWER % digits), "isolated")


PLAIN = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
WORDWISE = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
# As in the tokenizer.json files of the families.
PRE_TOKENIZERS = {
    "smollm": pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), WORDWISE]),
    "gpt-2": WORDWISE,
    "llama-bpe": pre_tokenizers.Sequence([split("{1,3}"), PLAIN]),
    "qwen2": pre_tokenizers.Sequence([split(""), PLAIN]),
}


class Vocabulary:
    def __init__(self, path):
        fields = GGUFReader(path).fields
        self.tokens = fields["tokenizer.ggml.tokens"].contents()
        self.kinds = fields["tokenizer.ggml.token_type"].contents()
        self.merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
        self.pre = fields["tokenizer.ggml.pre"].contents()
        self.specials = [t for t, kind in zip(self.tokens, self.kinds) if kind == 3]
        # Byte values that no token spells: nyala refuses them, the peer drops them.
        spelled = set(self.tokens)
        order = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
        rest = [b for b in range(256) if b not in order]
        names = {b: chr(b) for b in order} | {b: chr(256 + i) for i, b in enumerate(rest)}
        self.missing = {b for b in range(256) if names[b] not in spelled}

    def spells(self, text):
        return self.missing.isdisjoint(text.encode())

    def peer(self, name, merges):
        model = models.BPE(vocab={t: i for i, t in enumerate(self.tokens)},
                           merges=self.merges[:merges], ignore_merges=name == "llama-bpe")
        tokenizer = Tokenizer(model)
        tokenizer.pre_tokenizer = PRE_TOKENIZERS[name]
        tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False)
                                      for t in self.specials])
        return tokenizer


WORDS = """the The THE naïve façade Straße ﬁne ǅungla don't DON'T we'll WE'LL I'm I'M they've it's IT'S
'ſ it'ſ IT'ſX 'reve 'Tis y'all’s rock'n'roll hello world antelope internationalization
def return while(i<10){i++;} std::vector<int>&x=y->z; #include<stdio.h> x**2 != y //comment /*c*/ <div>
"quoted" `tick` \\n \\u0041 http://example.com/?q=1&r=%20 user@example.org C:\\dir $HOME ~/.config
привет мир Ελληνικά עִבְרִית العربية السَّلَامُ हिन्दी ภาษาไทย 日本語 ひらがな カタカナ 한국어 汉字漢字 ქართული አማርኛ
ကမ္ဘာ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐐷 𠮷野家 e\u0301 a\u0308\u0323 \u0301 Z\u0351\u036b\u0343 \u200d \u200b \ufeff \ufe0f \u180e \u00ad
😀 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 ❤️ ☃ 1️⃣ 👨🏿‍🚀 ﷽ ﬀ ½ ² ⅻ Ⅷ ①②③ ㊿ 〇 ٠١٢٣ ०१२ ๔๕ 𝟘𝟙𝟚 𐄇 ௧௨ １２３ 0 7 42 1234567 3.14159 1e-5
0x1F 2024-01-31 1,000,000 !!! ... …? ?! -- — – «» „“ ‘’ ''' " ' ( ) [ ] { } @ # $ % ^ & * _ + = | \\ / ~ €£¥
<|im_start <|im_start|>x <|endoftext|> <|im_end|><|im_end|> |><| <repo_name> <reponame> <file_sep""".split()
SPACES = [" ", " ", " ", "  ", "   ", "\n", "\n\n", "\t", "\t\t", "\r\n", "\r", " \n", "\n ", "\u00a0",
          "\u00a0\u00a0", "\u3000", "\u2003 ", "\u2028", "\u0085", "\u1680", "\x0b", "\x0c", "\x00", "\u202f",
          " \t \n", "        ", "\n\n\n\n", " \r\n \r\n "]


def random_text(rng, specials):
    parts = []
    for _ in range(rng.randint(1, 24)):
        kind = rng.random()
        if kind < 0.40:
            parts.append(rng.choice(WORDS))
        elif kind < 0.65:
            parts.append(rng.choice(SPACES))
        elif kind < 0.72:
            parts.append(rng.choice(SPACES) * rng.randint(1, 40))
        elif kind < 0.80:
            parts.append("".join(chr(rng.randint(32, 126)) for _ in range(rng.randint(1, 12))))
        elif kind < 0.85:
            start = rng.choice([0xA0, 0x300, 0x590, 0x900, 0x2000, 0x3000, 0xAC00, 0xFE00, 0x10300,
                                0x1D400, 0x1F300, 0x20000, 0x31350, 0xE0000])
            parts.append("".join(chr(start + rng.randint(0, 255)) for _ in range(rng.randint(1, 9))))
        elif kind < 0.89:
            parts.append(rng.choice(["a", "ab", "=", "-", "7", "ha", "😀", "é", "漢", "'s", "<|"])
                         * rng.randint(2, 300))
        elif kind < 0.94:
            parts.append(rng.choice(["'", "’", "x'"]) + rng.choice(
                ["s", "S", "ſ", "t", "T", "re", "RE", "rE", "ve", "VE", "m", "M", "ll", "LL", "lL", "d", "D"]))
        else:
            parts.append(rng.choice(specials))
    return "".join(parts)


def code_point_texts():
    """Each code point of planes 0 to 3 and 14 among letters, digits, blanks, itself, and apostrophes."""
    points = [c for c in [*range(0x40000), *range(0xE0000, 0xE1000)] if not 0xD800 <= c < 0xE000]
    for i in range(0, len(points), 32):
        yield "".join("a{0}{0} {0}1{0}  {0}'{0}re'{0}\n{0}".format(chr(c)) for c in points[i:i + 32])


def ours(tool, path, requests, *options):
    data = b"".join(b"%d %s\n%s" % (len(raw), mode.encode(), raw)
                    for raw, mode in ((text.encode(), mode) for text, mode in requests))
    done = subprocess.run([tool, path, *options], input=data, capture_output=True)
    if done.returncode:
        sys.exit(done.stderr.decode())
    lines = done.stdout.decode().split("\n")[:-1]
    assert len(lines) == len(requests)
    return lines, done.stderr.decode().strip().replace("\n", "; ")


def theirs(peer, requests, add_special_tokens=False):
    out = [None] * len(requests)
    for mode in ("plain", "special"):
        chosen = [i for i, request in enumerate(requests) if request[1] == mode]
        # True makes the peer read special tokens as the text they are.
        peer.encode_special_tokens = mode == "plain"
        encodings = peer.encode_batch([requests[i][0] for i in chosen],
                                      add_special_tokens=add_special_tokens and mode == "special")
        for i, encoding in zip(chosen, encodings):
            out[i] = encoding.ids
    for i, (text, mode) in enumerate(requests):
        if mode == "pieces":
            # A piece's text is in the byte-level alphabet: one character a byte.
            out[i] = [len(piece) for piece, _ in peer.pre_tokenizer.pre_tokenize_str(text)]
    return [" ".join(map(str, line)) for line in out]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--tool", required=True)
    parser.add_argument("--count", type=int, default=2000, help="random texts per pre-tokenizer")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--golden")
    args = parser.parse_args()

    vocabulary = Vocabulary(args.model)
    rng = random.Random(args.seed)
    texts = [random_text(rng, vocabulary.specials) for _ in range(args.count)]
    sweep = list(code_point_texts())
    spelled = [t for t in texts if vocabulary.spells(t)]
    spelled_sweep = ["".join(c for c in t if vocabulary.spells(c)) for t in sweep]
    print(f"{len(texts)} random texts, {len(sweep)} texts of all code points")

    failures = 0
    for name in PRE_TOKENIZERS:
        for what, merges, requests in (
                ("pieces", 0, [(t, "pieces") for t in texts + sweep]),
                ("ids", 10**9, [(t, mode) for t in spelled for mode in ("plain", "special")]
                 + [(t, "plain") for t in spelled_sweep]),
                ("ids, 20000 merges", 20000, [(t, "special") for t in spelled])):
            got, timing = ours(args.tool, args.model, requests, "--pre", name, "--merges",
                               str(merges))
            expected = theirs(vocabulary.peer(name, merges), requests)
            wrong = [i for i in range(len(requests)) if got[i] != expected[i]]
            for i in wrong[:5]:
                print(f"{name} {what}: {requests[i]!r}\n  got      {got[i][:300]}"
                      f"\n  expected {expected[i][:300]}")
            failures += len(wrong)
            print(f"{name} {what}: {len(wrong)} of {len(requests)} differ ({timing})")

    for byte in sorted(b for b in vocabulary.missing if b < 128):
        [line], _ = ours(args.tool, args.model, [("ok" + chr(byte), "plain")])
        if f"no token for byte 0x{byte:02X} at byte offset 2" not in line:
            failures += 1
            print(f"byte {byte}: expected an error, got {line}")

    if args.golden:
        with open(args.golden) as file:
            golden = json.load(file)
        lines, _ = ours(args.tool, args.model, [(g["text"], "special") for g in golden])
        equal = sum(line == " ".join(map(str, g["prompt_ids"])) for line, g in zip(lines, golden))
        print(f"golden: {equal} of {len(golden)} equal")
        failures += len(golden) - equal
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
