"""What a Keras release offers, answered from the facts of its modules.

The same for an installed Keras, a wheel and the history: they differ in where the facts are from.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from mlflow_kerasguard.keras_api import ClassApi, FunctionApi, LoaderFacts
from mlflow_kerasguard.keras_api.chain import ClassReader
from mlflow_kerasguard.keras_api.facts import Modules
from mlflow_kerasguard.keras_api.lookup import LAYER_ROLES, Lookup, is_legacy_optimizer
from mlflow_kerasguard.keras_api.tree import Definition, NameTree
from mlflow_kerasguard.model import ObjectRef, Section

#: The modules below ``keras.src.ops`` that define operations.
_OPERATION_MODULES = ("numpy", "math", "nn", "core", "linalg", "image", "einops")

#: How HDF5 names optimizers that Keras 2 registers as if they were custom.
_REGISTERED = "Custom>"


class ReleaseApi:
    """The API of one release; a ``KerasApi``.

    Args:
        version: the release.
        modules: its modules.
        read_loader: how its loader behaves; asked for when a rule needs it.
    """

    def __init__(self, version: str, modules: Modules, read_loader: Callable[[], LoaderFacts]) -> None:
        self.package = modules.package
        self.version = version
        self._read_loader = read_loader
        self.tree = NameTree(modules)
        self.is_keras_3 = self.package == "keras" and not version.startswith(("2.", "1."))
        self._lookup = Lookup(self.tree, is_keras_3=self.is_keras_3)
        self._reader = ClassReader(self.tree)
        self._classes: dict[str, ClassApi] = {}
        self._found: dict[tuple[object, ...], ClassApi | None] = {}

    @cached_property
    def loader(self) -> LoaderFacts:
        """How this release's loader behaves."""
        return self._read_loader()

    def find_class(self, ref: ObjectRef, *, legacy_hdf5: bool) -> ClassApi | None:
        # A model names a few classes many times over.
        key = (
            ref.module,
            ref.class_name,
            ref.role,
            ref.section,
            ref.has_module,
            legacy_hdf5,
            is_legacy_optimizer(ref.config),
        )
        if key not in self._found:
            definition = self._lookup.find_class(ref, legacy_hdf5=legacy_hdf5)
            self._found[key] = self._class_api(definition) if definition is not None else None
        return self._found[key]

    def find_function(self, ref: ObjectRef, *, legacy_hdf5: bool) -> FunctionApi | ClassApi | None:
        definition = self._lookup.find_function(ref)
        if definition is None:
            return None
        if not definition.is_function:
            return self._class_api(definition)
        exported_as = definition.module.exported_as(str(definition.name))
        reachable = not self._goes_through_module(ref, legacy_hdf5) or self._is_reachable(ref, exported_as)
        return FunctionApi(path=definition.path, exported_as=exported_as, reachable=reachable)

    def _goes_through_module(self, ref: ObjectRef, legacy_hdf5: bool) -> bool:
        """Whether a name is turned into a module and a name before it is looked up.

        ``losses.deserialize("mse")`` of an HDF5 training configuration does that in Keras 3, and asks
        for ``mse`` in the module of the function's canonical name.
        """
        return legacy_hdf5 and self.is_keras_3 and ref.section is Section.COMPILE and not ref.has_module

    def _is_reachable(self, ref: ObjectRef, exported_as: str | None) -> bool:
        if not self._lookup.is_listed(ref):
            return False
        module, _, name = (exported_as or "").rpartition(".")
        if name == ref.class_name:
            return True
        return not self.loader.canonical_names_only and self._lookup.public(module, ref.class_name) is not None

    def has_operation(self, name: str) -> bool:
        modules = (self.tree.module(f"keras.src.ops.{module}") for module in _OPERATION_MODULES)
        return self.is_keras_3 and any(module is not None and module.has_class(name) for module in modules)

    def keys_rewritten(self, ref: ObjectRef) -> frozenset[str]:
        if self.is_keras_3 and ref.section is Section.COMPILE and ref.class_name.startswith(_REGISTERED):
            # `_resolve_compile_arguments_compat` takes the optimizer of that name as it comes.
            return frozenset(ref.config)
        if ref.has_module or ref.role not in LAYER_ROLES:
            return frozenset()
        facts = self.loader
        return facts.hdf5_rewritten | (facts.hdf5_lambda_dropped if ref.class_name == "Lambda" else frozenset())

    def replaces_string(self, ref: ObjectRef, value: str) -> bool:
        if not self.loader.hdf5_replaces_strings or ref.has_module or ref.role not in LAYER_ROLES:
            return False
        found = self.tree.resolve("keras.src.layers", value) if value.isidentifier() else None
        return found is not None and found.is_function

    def refuses_lambdas(self, *, legacy_hdf5: bool) -> bool:
        return self.loader.hdf5_safe_mode if legacy_hdf5 else self.loader.zip_safe_mode

    def imports_module(self, ref: ObjectRef) -> bool:
        if not self._lookup.goes_by_module(ref):
            return False
        return self.loader.importable is None or ref.top_level_module in self.loader.importable

    def _class_api(self, definition: Definition) -> ClassApi | None:
        if definition.class_facts is None:
            return None
        if definition.path not in self._classes:
            self._classes[definition.path] = self._reader.read(definition)
        return self._classes[definition.path]
