"""All that some distributions require, at what is installed."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.environment import Distribution
from mlflow_kerasguard.pinning.closure import Problem, close

LINUX = {"python_version": "3.11", "sys_platform": "linux", "python_full_version": "3.11.7"}


def there(**requires: tuple[str, ...]):
    return {
        name.replace("_", "-"): Distribution(name=name.replace("_", "-"), version="1.5", requires=lines)
        for name, lines in requires.items()
    }


#: What is installed, the roots with extras, and what the closure is.
CASES = {
    "itself": (there(a=()), {"a": ()}, "a"),
    "chain": (there(a=("b",), b=("c>=1",), c=(), other=()), {"a": ()}, "a b c"),
    "cycle": (there(a=("b",), b=("a",)), {"a": ()}, "a b"),
    "names are normalized": (there(a=("B_x",), b_x=()), {"a": ()}, "a b-x"),
    "marker holds": (there(a=('b; python_version >= "3.8"',), b=()), {"a": ()}, "a b"),
    "marker doesn't": (there(a=('b; sys_platform == "win32"',), b=()), {"a": ()}, "a"),
    "extra isn't asked for": (there(a=('b; extra == "gpu"', "c; extra=='gpu'"), b=(), c=()), {"a": ()}, "a"),
    "extra of a root": (there(a=('b; extra == "gpu"',), b=()), {"a": ("gpu",)}, "a b"),
    "extra of a requirement": (there(a=("b[x]",), b=('c; extra == "x"',), c=()), {"a": ()}, "a b c"),
    "extra that comes later": (
        there(a=("b", "c"), b=(), c=("b[x]",)) | there(b=('d; extra == "x"',), d=()),
        {"a": ()},
        "a b c d",
    ),
    "extra or marker": (there(a=("b; extra == 'x' or sys_platform == 'linux'",), b=()), {"a": ()}, "a b"),
    "extra of itself": (there(a=('a[y]; extra == "all"', 'b; extra == "y"'), b=()), {"a": ("all",)}, "a b"),
    "old metadata": (there(a=("what is this", "b"), b=()), {"a": ()}, "a b"),
    "not installed": (there(a=("b", "c"), c=()), {"a": ()}, "a c"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_closure(case):
    installed, roots, expected = case
    found = close({name: frozenset(extras) for name, extras in roots.items()}, installed.get, LINUX)
    assert list(found.versions) == expected.split()
    assert set(found.versions.values()) == {"1.5"}
    assert set(found.requires) == set(found.versions)


def test_who_requires_what():
    installed = there(a=("b", "c[x]"), b=("c",), c=("d; extra == 'x'",), d=())
    found = close({"a": frozenset()}, installed.get, LINUX)
    assert found.requires == {"a": ("b", "c"), "b": ("c",), "c": ("d",), "d": ()}


def test_what_isnt_met_is_told():
    installed = there(a=("b>=2", "gone"), b=("gone",))
    found = close({"a": frozenset()}, installed.get, LINUX)
    assert found.problems == (
        Problem(distribution="a", name="b", specifier=">=2", found="1.5"),
        Problem(distribution="a", name="gone", specifier="", found=None),
        Problem(distribution="b", name="gone", specifier="", found=None),
    )
    assert [str(item) for item in found.problems[:2]] == [
        "`b>=2`, which `a` requires, isn't met by the installed 1.5",
        "`gone`, which `a` requires, isn't installed",
    ]
