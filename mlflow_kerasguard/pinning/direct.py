"""The distributions that a model itself needs to be loaded and to predict, each with what it is for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from mlflow_kerasguard.errors import ModelNotLoggableError
from mlflow_kerasguard.pinning.installed import InstalledDistributions
from mlflow_kerasguard.pinning.modules import ModuleOwners
from mlflow_kerasguard.roles import BACKEND, CODE, KERAS, SERIALIZATION, SERVING, TRANSITIVE
from mlflow_kerasguard.source_code.imports import top_level_of

THIS_DISTRIBUTION = "mlflow-kerasguard"

#: Backend to the distributions that can bring it, the usual one first. One of them is pinned, never two.
BACKENDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
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

#: What reads the file and the packaged arrays, and what serves.
ALWAYS = {"mlflow": SERVING, "h5py": SERIALIZATION, "numpy": SERIALIZATION}

#: Those below others that turn what is stored into values.
_SERIALIZERS = frozenset({"h5py", "ml-dtypes", "numpy", "protobuf"})

#: Imports that come with a pin that is always there, under whichever distribution.
_ALWAYS_PINNED = frozenset({"keras", "mlflow", "mlflow_kerasguard", "tf_keras"})


def backend_distributions(backend: str) -> tuple[tuple[str, ...], ...]:
    """What brings a backend: of each part the distributions that can."""
    return BACKENDS.get(backend, ((backend,),))


def direct_roles(
    package: str, backend: str, modules: Iterable[str], installed: InstalledDistributions, owners: ModuleOwners
) -> dict[str, str]:
    """The distributions that a model needs, without this one.

    Args:
        package: ``keras`` or ``tf_keras``.
        backend: what the model ran on.
        modules: those that its packaged code imports, and those of installed objects.
        installed: what there is.
        owners: which distribution brings which module.

    Returns:
        Normalized name to role.

    Raises:
        ModelNotLoggableError: a part isn't installed as a distribution, so it can't be pinned.
    """
    found = dict.fromkeys(_of_code(modules, backend, owners), CODE)
    found.update({_installed_of((name,), name, installed): role for name, role in ALWAYS.items()})
    found.update({_installed_of(names, backend, installed): BACKEND for names in backend_distributions(backend)})
    found[_installed_of((package.replace("_", "-"),), package, installed)] = KERAS
    return found


def _installed_of(choices: tuple[str, ...], wanted: str, installed: InstalledDistributions) -> str:
    for name in choices:
        if name in installed.distributions:
            return name
    raise ModelNotLoggableError(
        f"`{wanted}` can't be pinned: none of the distributions {', '.join(f'`{name}`' for name in choices)} is "
        "installed; install one of them with pip"
    )


def _of_code(modules: Iterable[str], backend: str, owners: ModuleOwners) -> Iterator[str]:
    for module in sorted(set(modules)):
        if top_level_of(module) not in _ALWAYS_PINNED | {backend}:
            owner = owners.of(module)
            if owner is not None:
                yield owner


def with_undeclared(direct: Mapping[str, str], asked_by: Mapping[str, str], owners: ModuleOwners) -> dict[str, str]:
    """The same with what a distribution of packaged code imported: its metadata may not say so.

    Args:
        direct: the distributions that the model needs, to their roles.
        asked_by: modules that were imported, each to the one that asked for it first.
        owners: which distribution brings which module.
    """
    found = dict(direct)
    pairs = {(owners.of(name), owners.of(asker)) for name, asker in asked_by.items() if asker}
    while new := [name for name, asker in pairs if name and name not in found and found.get(asker or "") == CODE]:
        found.update(dict.fromkeys(new, CODE))
    found.pop(THIS_DISTRIBUTION, None)
    return found


def is_met_by_variant(name: str, direct: Mapping[str, str]) -> bool:
    """Whether another build of the same backend is in play, such as ``tensorflow-cpu`` for ``tensorflow``."""
    return any(name in names and not direct.keys().isdisjoint(names) for parts in BACKENDS.values() for names in parts)


def roles_of(direct: Mapping[str, str], closure: Iterable[str]) -> dict[str, str]:
    """The role of each distribution of a closure."""
    backends = {name for parts in BACKENDS.values() for names in parts for name in names}
    roles = {}
    for name in closure:
        below = SERIALIZATION if name in _SERIALIZERS else BACKEND if name in backends else TRANSITIVE
        roles[name] = direct.get(name, below)
    return roles
