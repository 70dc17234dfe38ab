"""Generations along which symgen.py compares masks, and what counts as equal."""
import numpy as np

from symgen_reader import filters_of, spell

PROSE = ("The report covers every station along the river, and its authors visited most of them in "
         "spring. Heights are given in metres; readings were taken {at noon}, which is usual. See "
         "the appendix for 12 further tables, f(x) = {x | x > 3}, and \u201cnotes\u201d \u2014 "
         "\u65e5\u672c\u8a9e. ")


def spell_reference(draw, paths):
    path, value = draw.choice(paths)
    filters = sorted(name for name in filters_of(value) if not name.endswith("("))
    if isinstance(value, (dict, list)) or (filters and draw.random() < 0.3):
        return f"{{{{ {spell(path)} | {draw.choice(filters)} }}}}"
    return f"{{{{ {spell(path)} }}}}"


def write_text(draw, paths, references=5):
    """Prose with references, as a model writes it."""
    words = PROSE.split()
    return " ".join(" ".join(draw.choices(words, k=draw.randrange(1, 9))) + " "
                    + spell_reference(draw, paths) for _ in range(references)) + "."


class Walk:
    """Which token comes next: of a text, or any that is allowed."""

    def __init__(self, draw, session, paths, kind, length=120):
        self.draw, self.kind, self.length = draw, kind, length
        self.tokens = session.tokenize(write_text(draw, paths) if kind == "written" else PROSE)
        self.opening = session.tokenize("{{ ")

    def pick(self, step, allowed, in_text):
        """`allowed`: ids; None at the end."""
        if self.kind == "written":
            return self.tokens[step] if step < len(self.tokens) else None
        if step >= self.length:
            return None
        if not in_text:
            return int(self.draw.choice(allowed))
        token = self.opening[0] if self.draw.random() < 0.3 else self.draw.choice(self.tokens)
        return token if token in allowed else int(self.draw.choice(allowed))


class Comparison:
    """Counts masks that differ."""

    def __init__(self, tokens):
        self.tokens, self.masks, self.different, self.examples = tokens, 0, 0, []

    def add(self, ours, theirs, text):
        self.masks += 1
        difference = ours ^ theirs
        if not difference.any():
            return
        self.different += 1
        if len(self.examples) < 5:
            ids = np.flatnonzero(np.unpackbits(difference.view(np.uint8), bitorder="little"))
            self.examples.append(f"behind {text[-60:]!r} {len(ids)} tokens, the first of them "
                                 f"{self.tokens[ids[0]]!r}, number {ids[0]}")
