"""llguidance, which symgen.py measures beside nyala."""
import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))

from options import build_folder  # noqa: E402
from quiet import say  # noqa: E402
from symgen_grammar import make_grammar  # noqa: E402

# Of text, whose masks llguidance then has ready: eight times as fast as with its general ones.
SLICES = (r"(?s:[^{]+)",)


def install():
    """Makes llguidance importable."""
    folder, requirements = build_folder() / "bench/symgen", HERE / "peers/requirements-symgen.txt"
    stamp = folder / "installed"
    if not stamp.is_file() or stamp.read_text() != requirements.read_text():
        say("Installing llguidance from PyPI, once")
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade",
                        "--only-binary", ":all:", "--target", folder, "-r", requirements],
                       check=True)
        stamp.write_text(requirements.read_text())
    sys.path.insert(0, str(folder))


class Peer:
    """llguidance with the artifact's vocabulary."""

    def __init__(self, session):
        install()
        self.module = importlib.import_module("llguidance")
        wrap = importlib.import_module("llguidance._tokenizer").TokenizerWrapper
        text, tokens = session.vocabulary_bytes(), session.vocabulary_bytes(special=True)
        stops = [token for token in range(len(tokens)) if session.is_stop(token)]

        class Vocabulary:
            eos_token_id, bos_token_id = stops[0], None
            special_token_ids = [token for token, data in enumerate(text) if not data]

            def __call__(self, part):
                return session.tokenize(part.decode() if isinstance(part, bytes) else part)

        Vocabulary.tokens = tokens
        self.tokens = text
        self.tokenizer = self.module.LLTokenizer(wrap(Vocabulary()), eos_token=stops,
                                                 slices=list(SLICES))
        self.usable = {data[0] for data in text if len(data) == 1}
        self.bits = np.zeros((len(tokens) + 63) // 64, np.uint64)

    def make(self, record, is_exact):
        """What makes a matcher."""
        grammar = self.module.LLMatcher.grammar_from_lark(
            make_grammar(record, self.usable, is_exact))
        return lambda: self.match(grammar)

    def match(self, grammar):
        matcher = self.module.LLMatcher(self.tokenizer, grammar)
        if matcher.is_error():
            sys.exit(f"symgen.py: llguidance says: {matcher.get_error()}")
        return matcher

    def mask(self, matcher):
        matcher.unsafe_compute_mask_ptr(self.bits.ctypes.data, self.bits.nbytes)
