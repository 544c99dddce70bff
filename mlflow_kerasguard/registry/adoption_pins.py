"""The requirements of a model that is adopted without being loaded: those that it was logged with, made complete.

MLflow's own flavors leave things out: `mlflow.keras` pins no backend, `mlflow.tensorflow` no Keras. The version of
Keras is in the model's file; that of a backend is nowhere, and isn't guessed.
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from mlflow_kerasguard import artifact, mlflow_private
from mlflow_kerasguard.environment.requirements_file import parse_line
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.logged_environment import requirements_of
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.pinning.carried import write_wheels
from mlflow_kerasguard.pinning.direct import THIS_DISTRIBUTION
from mlflow_kerasguard.pinning.files import EnvironmentFiles, Given, environment_files, names_of
from mlflow_kerasguard.pinning.installed import read_text
from mlflow_kerasguard.registry.adoption_source import Source
from mlflow_kerasguard.rules.environment import BACKENDS
from mlflow_kerasguard.version import __version__

#: Releases of Keras: the first that TensorFlow requires as a distribution, of `tf_keras`, and the rewritten one.
_FIRST_APART, _FIRST_TF_KERAS, _KERAS_3 = (2, 6), (2, 16), (3,)

#: Backends that a distribution's name tells; `numpy` is required by all of them.
_DISTRIBUTIONS = ("tensorflow", "jax", "torch")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedPins:
    """What a logged model asks for, in the terms of a compatibility signature.

    Attributes:
        files: those of the adopted model.
        python: version of the Python that it names; where it names none, of this one.
        distributions: what is pinned to one version.
        package: ``keras`` or ``tf_keras``.
        backend: of Keras.
    """

    files: EnvironmentFiles
    python: str
    distributions: Mapping[str, str]
    package: str
    backend: str


def logged_pins(source: Source, given: Given, directory: Path) -> LoggedPins:
    """Complete the requirements of a logged model.

    Args:
        source: the model.
        given: what the user says instead, or in addition.
        directory: of the adopted artifact; the wheels that its requirements name are written there.

    Raises:
        UsageError: there are no requirements, one can't be carried along, or they don't say which backend it is.
    """
    python = _python(source)
    lines = _with_keras(_lines(source, given), source.spec)
    conda = mlflow_private.with_pip_requirements(_conda(source, given, python), lines)
    # Extra requirements are among the lines: MLflow takes them with nothing else.
    files = environment_files([], Given(conda_env=conda), write_wheels((), directory))
    names = names_of(files.pip_requirements)
    return LoggedPins(
        files=files,
        python=python,
        distributions={**_exact(files.pip_requirements), THIS_DISTRIBUTION: __version__},
        package="tf_keras" if _is_tf_keras(source.spec, names) else "keras",
        backend=_backend(source.spec, names),
    )


def _python(source: Source) -> str:
    listed = None
    with contextlib.suppress(UsageError):
        listed = requirements_of(source.directory).python if source.directory is not None else None
    named = source.flavors.get(artifact.PYFUNC, {}).get("python_version")
    return listed or (str(named) if named else platform.python_version())


def _lines(source: Source, given: Given) -> list[str]:
    if given.pip_requirements is not None:
        return _of_user(given.pip_requirements)
    return [*_logged_lines(source), *_of_user(given.extra_pip_requirements or ())]


def _of_user(lines: Iterable[str] | str) -> list[str]:
    if not isinstance(lines, str):
        return list(lines)
    if not Path(lines).is_file():
        raise UsageError(f"there is no requirements file `{lines}`")
    return read_text(Path(lines)).splitlines()


def _logged_lines(source: Source) -> list[str]:
    directory = source.directory
    if directory is not None and (directory / artifact.REQUIREMENTS).is_file():
        text = (directory / artifact.REQUIREMENTS).read_text(encoding="utf-8")
        return [_carried_along(line.strip(), directory) for line in text.splitlines() if line.strip()]
    if directory is not None and (directory / artifact.CONDA_ENV).is_file():
        return [_carried_along(line, directory) for line in mlflow_private.pip_requirements(_read_conda(directory))]
    raise UsageError(
        f"`{source.spec.source}` has no `{artifact.REQUIREMENTS}` to go by: name what it needs in `pip_requirements` "
        "(`--requirements FILE`), or have it rehearsed in this environment"
    )


def _carried_along(line: str, directory: Path) -> str:
    """A line with the file of constraints where it is now; what names other files of the model is refused."""
    option, _, rest = line.partition(" ")
    if option in {"-c", "--constraint"}:
        return f"{option} {directory / rest.strip()}"
    if line.startswith((".", "code/")) or (directory / line).exists():
        raise UsageError(
            f"the logged requirement `{line}` is a file of the old model, which isn't adopted: name in "
            "`pip_requirements` (`--requirements FILE`) where it can be had"
        )
    return line


def _with_keras(lines: list[str], spec: ModelSpec) -> list[str]:
    """The lines, with the Keras that saved the file where none is named; before 2.6 TensorFlow had its own."""
    names, release = names_of(lines), _release(spec)
    if release is None or release < _FIRST_APART or names & {"keras", "tf-keras"}:
        return lines
    name = "tf-keras" if _FIRST_TF_KERAS <= release < _KERAS_3 else "keras"
    return [*lines, f"{name}=={spec.keras_version}"]


def _release(spec: ModelSpec) -> tuple[int, ...] | None:
    try:
        return Version(str(spec.keras_version)).release
    except InvalidVersion:
        return None


def _conda(source: Source, given: Given, python: str) -> Mapping[str, Any]:
    directory = source.directory
    if given.conda_env is not None:
        raise UsageError("`conda_env` can't be given for a model that isn't rehearsed: give `pip_requirements`")
    if directory is not None and (directory / artifact.CONDA_ENV).is_file():
        return _read_conda(directory)
    return {"name": "mlflow-env", "channels": ["conda-forge"], "dependencies": [f"python={python}", "pip", {"pip": []}]}


def _read_conda(directory: Path) -> Mapping[str, Any]:
    import yaml

    try:
        document = yaml.safe_load((directory / artifact.CONDA_ENV).read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        raise UsageError(f"the logged `{artifact.CONDA_ENV}` can't be read: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("dependencies"), list):
        raise UsageError(f"the logged `{artifact.CONDA_ENV}` has no list of `dependencies`")
    return document


def _exact(lines: Iterable[str]) -> dict[str, str]:
    """Name to version of what is pinned to one."""
    found = {}
    for line in lines:
        try:
            wanted = list(parse_line(line, Path(artifact.REQUIREMENTS), artifact.REQUIREMENTS))
        except UsageError:
            continue
        for item in wanted:
            pinned = [part.version for part in item.specifier or () if part.operator == "=="]
            if len(pinned) == 1 and not pinned[0].endswith(".*"):
                found[item.name] = pinned[0]
    return found


def _is_tf_keras(spec: ModelSpec, names: frozenset[str]) -> bool:
    release = _release(spec)
    return spec.keras_package == "tf_keras" or ("tf-keras" in names and release is not None and release < _KERAS_3)


def _backend(spec: ModelSpec, names: frozenset[str]) -> str:
    known = spec.backend if spec.backend in BACKENDS else None
    release = _release(spec)
    if known is None and release is not None and release < _KERAS_3:
        known = "tensorflow"
    named = [backend for backend in _DISTRIBUTIONS if names.intersection(BACKENDS[backend])]
    if known is None and len(named) == 1:
        known = named[0]
    if known is None:
        raise UsageError(
            f"the requirements of `{spec.source}` don't say which backend it ran on: add it, as in "
            "`--extra-requirement tensorflow==2.20.0`"
        )
    return known
