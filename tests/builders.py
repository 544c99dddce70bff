"""Small makers of the values that rules judge, and the form of a rule's test case.

    model(ref("keras.layers.Dense", config={"units": 3}), keras_version="3.15.1")
    environment(packages={"keras": "3.8.0"}, classes={"keras.layers.Dense": "units activation"})

Everything that isn't said has a default that no rule objects to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard.environment import Distribution, Environment
from mlflow_kerasguard.keras_api import ClassApi, FunctionApi, KerasApi, LoaderFacts, Unknown
from mlflow_kerasguard.model import Kind, ModelSpec, ObjectRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

#: What ``environment()`` has when nothing is said.
PACKAGES = {"keras": "3.15.1", "tensorflow": "2.21.0"}
CLASSES: dict[str, str | ClassApi] = {
    "keras.Sequential": "layers name trainable",
    "keras.layers.InputLayer": "batch_shape dtype name",
    "keras.layers.Dense": "units activation kernel_initializer name dtype trainable",
    "keras.initializers.GlorotUniform": "seed",
}
FUNCTIONS = frozenset({"keras.activations.relu", "keras.losses.mean_squared_error"})
MODULES = frozenset({"keras", "tensorflow", "numpy"})


def ref(path: str = "keras.layers.Dense", **fields: Any) -> ObjectRef:
    """An object by its path; ``function("keras.activations.relu")`` makes a function."""
    module, _, name = path.rpartition(".")
    defaults = {"where": f'layers["{name.lower()}"]', "role": "layers", "parent": 0, "has_module": bool(module)}
    return ObjectRef(class_name=name, module=module or None, **{**defaults, **fields})


def function(path: str, **fields: Any) -> ObjectRef:
    """A function by its path, as an activation is given."""
    fields = {"where": 'layers["dense"].activation', "role": "activation", **fields}
    return ref(path, kind=Kind.FUNCTION, **fields)


def model(*objects: ObjectRef, **fields: Any) -> ModelSpec:
    """A Sequential model around ``objects``, as a `.keras` file of the default environment's Keras holds it."""
    root = ref("keras.Sequential", where="model", role="", parent=None)
    defaults = {
        "source": "model.keras",
        "format": "keras",
        "keras_version": PACKAGES["keras"],
        "keras_package": "keras",
        "backend": "tensorflow",
        "config": {},
        "objects": (root, *objects),
    }
    return ModelSpec(**{**defaults, **fields})


def environment(
    *,
    packages: Mapping[str, str | Distribution] = PACKAGES,
    classes: Mapping[str, str | ClassApi] = CLASSES,
    functions: Iterable[str] | Mapping[str, FunctionApi] = FUNCTIONS,
    modules: Iterable[str] = MODULES,
    keras: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Environment:
    """A complete environment with a made-up Keras.

    Args:
        packages: normalized name to version, or to a whole ``Distribution``.
        classes: path to the names of parameters, separated by spaces, or to a whole ``ClassApi``.
        functions: paths of functions, or path to a whole ``FunctionApi``.
        modules: top-level modules that can be imported.
        keras: further fields of ``FakeKerasApi``: how its loader behaves.
        fields: further fields of ``Environment``.
    """
    distributions = {name: _distribution(name, value) for name, value in packages.items()}
    defaults = {
        "source": "a test environment",
        "python": "3.11.7",
        "platform": "linux",
        "distributions": distributions,
        "complete": True,
        "read_keras_api": _reader(distributions, classes, functions, keras or {}),
        "has_module": frozenset(modules).__contains__,
    }
    return Environment(**{**defaults, **fields})


def unknown_environment(**fields: Any) -> Environment:
    """An environment about which nothing is known."""
    return Environment(**{"source": "an unknown environment", **fields})


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of a rule's table: ``code`` finds something in ``model`` there, or it doesn't.

    Attributes:
        code: the rule.
        name: says what is special, for the test's identifier.
        fires: whether the rule finds something.
        where: the first place; not compared when None.
        found: a part of the first finding's ``found``.
        unknown: a part of the first ``Unknown``; None where the rule has to know everything.
    """

    code: str
    name: str
    model: ModelSpec = field(default_factory=model)
    environment: Environment = field(default_factory=environment)
    fires: bool
    where: str | None = None
    found: str = ""
    unknown: str | None = None

    def __str__(self) -> str:
        return f"{self.code}-{self.name}"


@dataclass(frozen=True, kw_only=True)
class FakeKerasApi:
    """A ``KerasApi`` made of dicts."""

    package: str
    version: str
    classes: Mapping[str, ClassApi]
    functions: Mapping[str, FunctionApi]
    loader: LoaderFacts = field(default_factory=LoaderFacts)
    refuses: bool = True
    imported: frozenset[str] = frozenset({"keras"})
    rewritten: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()
    operations: frozenset[str] = frozenset()

    def has_operation(self, name: str) -> bool:
        return name in self.operations

    def keys_rewritten(self, ref: ObjectRef) -> frozenset[str]:
        return frozenset() if ref.has_module else self.rewritten

    def replaces_string(self, ref: ObjectRef, value: str) -> bool:
        return not ref.has_module and value in self.replaced

    def refuses_lambdas(self, *, legacy_hdf5: bool) -> bool:
        return self.refuses

    def imports_module(self, ref: ObjectRef) -> bool:
        return ref.top_level_module in self.imported

    def find_class(self, ref: ObjectRef, *, legacy_hdf5: bool) -> ClassApi | None:
        if legacy_hdf5 or not ref.has_module:
            return _by_name(self.classes, ref.class_name)
        return self.classes.get(ref.path)

    def find_function(self, ref: ObjectRef, *, legacy_hdf5: bool) -> FunctionApi | ClassApi | None:
        if ref.path in self.functions:
            return self.functions[ref.path]
        return self.find_class(ref, legacy_hdf5=legacy_hdf5)


def _by_name(classes: Mapping[str, ClassApi], name: str) -> ClassApi | None:
    return next((api for path, api in classes.items() if path.rpartition(".")[2] == name), None)


def _distribution(name: str, value: str | Distribution) -> Distribution:
    return value if isinstance(value, Distribution) else Distribution(name=name, version=value)


def _class_api(path: str, value: str | ClassApi) -> ClassApi:
    return value if isinstance(value, ClassApi) else ClassApi(path=path, parameters=frozenset(value.split()))


def _reader(
    distributions: Mapping[str, Distribution],
    classes: Mapping[str, str | ClassApi],
    functions: Iterable[str] | Mapping[str, FunctionApi],
    loader: Mapping[str, Any],
) -> Callable[[str], KerasApi]:
    class_apis = {path: _class_api(path, value) for path, value in classes.items()}
    given = dict(functions) if isinstance(functions, dict) else {}
    function_apis = {path: given.get(path, FunctionApi(path=path)) for path in functions}

    def read(package: str) -> KerasApi:
        distribution = distributions.get(package.replace("_", "-"))
        if distribution is None:
            raise Unknown(f"`{package}` isn't installed")
        return FakeKerasApi(
            package=package, version=distribution.version, classes=class_apis, functions=function_apis, **loader
        )

    return read
