"""Which release's public names a name in packaged code is judged by, and how far it is known there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from packaging.version import InvalidVersion, Version

from mlflow_kerasguard import tensorflow_api
from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.rules.environment import BACKENDS
from mlflow_kerasguard.rules.view import KERAS_3
from mlflow_kerasguard.tensorflow_api import keras_names
from mlflow_kerasguard.tensorflow_api.table import NameTable

TENSORFLOW = "tf"

#: Modules of TensorFlow whose contents are those of `tf.keras`.
_SHOWN = re.compile(r"tf\.(?=(?:losses|metrics|optimizers|initializers)(?:\.|$))")

#: Those of its first API that Keras 2 fills. Keras 3 shows its own names as the first, and nothing as the others.
_FIRST_KERAS = re.compile(r"tf\.compat\.v1\.keras(?=\.|$)")
_FIRST_LAYERS = re.compile(r"tf\.compat\.v1\.(?:layers|nn\.rnn_cell)\.")

#: Before it, TensorFlow has a Keras inside; before the second, `TF_USE_LEGACY_KERAS` means nothing to it.
_FIRST_WITHOUT_KERAS, _FIRST_WITH_LEGACY = Version("2.6"), Version("2.15")

#: Before it, `import keras` shows more than the public names: the modules that it is made of.
_FIRST_OF_PUBLIC_NAMES = Version("2.13")

_FIRST_WITH_KERAS_3 = Version("2.16")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a name is judged by.

    Attributes:
        package: ``tf``, or one of ``keras_names.PACKAGES``.
        versions: the release; several where it is one of these.
        name: the name as the table has it.
        dropped_in: the release that dropped it, where the table itself can't tell.
    """

    package: str
    versions: tuple[str, ...]
    name: str
    dropped_in: str | None = None

    @property
    def version(self) -> str:
        return self.versions[-1]

    @property
    def table(self) -> NameTable:
        """The names of all releases of the package."""
        return tensorflow_api.public_names() if self.package == TENSORFLOW else keras_names.table(self.package)

    @property
    def title(self) -> str:
        """The package and its release, for people."""
        if self.package == TENSORFLOW:
            return f"TensorFlow {self.version}"
        titles = {"keras": "Keras", "tf.keras": "`tf.keras` of Keras", "tf_keras": "`tf_keras`"}
        return f"{titles[self.package]} {self.version}"

    def missing(self, version: str) -> str | None:
        """The shortest beginning of the name that a release lacks; None where it lacks nothing, or may not.

        What follows the name of a class, a function or a constant is never missing: it isn't a public name.
        """
        if self.dropped_in is not None:
            return self.name
        parts = self.name.split(".")
        for length in range(2, len(parts) + 1):
            name = ".".join(parts[:length])
            if not self.table.has(name, version):
                return name if self.table.has_inside(name.rpartition(".")[0], version) else None
        return None


def find_target(name: str, env: Environment) -> Target | None:
    """What a name that packaged code uses is judged by; None where the package isn't there.

    Args:
        name: such as ``tf.keras.layers.Dense``.
        env: where the code is to run.

    Raises:
        Unknown: which release is there isn't known.
    """
    top = name.split(".", maxsplit=1)[0]
    if top != TENSORFLOW:
        version = release_of(env, top.replace("_", "-"))
        rest = name.removeprefix(top)
        return None if version is None else Target(package=top, versions=(_plain(version),), name=f"keras{rest}")
    versions = tensorflow_releases(env)
    keras_name = _SHOWN.sub("tf.keras.", _FIRST_KERAS.sub("tf.keras", name))
    if not versions:
        return None
    if keras_name == "tf.keras" or keras_name.startswith("tf.keras."):
        return _find_shown(name, keras_name, env, versions)
    if _FIRST_LAYERS.match(name):
        return _find_layers(name, env, versions)
    _require_own(name, versions)
    return Target(package=TENSORFLOW, versions=versions, name=name)


def _find_shown(name: str, keras_name: str, env: Environment, versions: tuple[str, ...]) -> Target | None:
    shown = shown_keras(env, versions)
    if shown is None:
        return None
    package, version = shown
    target = Target(package=package, versions=(version,), name=keras_name.removeprefix("tf."))
    if _FIRST_KERAS.match(name) and Version(version) < KERAS_3 and target.missing(version):
        raise Unknown(f"whether {target.title} has `{name}` isn't known")
    return target


