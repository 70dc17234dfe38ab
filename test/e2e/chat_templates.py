#!/usr/bin/env python3
"""Compares nyala's chat templates with jinja2, set up as transformers sets it up, byte for byte.

    python3 -m venv venv && venv/bin/pip install jinja2
    venv/bin/python test/e2e/chat_templates.py --tool build/bin/nyala-test-render-chat

Renders seeded conversations by every template of test/data/templates (and of --templates DIR, for
instance those that models come with), then seeded random templates made of small expressions and
statements. Where jinja2 fails, nyala must fail; where nyala says that something is unsupported, it
may, but never for the templates of test/data. With --mutations N, N random mutations of each
template must be rendered or refused, whatever the result: run that on a build with sanitizers.
Prints the counts; exit code 1 if anything differs.
"""
import argparse
import datetime
import json
import pathlib
import random
import subprocess
import sys
import warnings

from jinja2.sandbox import ImmutableSandboxedEnvironment

INVALID_TEXT, UNSUPPORTED = 8, 6
HERE = pathlib.Path(__file__).resolve().parent


class Raised(Exception):
    """raise_exception of a template."""


def make_environment():
    def raise_exception(message):
        raise Raised(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                          sort_keys=sort_keys)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    clock = datetime.datetime(2024, 7, 26, 13, 5, 9)  # that of nyala-test-render-chat
    environment.globals["strftime_now"] = clock.strftime
    return environment


ENVIRONMENT = make_environment()
warnings.simplefilter("ignore", SyntaxWarning)  # of Python on what jinja2 makes of random templates


def expected(request):
    """("text", rendered), ("raised", message) or ("error", description)."""
    tokens = {name: request[name] for name in ("bos_token", "eos_token") if request.get(name)}
    try:
        template = ENVIRONMENT.from_string(request["template"])
        text = template.render(messages=request["messages"], tools=None, documents=None,
                               add_generation_prompt=request["add_generation_prompt"], **tokens)
        text.encode()  # a lone surrogate is no text
        return "text", text
    except Raised as error:
        return "raised", str(error)
    except Exception as error:  # whatever Python raises, the template is at fault
        return "error", f"{type(error).__name__}: {error}"


class Tool:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, encoding="utf-8")
        self.previous = None

    def ask(self, request):
        sent = dict(request)
        if sent["template"] == self.previous:
            del sent["template"]
        self.previous = request["template"]
        self.process.stdin.write(json.dumps(sent) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"the tool died (exit code {self.process.wait()}) on {json.dumps(request)}")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            sys.exit(f"the tool ended with exit code {self.process.returncode}")


class Comparison:
    def __init__(self, tool):
        self.tool = tool
        self.same = self.failed = self.unsupported = self.different = 0
        self.reasons = {}

    def check(self, request, may_be_unsupported):
        got, (kind, want) = self.tool.ask(request), expected(request)
        status = got.get("status")
        if status == UNSUPPORTED and may_be_unsupported:
            self.unsupported += 1
            reason = got["error"].split(": ", 1)[-1]
            self.reasons[reason] = self.reasons.get(reason, 0) + 1
        elif kind == "text" and got.get("text") == want:
            self.same += 1
        elif kind == "raised" and status == INVALID_TEXT and got["error"] == want:
            self.failed += 1
        elif kind == "error" and status in (INVALID_TEXT, UNSUPPORTED):
            self.failed += 1
        else:
            self.different += 1
            if self.different <= 10:
                print(f"DIFFERENT\n  request  {json.dumps(request)}\n  expected {kind} {want!r}\n"
                      f"  got      {got!r}")

    def report(self, what):
        print(f"{what}: {self.same} equal, {self.failed} fail in both, {self.unsupported} "
              f"unsupported, {self.different} different")
        for reason, count in sorted(self.reasons.items(), key=lambda item: -item[1])[:8]:
            print(f"    {count} x {reason}")
        return self.different == 0


# --- Conversations -------------------------------------------------------------------------

CONTENTS = [
    "", " ", "\n", "Hello", "What is 2 + 2?", "  leading and trailing  ", "\n\nlines\n\n", "\ttab\t",
    "ends with newline\n", "{{ x }}", "{% if true %}yes{% endif %}", "{# comment #}", "{{", "%}",
    "<|im_end|>", "<|im_start|>user\nno<|im_end|>", "<|eot_id|>", "[INST] x [/INST]", "</s>",
    "<think>\nmulling\n</think>\n\nanswer", "<think></think>", "</think>", "a</think>b</think>c",
    "<tool_response>\nx\n</tool_response>", "<tool_response>", "naïve façade", "日本語\u3000", "\u00a0x\u2003",
    "👩‍👩‍👧 family", "e\u0301", "\u200b", "\ufeffbom", "\x00", "\x1c\x85\u2028", "'quote' \"double\"",
    "back\\slash \\n", "a\r\nb\rc", "tab\x0b\x0c", "& < > '", "{\"json\": [1, 2.5, null]}", "x" * 3000,
]


