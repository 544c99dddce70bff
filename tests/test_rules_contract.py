"""What holds for every rule: how it is named, and that a case shows it firing and a case shows it silent.

Each ``tests/rules/test_<family>.py`` has a list ``CASES``; all of them run here.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from mlflow_kerasguard.findings import Level, Mismatch
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.rules import RULES
from mlflow_kerasguard.rules.registry import RETIRED_CODES, rule
from tests.builders import Case


def _cases() -> list[Case]:
    files = sorted((Path(__file__).parent / "rules").glob("test_*.py"))
    return [case for file in files for case in import_module(f"tests.rules.{file.stem}").CASES]


CASES = _cases()


def _judge(case: Case) -> tuple[list[Mismatch], list[str]]:
    """What the rule alone yields: the engine would drop what a warning doesn't know."""
    found, unknown = [], []
    try:
        for item in RULES[case.code].judge(case.model, case.environment):
            if isinstance(item, Unknown):
                unknown.append(str(item))
            else:
                found.append(item)
    except Unknown as error:
        unknown.append(str(error))
    return found, unknown


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case):
    found, unknown = _judge(case)
    assert bool(found) == case.fires, found or unknown
    if case.unknown is None:
        assert not unknown
    else:
        assert any(case.unknown in reason for reason in unknown), unknown
    if case.fires:
        assert case.where in (None, found[0].where)
        assert case.found in found[0].found


@pytest.mark.parametrize("case", [case for case in CASES if case.fires], ids=str)
def test_messages_follow_the_conventions(case):
    for mismatch in _judge(case)[0]:
        for text in (mismatch.expected, mismatch.found, mismatch.fix or "-"):
            assert text == text.strip()
            assert text, "an empty text"
            assert not text.endswith("."), f"final stop: {text}"
            assert "\n" not in text
            assert _is_lowercase(text), text
        assert mismatch.where


@pytest.mark.parametrize("code", RULES)
def test_every_rule_has_a_firing_and_a_silent_case(code):
    fires = {case.fires for case in CASES if case.code == code and case.unknown is None}
    assert fires == {True, False}, f"{code} lacks a case that fires or one that is silent and knows"


@pytest.mark.parametrize("code", RULES)
def test_rule_is_well_named(code):
    registered = RULES[code]
    found = registered.rule
    assert re.fullmatch(r"KG[1-9]\d\d", code)
    assert found.code == code
    assert code not in RETIRED_CODES
    assert isinstance(found.level, Level)
    assert _is_lowercase(found.title), found.title
    assert not found.title.endswith((".", "?", "!"))
    assert len(found.title) <= 80
    assert "\n" not in found.title + found.why
    assert len(found.why) > len(found.title), "why says no more than the title"
    assert "|" not in found.title + found.why, "it would break the README's table"


def test_a_file_has_one_family():
    homes = {(registered.rule.family, registered.judge.__module__) for registered in RULES.values()}
    assert len(homes) == len({module for _, module in homes})


def test_titles_are_unique():
    titles = [registered.rule.title for registered in RULES.values()]
    assert len(titles) == len(set(titles))


def test_case_names_are_unique():
    names = [str(case) for case in CASES]
    assert sorted(set(names)) == sorted(names)


def test_a_taken_code_is_refused():
    with pytest.raises(ValueError, match=f"rule code {next(iter(RULES))} is taken"):
        rule(next(iter(RULES)), Level.NOTE, title="again", why="taken")


def _is_lowercase(text: str) -> bool:
    """Whether ``text`` starts in lowercase, or with a name that is written otherwise."""
    first = text.split(maxsplit=1)[0]
    return not first[0].isupper() or bool(
        re.match(r"(Python|Keras|TensorFlow|HDF5|JAX|PyTorch|Lambda|NumPy|MLflow|[A-Z\d]{2,})\b", first)
    )