def _find_layers(name: str, env: Environment, versions: tuple[str, ...]) -> Target:
    """Layers of the first API: TensorFlow's own, then Keras 2's, and gone with Keras 3.

    Of those that TensorFlow has still, Keras 3 hides the attributes, while they can be imported.
    """
    target = Target(package=TENSORFLOW, versions=versions, name=name)
    shown = shown_keras(env, versions)
    is_keras_3 = shown is not None and Version(shown[1]) >= KERAS_3
    lacking = any(target.missing(version) for version in versions)
    if shown is not None and is_keras_3 and lacking:
        rest = name.removeprefix("tf.compat.v1.")
        return Target(package="tf.keras", versions=(shown[1],), name=f"keras.{rest}", dropped_in=str(KERAS_3))
    if is_keras_3 or lacking:
        raise Unknown(f"whether {target.title} shows `{name}` of its Keras isn't known")
    return target


def _require_own(name: str, versions: tuple[str, ...]) -> None:
    for version in versions:
        for module in tensorflow_api.find_release(version).foreign_names:
            if name.startswith(f"{module}."):
                raise Unknown(f"`{module}` isn't TensorFlow's own: whether it has `{name}` is another package's matter")


def tensorflow_releases(env: Environment) -> tuple[str, ...]:
    """The TensorFlow releases of which the environment has one; only one where it says which, none without any.

    Raises:
        Unknown: the history lacks it, or any that goes with the Keras.
    """
    for distribution in BACKENDS["tensorflow"]:
        if distribution in env.distributions:
            return (tensorflow_api.find_release(env.distributions[distribution].version).version,)
    if env.complete and not any(env.lists(name) for name in BACKENDS["tensorflow"]):
        return ()
    package = env.default_keras_package.replace("_", "-")
    found = _beside(env.distributions[package].version if package in env.distributions else None)
    if not found:
        raise Unknown(f"the history lacks a TensorFlow that goes with `{package}` {env.distributions[package].version}")
    return found


@cache
def _beside(keras: str | None) -> tuple[str, ...]:
    """The TensorFlow releases that go with a Keras; all of them where its version says nothing."""
    known = [(text, Version(text)) for text in tensorflow_api.releases()]
    version = _version(keras or "")
    if version is None:
        return tuple(text for text, _ in known)
    if version < KERAS_3:
        return tuple(text for text, release in known if release.release[:2] == version.release[:2])
    return tuple(text for text, release in known if release >= _FIRST_WITH_KERAS_3)


def shown_keras(env: Environment, tensorflow: tuple[str, ...]) -> tuple[str, str] | None:
    """What `tf.keras` shows: the package, as ``keras_names`` calls it, and its release; None without any.

    Raises:
        Unknown: the release isn't known.
    """
    newest = Version(tensorflow[-1])
    if newest < _FIRST_WITHOUT_KERAS and len(tensorflow) == 1:
        return "tf.keras", f"{newest.major}.{newest.minor}.0"
    package = "tf_keras" if env.legacy_keras and newest >= _FIRST_WITH_LEGACY else "tf.keras"
    version = release_of(env, "tf-keras" if package == "tf_keras" else "keras")
    return None if version is None else (package, _plain(version))


def release_of(env: Environment, distribution: str) -> str | None:
    """The release of a distribution; None where it isn't there.

    Raises:
        Unknown: it isn't known.
    """
    if distribution in env.unsettled:
        raise Unknown(env.unsettled[distribution])
    if not env.has(distribution):
        return None
    return env.distributions[distribution].version


def is_certain(target: Target, missing: str) -> bool:
    """Whether what the table lacks isn't there, either.

    At its top, a Keras that shows its own modules has none that came with Keras 3, such as `keras.ops`.
    """
    if target.package != "keras" or Version(target.version) >= _FIRST_OF_PUBLIC_NAMES:
        return True
    brought = target.table.first_with(missing)
    return missing.count(".") == 1 and brought is not None and Version(brought) >= KERAS_3


def _plain(version: str) -> str:
    """A release without the mark of who built it."""
    return version.partition("+")[0]


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
