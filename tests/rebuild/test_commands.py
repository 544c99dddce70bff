"""Programs end, whatever happens, and say why."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mlflow_kerasguard.rebuild.commands import Cancelled, Commands, ToolFailed


def test_output_and_time(tmp_path):
    done = Commands().run([sys.executable, "-c", "import os; print(os.getcwd())"], "it", tmp_path)
    assert done.stdout.strip() == str(tmp_path)
    assert 0 < done.seconds < 60


@pytest.mark.parametrize(
    ("command", "message", "output"),
    [
        (["/no/such/program"], "`/no/such/program` can't be started: No such file", ""),
        (["sh", "-c", "echo one; echo two >&2; exit 3"], "it fails: `sh` failed (3)", "one\ntwo"),
        (["sh", "-c", "kill -9 $$"], "it fails: `sh` was ended by SIGKILL", ""),
        ([sys.executable, "-m", "no_such_module"], "it fails: `no_such_module` failed (1)", "No module named"),
    ],
)
def test_failures_say_what_the_program_says(command, message, output, tmp_path):
    with pytest.raises(ToolFailed) as caught:
        Commands().run(command, "it fails", tmp_path)
    assert message in str(caught.value)
    assert output in caught.value.output


def test_other_pythons_variables_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("VIRTUAL_ENV", "/somewhere")
    assert "/somewhere" not in Commands().run(["env"], "it", tmp_path).stdout


def test_what_a_program_started_ends_with_it(tmp_path):
    commands = Commands()
    with commands.started(["sh", "-c", "sleep 61 & echo $!; wait"], tmp_path, {}, stdin=subprocess.DEVNULL) as process:
        child = int(process.stdout.readline())
    for _ in range(100):
        if _is_gone(child):
            break
        time.sleep(0.05)
    assert _is_gone(child)


def _is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except FileNotFoundError:
        return True


def test_cancelling_ends_what_runs_and_starts_nothing_new(tmp_path):
    commands = Commands()
    timer = threading.Timer(0.3, commands.cancel)
    timer.start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        commands.run(["sleep", "60"], "waiting", tmp_path)
    with pytest.raises(Cancelled):
        commands.run(["true"], "more", tmp_path)
    assert time.monotonic() - started < 30
    timer.join()
