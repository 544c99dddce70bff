"""Start a rehearsal's process, give it the artifact, and judge what came of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow_kerasguard import artifact
from mlflow_kerasguard.custom_code.live_objects import FRAMEWORKS
from mlflow_kerasguard.custom_code.local_modules import is_installed
from mlflow_kerasguard.errors import PredictionMismatchError, RehearsalFailedError, UsageError
from mlflow_kerasguard.keras_runtime import KerasRuntime
from mlflow_kerasguard.output_differences import Comparison, require_same
from mlflow_kerasguard.rehearsal import process
from mlflow_kerasguard.rehearsal_record import PASSED, Rehearsal

#: Seconds that a load and the predictions may take; a load that hangs is a failure as well.
TIME_LIMIT = 900

_LAST_LINES = 15

#: Seconds between two looks for the answer, and until a process that should end is killed.
_INTERVAL, _PATIENCE = 0.01, 10
_OWN_PACKAGE = "mlflow_kerasguard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to rehearse.

    Attributes:
        directory: the artifact, with MLmodel.
        compile: whether to load it with its training configuration.
        inputs: where the golden inputs are from; None where there are none.
        trusted: paths of objects that the one who logs vouches for.
        sources: files that the packaged code was taken from: they and what lies beside them are hidden.
        hints: what is known beforehand of custom objects that may not come back.
    """

    directory: Path
    compile: bool
    inputs: str | None
    trusted: tuple[str, ...] = ()
    sources: frozenset[Path] = frozenset()
    hints: str = ""


class RehearsalProcess:
    """A fresh Python that imports Keras at once, and waits for an artifact to load."""

    def __init__(self, runtime: KerasRuntime, scratch: Path) -> None:
        """Start it.

        Args:
            runtime: the Keras that it is to import.
            scratch: a private directory for what it prints and answers.

        Raises:
            UsageError: this process doesn't know which Python it is.
        """
        if not sys.executable:
            raise UsageError("no Python can be started from this process: pass `rehearse=False` to log without a proof")
        self._scratch = scratch
        (self._scratch / "empty").mkdir()
        self._path = _installed_path()
        with (self._scratch / "output").open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - this very Python
                [sys.executable, "-I", process.__file__],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._scratch / "empty",
                env=_environment(runtime),
                text=True,
            )
        self._elsewhere = _elsewhere(self._path)
        self._write({"path": self._path, "elsewhere": self._elsewhere, "preload": [runtime.package]})

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.terminate()
        try:
            self._process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def rehearse(self, job: Job) -> Rehearsal:
        """Let the process load the artifact and predict.

        Returns:
            What it showed.

        Raises:
            RehearsalFailedError: it didn't load, didn't predict, or predicted otherwise.
        """
        answer = self._scratch / "answer.json"
        self._write(
            {
                "directory": str(job.directory),
                "answer": str(answer),
                "code": artifact.CODE_DIRECTORY,
                "golden": artifact.GOLDEN if job.inputs else None,
                "compile": job.compile,
                "trusted": list(job.trusted),
                "wheels": _unpack_wheels(job.directory / artifact.WHEELS_DIRECTORY, self._scratch / "wheels"),
                "hidden": _roots(job.sources),
                "visible": [*self._path, *map(os.path.dirname, self._elsewhere.values())],
            }
        )
        self._await(answer)
        return _judge(json.loads(answer.read_text(encoding="utf-8")), job)

    def _await(self, answer: Path) -> None:
        """Wait for the answer, not for the end of the process: frameworks take a second to shut down."""
        deadline = time.monotonic() + TIME_LIMIT
        while not answer.exists():
            status = self._process.poll()
            if status is not None and not answer.exists():
                raise RehearsalFailedError(_ended(status, self._last_lines()))
            if time.monotonic() > deadline:
                raise RehearsalFailedError(
                    f"a fresh process didn't finish loading the model within {TIME_LIMIT} seconds"
                )
            time.sleep(_INTERVAL)

    def _write(self, message: Any) -> None:
        assert self._process.stdin is not None, "it was opened as a pipe"
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            # It ended early; what it printed is told by `rehearse`.
            return

    def _last_lines(self) -> str:
        lines = (self._scratch / "output").read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-_LAST_LINES:])


