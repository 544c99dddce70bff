"""Environments are built once, whole or not at all."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time

import pytest

from mlflow_kerasguard.rebuild.commands import Cancelled, Commands, ToolFailed
from mlflow_kerasguard.rebuild.plans import EnvironmentPlan, Pin
from mlflow_kerasguard.rebuild.store import Store
from tests.rebuild.fakes import FakeManager


def plan(*pins, python="3.11.7", **more):
    return EnvironmentPlan(name="tests", python=python, pins=pins, **more)


KERAS = Pin(name="keras", text="keras==3.15.1")
OWN = "/elsewhere/mlflow_kerasguard-0.1.0+kg1-py3-none-any.whl"


@pytest.fixture
def manager():
    return FakeManager()


@pytest.fixture
def store(tmp_path, manager):
    return Store(root=tmp_path / "root", manager=manager, commands=Commands(), model=tmp_path, own=OWN)


def whats_left(store):
    return sorted(path.name for path in store.root.iterdir() if path.suffix != ".lock")


def test_built_once_and_then_reused(store, manager):
    first, second = store.get(plan(KERAS)), store.get(plan(KERAS))
    assert (first.reused, second.reused) == (False, True)
    assert manager.created == ["3.11.7"]
    assert manager.installed == [f"keras==3.15.1\n{OWN}\n"]
    assert second.versions == {"keras": "3.15.1", "tensorflow": "2.20.0"}
    assert (second.python, second.interpreter.is_file()) == ("3.11.7", True)
    assert whats_left(store) == [first.directory.name]


def test_constraints_go_along(store, manager):
    store.get(plan(KERAS, constraints=("numpy<2",)))
    assert manager.installed == [f"keras==3.15.1\n{OWN}\n\nnumpy<2\n"]


def test_pins_that_gave_way_are_remembered(store):
    asked = plan(
        Pin(name="keras", text="keras==3.8.0", fixed=True), Pin(name="conflict", text="conflict==1"), loosens=True
    )
    # The name alone conflicts as well here; that is the installer's business.
    built = store.get(asked)
    assert built.dropped == ("conflict==1: not installed",)
    assert store.get(asked).dropped == built.dropped


@pytest.mark.parametrize("spoil", ["record", "interpreter", "json"])
def test_what_is_not_whole_is_built_again(store, manager, spoil):
    place = store.get(plan(KERAS)).directory
    record = place / "kerasguard-environment.json"
    if spoil == "json":
        record.write_text(json.dumps({"python": "3.11"}))
    else:
        (record if spoil == "record" else place / "bin" / "python").unlink()
    assert not store.get(plan(KERAS)).reused
    assert len(manager.created) == 2


def test_a_failure_leaves_nothing(store, manager):
    manager.fails = "the requirements can't be installed"
    with pytest.raises(ToolFailed, match="can't be installed") as caught:
        store.get(plan(KERAS))
    assert "No space left" in caught.value.output
    assert whats_left(store) == []


def test_a_full_disk_is_a_failure_and_not_a_traceback(store, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mlflow_kerasguard.rebuild.store._write_record", full)
    with pytest.raises(ToolFailed, match="No space left on device"):
        store.get(plan(KERAS))
    assert whats_left(store) == []


def test_a_cache_that_cant_be_written(tmp_path, manager):
    (tmp_path / "file").write_text("")
    store = Store(root=tmp_path / "file" / "root", manager=manager, commands=Commands(), model=tmp_path, own=OWN)
    with pytest.raises(ToolFailed, match="can't write to"):
        store.get(plan(KERAS))


def test_what_nobody_uses_goes(store, manager):
    old, recent, used = (store.get(plan(KERAS, python=f"3.{minor}.0")).directory for minor in (10, 11, 12))
    month = time.time() - 31 * 24 * 3600
    for place in (old, used):
        os.utime(place / "kerasguard-environment.json", (month, month))
    assert store.get(plan(KERAS, python="3.12.0")).reused
    lock = os.open(old.with_suffix(".lock"), os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    store.remove_unused()
    assert old.is_dir(), "another process has it"
    os.close(lock)
    store.remove_unused()
    assert whats_left(store) == sorted([recent.name, used.name])


def test_two_at_once_build_it_once(store, manager):
    manager.command = ("sleep", "0.5")
    threads = [threading.Thread(target=store.get, args=(plan(KERAS),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(manager.created) == 1


def test_waiting_for_another_process_can_be_given_up(store):
    digest = plan(KERAS).digest("fake", OWN.rpartition("/")[2])
    store.root.mkdir()
    lock = os.open(store.root / f"{digest}.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    timer = threading.Timer(0.3, store.commands.cancel)
    timer.start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        store.get(plan(KERAS))
    assert time.monotonic() - started < 30
    timer.join()
    os.close(lock)


def test_the_python_of_an_environment_without_pyvenv(store, manager, monkeypatch):
    create = manager.create

    def conda(workshop, directory, python):
        script = create(workshop, directory, python)
        (directory / "pyvenv.cfg").unlink()
        return script

    monkeypatch.setattr(manager, "create", conda)
    assert store.get(plan(KERAS)).python == "3.11"
