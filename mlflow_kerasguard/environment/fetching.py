"""A release of Keras from the package index, with the index's ordinary client; nothing of it is run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from mlflow_kerasguard.environment import Distribution
from mlflow_kerasguard.environment.site_packages import Distributions, keras_reader
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.keras_api import KerasApi

#: What the clients say of a version that isn't there, apart from a network that isn't.
_NO_SUCH_VERSION = ("No matching distribution found", "there is no version of")

_TIMEOUT_S = 300


def fetch_keras(name: str, version: str, *, where: str) -> tuple[Distribution, KerasApi]:
    """Fetch one release, or find it where an earlier call left it.

    Args:
        name: ``keras`` or ``tf-keras``.
        version: PEP 440 version.
        where: the place that asks for it, for messages.

    Raises:
        UsageError: the index has no such release, or can't be reached.
    """
    directory = cache_directory() / f"{name}-{version}"
    if not directory.is_dir():
        _download(f"{name}=={version}", directory, where)
    path = (str(directory),)
    return Distributions(path)[name], keras_reader(path)(name.replace("-", "_"))


def cache_directory() -> Path:
    """Where fetched releases stay."""
    from platformdirs import user_cache_path

    return Path(user_cache_path("mlflow-kerasguard"))


def _download(requirement: str, directory: Path, where: str) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent) as temporary:
        target = Path(temporary, "release")
        command = [*_client(), "--no-deps", "--target", str(target), requirement]
        try:
            done = subprocess.run(  # noqa: S603 - a fixed client, and a requirement that was parsed
                command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UsageError(f"{where}: `{requirement}` can't be fetched: {error}") from error
        if done.returncode:
            raise UsageError(f"{where}: {_reason(requirement, done.stderr)}")
        _publish(target, directory)


def _client() -> list[str]:
    """The installer of wheels that is there; of sources none may be built, that would run them."""
    if find_spec("pip") is not None:
        # Another Python than the one that the release is for may read it.
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        return [*pip, "--ignore-requires-python", "--no-compile", "--only-binary=:all:"]
    uv = [sys.executable, "-m", "uv"] if find_spec("uv") is not None else ["uv"]
    return [*uv, "pip", "install", "--quiet", "--python", sys.executable, "--only-binary", ":all:"]


def _publish(target: Path, directory: Path) -> None:
    """Put a complete release in its place; another process may have been quicker."""
    try:
        os.replace(target, directory)  # noqa: PTH105 - `Path.replace` is the same
    except OSError:
        if not directory.is_dir():
            raise


def _reason(requirement: str, output: str) -> str:
    if any(text in " ".join(output.split()) for text in _NO_SUCH_VERSION):
        return f"the package index has no `{requirement}`; expected a release that exists"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return f"`{requirement}` can't be fetched: {lines[-1] if lines else 'the installer says nothing'}"
