"""Virtual environments that `uv` makes; what it downloads stays in uv's cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.live.releases import Release
from tests.live.turns import turn

ROOT = Path(__file__).parent.parent.parent
UV = (sys.executable, "-m", "uv")

#: Where environments of releases are kept, unless an option says otherwise.
CACHE = Path(os.environ.get("KERASGUARD_LIVE_CACHE") or Path.home() / ".cache" / "kerasguard-live")


class MissingPython(Exception):
    """No interpreter of the version that a release ran on."""


def run(*command: object, **options: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=ROOT, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    return done


def install(interpreter: Path, *arguments: object) -> None:
    # uv doesn't look where pip is told to look; wheels that are only there count as well.
    links = [part for link in os.environ.get("PIP_FIND_LINKS", "").split() for part in ("--find-links", link)]
    run(*UV, "pip", "install", "--quiet", "--python", interpreter, *links, *arguments)


def make_environment(directory: Path, packages: Sequence[object], python: str | Path = sys.executable) -> Path:
    """A virtual environment with ``packages``; gives its Python."""
    run(*UV, "venv", "--quiet", "--python", python, directory)
    interpreter = directory / "bin" / "python"
    install(interpreter, *packages)
    return interpreter


def find_python(version: str) -> Path:
    """An interpreter of ``version``, from pyenv or wherever uv finds one.

    Raises:
        MissingPython: There is none, with how to get it.
    """
    from_pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    if from_pyenv:
        return from_pyenv[-1]
    done = subprocess.run([*UV, "python", "find", version], capture_output=True, text=True)
    if done.returncode == 0:
        return Path(done.stdout.strip())
    raise MissingPython(
        f"no Python {version}, neither below ~/.pyenv/versions nor by `uv python find {version}`; "
        f"`pyenv install {version}` or `uv python install {version}` brings one"
    )


def release_python(release: Release, cache: Path) -> tuple[Path, dict[str, str]]:
    """The interpreter that runs ``release``, and the variables that it needs; made where it isn't there."""
    cache = cache.absolute()
    # Named after all that is in it: whatever another version of these tests left there is another environment.
    base = cache / "-".join([f"python{release.python}", *(re.sub(r"[^\w.-]", "", part) for part in release.base)])
    _once(base, lambda building: make_environment(building, release.base, find_python(release.python)))
    path = [str(ROOT)]
    if release.own:
        own = cache / release.own.replace("==", "-")
        interpreter = base / "bin" / "python"
        _once(own, lambda building: install(interpreter, "--no-deps", "--target", building, release.own))
        path.insert(0, str(own))
    return base / "bin" / "python", _variables(path, cache)


def _once(directory: Path, make: object) -> None:
    """Have ``directory`` made, unless it is there; one that wasn't finished doesn't count."""
    finished = directory.with_name(f"{directory.name}.finished")
    with turn(directory.with_name(f"{directory.name}.lock")):
        if finished.exists():
            return
        shutil.rmtree(directory, ignore_errors=True)
        make(directory)
        finished.touch()


def _variables(path: list[str], cache: Path) -> dict[str, str]:
    """This process's variables without those that make Python or Keras behave otherwise."""
    strange = ("COVERAGE", "COV_", "PYTHON", "KERAS", "TF_", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(path),
        # ~/.keras/keras.json is the user's own, and may name another backend.
        "KERAS_HOME": str(cache / "keras-home"),
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # Tiny models gain nothing from threads, and the machine has other things to do.
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
    }
