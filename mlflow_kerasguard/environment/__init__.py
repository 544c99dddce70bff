"""Where a model is to be loaded: always an argument, 'here' only its default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from mlflow_kerasguard.keras_api import KerasApi, Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """An installed (or pinned) distribution.

    Attributes:
        name: normalized name, such as ``tf-keras``.
        version: PEP 440 version.
        requires: its ``Requires-Dist`` lines.
        requires_python: its ``Requires-Python``.
    """

    name: str
    version: str
    requires: tuple[str, ...] = ()
    requires_python: str | None = None


def _no_api(package: str) -> KerasApi:
    raise Unknown(f"what `{package}` offers isn't known")


def _no_module(name: str) -> bool:
    raise Unknown(f"whether a module `{name}` can be imported isn't known")


# No slots: `cached_property` needs a `__dict__`.
@dataclass(frozen=True, kw_only=True)
class Environment:
    """What is known of a Python environment.

    Attributes:
        source: where the facts are from, such as ``this interpreter``.
        python: full version, such as ``3.11.7``; None where unknown.
        platform: ``sys.platform``; None where unknown.
        distributions: by normalized name.
        complete: a distribution that isn't listed isn't there. False for a few requirements.
        configured_backend: what ``KERAS_BACKEND`` or ``keras.json`` chooses; None for the default.
        registered_objects: names registered in the running process, where it is this one.
        read_keras_api: ``keras`` or ``tf_keras`` to its API; raises ``Unknown``.
        has_module: whether a top-level module can be imported; raises ``Unknown``.
    """

    source: str
    python: str | None = None
    platform: str | None = None
    distributions: Mapping[str, Distribution] = field(default_factory=dict)
    complete: bool = False
    configured_backend: str | None = None
    registered_objects: frozenset[str] = frozenset()
    read_keras_api: Callable[[str], KerasApi] = _no_api
    has_module: Callable[[str], bool] = _no_module

    def find(self, name: str) -> Distribution | None:
        """The distribution of that normalized name; None where it isn't installed.

        Raises:
            Unknown: it isn't named, and the environment's description isn't complete.
        """
        found = self.distributions.get(name)
        if found is None and not self.complete:
            raise Unknown(f"{self.source} doesn't say whether `{name}` is installed")
        return found

    @cached_property
    def default_keras_package(self) -> str:
        """The package behind ``import keras``, else ``tf_keras``; ``keras`` where neither is there."""
        only_legacy = "keras" not in self.distributions and "tf-keras" in self.distributions
        return "tf_keras" if only_legacy else "keras"

    def describe(self) -> str:
        """One line for people."""
        names = ("keras", "tf-keras", "tensorflow", "tensorflow-cpu", "jax", "torch")
        parts = [f"Python {self.python}"] if self.python else []
        parts += [f"{n} {self.distributions[n].version}" for n in names if n in self.distributions]
        if self.complete and not any(name in self.distributions for name in ("keras", "tf-keras")):
            parts.append("no Keras")
        return f"{self.source} ({', '.join(parts)})" if parts else self.source
