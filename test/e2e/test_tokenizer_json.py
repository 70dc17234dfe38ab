"""Tokenizers from tokenizer.json: ids equal to those of the package tokenizers, which writes the
files."""

import json
import random
import unicodedata

import pytest
from gguf import GGUFReader
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers,
                        pre_tokenizers, processors, trainers)

from harness import SOURCE, succeed, tool
from tokenizer_equality import (PLAIN, PRE_TOKENIZERS, WORDS, WORDWISE, Vocabulary,
                                code_point_texts, ours, random_text, theirs)


def splits(*patterns):
    return [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns]


def sequence(*parts):
    return pre_tokenizers.Sequence(list(parts))


# Patterns that models have beyond the four families.
CHAIN = splits(r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
               r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
               r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
LINES = splits(r"[\r\n]", r"\s?[A-Za-zµÀ-ÖØ-öø-ƺ]+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$",
               "[一-龥ࠀ-一가-퟿]+")
CASED = splits(r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
               r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
               r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
               r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
POSSESSIVE = splits(r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}"
                    r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s")

VARIANTS = {
    **PRE_TOKENIZERS,
    "digit-runs": sequence(pre_tokenizers.Digits(individual_digits=False), WORDWISE),
    "text": sequence(pre_tokenizers.Split("e.", "isolated"), PLAIN),
    "uncut": PLAIN,
    "chain": sequence(*CHAIN, PLAIN),
    "lines": sequence(*LINES, pre_tokenizers.Digits(individual_digits=True), PLAIN),
    "cased": sequence(*CASED, PLAIN),
    "possessive": sequence(*POSSESSIVE, PLAIN),
}
# These use general categories beyond letters and numbers, of which PCRE2 may know no more than
# Unicode 14 has, as Python does.
UNICODE_14 = {"chain", "cased"}
SPECIALS = ["<|begin|>", "<|im_end|>", "<｜end▁of▁turn｜>"]
PLAIN_ADDED = ["<tool>", "<tool>s", "grün"]


@pytest.fixture(scope="module")
def corpus():
    files = sorted([*SOURCE.glob("docs/*.md"), *SOURCE.glob("runtime/text/*.cpp")])
    return [path.read_text(encoding="utf-8") for path in files] + [" ".join(WORDS)] * 3


def train(corpus, pre_tokenizer):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=1500, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  special_tokens=SPECIALS[:1])
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in SPECIALS])
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t in PLAIN_ADDED])
    return tokenizer


def save(tokenizer, directory, **config):
    tokenizer.save(str(directory / "tokenizer.json"))
    (directory / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return directory


def check(directory, tokenizer, requests, add_special_tokens=False):
    got, _ = ours(tool("nyala-test-tokenize"), directory, requests)
    expected = theirs(tokenizer, requests, add_special_tokens)
    wrong = [i for i in range(len(requests)) if got[i] != expected[i]]
    assert not wrong, [(requests[i], got[i], expected[i]) for i in wrong[:3]]


def make_requests(unicode_14):
    """(text, mode) of random texts, and of some of all code points."""
    rng = random.Random(1)

    def keep(text):
        return "".join(c for c in text if not unicode_14 or unicodedata.category(c) != "Cn")

    texts = [keep(random_text(rng, SPECIALS[1:])) for _ in range(200)]
    added = [keep(random_text(rng, SPECIALS[1:] + PLAIN_ADDED)) for _ in range(100)]
    sweep = [keep(text) for text in list(code_point_texts())[::16]]
    return ([(t, mode) for t in texts for mode in ("plain", "special", "pieces")]
            + [(t, "special") for t in added] + [(t, "plain") for t in sweep])


@pytest.mark.parametrize("name", VARIANTS)
def test_ids(name, corpus, tmp_path):
    tokenizer = train(corpus, VARIANTS[name])
    save(tokenizer, tmp_path)
    check(tmp_path, tokenizer, make_requests(name in UNICODE_14))


def test_whole_pieces(corpus, tmp_path):
    """ignore_merges, where it makes a difference: a vocabulary with tokens that no merge makes."""
    tokenizer = train(corpus, PRE_TOKENIZERS["llama-bpe"])
    content = json.loads(tokenizer.to_str())
    content["model"]["merges"] = content["model"]["merges"][:200]
    requests = make_requests(False)
    ids = []
    for ignore_merges in (True, False):
        content["model"]["ignore_merges"] = ignore_merges
        tokenizer = Tokenizer.from_str(json.dumps(content))
        save(tokenizer, tmp_path)
        check(tmp_path, tokenizer, requests)
        ids.append(theirs(tokenizer, requests))
    assert ids[0] != ids[1]


@pytest.mark.parametrize("how", ["template", "config"])
def test_begin_of_sequence(how, corpus, tmp_path):
    tokenizer = train(corpus, PRE_TOKENIZERS["gpt-2"])
    template = processors.TemplateProcessing(
        single="<|begin|> $A", pair="<|begin|> $A $B:1",
        special_tokens=[("<|begin|>", tokenizer.token_to_id("<|begin|>"))])
    tokenizer.normalizer = normalizers.NFC()
    if how == "template":
        tokenizer.post_processor = processors.Sequence(
            [processors.ByteLevel(trim_offsets=False), template])
        save(tokenizer, tmp_path, bos_token={"content": "<|begin|>"})
    else:
        save(tokenizer, tmp_path, bos_token="<|begin|>", add_bos_token=True)
        tokenizer.post_processor = template  # what the file's readers add
    requests = [(unicodedata.normalize("NFC", text), mode) for text, mode in make_requests(True)
                if mode != "pieces"]
    check(tmp_path, tokenizer, requests, add_special_tokens=True)


def test_same_as_gguf(smollm2, tmp_path):
    """The vocabulary of a GGUF file written as tokenizer.json is read as the same tokenizer."""
    vocabulary = Vocabulary(smollm2)
    fields = GGUFReader(smollm2).fields
    bos, eos = (vocabulary.tokens[fields[f"tokenizer.ggml.{name}_token_id"].contents()]
                for name in ("bos", "eos"))
    save(vocabulary.peer(vocabulary.pre, len(vocabulary.merges)), tmp_path, bos_token=bos,
         eos_token=eos, add_bos_token=False,
         chat_template=fields["tokenizer.chat_template"].contents())
    (tmp_path / "config.json").write_text(json.dumps({"vocab_size": len(vocabulary.tokens)}),
                                          encoding="utf-8")
    succeed("nyala-test-tokenize", tmp_path, "--same-as", smollm2)
