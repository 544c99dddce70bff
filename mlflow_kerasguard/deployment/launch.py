"""``mlflow models serve``, once the model has passed."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mlflow_kerasguard.deployment import options
from mlflow_kerasguard.deployment.preflight import LOCAL, Preflight, preflight
from mlflow_kerasguard.errors import KerasGuardError
from mlflow_kerasguard.tracking import judged_already
from mlflow_kerasguard.version import __version__

#: uvicorn adds these to each response; blanks stand between them.
_HEADERS = "UVICORN_HEADERS"
VERSION_HEADER, VERDICT_HEADER, SIGNATURE_HEADER = "kerasguard-version", "kerasguard-verdict", "kerasguard-signature"

_FIRST_LINE = 300
_STATUS = re.compile(r"(?:Return code =|exit code:) (-?\d+)")


class ServerEndedError(KerasGuardError):
    """A server that had been started ended by itself, with an exit status that isn't 0."""


def serve(arguments: Sequence[str]) -> Preflight:
    """Judge a model in the environment that is to serve it, and have MLflow serve it where it passes.

    MLflow runs in this process, so signals and what it prints are its own. With the manager ``local`` the
    server is this interpreter's.

    Args:
        arguments: those of ``mlflow models serve``; the model may stand alone.

    Returns:
        What was found: of a model that doesn't pass at once, else when the server has ended.

    Raises:
        ServerEndedError: the server ended because something went wrong.
        ModelNotFoundError: there is no such model.
        UsageError: an argument can't be used as it was given.
    """
    asked = options.parse(arguments)
    found = preflight(asked.model_uri, manager=asked.manager)
    if not found.passed:
        return found
    report = found.report
    said = f"kerasguard: {report.verdict.value}: {report.model} in {report.environment}"
    print(said, file=sys.stderr, flush=True)  # noqa: T201 - for the operator
    with _variables(_of_server(found, asked.manager)), judged_already():
        try:
            asked.serve()
        except Exception as error:
            raise ServerEndedError(_reason(error)) from error
    return found


def _reason(error: Exception) -> str:
    """MLflow raises a bare exception, with a whole command line, where the server's exit status isn't 0."""
    text = str(error).partition("\n")[0]
    ended = _STATUS.search(text)
    if ended is not None:
        return f"the server ended with exit status {ended[1]}; what it said is above"
    return f"`mlflow models serve` failed: {type(error).__name__}: {text[:_FIRST_LINE]}"


def _of_server(found: Preflight, manager: str) -> dict[str, str]:
    """The environment variables that the server is to have."""
    told = {
        VERSION_HEADER: __version__,
        VERDICT_HEADER: found.report.verdict.value,
        SIGNATURE_HEADER: f"sha256:{found.signature_sha256}" if found.signature_sha256 else "none",
    }
    headers = [os.environ.get(_HEADERS, ""), *(f"{name}:{value}" for name, value in told.items())]
    changed = {_HEADERS: " ".join(filter(None, headers))}
    if manager == LOCAL:
        # MLflow runs whatever `uvicorn` comes first; what was judged is this one.
        changed["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return changed


@contextlib.contextmanager
def _variables(changed: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
