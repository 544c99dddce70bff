"""The command line: arguments to one call, a report to an exit status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from mlflow_kerasguard import checking
from mlflow_kerasguard.cli import main
from mlflow_kerasguard.errors import KerasGuardError
from mlflow_kerasguard.rules import RULES
from mlflow_kerasguard.version import __version__
from tests.files import dense, layer, write_keras
from tests.reports.samples import OTHER, UNKNOWN, UNREADABLE, UNSAFE, VIOLATED, finding, report


@pytest.fixture
def good(tmp_path):
    return write_keras(tmp_path / "good.keras", dense())


@pytest.fixture
def bad(tmp_path):
    return write_keras(tmp_path / "bad.keras", layer("NoSuchLayer"))


def run(*arguments: object, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlflow_kerasguard", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def test_a_good_model(good):
    done = run("check", good)
    assert done.stdout.splitlines()[0].startswith("COMPATIBLE: ")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_bad_model(bad):
    done = run("check", bad)
    assert done.stdout.splitlines()[0].startswith("INCOMPATIBLE: ")
    assert "`keras.layers.NoSuchLayer`" in done.stdout
    assert (done.returncode, done.stderr) == (1, "")


def test_json_holds_the_whole_report(bad, capsys):
    assert main(["check", str(bad), "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out) == checking.check(bad).to_dict()


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (report(), 0),
        (report(finding(OTHER), finding(VIOLATED)), 0),
        (report(finding()), 1),
        (report(finding(UNSAFE)), 1),
        (report(finding(UNREADABLE)), 1),
        (report(finding(), undecided=(UNKNOWN,)), 1),
        (report(finding(UNSAFE), undecided=(UNKNOWN,)), 1),
        (report(undecided=(UNKNOWN,)), 3),
    ],
)
def test_exit_status(answer, status, monkeypatch, capsys):
    monkeypatch.setattr(checking, "check_each", lambda model, against, **_: (answer,))
    assert main(["check", "model.keras"]) == status
    assert capsys.readouterr().out == f"{answer}\n"


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ([], {}),
        (["--no-compile"], {"compile": False}),
        (["--fetch"], {"fetch": True}),
        (["--by-signature"], {"by_signature": True}),
        (["--custom-code", "require-same"], {"custom_code": "require-same"}),
        (["--trust", "a.B", "--trust", "c.D"], {"trusted": ["a.B", "c.D"]}),
        (["--against", "keras==3.8.0", "--against", "uv.lock"], {"against": ["keras==3.8.0", "uv.lock"]}),
    ],
)
def test_options_reach_the_check(options, changed, monkeypatch, capsys):
    asked = {}

    def answer(model, against, **given):
        asked.update(given, model=model, against=against)
        return (report(),)

    monkeypatch.setattr(checking, "check_each", answer)
    assert main(["check", "models:/name@alias", *options]) == 0
    assert asked == {
        "model": "models:/name@alias",
        "against": [None],
        "compile": True,
        "fetch": False,
        "custom_code": "packaged",
        "trusted": (),
        "by_signature": False,
        **changed,
    }
    assert capsys.readouterr().out


def test_nothing_there(tmp_path):
    done = run("check", tmp_path / "gone.keras")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("kerasguard: error: ")
    assert str(tmp_path / "gone.keras") in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_error_is_one_line(monkeypatch, capsys):
    def fail(model, against, **_):
        raise KerasGuardError("it is\n  so")

    monkeypatch.setattr(checking, "check_each", fail)
    assert main(["check", "model.keras"]) == 2
    assert capsys.readouterr() == ("", "kerasguard: error: it is so\n")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["check"],
        ["check", "m.keras", "--format", "xml"],
        ["check", "m", "--custom-code", "x"],
        ["nothing"],
        ["explain"],
    ],
)
def test_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("usage: kerasguard")


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"]])
def test_help_names_the_exit_statuses(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 0
    assert "3    undecided" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"kerasguard {__version__}\n"


@pytest.mark.parametrize("code", [*RULES, "kg201"])
def test_explain(code, capsys):
    assert main(["explain", code]) == 0
    shown = capsys.readouterr().out
    rule = RULES[code.upper()].rule
    assert shown.startswith(f"{rule.code} ({rule.level}): {rule.title}\n")
    assert rule.why in " ".join(shown.split())


@pytest.mark.parametrize(
    ("code", "advice"),
    [("kg299", "near it: KG201, KG202"), ("K201", "near it: KG"), ("xyz", "`kerasguard rules` lists them all")],
)
def test_explain_an_unknown_rule(code, advice, capsys):
    assert main(["explain", code]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith(f"kerasguard: error: there is no rule `{code}`; {advice}")


def test_rules(capsys):
    assert main(["rules"]) == 0
    assert [line[:5] for line in capsys.readouterr().out.splitlines()] == sorted(RULES)


def test_rules_as_json(capsys):
    assert main(["rules", "--format", "json"]) == 0
    assert {row["code"]: row["title"] for row in json.loads(capsys.readouterr().out)} == {
        code: registered.rule.title for code, registered in RULES.items()
    }


def test_a_closed_pipe_leaves_the_verdict_alone(bad):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "mlflow_kerasguard", "check", str(bad)]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_terminal_without_unicode(tmp_path):
    model = write_keras(tmp_path / "bad.keras", layer("NoSuchLayer", name="größe"))
    done = run("check", model, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 1
    assert "gr\\xf6\\xdfe" in done.stdout


def test_interrupted(monkeypatch, capsys):
    monkeypatch.setattr(checking, "check_each", lambda model, against, **_: signal.raise_signal(signal.SIGINT))
    assert main(["check", "model.keras"]) == 130
    assert capsys.readouterr() == ("", "")