def make_content(rng):
    if rng.random() < 0.7:
        return rng.choice(CONTENTS)
    return "".join(rng.choice(CONTENTS) for _ in range(rng.randrange(1, 4)))


def make_conversation(rng):
    messages = []
    if rng.random() < 0.5:
        messages.append("system")
    turns = rng.choice([0, 1, 1, 2, 3, 8])
    messages += ["user", "assistant"] * turns
    if rng.random() < 0.7:
        messages.append("user")
    if rng.random() < 0.15:
        rng.shuffle(messages)
    if messages and rng.random() < 0.1:
        messages[rng.randrange(len(messages))] = rng.choice(["tool", "developer", "", "narrator"])
    return [{"role": role, "content": make_content(rng)} for role in messages]


def make_request(rng, template):
    return {"template": template, "messages": make_conversation(rng),
            "add_generation_prompt": rng.random() < 0.5,
            "bos_token": rng.choice(["<s>", "<|begin_of_text|>", ""]),
            "eos_token": rng.choice(["</s>", "<|im_end|>", ""])}


TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "It's \"now\" <b>é</b>", "parameters": {
        "type": "object", "properties": {"place": {"type": "string"}, "days": {"type": "integer", "enum": [1, 2]}},
        "required": ["place"]}}},
    {"type": "function", "function": {"name": "noop", "description": "", "parameters": {}}},
]


def make_tool_request(rng, template):
    """A conversation with tool calls. nyala takes none from its caller, so the template sets them:
    JSON is also an expression of Jinja, but for null."""
    messages = []
    for message in make_conversation(rng):
        messages.append(message)
        if message["role"] == "user" and rng.random() < 0.5:
            calls = [{"type": "function", "id": "123456789", "function": {
                "name": rng.choice(["weather", "noop"]), "arguments": {"place": make_content(rng), "days": 2.0}}}]
            messages.append({"role": "assistant", "content": rng.choice([None, "", "thinking"]),
                             "tool_calls": calls * rng.choice([1, 1, 2])})
            messages += [{"role": "tool", "content": make_content(rng)}] * rng.choice([1, 2])
    request = make_request(rng, template)
    tools = rng.choice([TOOLS, TOOLS[:1], []])
    request["template"] = "".join(f"{{%- set {name} = {json.dumps(value, ensure_ascii=False)} -%}}" for name, value in [
        ("tools", tools), ("own_tools", tools), ("messages", messages), ("enable_thinking", rng.random() < 0.5),
        ("tools_in_user_message", rng.random() < 0.5), ("preset_tools", ["interpreter", "noop"])]) + template
    request["template"] = "{%- set null = none -%}" + request["template"]
    return request


# --- Random templates ----------------------------------------------------------------------

