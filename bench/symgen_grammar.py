"""The references that data allow (docs/symgen.md), as a grammar for llguidance in its kind of Lark.

Paths are sorted by what their values allow; all paths of a sort are one terminal, whose pattern
lists them. Text up to a reference and its `{{ ` are one terminal, too, as llguidance's lexer does
not go back. Text is of bytes, not of characters, and where all that may follow begins alike it is
not narrowed down to how the tokenizer spells that.
"""
import re
from collections import defaultdict

from symgen_reader import (AGGREGATES, filters_of, is_dividend, is_divisor, is_operand,
                           numeric_fields, quote, read_date, spell, spell_step)

OPTIONS = '%llguidance {"allow_invalid_utf8": true, "no_forcing": true}'
TEXT = r"(?s-u:([^{]|\{[^{])*)"


def escape(text):
    """As a pattern between slashes."""
    return re.sub(r"[^A-Za-z0-9_]",
                  lambda match: match[0] if match[0] > "\x7f" else f"\\x{ord(match[0]):02x}", text)


def is_usable(text, usable):
    return all(byte in usable for byte in text.encode())


def walk_usable(value, usable, path=()):
    """(path, value) of what can be named with `usable` bytes."""
    children = (value.items() if isinstance(value, dict)
                else enumerate(value) if isinstance(value, list) else ())
    for step, child in children:
        if is_usable(spell_step(step, not path), usable):
            yield (*path, step), child
            yield from walk_usable(child, usable, (*path, step))


def sort_of(value, usable):
    """What a value allows: equal for values that allow the same."""
    filters = filters_of(value)
    fields = tuple(field for field in numeric_fields(value) if is_usable(quote(field), usable))
    if not fields:
        filters = {name for name in filters if name == "date(" or not name.endswith("(")}
    has_time = "date(" in filters and read_date(value)[1]
    return (not isinstance(value, (dict, list)), tuple(sorted(filters)), has_time, fields,
            is_operand(value), is_dividend(value), is_divisor(value))


def choice(names):
    return "(" + " | ".join(names) + ")"


def continuations(sort):
    """What may follow a path of that sort, up to the closing."""
    is_scalar, filters, has_time, fields, operand, dividend, _ = sort
    if is_scalar:
        yield '" }}"'
    if "round" in filters:
        yield 'round " }}"'
    if "upper" in filters:
        yield 'case " }}"'
    if "date(" in filters:
        yield f'" | date(" {"MOMENT" if has_time else "DAY"} ")" case? " }}}}"'
    names = [f'"{name}"' for name in filters if name == "count" or name in AGGREGATES]
    if names:
        yield f'" | " {choice(names)} round? " }}}}"'
    if fields:
        pattern = "|".join(escape(quote(field)) for field in fields)
        names = choice(f'"{name}"' for name in AGGREGATES)
        yield f'" | " {names} "(" /{pattern}/ ")" round? " }}}}"'
    if operand:
        yield '" - " operand " }}"'
    if dividend:
        yield '" / " divisor " }}"'


def make_grammar(data, usable, is_exact=True):
    """For llguidance. `usable`: bytes that are tokens. 0xFF is how llguidance marks special tokens:
    if not `is_exact`, they are allowed in text, and its masks of text are made faster."""
    text = TEXT.replace("[^{]", r"[^{\xff]") if is_exact else TEXT
    sorts = defaultdict(list)
    for path, value in walk_usable(data, usable):
        sort = sort_of(value, usable)
        if any(sort):
            sorts[sort].append(spell(path))
    names = {sort: f"PATH{number}" for number, sort in enumerate(sorts)}
    has_divisor = any(sort[6] for sort in sorts)
    rules, terminals = defaultdict(list), []
    for sort, paths in sorts.items():
        terminals.append(f"{names[sort]}: /{'|'.join(map(escape, paths))}/")
        for rest in continuations(sort):
            if has_divisor or "divisor" not in rest:
                rules["reference"].append(f"{names[sort]} {rest}")
        for number, rule in (4, "operand"), (5, "dividend"), (6, "divisor"):
            if sort[number]:
                rules[rule].append(names[sort])
    if "operand" in rules:
        rules["reference"].append('"(" operand " - " operand ")" round " }}"')
    if has_divisor:
        rules["reference"].append('"(" dividend " / " divisor ")" round " }}"')
    rules["round"].append('" | round" ("(" /[0-9]/ ")")?')
    rules["case"].append('" | " ("upper" | "lower" | "title")')
    for name, directives in ("DAY", "djmyY"), ("MOMENT", "djmyYHMS"):
        part = rf"[ ,\-.\x2f:]|%-?[{directives}]|%[ABab]"
        terminals.append(rf'{name}: /"({part}){{1,24}}"/ & /(?s:.*%.*)/')
    lines = [OPTIONS, "start: (OPEN reference)* TAIL", f"OPEN: /{text}\\{{\\{{ /",
             f"TAIL: /{text}\\{{?/"]
    lines += [f"{rule}: " + " | ".join(rests) for rule, rests in rules.items()]
    return "\n".join(lines + terminals) + "\n"
