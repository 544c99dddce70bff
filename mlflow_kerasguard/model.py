"""What a saved model asks for: strings, numbers and JSON only, never a class.

Readers in :mod:`mlflow_kerasguard.formats` make a :class:`ModelSpec`; rules judge it. Keras's own
names are used for keys and fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from mlflow_kerasguard.observed import Observed
from mlflow_kerasguard.policies import CustomCode
from mlflow_kerasguard.source_identity import Fingerprint, Provenance

#: Anything that ``json.loads`` returns.
Json = Any


class Kind(str, Enum):
    """What an entry of a configuration stands for."""

    CLASS = "class"
    FUNCTION = "function"
    LAMBDA = "lambda"


class Section(str, Enum):
    """Which part of the file an object comes from."""

    MODEL = "model"
    COMPILE = "compile"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRef:
    """One serialized object: a layer, initializer, loss, function, … at any depth.

    Attributes:
        kind: class, function or lambda.
        class_name: Keras's ``class_name``; of a function, the function's name.
        module: Keras's ``module``; None where the format has none (legacy HDF5) or it says null.
        registered_name: the key of ``register_keras_serializable``; None for Keras's own objects.
        config: the object's own configuration as it stands in the file; empty for functions.
        role: the key under which the parent holds it, such as ``kernel_initializer``; lists give
            their key (``layers``). Empty for the model itself.
        where: the place in the model, for people.
        parent: index of the enclosing object in the list of objects; None for a root.
        section: whether loading with ``compile=False`` leaves it alone.
        has_module: whether the file has a ``module`` key at all; only then Keras resolves by module.
        build_config: arguments of ``build_from_config``, where the format has them.
    """

    kind: Kind = Kind.CLASS
    class_name: str
    module: str | None = None
    registered_name: str | None = None
    config: Mapping[str, Json] = field(default_factory=dict)
    role: str = ""
    where: str = ""
    parent: int | None = None
    section: Section = Section.MODEL
    has_module: bool = False
    build_config: Json = None

    @property
    def path(self) -> str:
        """Module and name, such as ``keras.layers.Dense``; the bare name where there is no module."""
        return f"{self.module}.{self.class_name}" if self.module else self.class_name

    @property
    def top_level_module(self) -> str | None:
        """The first part of the module."""
        return self.module.split(".", 1)[0] if self.module else None


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightSpec:
    """One stored array: its path in the weights file, its shape and NumPy dtype name."""

    path: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """Number of elements."""
        size = 1
        for length in self.shape:
            size *= length
        return size


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """Something about the file itself that a sound writer doesn't produce.

    Attributes:
        kind: a short permanent identifier such as ``zip-member-outside``; a rule of family KG1xx
            claims each kind.
        where: the place in the file.
        found: what is there.
    """

    kind: str
    where: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the logged model's signature adds to the bare file; empty for a bare file.

    Attributes:
        python: version of the Python that logged it.
        distributions: normalized distribution name to version, at log time.
        closure: the same with what these require; empty where the signature is older.
        roles: what each of the closure is for, one of ``mlflow_kerasguard.roles``.
        packaged_modules: modules whose source travels with the model.
        provided_objects: registered or class names that the packaged code defines.
        imported_objects: registered or class name to ``module:qualname`` of objects that the guard's
            loader imports from an installed distribution.
        packaged_objects: likewise, of objects whose source travels with the model.
        fingerprints: those of the packaged objects, by the same names.
        module_digests: packaged module to the digest of its syntax tree.
        provenance: the repository that the packaged code is from; None where it is in none.
        public_names: names of TensorFlow and Keras that the packaged code uses, such as
            ``tf.nn.softmax``, to where it does so first.
    """

    python: str | None = None
    distributions: Mapping[str, str] = field(default_factory=dict)
    closure: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    packaged_modules: frozenset[str] = frozenset()
    provided_objects: frozenset[str] = frozenset()
    imported_objects: Mapping[str, str] = field(default_factory=dict)
    packaged_objects: Mapping[str, str] = field(default_factory=dict)
    fingerprints: Mapping[str, Fingerprint] = field(default_factory=dict)
    module_digests: Mapping[str, str] = field(default_factory=dict)
    provenance: Provenance | None = None
    public_names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A saved model as its file describes it.

    Attributes:
        source: the path or URI it was read from.
        format: ``keras`` (zip), ``h5``, ``saved_model``, or ``unknown`` where nothing could be read.
        keras_version: the release that saved it, as the file says; may be missing and may lie.
        keras_package: ``keras`` or ``tf_keras``, where it is known which one saved it.
        backend: the backend it was saved with, where the file says.
        config: the whole model configuration; None for a SavedModel or an unreadable file.
        compile_config: the training configuration, in the format's own layout; None if not compiled.
        objects: every serialized object in document order, the model itself first.
        weights: every stored array except optimizer variables.
        optimizer_weights: the optimizer's stored arrays.
        anomalies: what is wrong with the file as a file.
        origin: what a signature adds.
        trusted: paths of objects that the caller vouches for, such as ``keras.layers.Lambda``.
        observed: what the process that logs the model saw of its live objects; None everywhere else.
        custom_code: which version of packaged code the caller wants.
        details: further facts of the format, JSON only.
        derived: what has been worked out from these values, so that it is done once for any number of
            environments; not a part of the value.
    """

    source: str
    format: str
    keras_version: str | None = None
    keras_package: str | None = None
    backend: str | None = None
    config: Json = None
    compile_config: Json = None
    objects: tuple[ObjectRef, ...] = ()
    weights: tuple[WeightSpec, ...] = ()
    optimizer_weights: tuple[WeightSpec, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    origin: Origin = field(default_factory=Origin)
    trusted: frozenset[str] = frozenset()
    observed: Observed | None = None
    custom_code: CustomCode = CustomCode.PACKAGED
    details: Mapping[str, Json] = field(default_factory=dict)
    derived: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def readable(self) -> bool:
        """Whether there is a configuration (or graph) to judge."""
        return self.format == "saved_model" or self.config is not None

    def without_compile(self) -> ModelSpec:
        """The same model as ``load_model(..., compile=False)`` sees it."""
        kept = [index for index, ref in enumerate(self.objects) if ref.section is Section.MODEL]
        if self.compile_config is None and len(kept) == len(self.objects):
            return self  # With all that has been derived from it.
        moved = {old: new for new, old in enumerate(kept)}
        # Objects know their parents by index. A parent always stays: it is a part of the model as well.
        objects = tuple(_moved(self.objects[index], moved) for index in kept)
        return replace(self, objects=objects, compile_config=None)

    def summary(self) -> str:
        """One line for people."""
        if not self.readable:
            return "nothing that can be read as a Keras model"
        kinds = {"keras": "`.keras` file", "h5": "HDF5 file", "saved_model": "SavedModel"}
        saver = (
            f"saved by {self.keras_package or 'Keras'} {self.keras_version}" if self.keras_version else "saver unknown"
        )
        layers = sum(1 for ref in self.objects if ref.role == "layers")
        parts = [kinds.get(self.format, self.format), saver]
        if self.backend:
            parts.append(f"on {self.backend}")
        if self.format != "saved_model":  # Its layers are a graph, and its weights aren't read.
            parts.append(f"{layers} layer{'s' * (layers != 1)}")
            parts.append(f"{len(self.weights)} weight{'s' * (len(self.weights) != 1)}")
        return ", ".join(parts)


def _moved(ref: ObjectRef, indices: Mapping[int, int]) -> ObjectRef:
    parent = None if ref.parent is None else indices[ref.parent]
    return ref if parent == ref.parent else replace(ref, parent=parent)
