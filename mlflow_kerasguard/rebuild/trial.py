"""Load a model in an environment that was built, in a process that may fail, hang or be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlflow_kerasguard import artifact
from mlflow_kerasguard.rebuild.commands import Commands, last_lines, plain_variables

#: Seconds between two looks for the answer.
_INTERVAL = 0.01

#: What would make Keras there another one than the environment's own.
_OF_KERAS = ("KERAS_", "TF_USE_LEGACY_KERAS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to load.

    Attributes:
        directory: the model's.
        golden: whether there are predictions to compare with.
        compile: whether to load it with its training configuration.
        trusted: paths of objects that the caller vouches for.
        variables: environment variables that were asked for.
        time_limit: seconds until the load is given up.
    """

    directory: Path
    golden: bool
    compile: bool
    trusted: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    time_limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How it went.

    Attributes:
        answer: what the process said; None where it said nothing.
        timed_out: it was given up.
        status: its exit status, where it ended without an answer.
        output: the last lines that it printed.
        started: seconds until its Python ran.
    """

    answer: Mapping[str, Any] | None = None
    timed_out: bool = False
    status: int | None = None
    output: str = ""
    started: float = 0.0

    @property
    def ended(self) -> str:
        """How the process ended, in words."""
        if self.status is not None and self.status < 0:
            return f"the process was ended by {signal.Signals(-self.status).name}"
        return f"the process ended with exit status {self.status}"


def try_load(python: Path, compiled: Path, job: Job, commands: Commands) -> Trial:
    """Load the model with another Python, which has nothing but what is installed there.

    Args:
        python: the environment's.
        compiled: where it keeps what it compiles.
        job: what to load.
        commands: starts the process.

    Raises:
        ToolFailed: Python can't be started.
        Cancelled: somebody doesn't want it any more.
    """
    with tempfile.TemporaryDirectory(prefix="kerasguard-") as scratch:
        directory = Path(scratch)
        (directory / "empty").mkdir()
        # Elsewhere than beside the sources: nothing of the model is touched.
        cache = f"pycache_prefix={compiled}"
        command = [str(python), "-I", "-X", cache, "-m", "mlflow_kerasguard.rebuild.inside"]
        before = time.time()
        with (
            (directory / "output").open("wb") as output,
            commands.started(
                command,
                directory / "empty",
                _variables(job, directory),
                stdin=subprocess.PIPE,
                output=output,
            ) as process,
        ):
            _send(process, job, directory / "answer.json")
            trial = _await(process, job, directory / "answer.json", commands)
        answer = trial.answer or {}
        return Trial(
            answer=trial.answer,
            timed_out=trial.timed_out,
            status=trial.status,
            output=last_lines((directory / "output").read_bytes()),
            started=max(0.0, answer.get("started", before) - before),
        )


def _send(process: subprocess.Popen[bytes], job: Job, answer: Path) -> None:
    assert process.stdin is not None, "it was opened as a pipe"
    message = {
        "directory": str(job.directory.absolute()),
        "answer": str(answer),
        "code": artifact.CODE_DIRECTORY,
        "golden": artifact.GOLDEN if job.golden else None,
        "compile": job.compile,
        "trusted": list(job.trusted),
    }
    try:
        process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.close()
    except BrokenPipeError:
        # It ended early; what it printed says why.
        return


def _await(process: subprocess.Popen[bytes], job: Job, path: Path, commands: Commands) -> Trial:
    """Wait for the answer, not for the end of the process: frameworks take a second to shut down."""
    deadline = time.monotonic() + job.time_limit
    while not path.exists():
        status = process.poll()
        commands.require_wanted()
        if status is not None and not path.exists():
            return Trial(status=status)
        if time.monotonic() > deadline:
            return Trial(timed_out=True)
        time.sleep(_INTERVAL)
    return Trial(answer=json.loads(path.read_text(encoding="utf-8")))


def _variables(job: Job, scratch: Path) -> dict[str, str]:
    """A quiet process on the CPU, whose Keras isn't configured by this user's files."""
    kept = {name: value for name, value in plain_variables().items() if not name.startswith(_OF_KERAS)}
    quiet = {"TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2")}
    on_cpu = {"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
    return {**kept, **quiet, **on_cpu, "KERAS_HOME": str(scratch / "keras"), **job.variables}