class Generator:
    """Templates of small expressions; most fit together, some do not."""
    NAMES = ["s", "t", "n", "m", "l", "d", "ns", "u", "messages", "bos_token", "tools", "flag"]
    HEAD = ("{% set s = ' Hello wörld ' %}{% set t = 'a,b,,c' %}{% set n = 7 %}{% set m = -2.5 %}"
            "{% set l = [3, 'x', none, 1.0, [1, 2], 'x'] %}{% set flag = true %}"
            "{% set d = {'a': 1, 'b': {'c': 'v'}, 'k': [1], 2: 'two'} %}"
            "{% set ns = namespace(x=1, y='z') %}"
            "{% macro f(a, b=2, c='q') %}[{{ a }}|{{ b }}|{{ c }}]{% endmacro %}")

    def __init__(self, rng):
        self.rng = rng

    def pick(self, *choices):
        return self.rng.choice(choices)

    def string(self):
        return self.pick("''", "'a'", "'b,'", "' x y '", "'wörld'", "'\\n'", "\"it's\"", "'a' 'b'",
                         "'\\u00e9\\x41'", "'<&>'", "'12'", "' -3 '", "'1.5'", "'日本'", "'a\\\\b'")

    def number(self):
        return self.pick("0", "1", "2", "3", "7", "10", "1.5", "0.1", "2e3", "1e16", "1_000", "100000.0")

    def atom(self):
        kind = self.rng.randrange(12)
        if kind < 3:
            return self.string()
        if kind < 5:
            return self.number()
        if kind == 5:
            return self.pick("true", "false", "none", "True", "None")
        return self.pick(*self.NAMES)

    def expression(self, depth):
        if depth == 0:
            return self.atom()
        e = lambda: self.expression(depth - 1)
        kind = self.rng.randrange(24)
        if kind < 3:
            return f"{e()} {self.pick('+', '-', '*', '/', '//', '%', '~', '~', '+')} {e()}"
        if kind < 5:
            operators = ["==", "!=", "<", "<=", ">", ">=", "in", "not in"]
            text = f"{e()} {self.pick(*operators)} {e()}"
            return text + f" {self.pick(*operators)} {e()}" if self.rng.random() < 0.15 else text
        if kind == 5:
            return f"{e()} {self.pick('and', 'or')} {e()}"
        if kind == 6:
            return f"{self.pick('not ', '-', '+', 'not not ')}{e()}"
        if kind == 7:
            return f"({e()})"
        if kind == 8:
            return f"({e()} if {e()} else {e()})" if self.rng.random() < 0.8 else f"({e()} if {e()})"
        if kind == 9:
            return self.pick(f"[{e()}, {e()}]", f"({e()}, {e()})", f"({e()},)", "[]", "{}",
                             f"{{{self.string()}: {e()}, {self.atom()}: {e()}}}")
        if kind < 12:
            return f"({e()})[{self.index(depth)}]"
        if kind == 12:
            return f"{self.pick(*self.NAMES)}.{self.pick('a', 'b', 'b.c', 'x', 'y', '0', 'role')}"
        if kind == 13:
            attribute = self.pick("", ".role", ".content", "['content']")
            return self.pick(f"messages[{self.index(depth)}]{attribute}",
                             f"{self.pick(*self.NAMES)}[{self.slice()}]")
        if kind < 17:
            return f"({e()}{self.pick('', '|string', '|string')}){self.method()}"
        if kind < 21:
            return f"{self.pick('(' + e() + ')', self.atom())}{self.filter()}"
        if kind < 23:
            return f"({self.pick('(' + e() + ')', self.atom())} is {self.pick('', 'not ')}{self.test()})"
        return f"f({self.pick(e(), e() + ', ' + e(), e() + ', c=' + e(), 'b=' + e(), '')})"

    def bound(self):
        return self.pick("", "0", "1", "2", "-1", "-2", "10", "-9", "n", "none")

    def index(self, depth):
        return self.pick(self.bound() or "0", self.atom(), self.expression(depth - 1))

    def slice(self):
        # Of names only: jinja2 folds slices of literals by other rules than it evaluates slices by.
        i = self.bound
        return self.pick(f"{i()}:{i()}", f"{i()}:{i()}:{i()}", "::-1", "1:")

    def method(self):
        s = self.string
        return self.pick(
            ".strip()", f".strip({s()})", ".lstrip()", f".lstrip({s()})", f".rstrip({s()})", ".split()",
            f".split({s()})", f".split({s()}, 1)", ".split(none, 1)", f".rsplit({s()}, 1)",
            ".rsplit(none, 1)", f".startswith({s()})", f".endswith({s()})", ".upper()", ".lower()",
            ".title()", ".capitalize()", f".replace({s()}, {s()})", f".replace({s()}, {s()}, 1)",
            ".items()", ".keys()|list", ".values()|list", ".get('a')", ".get('z', 5)", ".items()|list",
            f".find({s()})", f".count({s()})", f".join(['a', {s()}])", ".splitlines()",
            f".removeprefix({s()})", f".removesuffix({s()})", f".startswith(('a', {s()}))")

    def filter(self):
        s = self.string
        return self.pick(
            "|trim", f"|trim({s()})", "|length", "|upper", "|lower", "|title", "|capitalize", "|join",
            f"|join({s()})", "|first", "|last", f"|default({s()})", f"|d({s()}, true)", "|tojson",
            "|tojson(indent=2)", "|tojson(ensure_ascii=true)", "|tojson(separators=(',', ':'))",
            f"|replace({s()}, {s()})", f"|replace({s()}, {s()}, 1)", "|list", "|string", "|int", "|int(5)",
            "|items|list", "|map(attribute='a')|list", "|map('upper')|join(',')", "|map('int')|list",
            "|selectattr('role')|list", "|selectattr('role', 'equalto', 'user')|list",
            "|rejectattr('role', 'eq', 'user')|list|length", "|select('string')|list",
            "|reject('none')|list", "|select|list", "|safe", "|e", "|escape", "|indent",
            "|indent(2, true)", "|indent(1, blank=true)", "|reverse|list", "|reverse", "|count",
            "|map(attribute='content')|map('trim')|join('/')", "|join('-', attribute='role')")

    def test(self):
        return self.pick("defined", "undefined", "none", "string", "mapping", "iterable", "sequence",
                         "number", "boolean", "true", "false", "integer", "float", f"equalto {self.atom()}",
                         f"eq({self.atom()})", f"in({self.atom()})", "even", "odd", "divisibleby 2",
                         f"gt({self.number()})", f"ne {self.atom()}")

    def statement(self, depth):
        e = lambda: self.expression(self.rng.randrange(3))
        o = lambda tag: ("{%" + self.pick("", "", "", "-", "+") + self.pick(" ", "") + tag +
                         self.pick(" ", "") + self.pick("", "", "", "-", "+") + "%}")
        body = lambda: self.body(depth - 1) if depth else self.pick("x", " y \n", "\n  ")
        kind = self.rng.randrange(10)
        if kind < 3:
            sign = lambda: self.pick("", "", "-")
            return "{{" + sign() + f" {e()} " + sign() + "}}"
        if kind == 3:
            target = self.pick("s", "n", "u", "w", "ns.x", "l", "s, t")
            return o(f"set {target} = {e()}")
        if kind == 4:
            return o(f"set {self.pick('s', 'w')}") + body() + o("endset")
        if kind < 7:
            text = o(f"if {e()}") + body()
            if self.rng.random() < 0.3:
                text += o(f"elif {e()}") + body()
            if self.rng.random() < 0.5:
                text += o("else") + body()
            return text + o("endif")
        if kind < 9:
            target = self.pick("i", "i", "s", "i, w")
            what = self.pick("l", "t", "messages", "d.items()", "range(3)", "messages[1:]", e())
            where = self.pick("", "", f" if {e()}", " if i", " if loop is defined")
            loop = self.pick("{{ loop.index }}", "{{ i }},", "{% set u = i %}{{ u }}",
                             "{{ loop.first }}{{ loop.last }}", "{{ loop.previtem }}|{{ loop.nextitem }};",
                             "{{ loop.revindex0 }}{{ loop.length }}{{ loop.depth }}", "{% set ns.x = loop.index0 %}")
            text = o(f"for {target} in {what}{where}") + loop + body()
            if self.rng.random() < 0.3:
                text += o("else") + body()
            return text + o("endfor")
        return "{#" + self.pick("", "-", "+") + " c " + self.pick("", "-", "+") + "#}"

    def body(self, depth):
        texts = ["", " ", "\n", "text", "  \n  ", "\n\n", "a\n    ", "\t", "}} {", "\r\n", "\u00a0\n\u2003"]
        parts = []
        for _ in range(self.rng.randrange(1, 4)):
            parts += [self.pick(*texts), self.statement(depth)]
        return "".join(parts) + self.pick(*texts)

    def template(self):
        if self.rng.random() < 0.5:
            return self.HEAD + "{{ " + self.expression(self.rng.randrange(1, 4)) + " }}"
        return self.HEAD + self.body(2)


