"""A model in several environments, from the plans to the outcomes; each environment is this very Python."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.integrity import sha256_of
from mlflow_kerasguard.rebuild import rehearsals
from mlflow_kerasguard.rebuild.outcome import Outcome, Result, Seconds
from mlflow_kerasguard.rebuild.rehearsals import default_cache, rehearse
from tests.conftest import sign_again
from tests.rebuild.fakes import FakeManager

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


@pytest.fixture
def manager(monkeypatch):
    manager = FakeManager()
    monkeypatch.setattr(rehearsals, "choose_manager", lambda _: manager)
    return manager


def digests(directory):
    return {path: sha256_of(path) for path in sorted(directory.rglob("*")) if path.is_file()}


def test_a_model_that_predicts_the_same(logged, manager, tmp_path, capfd):
    before = digests(logged)
    [outcome] = rehearse(logged, cache=tmp_path / "cache")
    assert (outcome.result, outcome.problem, outcome.environment) == (Result.SAME, "", "as pinned")
    assert outcome.largest < 1e-4
    assert outcome.versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert outcome.seconds.total > outcome.seconds.imports > 0
    assert outcome.seconds.own < outcome.seconds.total
    assert digests(logged) == before, "the model is untouched"
    assert capfd.readouterr().err.splitlines() == [
        "as pinned: building the environment ...",
        "as pinned: loading the model ...",
    ]


def test_failures_in_packaged_code_say_where(logged, manager, tmp_path):
    code = next(logged.rglob("scale_layers.py"))
    code.write_text(code.read_text().replace("@keras", "raise RuntimeError('not here')\n@keras", 1))
    sign_again(logged)
    [outcome] = rehearse(logged, cache=tmp_path / "cache")
    assert outcome.result is Result.FAILED
    assert outcome.problem == "it doesn't load: RuntimeError: not here"
    assert outcome.places[-1].startswith("scale_layers.py:")


def test_an_unsafe_model_is_not_loaded(logged, manager, tmp_path):
    (logged / "data" / "model.keras").write_bytes(b"not what was logged")
    [outcome] = rehearse(logged, cache=tmp_path / "cache")
    assert outcome.result is Result.REFUSED
    assert outcome.check == "unsafe"
    assert "nothing of it was run" in outcome.problem


def test_a_load_that_never_returns(logged, manager, tmp_path):
    manager.interpreter = "sleep 60"
    started = time.monotonic()
    [outcome] = rehearse(logged, cache=tmp_path / "cache", time_limit=0.5)
    assert outcome.result is Result.TIMED_OUT
    assert "didn't return within 0.5 seconds" in outcome.problem
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("interpreter", "problem"),
    [
        ("echo no such module; exit 1", "the process ended with exit status 1 before the model was loaded"),
        ("kill -11 $$", "the process was ended by SIGSEGV before the model was loaded"),
    ],
)
def test_a_python_that_ends_early(logged, manager, tmp_path, interpreter, problem):
    manager.interpreter = interpreter
    [outcome] = rehearse(logged, cache=tmp_path / "cache")
    assert (outcome.result, outcome.problem) == (Result.FAILED, problem)
    assert ("no such module" in outcome.output) is ("echo" in interpreter)


def test_one_that_cant_be_built_and_one_that_is_reused(logged, manager, tmp_path):
    manager.interpreter = "exit 1"
    rehearse(logged, cache=tmp_path / "cache")
    manager.fails = "the requirements can't be installed: `uv` failed (2)"
    first, second = rehearse(logged, ["", "keras==3.8.0"], cache=tmp_path / "cache", jobs=2)
    assert (first.result, first.reused) == (Result.FAILED, True)
    assert (second.result, second.environment) == (Result.NOT_BUILT, "keras==3.8.0")
    assert second.problem == manager.fails
    assert "No space left" in second.output
    assert second.check is not None, "the check needs no environment"


def test_a_python_that_cant_be_started(logged, manager, tmp_path):
    rehearse(logged, cache=tmp_path / "cache", time_limit=0.01)
    [script] = (tmp_path / "cache").glob("*/bin/python")
    script.chmod(0o644)
    [outcome] = rehearse(logged, cache=tmp_path / "cache")
    assert outcome.result is Result.NOT_BUILT
    assert "can't be started" in outcome.problem


def test_another_python_than_the_pinned_one_is_told(logged, manager, tmp_path):
    manager.interpreter = "exit 1"
    (logged / "python_env.yaml").write_text("python: 3.11.99\ndependencies: []\n")
    (logged / "kerasguard" / "golden.npz").unlink()
    create = manager.create
    manager.create = lambda workshop, directory, _: create(workshop, directory, "3.11.7")
    [outcome] = rehearse(logged, cache=tmp_path / "cache")
    assert outcome.notes == (
        "the model has no golden predictions, so it was loaded without comparing any",
        "Python 3.11.7 stands in for 3.11.99, which isn't here",
    )


@pytest.mark.parametrize("against", [["keras=3"], ["", "mlflow-kerasguard==9"]])
def test_mistakes_are_told_before_anything_is_built(logged, manager, against):
    with pytest.raises(UsageError):
        rehearse(logged, against)
    assert manager.created == []


def test_what_pins_nothing(tmp_path, manager):
    with pytest.raises(UsageError, match="isn't a logged model"):
        rehearse(tmp_path)


def test_an_interrupt_ends_what_runs_and_leaves_nothing(logged, manager, tmp_path):
    manager.command = ("sleep", "60")
    interrupt = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT))
    interrupt.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        rehearse(logged, ["", "keras==3.8.0", "keras==3.12.0"], cache=tmp_path / "cache", jobs=2)
    assert time.monotonic() - started < 30
    assert [path for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"] == []
    assert subprocess.run(["pgrep", "-P", str(os.getpid()), "sleep"], stdout=subprocess.DEVNULL).returncode == 1


def test_the_cache_is_the_users(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert default_cache() == Path("/caches/mlflow-kerasguard/environments")


def test_what_is_ours_is_what_nobody_else_took():
    seconds = Seconds(build=3, tools=2.5, start=0.1, imports=4, load=0.5, predict=0.4, total=8)
    assert seconds.own == pytest.approx(0.5)
    assert Outcome(environment="x", result=Result.FAILED, seconds=seconds).to_dict()["seconds"]["build"] == 3
