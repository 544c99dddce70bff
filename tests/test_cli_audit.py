"""`kerasguard audit`: its arguments, what it prints, its exit status."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlflow_kerasguard.cli import main
from tests.registry.audit.models import NEW, OLD, YOUNG, guarded, register

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


@pytest.fixture
def sums(store, tmp_path):
    """Two versions, of which one needs a Keras that isn't old."""
    register("sum", guarded(tmp_path / "1"), guarded(tmp_path / "2", YOUNG))
    return tmp_path


def run(capsys, *arguments):
    status = main(["audit", *arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


STATUSES = {
    "compatible": ((), 0),
    "incompatible": (("--against", OLD), 1),
    "undecided": (("--against", "python==3.11"), 3),
}


@pytest.mark.parametrize(("more", "status"), STATUSES.values(), ids=STATUSES)
def test_exit_status(sums, capsys, more, status):
    found, out, err = run(capsys, "--against", NEW, *more)
    assert (found, err) == (status, "")
    assert out.startswith("registry  sqlite:///")


def test_what_cannot_be_read_is_open(sums, capsys):
    register("sum", "/nowhere/to/be/found")
    assert run(capsys, "--against", NEW)[0] == 3


def test_formats(sums, capsys):
    against = ("--against", NEW, "--against", OLD)
    assert len(list(csv.DictReader(io.StringIO(run(capsys, *against, "--format", "csv")[1])))) == 4
    assert len(json.loads(run(capsys, *against, "--format", "json")[1])["versions"]) == 2
    assert run(capsys, *against, "--format", "html", "--output", "report.html") == (1, "", "")
    assert "<!DOCTYPE html>" in (sums / "report.html").read_text()


def test_save_and_since(sums, capsys):
    run(capsys, "--against", NEW, "--save", "audit.jsonl")
    register("sum", guarded(sums / "3"))
    _, out, _ = run(capsys, "--against", NEW, "--save", "audit.jsonl", "--since", "audit.jsonl")
    assert "reused    2 hadn't changed" in out
    assert out.endswith("since the earlier audit\n    1 new\n      sum/3\n")


def test_a_selection(sums, capsys):
    from mlflow import MlflowClient

    MlflowClient().set_registered_model_alias("sum", "champion", "1")
    status, out, _ = run(
        capsys, "--against", OLD, "--aliased", "--filter", "name = 'sum'", "--jobs", "1", "--timeout", "9"
    )
    assert (status, out.splitlines()[-1].split()) == (0, ["sum/1", "@champion", "ok"])


MISTAKES = {
    "environment": (("--against", "keras=8"), "keras=8"),
    "nothing there": (("--filter", "name = 'nobody'"), "has no versions, or none that were asked for"),
    "registry": (("--registry-uri", "sqlite:////nowhere/x.db"), "there is no registry at"),
    "output": (("--output", "/nowhere/report"), "the report can't be written to"),
    "since": (("--since", "/nowhere/audit"), "can't be read"),
}


@pytest.mark.parametrize(("arguments", "text"), MISTAKES.values(), ids=MISTAKES)
def test_wrong_usage(sums, capsys, arguments, text):
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert text in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [("--jobs", "0"), ("--timeout", "-1"), ("--format", "xml")])
def test_arguments_that_cannot_be(arguments):
    with pytest.raises(SystemExit) as error:
        main(["audit", *arguments])
    assert error.value.code == 2


def command(*arguments):
    return [
        sys.executable,
        "-m",
        "mlflow_kerasguard",
        "audit",
        "--registry-uri",
        f"sqlite:///{Path.cwd()}/store.db",
        *arguments,
    ]


def test_a_terminal_shows_how_far_it_is(sums):
    ours, theirs = pty.openpty()
    with subprocess.Popen(command("--against", NEW), stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:
            pass  # The other side is closed.
        assert b"registry" in process.stdout.read()
    os.close(ours)
    assert b"2/2" in shown


def test_who_interrupts_ends_all_of_it(sums):
    for _ in range(40):
        register("sum", sums / "1")
    marker = sums / "audit.jsonl"
    with subprocess.Popen(
        command("--against", NEW, "--save", str(marker), "--jobs", "2"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        while process.poll() is None and not (marker.exists() and marker.read_bytes().count(b"\n") > 1):
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) in {0, 130}
        group = process.pid
    deadline = time.monotonic() + 20
    while _is_there(group):
        assert time.monotonic() < deadline, "some process of the audit goes on"
        time.sleep(0.1)


def _is_there(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