def _unpack_wheels(wheels: Path, target: Path) -> str:
    """Unpack what travels with the model besides this package, which runs already.

    Editable installations among it can't be imported otherwise: the process doesn't follow their links.
    """
    target.mkdir()
    for path in sorted(wheels.glob("*.whl")):
        if not path.name.startswith(f"{_OWN_PACKAGE}-"):
            with zipfile.ZipFile(path) as archive:
                archive.extractall(target)
    return str(target)


def _judge(answer: dict[str, Any], job: Job) -> Rehearsal:
    if "error" in answer:
        raise RehearsalFailedError(_failed(answer) + _hints(job))
    outputs = tuple(Comparison(**{**item, "tolerance": _pair(item["tolerance"])}) for item in answer["outputs"])
    try:
        require_same(outputs)
    except PredictionMismatchError as error:
        raise RehearsalFailedError(
            f"a fresh process loads the model, and it predicts otherwise than the one in memory: {error}" + _hints(job)
        ) from error
    return Rehearsal(
        result=PASSED,
        seconds=answer["seconds"],
        versions=answer["versions"],
        compile=job.compile,
        inputs=job.inputs,
        outputs=outputs,
        imports=tuple(answer["imports"]),
        modules=answer["modules"],
    )


def _failed(answer: dict[str, Any]) -> str:
    places = "".join(f"\n  in packaged code, {place}" for place in answer["places"])
    if answer["refused"]:
        return f"the model doesn't pass the check of a fresh process:\n{answer['error']}"
    verb = "load the model" if answer["stage"] == process.LOADING else "predict with the loaded model"
    return f"a fresh process that has only the logged artifact can't {verb}: {answer['error']}{places}{_advice(answer)}"


def _advice(answer: dict[str, Any]) -> str:
    if "No module named" not in answer["error"]:
        return ""
    return (
        "\n  import the module where its name can be read from the source, or name its file in `code_paths` (of a "
        "distribution: in `extra_pip_requirements`)"
    )


def _hints(job: Job) -> str:
    return f"\n\nwhat may be the cause:\n\n{job.hints}" if job.hints else ""


def _ended(status: int, output: str) -> str:
    how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with exit status {status}"
    return f"the fresh process that was to load the model {how}; it printed last:\n{output}"


def _pair(value: list[float] | None) -> tuple[float, float] | None:
    return None if value is None else (value[0], value[1])


def _environment(runtime: KerasRuntime) -> dict[str, str]:
    """This process's variables, with the backend that the model ran on, without its accelerators.

    Two processes can't share a GPU whose memory one has reserved, as TensorFlow does.
    """
    quiet = {"TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2")}
    on_cpu = {"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
    return {**os.environ, **quiet, **on_cpu, "KERAS_BACKEND": runtime.backend}


def _installed_path() -> list[str]:
    """The directories of ``sys.path`` that hold Python's own modules or installed distributions."""
    return [entry for entry in sys.path if entry and _holds_distributions(Path(entry))]


def _holds_distributions(path: Path) -> bool:
    if path.is_file():
        return True  # `python311.zip`
    return path.is_dir() and (is_installed(path / "x.py") or any(path.glob("*.dist-info")))


def _elsewhere(path: Iterable[str]) -> dict[str, str]:
    """This package and frameworks that are imported from a place of their own, such as a checkout."""
    directories = {Path(entry).resolve() for entry in path}
    found = {}
    for name in sorted(FRAMEWORKS | {_OWN_PACKAGE}):
        file = getattr(sys.modules.get(name), "__file__", None)
        if file is not None and Path(file).resolve().parent.parent not in directories:
            found[name] = file
    return found


def _roots(sources: Iterable[Path]) -> list[str]:
    """The directories that the sources are in, where they may open files of their own, and the current one."""
    roots = {path.resolve().parent for path in sources}
    return sorted(str(root) for root in {*roots, *([Path.cwd()] if roots else [])} if root.parent != root)
