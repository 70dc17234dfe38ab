"""Reads references into data by docs/symgen.md alone, and renders generations: an opinion of its
own on what nyala does. A record is what json.loads makes of it.

What Jinja knows, too, is rendered by jinja2, and both have to agree.
"""
import datetime
import re
import unicodedata

import jinja2

WORDS = {"data", "and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True",
         "False", "None", "self"}
METHODS = {"clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "update",
           "values", "setdefault"}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ISO_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?"
                      r"(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?)?", re.ASCII)
NUMBERS, STRINGS = ("round",), ("upper", "lower", "title")
AGGREGATES = ("sum", "avg", "min", "max")
MOST_PARTS = 24
ENVIRONMENT = jinja2.Environment(undefined=jinja2.StrictUndefined)


class Wrong(Exception):
    """What is not as the page says."""


# --- What takes which value -----------------------------------------------------------------


def is_name(key, is_first):
    if not NAME.fullmatch(key):
        return False
    return key not in WORDS if is_first else key not in METHODS and not key.startswith("__")


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def spell_step(step, is_first):
    """Of a key or an index, behind what leads to it."""
    if isinstance(step, str) and is_name(step, is_first):
        return step if is_first else "." + step
    inner = str(step) if isinstance(step, int) else quote(step)
    return ("data" if is_first else "") + f"[{inner}]"


def spell(path):
    return "".join(spell_step(step, number == 0) for number, step in enumerate(path)) or "data"


def children(value):
    """(key or index, value) of all."""
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def walk(value, path=()):
    """(path, value) of all below."""
    for step, child in children(value):
        yield (*path, step), child
        yield from walk(child, (*path, step))


def is_number(value):
    """Integers of more than 64 bits are only ever shown."""
    if isinstance(value, bool):
        return False
    return isinstance(value, float) or (isinstance(value, int) and -2**63 <= value < 2**63)


def is_operand(value):
    return is_number(value) and (isinstance(value, int) or abs(value) <= 1e150)


def is_dividend(value):
    return is_operand(value) and (isinstance(value, float) or abs(value) <= 2**53)


def is_divisor(value):
    return is_dividend(value) and abs(value) >= 1 / 1e150


def has_cases(text):
    """Are all letters' other cases known?"""
    return all(c < "\x80" or ("\xa0" <= c <= "\xfe" and c not in "\xaa\xb5\xba\xdf")
               or (c > "\xff" and unicodedata.category(c) not in ("Lu", "Ll", "Lt", "Lm"))
               for c in text)


def read_date(text):
    """(moment, has it a time of day?), or None."""
    match = ISO_DATE.fullmatch(text)
    if not match:
        return None
    try:
        parts = [int(part or 0) for part in match.groups()]
        return datetime.datetime(*parts), match[4] is not None
    except ValueError:
        return None


def add_up(values):
    total = 0
    for value in values:  # not sum(): from Python 3.12 on it rounds otherwise
        total = total + value
    return total


def can_add(values):
    return bool(values) and all(map(is_operand, values)) and is_dividend_of_sums(add_up(values))


def is_dividend_of_sums(value):
    return abs(value) <= (1e150 if isinstance(value, float) else 2**53)


