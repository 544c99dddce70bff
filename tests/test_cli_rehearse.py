"""The command ``kerasguard rehearse``: arguments to one call, outcomes to an exit status."""

from __future__ import annotations

import io
import os
import signal
import sys

import pytest

from mlflow_kerasguard import cli_rehearse
from mlflow_kerasguard.cli import main
from mlflow_kerasguard.rebuild import managers, rehearsals
from mlflow_kerasguard.rebuild.outcome import Outcome, Result
from mlflow_kerasguard.rebuild.progress import told
from mlflow_kerasguard.reports.outcomes import OUTCOMES_FORMATS, render_json, render_text

DEFAULTS = {
    "manager": "uv",
    "compile": True,
    "trusted": [],
    "time_limit": 300.0,
    "jobs": 1,
    "cache": None,
    "use_cache": True,
}


def outcomes(*results):
    return tuple(Outcome(environment=f"number {n}", result=result) for n, result in enumerate(results))


@pytest.fixture
def called(monkeypatch):
    """What is called, and a list whose elements it answers with."""
    calls, answer = [], [*outcomes(Result.SAME)]

    def rehearse(model, against, **options):
        calls.append((model, against, options))
        return tuple(answer)

    monkeypatch.setattr(rehearsals, "rehearse", rehearse)
    return calls, answer


def test_what_the_parser_knows_is_what_there_is():
    assert cli_rehearse._MANAGERS == managers.MANAGERS
    assert tuple(OUTCOMES_FORMATS) == cli_rehearse._FORMATS
    assert rehearsals.TIME_LIMIT == cli_rehearse._TIME_LIMIT


@pytest.mark.parametrize(
    ("options", "against", "changed"),
    [
        ([], [], {}),
        (["--against", "keras==3.8.0", "--against", ""], ["keras==3.8.0", ""], {}),
        (["--manager", "conda", "--jobs", "2"], [], {"manager": "conda", "jobs": 2}),
        (["--time-limit", "2.5", "--no-compile"], [], {"time_limit": 2.5, "compile": False}),
        (
            ["--no-cache", "--trust", "keras.layers.Lambda"],
            [],
            {"use_cache": False, "trusted": ["keras.layers.Lambda"]},
        ),
    ],
)
def test_options(options, against, changed, called, capsys):
    assert main(["rehearse", "models:/m/1", *options]) == 0
    assert called[0] == [("models:/m/1", against, {**DEFAULTS, **changed})]
    assert capsys.readouterr().out == f"{render_text('models:/m/1', outcomes(Result.SAME))}\n"


@pytest.mark.parametrize(
    "options",
    [
        ["--time-limit", "0"],
        ["--time-limit", "nan"],
        ["--jobs", "0"],
        ["--jobs", "many"],
        ["--manager", "poetry"],
        ["--cache", "x", "--no-cache"],
    ],
)
def test_wrong_options(options, called, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["rehearse", "model", *options])
    assert caught.value.code == 2
    assert called[0] == []


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ([Result.SAME, Result.LOADED], 0),
        ([Result.SAME, Result.FAILED], 1),
        ([Result.TIMED_OUT], 1),
        ([Result.DIFFERENT], 1),
        ([Result.REFUSED], 1),
        ([Result.SAME, Result.NOT_BUILT], 3),
        ([Result.FAILED, Result.NOT_BUILT], 1),
    ],
)
def test_exit_status(results, status, called, capsys):
    called[1][:] = outcomes(*results)
    assert main(["rehearse", "model"]) == status


def test_a_file_in_place_of_standard_output(called, capsys, tmp_path):
    file = tmp_path / "report.json"
    assert main(["rehearse", "model", "--format", "json", "--output", str(file)]) == 0
    assert file.read_text() == render_json("model", outcomes(Result.SAME)) + "\n"
    assert capsys.readouterr().out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_file_that_cant_be_written_is_told_before_the_work(called, capsys, tmp_path):
    for path in (tmp_path, tmp_path / "gone" / "report"):
        assert main(["rehearse", "model", "--output", str(path)]) == 2
        assert "the report can't be written to" in capsys.readouterr().err
    assert called[0] == []


def test_a_file_on_a_full_disk(called, capsys, tmp_path, monkeypatch):
    def full(self, *_, **__):
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(tmp_path), "write_text", full)
    assert main(["rehearse", "model", "--output", str(tmp_path / "report")]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(rehearsals, "rehearse", interrupted)
    assert main(["rehearse", "model"]) == 130
    assert capsys.readouterr().out == ""


def test_a_request_to_end(monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(rehearsals, "rehearse", lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit) as caught:
        main(["rehearse", "model"])
    assert caught.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_isnt_there(tmp_path, capsys):
    assert main(["rehearse", str(tmp_path / "model")]) == 2
    assert capsys.readouterr().err.startswith("kerasguard: error: there is no model at")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_on_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with told(["as [pinned]"], 2) as tell:
        tell(0, "building")
        tell(0, None)
    assert "as [pinned]: done" in terminal.getvalue()


def test_lines_elsewhere(capsys):
    with told(["one", "two"], 2) as tell:
        tell(1, "building")
        tell(1, None)
    assert capsys.readouterr().err == "two: building ...\n"
