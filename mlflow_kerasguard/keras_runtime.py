"""The Keras package that is, or is to be, in this process: `keras` of any release, or `tf_keras`.

Nothing here imports a Keras except :func:`import_keras`, which only the loading side calls, after the
check.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
import warnings
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard.errors import ModelNotLoggableError
from mlflow_kerasguard.rules.environment import BACKENDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import ModuleType

    from mlflow_kerasguard.environment import Environment

KERAS_PACKAGES = frozenset({"keras", "tf_keras"})

#: Objects that Keras builds only with ``safe_mode=False``.
UNSAFE_CLASSES = frozenset({"Lambda", "TFSMLayer", "TorchModuleWrapper"})

#: The first release of Keras 2 that writes `.keras` files.
_FIRST_WITH_KERAS_FORMAT = (2, 12)

#: The registry of custom objects is global to the process, so one load at a time may change it.
_REGISTRY_LOCK = threading.RLock()


@dataclass(frozen=True, slots=True, kw_only=True)
class KerasRuntime:
    """A Keras that has been imported.

    Attributes:
        package: ``keras`` or ``tf_keras``.
        version: its release, such as ``3.15.1``.
        module: the imported package.
    """

    package: str
    version: str
    module: ModuleType

    @property
    def release(self) -> tuple[int, int]:
        """Major and minor version."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)

    @property
    def is_legacy(self) -> bool:
        """Whether this is Keras 2, as ``tf_keras`` is too."""
        return self.release < (3, 0)

    @property
    def writes_keras_format(self) -> bool:
        return self.release >= _FIRST_WITH_KERAS_FORMAT

    @property
    def backend(self) -> str:
        """``tensorflow``, ``jax``, ``torch``, …; Keras 2 has TensorFlow only."""
        return "tensorflow" if self.is_legacy else str(self.module.backend.backend())

    @property
    def registry(self) -> dict[str, Any]:
        """The live global registry of custom objects, by registered name."""
        registry: dict[str, Any] = self.module.utils.get_custom_objects()
        return registry

    @contextlib.contextmanager
    def isolated_registry(self) -> Iterator[dict[str, Any]]:
        """Let the registry be changed for a while; on leaving it is as it was before."""
        with _REGISTRY_LOCK:
            registry = self.registry
            before = dict(registry)
            try:
                yield registry
            finally:
                registry.clear()
                registry.update(before)

    def load(
        self, path: Path, *, custom_objects: Mapping[str, Any], compile: bool, trusted: frozenset[str] = frozenset()
    ) -> Any:
        """Deserialize a model file that has passed the check.

        Args:
            path: the `.keras` or HDF5 file.
            custom_objects: registered and class names to objects.
            compile: whether to compile as the saved model was.
            trusted: paths of objects that the caller vouches for.
        """
        arguments: dict[str, Any] = {"custom_objects": dict(custom_objects), "compile": compile}
        if any(name.rsplit(".", 1)[-1] in UNSAFE_CLASSES for name in trusted) and self.writes_keras_format:
            arguments["safe_mode"] = False
        # The global registry outranks `custom_objects=` in Keras, so what is meant to win goes in there.
        with self.isolated_registry() as registry:
            registry.update(custom_objects)
            return self.module.models.load_model(str(path), **arguments)

    def save(self, model: Any, path: Path) -> None:
        """Write ``model`` in the format that the suffix of ``path`` says.

        Raises:
            ModelNotLoggableError: Keras can't serialize it.
        """
        arguments = {"save_format": path.suffix[1:]} if self.is_legacy else {}
        try:
            model.save(str(path), **arguments)
        except Exception as error:
            raise ModelNotLoggableError(
                f"Keras {self.version} can't write this model as `{path.suffix}`: {innermost_message(error)}"
            ) from error

    def serialized(self, value: Any) -> Any:
        """A value of a configuration as it goes into a file; before 2.12 that is left to JSON.

        Raises:
            Exception: whatever Keras or a person's own class raises.
        """
        serialize = getattr(getattr(self.module, "saving", None), "serialize_keras_object", None)
        if serialize is None:
            return value
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # About lambdas: another rule speaks of them.
            return serialize(value)


def runtime_of(model: Any) -> KerasRuntime:
    """The Keras that a live model belongs to, found without importing anything.

    Raises:
        ModelNotLoggableError: it isn't a Keras model.
    """
    for cls in type(model).__mro__:
        package = cls.__module__.split(".", 1)[0]
        if package in KERAS_PACKAGES and cls.__name__ == "Model":
            module = sys.modules[package]
            return KerasRuntime(package=package, version=module.__version__, module=module)
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    raise ModelNotLoggableError(
        f"`model` has to be a Keras model (a `keras.Model` or `tf_keras.Model`), not an instance of `{kind}`"
    )


def require_built(model: Any) -> None:
    """Refuse a model whose weights don't exist yet.

    Raises:
        ModelNotLoggableError: it has never been built.
    """
    if not model.built:
        raise ModelNotLoggableError(
            f"the model `{model.name}` has no weights yet; call it on a batch of data, "
            "or give it an input shape, and log it again"
        )


def import_keras(package: str, backend: str | None = None) -> KerasRuntime:
    """Import the Keras that a checked model is to be loaded with.

    Args:
        package: ``keras`` or ``tf_keras``.
        backend: what the model was saved on; used where neither the process nor ``KERAS_BACKEND``
            has chosen one yet. Otherwise a JAX model would ask for TensorFlow when it is served.
    """
    with _preferred_backend(backend if package not in sys.modules else None):
        module = import_module(package)
    return KerasRuntime(package=package, version=module.__version__, module=module)


def with_backend_of_loader(environment: Environment, backend: str | None) -> Environment:
    """An environment with the backend that :func:`import_keras` is going to choose there.

    Args:
        environment: where a model is to be loaded.
        backend: the one that the model was saved with.
    """
    if backend not in BACKENDS or not any(name in environment.distributions for name in BACKENDS[backend]):
        return environment
    # A list says itself what is set where it will be installed; what is set here has no part in it.
    is_list = environment.platform is None
    chosen = environment.configured_backend is not None if is_list else "KERAS_BACKEND" in os.environ
    return environment if chosen else replace(environment, configured_backend=backend)


@contextlib.contextmanager
def _preferred_backend(backend: str | None) -> Iterator[None]:
    """Set ``KERAS_BACKEND`` while Keras is imported, unless the user has."""
    if backend is None or "KERAS_BACKEND" in os.environ:
        yield
        return
    os.environ["KERAS_BACKEND"] = backend
    try:
        yield
    finally:
        del os.environ["KERAS_BACKEND"]


def innermost_message(error: BaseException) -> str:
    """The reason at the bottom of an error: Keras wraps it in whole configurations.

    Returns:
        The innermost exception's type and the end of its message, on one line.
    """
    while error.__cause__ or (error.__context__ and not error.__suppress_context__):
        error = error.__cause__ or error.__context__ or error
    text = " ".join(_COLOURS.sub("", str(error)).split())
    if len(text) > _MESSAGE_LIMIT:
        text = f"{text[: _MESSAGE_LIMIT // 2]} … {text[-_MESSAGE_LIMIT // 2 :]}"
    return f"{type(error).__name__}: {text}"


_MESSAGE_LIMIT = 600

#: Escape sequences: Keras prints parts of some messages in bold.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
