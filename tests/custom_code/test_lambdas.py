"""The source of lambdas in memory."""

from __future__ import annotations

from mlflow_kerasguard.custom_code.lambdas import describe_lambda

FACTOR = 3
# fmt: off
ALONE = lambda x, y=1: x * y + FACTOR  # noqa: E731 - lambdas are the subject
FIRST, SECOND = (lambda x: x + 1), (lambda x: x * 2)
SAME, TWIN = (lambda x: x + 1), (lambda x: x + 1)
# fmt: on


def body(function):
    return describe_lambda("w", function, is_layer=True).body


def test_where_and_what():
    found = describe_lambda("w", ALONE, is_layer=False)
    assert (found.arguments, found.body, found.is_layer) == ("x, y=1", "x * y + FACTOR", False)
    assert found.place.startswith("test_lambdas.py:")


def test_of_several_on_a_line_the_right_one():
    assert (body(FIRST), body(SECOND)) == ("x + 1", "x * 2")
    assert body(SAME) == "", "which of two is meant can't be told"
    assert describe_lambda("w", TWIN, is_layer=True).place


def test_without_source():
    scope = {}
    exec("made = lambda x: x", scope)
    assert body(scope["made"]) == ""
    assert describe_lambda("w", None, is_layer=True).place == ""
    exec(compile("made = lambda x: x", __file__.replace(".py", ".pyi"), "exec"), scope)
    assert body(scope["made"]) == ""


def test_a_file_that_isnt_python_any_more(tmp_path):
    path = tmp_path / "gone.py"
    scope = {}
    exec(compile("made = lambda x: x", str(path), "exec"), scope)
    path.write_text("def (:")
    assert body(scope["made"]) == ""
