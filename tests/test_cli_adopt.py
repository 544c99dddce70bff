"""The command ``kerasguard adopt``: arguments to one call, what came of it to text and an exit status."""

from __future__ import annotations

import json

import pytest

from mlflow_kerasguard import Adoption, AdoptionError
from mlflow_kerasguard.cli import main
from mlflow_kerasguard.registry import adoption
from mlflow_kerasguard.registry.adoption_outcome import Outcome
from tests.builders import environment, model, ref
from tests.files import dense, write_keras

DEFAULTS = {
    "to": None,
    "code_paths": [],
    "trusted": [],
    "pip_requirements": None,
    "extra_pip_requirements": None,
    "rehearse": True,
    "again": False,
    "dry_run": False,
}


@pytest.fixture
def called(monkeypatch):
    """What is called, and a list whose last element it answers with."""
    calls, answer = [], [Adoption(outcome=Outcome.ADOPTED, source="models:/a/1", name="a", version="2")]

    def adopt(model, **options):
        calls.append((model, options))
        if isinstance(answer[-1], BaseException):
            raise answer[-1]
        return answer[-1]

    monkeypatch.setattr(adoption, "adopt", adopt)
    return calls, answer


def test_defaults(called, capsys):
    assert main(["adopt", "models:/a/1"]) == 0
    assert called[0] == [("models:/a/1", DEFAULTS)]
    assert capsys.readouterr().out == "ADOPTED: models:/a/2 is models:/a/1 with the guard\n"


def test_every_option(called):
    options = (
        "--name b --code-path x.py --code-path y --trust keras.layers.Lambda --requirements r.txt --again --dry-run"
    )
    assert main(["adopt", "m.keras", *options.split(), "--no-rehearsal", "--extra-requirement", "jax"]) == 0
    expected = {
        "to": "b",
        "code_paths": ["x.py", "y"],
        "trusted": ["keras.layers.Lambda"],
        "pip_requirements": "r.txt",
        "extra_pip_requirements": ["jax"],
        "rehearse": False,
        "again": True,
        "dry_run": True,
    }
    assert called[0] == [("m.keras", expected)]


@pytest.mark.parametrize(
    ("outcome", "version", "line"),
    [
        (Outcome.ADOPTED, "2", "ADOPTED: models:/b/2 is models:/a/1 with the guard"),
        (Outcome.FOUND, "2", "FOUND: models:/b/2 is models:/a/1 with the guard, from an earlier adoption"),
        (Outcome.GUARDED, "1", "GUARDED: models:/a/1 has the guard, there is nothing to adopt"),
        (
            Outcome.PLANNED,
            None,
            "PLANNED: a new version of `b` would be models:/a/1 with the guard; nothing was changed",
        ),
    ],
)
def test_each_outcome_has_its_line(called, capsys, outcome, version, line):
    called[1].append(Adoption(outcome=outcome, source="models:/a/1", name="b", version=version))
    assert main(["adopt", "models:/a/1"]) == 0
    assert capsys.readouterr().out.splitlines() == [line]


def test_what_came_of_it_is_told_in_rows_and_json(called, capsys):
    from mlflow_kerasguard.engine import check_model

    report = check_model(model(ref("keras.layers.Dense", config={"units": 1})), environment())
    called[1].append(
        Adoption(
            outcome=Outcome.ADOPTED,
            source="models:/a/1",
            name="a",
            version="2",
            report=report,
            rehearsal="passed",
            pins=(("keras", "3.15.1"), ("numpy", "2.4.6")),
            notes=("one", "two"),
        )
    )
    assert main(["adopt", "models:/a/1"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == ["ADOPTED:", "model", "check", "rehearsal", "pins", "note", "note"]
    assert rows[4] == "pins       keras 3.15.1, numpy 2.4.6"
    assert main(["adopt", "models:/a/1", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["uri"], document["verdict"], document["pins"]["numpy"]) == ("models:/a/2", "compatible", "2.4.6")
    assert document["report"]["verdict"] == "compatible"


def test_a_refusal_is_told_and_is_one(called, capsys):
    called[1].append(AdoptionError("MLflow has no room"))
    assert main(["adopt", "models:/a/1"]) == 1
    assert capsys.readouterr().out == "NOT ADOPTED: models:/a/1\n\nMLflow has no room\n"
    assert main(["adopt", "models:/a/1", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "outcome": "refused",
        "source": "models:/a/1",
        "reason": "MLflow has no room",
    }


def test_an_interrupt_is_one(called):
    called[1].append(KeyboardInterrupt())
    assert main(["adopt", "models:/a/1"]) == 130


def test_a_wrong_argument_is_one(capsys, tmp_path):
    assert main(["adopt", str(write_keras(tmp_path / "m.keras", dense()))]) == 2
    assert "say which one gets it (`--to NAME`)" in capsys.readouterr().err


@pytest.mark.usefixtures("store")
def test_missing_code_is_asked_for(capsys, tmp_path):
    path = write_keras(
        tmp_path / "m.keras", dense() | {"class_name": "Mine", "module": "mine", "registered_name": "x>Mine"}
    )
    assert main(["adopt", str(path), "--to", "bare"]) == 1
    out = capsys.readouterr().out
    assert "KG501" in out
    assert out.splitlines()[-1] == "To adopt it, name the file or directory with its code: `--code-path PATH`."
