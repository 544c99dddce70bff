"""What has to be installed where the model is loaded, as pins.

No process is started to find out: the model's Keras, its backend and this package are known, and the
imports of packaged code are read from its source. MLflow's own inference loads the model in a
subprocess, which takes as long as everything else together, and leaves the backend out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from mlflow_kerasguard import mlflow_private
from mlflow_kerasguard.custom_code.local_modules import find_source
from mlflow_kerasguard.errors import ModelNotLoggableError, UsageError
from mlflow_kerasguard.source_code.imports import top_level_of
from mlflow_kerasguard.version import __version__
from mlflow_kerasguard.wheels import THIS_DISTRIBUTION, with_own_wheel

_logger = logging.getLogger(__name__)

#: Backend to the distributions that can bring it, the usual one first. One of them is pinned, never two.
_BACKENDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "tensorflow": (
        (
            "tensorflow",
            "tensorflow-cpu",
            "tensorflow-macos",
            "tensorflow-intel",
            "tensorflow-gpu",
            "tensorflow-rocm",
            "tensorflow-cpu-aws",
            "tensorflow-aarch64",
            "tf-nightly",
            "tf-nightly-cpu",
        ),
    ),
    "jax": (("jax",), ("jaxlib",)),
    "torch": (("torch",),),
    "openvino": (("openvino",),),
    "numpy": (),
}

#: What reads the file and the packaged arrays.
_SERIALIZATION = ("mlflow", "h5py", "numpy")

#: Imports that come with a pin that is always there, under whichever distribution.
_ALWAYS_PINNED = frozenset({"keras", "mlflow", "mlflow_kerasguard", "tf_keras"})


def distributions_in_play(package: str, backend: str, imports: Iterable[str] = ()) -> dict[str, str]:
    """The installed distributions that a model needs to be loaded and to predict.

    Args:
        package: ``keras`` or ``tf_keras``.
        backend: what the model ran on.
        imports: modules that its packaged code imports.

    Returns:
        Normalized name to version.

    Raises:
        ModelNotLoggableError: a part of Keras isn't installed as a distribution, so it can't be pinned.
    """
    names = [_installed_of((package.replace("_", "-"),), package)]
    names += [_installed_of(choices, backend) for choices in _BACKENDS.get(backend, ((backend,),))]
    names += _SERIALIZATION
    names += _imported_distributions(imports, covered=backend)
    found = {str(canonicalize_name(name)): metadata.version(name) for name in names}
    return {**found, THIS_DISTRIBUTION: __version__}


def _installed_of(choices: tuple[str, ...], wanted: str) -> str:
    for name in choices:
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        return name
    raise ModelNotLoggableError(
        f"`{wanted}` can't be pinned: none of the distributions {', '.join(f'`{name}`' for name in choices)} is "
        "installed; install one of them with pip"
    )


def _imported_distributions(imports: Iterable[str], covered: str) -> Iterator[str]:
    wanted = sorted({name for name in imports if top_level_of(name) not in _ALWAYS_PINNED | {covered}})
    for module in wanted:
        candidates = _distributions_of(top_level_of(module))
        if len(candidates) > 1:  # A namespace that several share, or several builds of one thing.
            candidates = tuple(name for name in candidates if _has_file(name, module)) or candidates
        yield from candidates[:1]


def _distributions_of(top_level: str) -> tuple[str, ...]:
    return tuple(sorted(set(_by_module().get(top_level, ()))))


@cache
def _by_module() -> Mapping[str, list[str]]:
    # Cached: it reads the file list of everything that is installed.
    return metadata.packages_distributions()


def _has_file(distribution: str, module: str) -> bool:
    source = find_source(module)
    if source is None or source.path is None:
        return False
    files = metadata.files(distribution) or ()
    return any(Path(str(file.locate())).resolve() == source.path.resolve() for file in files)


def pins(distributions: Mapping[str, str]) -> list[str]:
    """``name==version`` of each; without local version labels, which no index serves."""
    return [f"{name}=={Version(version).public}" for name, version in sorted(distributions.items())]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentFiles:
    """The contents of the environment files of an MLflow model."""

    conda_env: Mapping[str, Any]
    pip_requirements: tuple[str, ...]
    pip_constraints: tuple[str, ...]

    def write(self, directory: Path) -> None:
        """Write them under MLflow's names."""
        import yaml

        names = mlflow_private.environment_file_names()
        with (directory / names["conda"]).open("w", encoding="utf-8") as stream:
            yaml.safe_dump(dict(self.conda_env), stream, default_flow_style=False)
        (directory / names["requirements"]).write_text("\n".join(self.pip_requirements), encoding="utf-8")
        if self.pip_constraints:
            (directory / names["constraints"]).write_text("\n".join(self.pip_constraints), encoding="utf-8")
        mlflow_private.write_python_env(directory / names["python"])


def environment_files(
    defaults: list[str],
    *,
    pip_requirements: Iterable[str] | str | None = None,
    extra_pip_requirements: Iterable[str] | str | None = None,
    conda_env: Mapping[str, Any] | str | None = None,
) -> EnvironmentFiles:
    """Combine the pins with what the user gave, as MLflow's flavors do.

    Args:
        defaults: the pins that are written where the user says nothing.
        pip_requirements: replaces the defaults.
        extra_pip_requirements: is added to them.
        conda_env: replaces everything.

    Raises:
        UsageError: more than one is given, or one can't be read.
    """
    try:
        conda, lines, constraints = mlflow_private.process_requirements(
            defaults, pip_requirements, extra_pip_requirements, conda_env
        )
    except (OSError, TypeError, ValueError, mlflow_private.exception_class()[0]) as error:
        raise UsageError(f"the given requirements can't be used: {error}") from error
    lines = _with_loader(lines)
    conda = mlflow_private.with_pip_requirements(conda, lines)
    if conda_env is not None or pip_requirements is not None:
        _warn_of_missing(defaults, lines)
    return EnvironmentFiles(conda_env=conda, pip_requirements=tuple(lines), pip_constraints=tuple(constraints))


def _with_loader(lines: list[str]) -> list[str]:
    """Add this package where the user's list lacks it: MLmodel names it as the loader."""
    if THIS_DISTRIBUTION not in _names(lines):
        lines = [*lines, f"{THIS_DISTRIBUTION}=={__version__}"]
    return with_own_wheel(lines)


def _warn_of_missing(defaults: list[str], lines: list[str]) -> None:
    missing = sorted(_names(defaults) - _names(lines))
    if missing:
        _logger.warning(
            "the given requirements don't pin %s, which this model was logged with",
            ", ".join(f"`{n}`" for n in missing),
        )


def _names(lines: Iterable[str]) -> set[str]:
    found = set()
    for line in lines:
        try:
            found.add(str(canonicalize_name(Requirement(line).name)))
        except InvalidRequirement:
            continue  # An option, a path or a URL.
    return found
