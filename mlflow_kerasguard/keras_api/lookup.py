"""Which definition a release's loaders find for an object of a file.

The lookups follow Keras's own: ``_retrieve_class_or_fn`` of ``saving/serialization_lib.py`` for the
`.keras` format, the ``ALL_OBJECTS`` of ``layers/serialization.py`` (Keras 2) or the namespace of
``keras.src.layers`` (Keras 3) for legacy HDF5.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from mlflow_kerasguard.keras_api.tables import get_uses_table, read_table
from mlflow_kerasguard.keras_api.tree import Definition, NameTree
from mlflow_kerasguard.model import Json, ObjectRef, Section

#: Where a release keeps the modules behind its public names, most specific first.
_PUBLIC_ROOTS = ("{package}.api._v2.keras", "{package}.api", "{package}")

#: Last word of a key → the namespace in which its object is looked up by class name alone.
_ROLE_NAMESPACES = {
    "activation": "activations",
    "initializer": "initializers",
    "regularizer": "regularizers",
    "constraint": "constraints",
    "dtype": "dtype_policies",
}

#: The same for the keys of a training configuration.
_COMPILE_NAMESPACES = {
    "loss": "losses",
    "metrics": "metrics",
    "weighted_metrics": "metrics",
    "optimizer": "optimizers",
    "optimizer_config": "optimizers",
}

#: Layers that Keras 2 registers itself, by the modules that define them.
REGISTERED_LAYERS = {"CustomScaleLayer": "applications.inception_resnet_v2"}

#: Keys of a training configuration whose objects Keras 3 looks up in a table, where HDF5 names no module.
_LISTED_ROLES = {"loss": "losses", "optimizer_config": "optimizers"}

#: Keys of an optimizer's configuration whose objects Keras 2 looks up by class name as well.
_SCHEDULES = "optimizers.schedules"
_INNER_COMPILE_NAMESPACES = {"learning_rate": _SCHEDULES, "inner_optimizer": "optimizers"}

#: Keys under which a layer or model itself stands; the model has none.
LAYER_ROLES = frozenset({"", "layers"})

#: Keys under which Keras 2 hands an object to ``layers.deserialize``, which goes by class name whatever the
#: file says of a module.
_INNER_LAYER_ROLES = frozenset({"layers", "layer", "forward_layer", "backward_layer", "cell", "cells"})

#: ``BUILTIN_MODULES`` of ``serialization_lib.py``: where a name without a module is sought, and where
#: the parent's constructor looks names up by itself, whatever the file says of a module.
_BUILTIN_NAMESPACES = ("activations", "constraints", "initializers", "losses", "metrics", "optimizers", "regularizers")


class Lookup:
    """The lookups of one release.

    Args:
        tree: its source files.
        is_keras_3: whether it is a Keras 3; ``tf_keras`` is a Keras 2.
    """

    def __init__(self, tree: NameTree, *, is_keras_3: bool) -> None:
        self.tree = tree
        self.package = tree.package
        self.is_keras_3 = is_keras_3
        self._tables: dict[str, dict[str, Definition] | None] = {}

    @cached_property
    def _roots(self) -> tuple[str, ...]:
        candidates = [root.format(package=self.package) for root in _PUBLIC_ROOTS]
        return tuple(root for root in candidates if self.tree.module(root))

    def find_class(self, ref: ObjectRef, *, legacy_hdf5: bool) -> Definition | None:
        """What stands for an object of kind class; None where the loader finds nothing."""
        namespace = _ROLE_NAMESPACES.get(ref.role.rsplit("_", 1)[-1])
        if namespace is not None:
            table = self._table(namespace)
            if table is not None:
                return table.get(ref.class_name)
            found = self.public(f"keras.{namespace}", ref.class_name) or self._implementation(namespace, ref.class_name)
            if found is not None:
                return found
        if ref.module is not None and (self.is_keras_3 or ref.role not in _INNER_LAYER_ROLES):
            return self._by_path(ref.module, ref.class_name)
        if ref.section is Section.COMPILE:
            return self._by_compile_role(ref)
        if legacy_hdf5 and self.is_keras_3 and ref.role not in LAYER_ROLES:
            return None  # What a layer holds goes through `deserialize_keras_object`, which needs a module.
        return self._layer_by_name(ref.class_name) or self._registered_layer(ref.registered_name or ref.class_name)

    def goes_by_module(self, ref: ObjectRef) -> bool:
        """Whether an object's module is looked at, not only its class name.

        Keras 2 hands everything inside a model to ``layers.deserialize`` and its like, which look in
        tables; Keras 3 does so with what a layer's constructor hands to ``initializers.get``.
        """
        if not self.is_keras_3:
            return ref.parent is None
        namespace = _ROLE_NAMESPACES.get(ref.role.rsplit("_", 1)[-1])
        return namespace is None or self._table(namespace) is None

    def _table(self, namespace: str) -> dict[str, Definition] | None:
        """Keras 3's table for a namespace, where its ``get`` uses it."""
        if namespace not in self._tables:
            uses = self.is_keras_3 and get_uses_table(self.tree, namespace)
            self._tables[namespace] = read_table(self.tree, namespace) if uses else None
        return self._tables[namespace]

    def _by_compile_role(self, ref: ObjectRef) -> Definition | None:
        """An object of a training configuration: by class name, or by the name that it gave itself.

        The second is `_resolve_compile_arguments_compat` of Keras 3.
        """
        inner = None if self.is_keras_3 else _INNER_COMPILE_NAMESPACES.get(ref.role)
        namespace = _COMPILE_NAMESPACES.get(ref.role, inner)
        if namespace is None:
            return None
        if namespace == _SCHEDULES:
            return self.public(f"keras.{namespace}", ref.class_name) or self._early_schedule(ref.class_name)
        _, _, short = ref.class_name.rpartition(">")
        if not self.is_listed(ref):
            return None
        # What Keras registered isn't looked up in its tables, so that a legacy one can't come of it.
        config = ref.config if short == ref.class_name else {}
        by_name = self._optimizer(short, config) if namespace == "optimizers" else None
        found = by_name or self._implementation(namespace, short) or self._experimental(ref)
        if short != ref.class_name and found is not None and not self.is_keras_3 and not _is_registered(found):
            return None
        return found

    def _early_schedule(self, name: str) -> Definition | None:
        """A schedule that Keras 2.4 had under other public names; it finds them where they are defined."""
        return self.tree.resolve(f"{self.package}.optimizer_v2.learning_rate_schedule", name)

    def _experimental(self, ref: ObjectRef) -> Definition | None:
        """An optimizer of Keras 2.10 that stands in no table, and is registered by its name."""
        return self.public("keras.optimizers.experimental", ref.class_name.rpartition(">")[2])

    def is_listed(self, ref: ObjectRef) -> bool:
        """Whether a loss or optimizer of an HDF5 file, if it is one, is in the table that Keras 3 looks it up in."""
        namespace = _LISTED_ROLES.get(ref.role)
        if not self.is_keras_3 or namespace is None or ref.has_module:
            return True
        key = f"{namespace} of HDF5"
        if key not in self._tables:
            self._tables[key] = read_table(self.tree, namespace)
        table = self._tables[key]
        _, _, name = ref.class_name.rpartition(">")
        # What isn't there is sought once more, by the name that it gave itself.
        if table is None or name in table or ref.config.get("name") in table:
            return True
        # Optimizers are found whatever the case of their names.
        return namespace == "optimizers" and name.lower() in {known.lower() for known in table}

    def find_function(self, ref: ObjectRef) -> Definition | None:
        """What stands for a function, or for a class that is given by its bare name."""
        if ref.module in {None, "builtins"}:
            names = (self.public(f"keras.{namespace}", ref.class_name) for namespace in _BUILTIN_NAMESPACES)
            return next((found for found in names if found), None)
        assert ref.module is not None
        namespace = ref.module.rsplit(".", 1)[-1]
        if ref.module == f"keras.{namespace}" and namespace in _BUILTIN_NAMESPACES:
            by_name = self._optimizer(ref.class_name, {}) if namespace == "optimizers" else None
            found = by_name or self._implementation(namespace, ref.class_name)
            if found is not None:
                return found
        return self._by_path(ref.module, ref.class_name)

    def _by_path(self, module: str, name: str) -> Definition | None:
        """By module and name, as ``get_symbol_from_name`` and then ``import_module`` find it."""
        found = self.public(module, name)
        return found if found is not None else self.tree.resolve(module, name)

    def public(self, module: str, name: str) -> Definition | None:
        """A public name: ``keras.layers`` means the same in ``keras`` and ``tf_keras``."""
        first, _, rest = module.partition(".")
        if first not in {"keras", self.package}:
            return None
        for root in self._roots:
            found = self.tree.resolve(f"{root}.{rest}" if rest else root, name)
            if found is not None and found.name is not None:
                return found
        return None

    def _implementation(self, namespace: str, name: str) -> Definition | None:
        """By class name in the package that implements a namespace (its ``ALL_OBJECTS``)."""
        if namespace == "dtype_policies" and not self.is_keras_3:
            namespace = "mixed_precision.policy"
        for module in (f"{self.package}.src.{namespace}", f"{self.package}.{namespace}"):
            facts = self.tree.module(module)
            if facts is None:
                continue
            found = self.tree.resolve(module, name)
            if found is not None and found.name is not None:
                return found
            foreign = Definition(facts, name)
            if foreign.is_tensorflows:
                return foreign
            target = next(iter(facts.tables.entries.get(name, ())), _camel_case(name))
            found = self.tree.resolve(module, target)
            if found is not None and found.name is not None:
                return found
        return None

    def _optimizer(self, name: str, config: Mapping[str, Json]) -> Definition | None:
        """An optimizer by its name, whatever the case, as ``optimizers.deserialize`` finds it.

        Keras 2.11 to 2.15 have two tables, and a config that doesn't say otherwise means the legacy one.
        """
        module = self.tree.module(f"{self.package}.src.optimizers") or self.tree.module(f"{self.package}.optimizers")
        if module is None:
            return None
        targets = module.tables.entries.get(name.lower(), ())
        names = [targets[-1] if is_legacy_optimizer(config) else targets[0]] if targets else []
        names += [imported for imported in module.imports if imported.lower() == name.lower()]
        found = (self.tree.resolve(module.name, imported) for imported in names)
        return next((item for item in found if item is not None and item.class_facts), None)

    def _layer_by_name(self, name: str) -> Definition | None:
        """A layer or model as the legacy HDF5 loader finds it: by class name alone."""
        for module in self._legacy_modules:
            found = self.tree.resolve(module, name)
            if found is not None and found.class_facts is not None:
                return found
        return self._named_layers.get(name)

    def _registered_layer(self, name: str) -> Definition | None:
        """A layer of Keras 2's own applications that registers itself as if it were custom."""
        _, _, short = name.rpartition(">")
        module = REGISTERED_LAYERS.get(short) if short != name and not self.is_keras_3 else None
        names = (f"{self.package}.src.{module}", f"{self.package}.{module}") if module else ()
        found = (self.tree.resolve(where, short) for where in names)
        return next((item for item in found if item is not None and _is_registered(item)), None)

    @cached_property
    def _legacy_modules(self) -> tuple[str, ...]:
        if self.is_keras_3:
            return ("keras.src.layers", "keras.src.models")
        return (*self._keras_2_modules, f"{self.package}.src.models", f"{self.package}.models")

    @cached_property
    def _named_layers(self) -> dict[str, Definition]:
        """What Keras 2 puts into its table of layers one by one, such as ``BatchNormalizationV2``."""
        for name in (f"{self.package}.src.layers.serialization", f"{self.package}.layers.serialization"):
            module = None if self.is_keras_3 else self.tree.module(name)
            if module is not None:
                found = {alias: self.tree.resolve(name, target) for alias, target in module.tables.aliases}
                return {alias: item for alias, item in found.items() if item is not None and item.class_facts}
        return {}

    @cached_property
    def _keras_2_modules(self) -> tuple[str, ...]:
        """The modules whose layers Keras 2 puts into ``ALL_OBJECTS``, later ones first."""
        for name in (f"{self.package}.src.layers.serialization", f"{self.package}.layers.serialization"):
            module = self.tree.module(name)
            if module is not None:
                found = (self.tree.resolve(name, part) for part in module.tables.layer_modules)
                return tuple(item.module.name for item in found if item is not None and item.name is None)
        return ()


def is_legacy_optimizer(config: Mapping[str, Json]) -> bool:
    """Whether Keras 2.11 to 2.15 take an optimizer's config for a legacy one's."""
    return bool(config) and bool(config.get("is_legacy_optimizer", True))


def _is_registered(definition: Definition) -> bool:
    """Whether the class is put under ``Custom>Name`` by Keras itself, as optimizers of 2.11 and later."""
    return definition.module.is_registered(str(definition.name))


def _camel_case(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
