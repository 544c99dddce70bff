"""An environment from a list: requirements, pins or a lock."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from packaging.specifiers import SpecifierSet

from mlflow_kerasguard.environment import Distribution, Environment, means_legacy_keras, tensorflow
from mlflow_kerasguard.environment.keras_release import ChosenKeras, choose_keras, narrowed
from mlflow_kerasguard.environment.markers import possible_pythons
from mlflow_kerasguard.environment.wanted import Demand, Wanted, combine
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.keras_api import KerasApi, Unknown

_KERAS = ("keras", "tf-keras")

#: Environment variables that bear on loading.
VARIABLES = ("KERAS_BACKEND", "TF_USE_LEGACY_KERAS")

#: Modules that models name, to the distributions that bring them where these are called otherwise.
_MODULES = {"tensorflow": tensorflow.DISTRIBUTIONS}
#: Modules whose distribution has the same name, so that its absence is known.
_SAME_NAME = frozenset({"keras", "tf_keras", "keras_hub", "keras_nlp", "keras_cv", "jax", "torch", "numpy", *_MODULES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a description lists.

    Attributes:
        source: what to call the description, such as ``requirements.txt``.
        wanted: its requirements, in order.
        python: version of Python, full or minor; None where it isn't named.
        requires_python: the specifier that a lock states instead.
        variables: environment variables by name.
        complete: a distribution that isn't listed isn't there.
    """

    source: str
    wanted: tuple[Wanted, ...]
    python: str | None = None
    requires_python: str | None = None
    variables: Mapping[str, str] | None = None
    complete: bool = False


def split_python(wanted: Iterable[Wanted]) -> tuple[tuple[Wanted, ...], str | None]:
    """The requirements other than ``python``, and the Python that is named, if it is one."""
    others, python = [], None
    for item in wanted:
        if item.name == "python":
            python = python_of(item.specifier)
        else:
            others.append(item)
    return tuple(others), python


def python_of(specifier: SpecifierSet | None) -> str | None:
    """The Python that a specifier names: a release, or a minor release; None where it leaves a choice."""
    for clause in specifier or ():
        if clause.operator in {"==", "==="}:
            return clause.version.removesuffix(".*")
    return None


def make_environment(listed: Listed, *, fetch: bool) -> Environment:
    """What a list of requirements says of an environment.

    Raises:
        UsageError: requirements contradict each other, or a release doesn't exist.
    """
    demands = combine(listed.wanted, possible_pythons(listed.python, listed.requires_python))
    _add_keras_of_tensorflow(demands, listed)
    chosen, unsettled = _settle(demands, fetch=fetch)
    distributions = {
        name: chosen[name].distribution if name in chosen else Distribution(name=name, version=str(demand.pin))
        for name, demand in demands.items()
        if demand.asked_for and name not in unsettled
    }
    for name in tensorflow.DISTRIBUTIONS:
        if name in distributions:
            version = distributions[name].version
            distributions[name] = Distribution(name=name, version=version, requires=tensorflow.requires(version))
    variables = listed.variables or {}
    return Environment(
        source=listed.source,
        python=listed.python,
        distributions=distributions,
        unsettled=unsettled,
        complete=listed.complete,
        configured_backend=variables.get("KERAS_BACKEND") or _only_backend({*distributions, *unsettled}),
        legacy_keras=means_legacy_keras(variables.get("TF_USE_LEGACY_KERAS")),
        read_keras_api=_reader(chosen, unsettled, listed),
        has_module=_module_finder(frozenset({*distributions, *unsettled}), listed),
    )


def _only_backend(names: set[str]) -> str | None:
    """The backend that has to be configured, where the list names one and it isn't TensorFlow."""
    found = names.intersection(("jax", "torch", *tensorflow.DISTRIBUTIONS))
    return found.pop() if len(found) == 1 and found <= {"jax", "torch"} else None


def _settle(demands: Mapping[str, Demand], *, fetch: bool) -> tuple[dict[str, ChosenKeras], dict[str, str]]:
    """The Keras releases that are clear, and of every distribution whose release isn't, why."""
    chosen: dict[str, ChosenKeras] = {}
    unsettled: dict[str, str] = {}
    for name, demand in demands.items():
        if not demand.asked_for:
            continue
        if name in _KERAS:
            try:
                chosen[name] = choose_keras(demand, fetch=fetch)
            except Unknown as unknown:
                unsettled[name] = str(unknown)
        elif demand.pin is None or demand.unclear is not None:
            unsettled[name] = demand.unclear or f"{demand.where}: `{name}{demand.specifier}` isn't pinned"
    return chosen, unsettled


def _add_keras_of_tensorflow(demands: dict[str, Demand], listed: Listed) -> None:
    """Let TensorFlow's own requirement choose or narrow down ``keras``, as an installer does."""
    name = next((n for n in tensorflow.DISTRIBUTIONS if n in demands and demands[n].asked_for), None)
    if name is None or (listed.complete and "keras" not in demands):
        return
    asked = tensorflow.keras_of(demands[name].specifier) if demands[name].unclear is None else None
    own = demands.get("keras")
    text = f"`{name}{demands[name].specifier}`"
    where = text if demands[name].where == text else f"{demands[name].where}: {text}"
    if own is None:
        unclear = None if asked is not None else f"{where} leaves open which `keras` comes with it; pin `keras`"
        own = Demand(name="keras", specifier=SpecifierSet(), where=where, unclear=unclear, asked_for=True)
    own = replace(own, asked_for=True)
    demands["keras"] = narrowed(own, asked) if asked is not None else own


def _reader(
    chosen: Mapping[str, ChosenKeras], unsettled: Mapping[str, str], listed: Listed
) -> Callable[[str], KerasApi]:
    def read(package: str) -> KerasApi:
        name = package.replace("_", "-")
        if name in chosen:
            return chosen[name].read()
        says = "has no" if listed.complete else "doesn't name a release of"
        raise Unknown(unsettled.get(name, f"{listed.source} {says} `{name}`"))

    return read


def _module_finder(names: frozenset[str], listed: Listed) -> Callable[[str], bool]:
    def has_module(name: str) -> bool:
        distributions = _MODULES.get(name, (name.replace("_", "-").lower(),))
        if name in sys.stdlib_module_names or names.intersection(distributions):
            return True
        if listed.complete and name in _SAME_NAME:
            return False
        raise Unknown(f"{listed.source} doesn't say whether a module `{name}` can be imported")

    return has_module


def parse_variable(name: str, value: str, where: str) -> tuple[str, str]:
    """An environment variable that bears on loading.

    Raises:
        UsageError: it is another one.
    """
    if name not in VARIABLES:
        raise UsageError(
            f"{where}: `{name}` has no part in loading; expected {' or '.join(f'`{v}`' for v in VARIABLES)}"
        )
    return name, value
