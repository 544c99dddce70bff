"""Where a model is to be loaded: always an argument, 'here' only its default."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from mlflow_kerasguard.keras_api import KerasApi, Unknown
from mlflow_kerasguard.packable import Packable


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


def normalized(name: str) -> str:
    """A distribution's name as PyPA's specification of names normalizes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def means_legacy_keras(value: str | None) -> bool:
    """Whether TensorFlow takes a value of ``TF_USE_LEGACY_KERAS`` for a yes."""
    return value in {"true", "True", "1"}


def _no_api(package: str) -> KerasApi:
    raise Unknown(f"what `{package}` offers isn't known")


def _no_module(name: str) -> bool:
    raise Unknown(f"whether a module `{name}` can be imported isn't known")


def _no_source(name: str) -> bytes | None:
    raise Unknown(f"the source of a module `{name}` isn't known")


# No slots: `cached_property` needs a `__dict__`.
@dataclass(frozen=True, kw_only=True)
class Environment:
    """What is known of a Python environment.

    Attributes:
        source: where the facts are from, such as ``this interpreter``.
        python: full version, such as ``3.11.7``; None where unknown.
        platform: ``sys.platform``; None where unknown.
        distributions: by normalized name.
        unsettled: normalized name to the reason why it is there in a release that isn't known.
        complete: a distribution that isn't listed isn't there. False for a few requirements.
        configured_backend: what ``KERAS_BACKEND`` or ``keras.json`` chooses; None for the default.
        legacy_keras: whether ``TF_USE_LEGACY_KERAS`` turns ``tf.keras`` into ``tf_keras``.
        registered_objects: names registered in the running process, where it is this one.
        read_keras_api: ``keras`` or ``tf_keras`` to its API; raises ``Unknown``.
        has_module: whether a top-level module can be imported; raises ``Unknown``.
        read_source: full name of a module to its source text, None where there is no such module;
            raises ``Unknown``.
        packable: what there is to know where it is about to be packed; None elsewhere.
    """

    source: str
    python: str | None = None
    platform: str | None = None
    distributions: Mapping[str, Distribution] = field(default_factory=dict)
    unsettled: Mapping[str, str] = field(default_factory=dict)
    complete: bool = False
    configured_backend: str | None = None
    legacy_keras: bool = False
    registered_objects: frozenset[str] = frozenset()
    read_keras_api: Callable[[str], KerasApi] = _no_api
    has_module: Callable[[str], bool] = _no_module
    read_source: Callable[[str], bytes | None] = _no_source
    packable: Packable | None = None

    def lists(self, name: str) -> bool:
        """Whether the description names a distribution, in whichever release."""
        return name in self.distributions or name in self.unsettled

    def has(self, name: str) -> bool:
        """Whether the distribution of that normalized name is installed, in whichever release.

        Raises:
            Unknown: it isn't named, and the environment's description isn't complete.
        """
        if not self.lists(name) and not self.complete:
            raise Unknown(f"{self.source} doesn't say whether `{name}` is installed")
        return self.lists(name)

    @cached_property
    def default_keras_package(self) -> str:
        """The package behind ``import keras``, else ``tf_keras``; ``keras`` where neither is there.

        ``TF_USE_LEGACY_KERAS`` chooses ``tf_keras``; where that is known to be missing, ``keras`` is what
        can still be imported.
        """
        if self.legacy_keras and (self.lists("tf-keras") or not self.complete):
            return "tf_keras"
        only_legacy = not self.lists("keras") and self.lists("tf-keras")
        return "tf_keras" if only_legacy else "keras"

    def describe(self) -> str:
        """One line for people."""
        names = ("keras", "tf-keras", "tensorflow", "tensorflow-cpu", "jax", "torch")
        parts = [f"Python {self.python}"] if self.python else []
        parts += [f"{n} {self._release(n)}" for n in names if self.lists(n)]
        if self.complete and not (self.lists("keras") or self.lists("tf-keras")):
            parts.append("no Keras")
        return f"{self.source} ({', '.join(parts)})" if parts else self.source

    def _release(self, name: str) -> str:
        return self.distributions[name].version if name in self.distributions else "of an unknown release"
