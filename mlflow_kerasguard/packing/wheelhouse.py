"""A directory of wheels that installs a model's environment without a network, where there is no conda."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from packaging.utils import parse_wheel_filename

from mlflow_kerasguard.artifact import PYLOCK, REQUIREMENTS, WHEELS_DIRECTORY, is_logged_model, open_logged_model
from mlflow_kerasguard.environment.pylock import meets, read_pylock
from mlflow_kerasguard.environment.requirements_file import logical_lines
from mlflow_kerasguard.environment.text_files import parse_toml, read_text
from mlflow_kerasguard.errors import ModelNotLoggableError, PackError
from mlflow_kerasguard.integrity import sha256_of
from mlflow_kerasguard.logged_environment import read_logged_environment
from mlflow_kerasguard.staging import move_into_place, private_directory, require_free
from mlflow_kerasguard.tracking import fetch
from mlflow_kerasguard.wheels import THIS_DISTRIBUTION, own_wheel

WHEELHOUSE = "wheelhouse"

_OWN = re.compile(rf"{THIS_DISTRIBUTION}(?![\w.-])")
#: An option that names a file by its relative path.
_FILE = re.compile(r"^(-[cr]|--constraint|--requirement)[ =](?!/|\w+://)")
_README = "README.txt"
_TEXT = """\
The wheels of {model}, for Python {python} on {platform}. This installs them without a network:

    python -m pip install --no-index --find-links {directory} -r {directory}/requirements.txt

{directory} is this directory, wherever it is by then. Each wheel has to have the SHA-256 in requirements.txt.
"""
_SHOWN = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheelhouse:
    """A directory of wheels.

    Attributes:
        directory: where it is.
        wheels: how many.
        size: of all of them, in bytes.
        command: installs them.
    """

    directory: Path
    wheels: int
    size: int
    command: str


def download_wheels(model: str | Path, output: Path) -> Wheelhouse:
    """Download the wheels of a logged model's environment, with its own ones, for this Python and platform.

    Args:
        model: path or URI of a logged model.
        output: the directory; appears whole or not at all.

    Raises:
        PackError: it isn't a logged model, it is of another Python, or some wheel can't be had.
        ModelNotFoundError: there is no such model.
        UsageError: there is something at ``output``.
    """
    require_free(output)
    if find_spec("pip") is None:
        raise PackError(f"pip, which downloads wheels, isn't installed here: {sys.executable} -m ensurepip")
    directory = fetch(model)
    if not is_logged_model(directory):
        raise PackError(f"`{model}` isn't a logged model, so nothing says which wheels it needs; give a logged model")
    _require_python(directory, str(model))
    output = output.absolute()
    with private_directory(output.parent) as scratch:
        _download(directory, scratch, str(model))
        size, count = _write_requirements(scratch), len(_wheels(scratch))
        text = _TEXT.format(model=model, directory=output, python=_python_here(), platform=sys.platform)
        (scratch / _README).write_text(text, encoding="utf-8")
        try:
            move_into_place(scratch, output)
        except ModelNotLoggableError as error:
            raise PackError(str(error)) from error
    command = f"python -m pip install --no-index --find-links {output} -r {output / REQUIREMENTS}"
    return Wheelhouse(directory=output, wheels=count, size=size, command=command)


def _python_here() -> str:
    return ".".join(map(str, sys.version_info[:2]))


def _require_python(directory: Path, model: str) -> None:
    """Wheels and markers depend on the Python, and pip evaluates markers with its own only."""
    signature = open_logged_model(directory).signature
    python = signature.python if signature else read_logged_environment(directory, model, fetch=False).python
    if python and python.split(".")[:2] != _python_here().split("."):
        raise PackError(
            f"`{model}` was logged with Python {python}, and wheels can be chosen for this Python {_python_here()} "
            f"only; run `kerasguard pack` with Python {'.'.join(python.split('.')[:2])}"
        )


def _download(model: Path, directory: Path, name: str) -> None:
    wanted = directory / "wanted.txt"
    locked = _locked(model)
    wanted.write_text("\n".join(_requirements(model, directory, locked)) + "\n", encoding="utf-8")
    # Only wheels: building one would run code of it, and may need what isn't there.
    arguments = ["download", "--quiet", "--no-input", "--disable-pip-version-check", "--only-binary", ":all:"]
    places = ["--dest", str(directory), "--find-links", str(directory), "-r", str(wanted)]
    command = [sys.executable, "-m", "pip", *arguments, *places]
    if locked:
        command.append("--no-deps")
    done = subprocess.run(  # noqa: S603 - this interpreter
        # The model's own requirements name its wheels relative to it.
        command,
        cwd=model,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    wanted.unlink()
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")] or [done.stderr.strip()]
        raise PackError(f"not all wheels of `{name}` can be had: {' '.join(errors)[:_SHOWN]}")


def _locked(model: Path) -> list[str]:
    """The locked releases; empty where there is no lock, or another than MLflow's file of requirements asks for."""
    if not (model / PYLOCK).is_file():
        return []
    wanted = read_pylock(parse_toml(read_text(model / PYLOCK), model / PYLOCK), model / PYLOCK).wanted
    asked = [line for _, line in logical_lines(read_text(model / REQUIREMENTS)) if not line.startswith("-")]
    if not meets(wanted, (line for line in asked if not _OWN.match(line))):
        return []
    # A lock leaves this package out where it isn't known which file of an index it came from.
    own = [] if any(item.name == THIS_DISTRIBUTION for item in wanted) else filter(_OWN.match, asked)
    return [*(f"{item.name}{item.specifier}" for item in wanted), *own]


def _requirements(model: Path, directory: Path, locked: list[str]) -> list[str]:
    """What to download: the locked releases, else those that MLflow's file names."""
    lines = list(locked)
    if not lines:
        # Other files are named relative to this one.
        lines = [_FILE.sub(rf"\1 {model.absolute()}/", line) for line in read_text(model / REQUIREMENTS).splitlines()]
    elif (model / WHEELS_DIRECTORY).is_dir():
        lines.append(f"--find-links {WHEELS_DIRECTORY}")
    if any((model / WHEELS_DIRECTORY).glob("mlflow_kerasguard-*.whl")) or not any(map(_OWN.match, lines)):
        return lines
    # It was logged by a release from an index. Where this one isn't from there, its wheel is made here.
    wheel = own_wheel(directory)
    if wheel is None:
        return lines
    pin = f"{THIS_DISTRIBUTION}=={parse_wheel_filename(wheel.name)[1]}"
    return [pin if _OWN.match(line) else line for line in lines]


def _wheels(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.whl"))


def _write_requirements(directory: Path) -> int:
    """Pin each wheel by its digest; gives the size of all."""
    lines = []
    for path in _wheels(directory):
        name, version, _, _ = parse_wheel_filename(path.name)
        lines.append(f"{name}=={version} --hash=sha256:{sha256_of(path)}")
    (directory / REQUIREMENTS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return sum(path.stat().st_size for path in _wheels(directory))
