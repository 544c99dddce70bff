"""Which pins give way: an index in a table stands for the resolver."""

from __future__ import annotations

import itertools

import pytest
from packaging.requirements import Requirement

from mlflow_kerasguard.rebuild.commands import ToolFailed
from mlflow_kerasguard.rebuild.loosening import dropped, loosen
from mlflow_kerasguard.rebuild.plans import EnvironmentPlan, Pin

#: Name to releases, the newest first, each with what it requires.
INDEX = {
    "keras": {"3.15.1": [], "3.8.0": []},
    "tensorflow": {
        "2.20.0": ["keras>=3.10", "numpy>=1.26"],
        "2.19.1": ["keras>=3.5", "numpy<2.2"],
        "2.5.0": [],  # Old metadata promises whatever is wanted.
    },
    "numpy": {"2.3.5": [], "2.1.3": []},
    "pandas": {"3.0": ["numpy>=2.2"], "2.0": []},
    "scipy": {"1.15": []},
}


def resolve(plan):
    """The newest releases that go together."""
    wanted = [Requirement(pin.text) for pin in plan.pins]
    limits = [Requirement(text) for text in plan.constraints]
    # What is asked for is settled before what follows from it, as installers do.
    names = list(dict.fromkeys([*(requirement.name for requirement in wanted), "keras", "numpy"]))
    for versions in itertools.product(*(INDEX.get(name, {}) for name in names)):
        chosen = dict(zip(names, versions, strict=True))
        needed = [Requirement(text) for name, version in chosen.items() for text in INDEX[name][version]]
        if all(
            chosen[each.name] in each.specifier
            for each in (*wanted, *needed, *(each for each in limits if each.name in chosen))
        ):
            return chosen
    raise ToolFailed("nothing goes together")


def plan(*texts, fixed=1, constraints=()):
    found = [Pin(name=Requirement(text).name, text=text, fixed=n < fixed) for n, text in enumerate(texts)]
    return EnvironmentPlan(name="tests", python="3.11.7", pins=tuple(found), constraints=constraints, loosens=True)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["keras==3.15.1", "tensorflow==2.20.0", "numpy==2.3.5"], None),
        (["keras==3.8.0", "scipy==1.15"], None),
        (
            ["keras==3.8.0", "scipy==1.15", "numpy==2.3.5", "tensorflow==2.20.0"],
            ["keras==3.8.0", "tensorflow==2.19.1", "scipy==1.15", "numpy"],
        ),
        (
            ["tensorflow==2.19.1", "keras==3.15.1", "pandas==3.0", "scipy==1.15", "numpy==2.1.3"],
            ["tensorflow==2.19.1", "keras==3.15.1", "pandas", "scipy==1.15", "numpy==2.1.3"],
        ),
    ],
)
def test_pins_give_way_only_where_they_have_to(asked, expected):
    assert [pin.text for pin in loosen(plan(*asked), resolve).pins] == (expected or asked)


def test_constraints_give_way_first():
    asked = plan("keras==3.8.0", "scipy==1.15", constraints=("numpy==2.3.5",))
    assert loosen(asked, resolve) == asked
    asked = plan("tensorflow==2.19.1", "keras==3.8.0", constraints=("numpy==2.3.5", "unneeded==1", "scipy==9"))
    found = loosen(asked, resolve)
    assert (found.pins, found.constraints) == (asked.pins, ())
    versions = {"tensorflow": "2.19.1", "keras": "3.8.0", "numpy": "2.1.3"}
    assert dropped(asked, found, versions) == ("constraints: other releases of numpy",)


def test_for_another_python_only_constraints_give_way():
    asked = plan("tensorflow==2.20.0", "numpy==2.1.3", "keras==3.8.0", fixed=0, constraints=("scipy==1.15",))
    found = loosen(asked, resolve)
    assert (found.pins, found.constraints) == (asked.pins, ())


def test_many_constraints_are_told_in_a_line():
    names = "abcde"
    asked = plan("keras==3.8.0", constraints=tuple(f"{name}==1" for name in names))
    told = dropped(asked, plan("keras==3.8.0"), dict.fromkeys(names, "2"))
    assert told == ("constraints: other releases of a, b, c and 2 more",)


def test_what_was_asked_for_never_gives_way():
    with pytest.raises(ToolFailed):
        loosen(plan("keras==3.8.0", "tensorflow==2.20.0", "numpy==2.3.5", fixed=2), resolve)


def test_a_mistake_is_told_after_two_questions():
    asked = []

    def count(items):
        asked.append(items)
        raise ToolFailed("no such thing")

    with pytest.raises(ToolFailed, match="no such thing"):
        loosen(plan("thing==1", "keras==3.8.0", "tensorflow==2.20.0", "numpy==2.3.5"), count)
    assert len(asked) == 2


def test_what_gave_way_is_told():
    asked = plan("keras==3.8.0", "tensorflow==2.20.0", "numpy==2.3.5", "gone==1")
    now = plan("keras==3.8.0", "tensorflow==2.19.1", "numpy==2.3.5", "gone")
    versions = {"keras": "3.8.0", "tensorflow": "2.19.1", "numpy": "2.3.5"}
    assert dropped(asked, now, versions) == ("tensorflow==2.20.0: 2.19.1 instead", "gone==1: not installed")