def mutate(rng, template):
    scraps = ["{{", "}}", "{%", "%}", "{#", "#}", "-%}", "'", "\"", "\\", "(", ")", "[", "]", "|", ".",
              "\n", "é", "9" * 20, " in ", " if ", "endfor", "loop", "~", "//", "*", "0", "[::-1]", "**"]
    text = template
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(text) + 1)
        end = min(len(text), at + rng.choice([0, 0, 1, 1, 2, 5, 20]))
        other = rng.randrange(len(text) + 1)
        insert = rng.choice([rng.choice(scraps), text[other:other + rng.randrange(30)], ""])
        text = text[:at] + insert + text[end:]
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", required=True, help="nyala-test-render-chat")
    parser.add_argument("--templates", type=pathlib.Path, help="a folder of further *.jinja files")
    parser.add_argument("--conversations", type=int, default=300, help="for each template")
    parser.add_argument("--random", type=int, default=3000, help="number of random templates")
    parser.add_argument("--mutations", type=int, default=0, help="for each template")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    tool = Tool(options.tool)
    fine = True
    own = sorted((HERE.parent / "data" / "templates").glob("*.jinja"))
    further = sorted(options.templates.glob("*.jinja")) if options.templates else []
    for path in own + further:
        # Binary, for a template may hold any line ends.
        source = path.read_bytes().decode()
        rng = random.Random(f"{options.seed} {path.name}")
        comparison = Comparison(tool)
        for _ in range(options.conversations):
            make = make_tool_request if rng.random() < 0.25 else make_request
            comparison.check(make(rng, source), may_be_unsupported=path in further)
        fine &= comparison.report(path.name)
        for _ in range(options.mutations):
            tool.ask(make_request(rng, mutate(rng, source)))
    rng = random.Random(f"{options.seed} random")
    generator, comparison = Generator(rng), Comparison(tool)
    for _ in range(options.random):
        comparison.check(make_request(rng, generator.template()), may_be_unsupported=True)
    fine &= comparison.report(f"{options.random} random templates")
    for _ in range(options.mutations):
        tool.ask(make_request(rng, mutate(rng, generator.template())))
    tool.close()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
