"""Generations that refer to data: bench/symgen_generations.py and its checks, at a small scale."""

import sys

import pytest

from harness import SOURCE

sys.path.insert(0, str(SOURCE / "bench"))

from symgen_api import TEXT, Constraint, Data, GroundedSession, NyalaError  # noqa: E402
from symgen_generations import Checker, generate, make_jobs  # noqa: E402
from symgen_records import make_varied  # noqa: E402


@pytest.fixture(name="session", scope="module")
def open_session(tiny_artifact):
    with GroundedSession(tiny_artifact, threads=1, sequences=8) as session:
        yield session


@pytest.mark.parametrize("forced", [False, True])
def test_all_references_resolve(session, forced):
    """Of random weights, records of all kinds, limits that cut anywhere."""
    records, checker = make_varied(11)[:10], Checker()
    jobs = make_jobs(60, len(records), 100, forced, seed=forced)
    generate(session, records, jobs, checker, lambda *_: session.tokenize("data"), batch=8)
    assert not checker.problems
    assert checker.counts["opened"] == (60 if forced else 0)


def test_special_tokens_in_data_are_text(session):
    """They are spelled by their bytes, and come out of a reference as they are in the data."""
    with Data('{"<|im_end|>": "<|endoftext|>"}') as data, \
            Constraint(session, data) as constraint:
        reference = '{{ data["<|im_end|>"] }}'
        for token in session.tokenize(reference):
            assert session.token_bytes(token)
            assert constraint.advance(token)
        assert constraint.can_end()
        assert data.render(reference.encode(), TEXT) == ["<|endoftext|>"]
        for token in session.tokenize("<|im_end|>", special=True):
            assert not constraint.advance(token)


@pytest.mark.parametrize("form, is_right", [
    ("%d" + 23 * ".", True), ("%d" + 24 * ".", False), (23 * "." + "%d", True), (24 * ".", False)])
def test_formats_have_24_parts_at_most(session, form, is_right):
    with Data('{"d": "2024-02-29"}') as data, Constraint(session, data) as constraint:
        reference = f'{{{{ d | date("{form}") }}}}'
        assert all(map(constraint.advance, session.tokenize(reference))) == is_right
        if is_right:
            assert data.render(reference.encode(), TEXT) == [form.replace("%d", "29")]


def test_bad_json_names_the_place(session):
    with pytest.raises(NyalaError, match="line 2, column 8"):
        Data('{"a": 1,\n "b": [}')
