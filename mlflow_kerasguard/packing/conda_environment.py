"""Which conda environment is meant: found by its files, without conda, which may not be there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from mlflow_kerasguard.errors import PackError

META = "conda-meta"

WHEELHOUSE_HINT = "`kerasguard pack MODEL --format wheelhouse -o DIRECTORY` downloads the model's wheels instead"


def is_conda_prefix(directory: Path) -> bool:
    """Whether conda installed something there; an empty `conda-meta` doesn't make an environment."""
    return next((directory / META).glob("*.json"), None) is not None


def find_prefix(wanted: str | Path | None = None) -> Path:
    """The conda environment that is given by directory or name, the active one, or that of this interpreter.

    Args:
        wanted: a directory or a name; None for the active environment.

    Raises:
        PackError: there is none; says what is there instead.
    """
    if wanted is not None:
        return _given(str(wanted))
    active = os.environ.get("CONDA_PREFIX")
    candidates = [Path(active)] if active else []
    for prefix in (*candidates, Path(sys.prefix)):
        if is_conda_prefix(prefix):
            return prefix
    raise PackError(f"{_refusal(Path(sys.prefix))}, and no conda environment is active; {WHEELHOUSE_HINT}")


def own_prefix() -> Path:
    """The conda environment of this interpreter.

    Raises:
        PackError: it is in none.
    """
    prefix = Path(sys.prefix)
    if not is_conda_prefix(prefix):
        raise PackError(f"{_refusal(prefix)}, which is all that can be packed; {WHEELHOUSE_HINT}")
    return prefix


def _given(wanted: str) -> Path:
    directory = Path(wanted)
    if directory.is_dir():
        if not is_conda_prefix(directory):
            raise PackError(f"{_refusal(directory)}; {WHEELHOUSE_HINT}")
        return directory.absolute()
    found = [] if os.sep in wanted else [path for path in _known() if path.name == wanted and is_conda_prefix(path)]
    if not found:
        raise PackError(
            f"there is no conda environment `{wanted}`, neither as a directory nor by name; give its directory, which "
            "`conda env list` shows"
        )
    return found[0]


def _refusal(prefix: Path) -> str:
    kind = "a virtual environment" if (prefix / "pyvenv.cfg").is_file() else "no environment of conda's"
    return f"`{prefix}` is {kind}, not a conda environment"


def _known() -> Iterator[Path]:
    """Environments that conda and its relatives keep by name."""
    for variable in ("CONDA_ENVS_DIRS", "CONDA_ENVS_PATH"):
        for folder in os.environ.get(variable, "").replace(",", os.pathsep).split(os.pathsep):
            yield from _below(Path(folder.strip())) if folder.strip() else ()
    for root in _roots():
        yield from _below(root / "envs")
    try:
        listed = (Path.home() / ".conda" / "environments.txt").read_text(encoding="utf-8")
    except OSError:
        return
    yield from (Path(line.strip()) for line in listed.splitlines() if line.strip())


def _roots() -> Iterator[Path]:
    """Installations of conda; of the active environment, the one that it may be in."""
    for variable in ("CONDA_ROOT", "MAMBA_ROOT_PREFIX", "CONDA_PREFIX"):
        if os.environ.get(variable):
            yield Path(os.environ[variable])
    if os.environ.get("CONDA_EXE"):
        yield Path(os.environ["CONDA_EXE"]).parent.parent
    active = os.environ.get("CONDA_PREFIX")
    if active and Path(active).parent.name == "envs":
        yield Path(active).parent.parent
    yield Path.home() / ".conda"


def _below(directory: Path) -> Iterator[Path]:
    try:
        yield from sorted(path for path in directory.iterdir() if path.is_dir())
    except OSError:
        return