def numeric_fields(value):
    """Of an array of objects."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return []
    return sorted(key for key in (value[0] if value else ())
                  if all(key in item for item in value) and can_add([item[key] for item in value]))


def filters_of(value):
    """Names of filters that take a value of the data; those of a field end with an opening."""
    if isinstance(value, str):
        cases = {*STRINGS} if has_cases(value) else set()
        return cases | {"date("} if read_date(value) else cases
    if isinstance(value, list):
        if can_add(value):
            return {"count", *AGGREGATES}
        fields = numeric_fields(value)
        return {"count", *(name + "(" for name in AGGREGATES if fields)}
    return {*NUMBERS} if is_number(value) else set()


# --- Reading --------------------------------------------------------------------------------


class Reader:
    """A reference in text, from `at` on. `filters`: (name, argument or None)."""

    def __init__(self, text, at=0):
        self.text, self.at = text, at
        self.take("{{ ")
        self.is_grouped = self.skip("(")
        self.paths, self.operator, self.filters = [self.read_path()], None, []
        for operator in " - ", " / ":
            if self.operator is None and self.skip(operator):
                self.operator = operator.strip()
                self.paths.append(self.read_path())
        if self.is_grouped:
            if not self.operator:
                self.fail("an operator")
            self.take(")")
        if self.is_grouped or not self.operator:
            while self.skip(" | "):
                self.filters.append(self.read_filter())
        if self.is_grouped and not self.filters:
            self.fail("a filter")
        self.take(" }}")

    def fail(self, expected):
        raise Wrong(f"expected {expected} at {self.at}, got {self.text[self.at:self.at + 20]!r}")

    def skip(self, text):
        if not self.text.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def take(self, text):
        if not self.skip(text):
            self.fail(repr(text))

    def match(self, pattern, expected):
        found = re.compile(pattern, re.ASCII | re.DOTALL).match(self.text, self.at)
        if not found:
            self.fail(expected)
        self.at = found.end()
        return found[0]

    def read_quoted(self):
        spelled = self.match(r'"(?:[^"\\]|\\["\\])*"', "a text in quotes")
        return re.sub(r"\\(.)", r"\1", spelled[1:-1], flags=re.DOTALL)

    def read_bracket(self, is_first):
        self.take("[")
        if self.text.startswith('"', self.at):
            step = self.read_quoted()
            if is_name(step, is_first):
                self.fail("no quotes around a name")
        else:
            step = int(self.match(r"0|[1-9][0-9]*", "an index"))
        self.take("]")
        return step

    def read_path(self):
        name = self.match(NAME.pattern, "a field")
        if name != "data" and not is_name(name, True):
            self.fail("a field")
        path = [self.read_bracket(True) if name == "data" else name]
        while self.text.startswith((".", "["), self.at):
            if self.skip("."):
                path.append(self.match(NAME.pattern, "a name"))
                if not is_name(path[-1], False):
                    self.fail("a name")
            else:
                path.append(self.read_bracket(False))
        return tuple(path)

    def read_filter(self):
        name, argument = self.match("[a-z]+", "a filter"), None
        if self.skip("("):
            argument = (int(self.match("[0-9]", "a digit")) if name == "round"
                        else self.read_quoted())
            self.take(")")
        return name, argument


def look_up(data, path):
    for step in path:
        wanted = list if isinstance(step, int) else dict
        if not isinstance(data, wanted) or (step >= len(data) if wanted is list
                                            else step not in data):
            raise Wrong(f"{spell(path)} is not there: {step!r}")
        data = data[step]
    return data


def write_date(text, form):
    moment, has_time = read_date(text)
    parts = re.findall(r"%-?[djmyYHMS]|%[ABab]|[ ,\-./:]", form, re.ASCII)
    directives = [part for part in parts if part[0] == "%"]
    if "".join(parts) != form or not directives or len(parts) > MOST_PARTS:
        raise Wrong(f"{form!r} is no format")
    if not has_time and any(part[-1] in "HMS" for part in directives):
        raise Wrong(f"{form!r} asks for a time that {text!r} has not")
    shown = ""
    for part in parts:
        if part[-1] == "Y":  # strftime does not pad years everywhere
            shown += str(moment.year).zfill(1 if "-" in part else 4)
        else:
            shown += moment.strftime(part) if part[0] == "%" else part
    return shown


def apply(value, name, argument, is_data):
    """The value behind a filter; the filters that take the result."""
    if is_data:
        allowed = filters_of(value)
    else:
        allowed = {*STRINGS} if isinstance(value, str) else {*NUMBERS}
    by_field = argument is not None and name in AGGREGATES
    if name + ("(" if by_field or name == "date" else "") not in allowed:
        raise Wrong(f"{name} does not take {value!r}")
    if name in STRINGS:
        return getattr(value, name)() if name != "title" else show_title(value)
    if name == "round":
        return round(value, argument or 0) if isinstance(value, float) else value
    if name == "date":
        return write_date(value, argument or "")
    if name == "count":
        return len(value)
    if by_field:
        if argument not in numeric_fields(value):
            raise Wrong(f"not all elements have a number {argument!r}")
        value = [item[argument] for item in value]
    return {"sum": add_up, "avg": lambda values: add_up(values) / len(values),
            "min": min, "max": max}[name](value)


def show_title(text):
    return ENVIRONMENT.filters["title"](text)


def evaluate(data, reference):
    """What a reference shows."""
    values = [look_up(data, path) for path in reference.paths]
    value, is_data = values[0], True
    if reference.operator:
        divides = reference.operator == "/"
        if not (is_dividend(values[0]) and is_divisor(values[1]) if divides
                else all(map(is_operand, values))):
            raise Wrong(f"{reference.operator} does not take {values}")
        value, is_data = values[0] / values[1] if divides else values[0] - values[1], False
    for number, (name, argument) in enumerate(reference.filters):
        if number > 0 and reference.filters[number - 1][0] in (*NUMBERS, *STRINGS):
            raise Wrong(f"no filter takes what {reference.filters[number - 1][0]} makes")
        value, is_data = apply(value, name, argument, is_data), False
    if isinstance(value, (dict, list)):
        raise Wrong(f"{spell(reference.paths[0])} is no value")
    return str(value)


# --- Generations ----------------------------------------------------------------------------


def split(generation):
    """Pieces of a generation's bytes: text, or a Reader and how it is spelled."""
    # A byte a character, so that what is no UTF-8 does not matter.
    text, plain, pieces = generation.decode("latin-1"), 0, []
    while (at := text.find("{{", plain)) >= 0:
        pieces.append(generation[plain:at].decode("utf-8", "replace"))
        end = Reader(text, at).at
        spelled = generation[at:end].decode("utf-8")
        pieces.append((Reader(spelled), spelled))
        plain = end
    return [*pieces, generation[plain:].decode("utf-8", "replace")]


def render(data, generation):
    """(text with values, [(Reader, spelling, value)]); raises Wrong."""
    shown, references = "", []
    for piece in split(generation):
        if isinstance(piece, str):
            shown += piece
            continue
        value = evaluate(data, piece[0])
        references.append((*piece, value))
        shown += value
    return shown, references


def jinja_knows(reference):
    """avg, date, and min and max of a field are nyala's own."""
    return all(name not in ("avg", "date") and not (name in ("min", "max") and argument is not None)
               for name, argument in reference.filters)


def render_by_jinja(data, spelled):
    names = data if isinstance(data, dict) else {}
    return ENVIRONMENT.from_string(spelled).render(names, data=data)
