"""Policies as files: what is read, where one is looked for, and errors that name line and key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlflow_kerasguard.environment.installed import installed
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.registry.policy import Demand
from mlflow_kerasguard.registry.policy_environments import read_named
from mlflow_kerasguard.registry.policy_file import find_policy, read_policy

WHOLE = """\
[environments]
prod = "keras==3.8.0 python==3.11"
edge = "requirements.txt python==3.10"

# Serves customers.
[[guard]]
models = ["fraud-*", "sum"]
aliases = ["champion"]
stages = ["Production"]
environments = ["prod", "edge"]
require = ["compatible", "no-lambda"]
max-age-days = 30
unsigned = "pass"

[[guard.allow]]
code = "KG710"
reason = "the layer isn't reached"

[[guard]]
models = ["live"]
versions = true
require = ["signed"]
"""


@pytest.fixture
def written(tmp_path):
    def write(text, name="kerasguard.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def error_of(path):
    with pytest.raises(UsageError) as caught:
        read_policy(path)
    return str(caught.value).replace(f"`{path}`", "FILE")


def test_a_whole_one(written):
    policy = read_policy(written(WHOLE))
    first, second = policy.guards
    assert policy.environments == {"prod": "keras==3.8.0 python==3.11", "edge": "requirements.txt python==3.10"}
    assert first.require == {Demand.COMPATIBLE, Demand.NO_LAMBDA}
    assert (first.max_age_days, first.unsigned) == (30, "pass")
    assert [(item.code, item.reason) for item in first.allow] == [("KG710", "the layer isn't reached")]
    assert (second.versions, second.unsigned, second.environments) == (True, "refuse", ())


def test_a_table_of_a_pyproject(written):
    tables = WHOLE.replace("[environments]", "[tool.kerasguard.environments]").replace(
        "[[guard", "[[tool.kerasguard.guard"
    )
    path = written("[project]\nname = 'x'\n" + tables, "pyproject.toml")
    assert read_policy(path).guards == read_policy(written(WHOLE)).guards


def test_patterns(written):
    policy = read_policy(written(WHOLE))
    first, second = policy.guards
    assert policy.of_alias("fraud-eu", "champion") == (first,)
    assert policy.of_alias("Fraud-EU", "CHAMPION") == (first,)
    assert policy.of_alias("fraud", "champion") == ()
    assert policy.of_alias("fraud-eu", "challenger") == ()
    assert policy.of_stage("sum", "Production") == (first,)
    assert policy.of_stage("sum", "production") == (first,)
    assert policy.of_stage("sum", "Staging") == ()
    assert policy.of_versions("live") == (second,)
    assert policy.of_versions("sum") == ()


GUARD = '[[guard]]\nmodels = ["m"]\naliases = ["a"]\n'
ERRORS = {
    "no TOML": ("[[guard]\n", "FILE isn't TOML"),
    "nothing": ("", "FILE, line 1: `guard` is missing"),
    "no guard": ("[environments]\n", "FILE, line 1: `guard` is missing"),
    "empty guards": ("guard = []\n", "FILE, line 1, `guard`: "),
    "no models": ("\n[[guard]]\naliases = ['a']\n", "FILE, line 2, `guard[1]`: `models` is missing"),
    "models of text": ("[[guard]]\nmodels = 'm'\n", "FILE, line 2, `guard[1].models`: expected a valid tuple, not 'm'"),
    "misspelt": (
        GUARD + "require = ['signed']\nmax_age_day = 3\n",
        "line 5, `guard[1].max_age_day`: there is no such key; is it `max-age-days`?",
    ),
    "unknown": (GUARD + "zzz = 3\n", "line 4, `guard[1].zzz`: there is no such key; there are: `models`, `aliases`"),
    "misspelt table": (
        f"{GUARD}require = []\n\n[envionments]\n",
        "line 6, `envionments`: there is no such key; is it `environments`?",
    ),
    "misspelt in allow": (
        GUARD + "require = []\n[[guard.allow]]\ncode = 'KG710'\nreasn = 'x'\n",
        "line 7, `guard[1].allow[1].reasn`: there is no such key; is it `reason`?",
    ),
    "no reason": (
        GUARD + "require = []\n[[guard.allow]]\ncode = 'KG710'\n",
        "line 5, `guard[1].allow[1]`: `reason` is missing",
    ),
    "blank reason": (
        GUARD + "require = []\nallow = [{code = 'KG710', reason = ' '}]\n",
        "line 5, `guard[1].allow[1].reason`: ",
    ),
    "code": (GUARD + "require = []\nallow = [{code = 'Dense', reason = 'x'}]\n", "line 5, `guard[1].allow[1].code`: "),
    "demand": (
        GUARD + 'require = ["signed",\n  "tested"]\n',
        "line 4, `guard[1].require[2]`: expected 'compatible', 'signed', 'no-lambda', 'clean-commit', 'rehearsed' or 'golden-verified', not 'tested'",
    ),
    "stage": (
        "[[guard]]\nmodels = ['m']\nstages = ['Prod']\n",
        "line 3, `guard[1].stages[1]`: expected 'None', 'Staging', ",
    ),
    "age": (
        GUARD + "require = []\nmax-age-days = 0\n",
        "line 5, `guard[1].max-age-days`: expected greater than 0, not 0",
    ),
    "unsigned": (
        GUARD + "require = []\nunsigned = 'maybe'\n",
        "line 5, `guard[1].unsigned`: expected 'refuse' or 'pass', not 'maybe'",
    ),
    "guards nothing": (
        "[[guard]]\nmodels = ['m']\n",
        "line 1, `guard[1]`: it guards nothing: give `aliases`, `stages` or",
    ),
    "nowhere": (GUARD, "line 1, `guard[1]`: `compatible` is demanded, and `environments` doesn't say where"),
    "no such environment": (
        "[environments]\nprod = 'keras'\n\n" + GUARD + "environments = ['prod', 'pord']\n",
        "line 7, `guard[1].environments[2]`: there is no environment 'pord'; there are: `prod`",
    ),
    "no environments": (GUARD + "environments = ['prod']\n", "there is no environment 'prod'; there are: none"),
    "environment": (
        "[environments]\nprod = 3\n" + GUARD,
        "line 2, `environments.prod`: expected a valid string, not 3",
    ),
    "name of an environment": ("[environments]\n'' = 'keras'\n\n" + GUARD, "line 2, `environments.`: "),
    "several": (GUARD + "x = 1\ny = 1\n", "line 4, `guard[1].x`: there is no such key; there are: "),
    "second guard": (f"{GUARD}require = []\n\n{GUARD}require = 3\n", "line 9, `guard[2].require`: "),
}


@pytest.mark.parametrize(("text", "message"), ERRORS.values(), ids=ERRORS)
def test_errors(text, message, written):
    assert message in error_of(written(text))


def test_how_many_more(written):
    assert error_of(written(GUARD + "require = []\nx = 1\ny = 1\n")).endswith("(and 1 more)")


def test_errors_in_a_pyproject(written):
    text = "[project]\nname = 'x'\n\n[tool.kerasguard]\n[[tool.kerasguard.guard]]\nmodels = []\n"
    assert "FILE, line 6, `tool.kerasguard.guard[1].models`: " in error_of(written(text, "pyproject.toml"))


def test_a_pyproject_without_the_table(written):
    assert error_of(written("[tool.other]\n", "pyproject.toml")) == "FILE has no table `[tool.kerasguard]`"


def test_lines_as_editors_on_windows_end_them(written):
    assert "line 4, `guard[1].zzz`" in error_of(written((GUARD + "zzz = 3\n").replace("\n", "\r\n")))


def test_no_file(tmp_path):
    assert "No such file" in error_of(tmp_path / "gone.toml")


def test_where_it_is_looked_for(written, tmp_path):
    assert find_policy(tmp_path, {}) is None
    project = written("[project]\nname = 'x'\n", "pyproject.toml")
    assert find_policy(tmp_path, {}) is None
    project.write_text(f"{project.read_text()}[tool.kerasguard]\n")
    assert find_policy(tmp_path, {}) == project
    own = written(WHOLE)
    assert find_policy(tmp_path, {}) == own
    assert find_policy(tmp_path, {"MLFLOW_KERASGUARD_POLICY": ""}) == own
    assert str(find_policy(tmp_path, {"MLFLOW_KERASGUARD_POLICY": "/etc/policy.toml"})) == "/etc/policy.toml"


def test_environments_are_relative_to_the_file(written, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    policy = read_policy(written(WHOLE))
    (tmp_path / "requirements.txt").write_text("keras==3.8.0\n")
    edge = read_named(policy, "edge")
    assert (edge.python, edge.distributions["keras"].version) == ("3.10", "3.8.0")
    assert read_named(policy, "prod").python == "3.11"


def test_an_environment_that_cant_be_read_is_named(written):
    policy = read_policy(written(WHOLE.replace("requirements.txt python==3.10", "gone.txt")))
    with pytest.raises(UsageError, match=r"kerasguard.toml`, environment `edge`: there is nothing at `gone.txt`"):
        read_named(policy, "edge")


def test_what_can_be_no_path(written):
    policy = read_policy(written(WHOLE.replace("requirements.txt python==3.10", "x" * 5000 + "/")))
    with pytest.raises(UsageError, match="environment `edge`: there is nothing at `xxx"):
        read_named(policy, "edge")


def test_what_this_process_has_registered_counts_nowhere(written, monkeypatch):
    here = replace(installed(), registered_objects=frozenset({"a>B"}))
    monkeypatch.setattr("mlflow_kerasguard.registry.policy_environments.read_environment", lambda _: here)
    assert read_named(read_policy(written(WHOLE)), "prod").registered_objects == frozenset()
