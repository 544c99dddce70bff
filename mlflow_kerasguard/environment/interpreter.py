"""Another interpreter's environment: it is asked where it looks, and its files are read from here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from mlflow_kerasguard.environment import Environment, means_legacy_keras
from mlflow_kerasguard.environment.installed import configured_backend
from mlflow_kerasguard.environment.module_sources import source_reader
from mlflow_kerasguard.environment.site_packages import Distributions, keras_reader
from mlflow_kerasguard.errors import UsageError

_PROBE = Path(__file__).with_name("probe.py")
_ANSWER = "kerasguard-probe: "

#: A Python on a slow network drive takes seconds to start.
TIME_LIMIT_S = 20.0
_LARGEST_ANSWER = 1 << 20
_SHOWN = 200


def find_python(directory: Path) -> Path | None:
    """The interpreter of a virtual environment or conda environment."""
    names = ("bin/python", "bin/python3", "Scripts/python.exe", "python.exe")
    return next((directory / name for name in names if (directory / name).is_file()), None)


def read_interpreter(python: Path, *, source: str | None = None, time_limit: float = TIME_LIMIT_S) -> Environment:
    """The environment of another interpreter. Nothing that is installed there is imported or run.

    Args:
        python: its executable.
        source: what to call it in reports; None for its path.
        time_limit: seconds after which it is given up.

    Raises:
        UsageError: it doesn't start, says something else than the probe, or hangs.
    """
    facts = _ask(python, time_limit)
    path = tuple(facts["path"])
    builtin = frozenset(facts["builtin"])

    def has_module(name: str) -> bool:
        return name in builtin or PathFinder.find_spec(name, list(path)) is not None

    return Environment(
        source=source or f"`{python}`",
        python=facts["python"],
        platform=facts["platform"],
        distributions=Distributions(path),
        complete=True,
        # The same user in the same shell: what is set here will be set there.
        configured_backend=configured_backend(),
        legacy_keras=means_legacy_keras(os.environ.get("TF_USE_LEGACY_KERAS")),
        read_keras_api=keras_reader(path),
        has_module=has_module,
        read_source=source_reader(path),
    )


def _ask(python: Path, time_limit: float) -> dict[str, Any]:
    # Not resolved: a virtual environment is known by where its link is.
    executable = os.path.abspath(python)  # noqa: PTH100 - not resolved
    command = [executable, "-I", "-B", "-S", "-c", _PROBE.read_text(encoding="utf-8"), executable]
    status, output = _run(command, python, time_limit)
    for line in output.splitlines():
        if line.startswith(_ANSWER):
            try:
                facts: dict[str, Any] = json.loads(line[len(_ANSWER) :])
            except ValueError:
                break
            return facts
    said = f"it said `{_shortened(output)}`" if output.strip() else "it said nothing"
    raise UsageError(f"`{python}` isn't a Python that works: it ended with status {status}, and {said}")


def _run(command: list[str], python: Path, time_limit: float) -> tuple[int, str]:
    """Status and output of a process that may never end, or never stop talking."""
    try:
        process = subprocess.Popen(  # noqa: S603 - the interpreter that the user names
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise UsageError(f"`{python}` doesn't start: {error.strerror}; expected a Python interpreter") from error
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        _end(process)

    timer = threading.Timer(time_limit, expire)
    timer.start()
    with process:
        assert process.stdout is not None
        output = process.stdout.read(_LARGEST_ANSWER)
        timer.cancel()
        _end(process)
    if expired.is_set():
        raise UsageError(f"`{python}` gave no answer within {time_limit:g} s; expected a Python interpreter")
    return process.returncode, output.decode("utf-8", errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and those that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _shortened(output: str) -> str:
    text = " ".join(output.split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
