"""Which names in a configuration could make a loader do something other than build a model.

Keras looks functions and classes up by the module and name that the file gives. Several releases took
any public function of Keras for an activation or a loss, and every ``tf_keras`` imports any module at
all. So names are held against what a model has a use for, not against a list of known attacks.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import lru_cache

from mlflow_kerasguard.model import Kind, ObjectRef

#: Where Keras keeps functions that work on tensors, under public and internal module names alike.
_FUNCTION_NAMESPACES = frozenset(
    {
        "activations",
        "backend",
        "constraints",
        "initializers",
        "layers",
        "losses",
        "metrics",
        "ops",
        "optimizers",
        "quantizers",
        "random",
        "regularizers",
    }
)

#: Functions outside of them that people put into `Lambda` layers.
_HARMLESS_FUNCTIONS = frozenset({"decode_predictions", "normalize", "preprocess_input", "to_categorical"})

#: Namespaces in which a class name in lowercase is a function that acts on files, network or settings.
_TOOL_NAMESPACES = frozenset(
    {
        "applications",
        "callbacks",
        "config",
        "datasets",
        "distribution",
        "export",
        "preprocessing",
        "saving",
        "tree",
        "utils",
        "visualization",
        "wrappers",
    }
)

#: Names that act on files, network, settings or serialized code, wherever Keras has them.
_ACTING = re.compile(
    r"(set|enable|disable|load|save|download|export)_|(get_file|clear_session|plot_model|model_to_dot|func_load|"
    r"model_from_(json|config|yaml)|deserialize_keras_object|\w+_dataset_from_directory)$"
)

#: Parts of a module path that don't tell what it is for.
_LAYOUT = frozenset({"_tf_keras", "api", "keras", "python", "src", "tf_keras"})

_KERAS = frozenset({"keras", "tf_keras"})

#: Beside the standard library: packages whose functions run or install code.
_LOADERS = frozenset({"IPython", "cloudpickle", "dill", "joblib", "pip", "pkg_resources", "setuptools"})

_DANGEROUS_BUILTINS = frozenset(
    {
        "__import__",
        "breakpoint",
        "compile",
        "delattr",
        "eval",
        "exec",
        "exit",
        "getattr",
        "globals",
        "help",
        "input",
        "open",
        "quit",
        "setattr",
        "type",
        "vars",
    }
)


def bytecode(ref: ObjectRef) -> Iterator[str]:
    """The places where an object holds Python bytecode."""
    if ref.kind is Kind.LAMBDA:
        yield ref.where
    elif ref.class_name == "Lambda":
        # Keras 2 also takes a bare string for bytecode where the type beside it says so.
        for key in ("function", "output_shape", "mask"):
            if ref.config.get(f"{key}_type") == "lambda" and isinstance(ref.config.get(key), str):
                yield f"{ref.where}.{key}"


def why_unsafe(ref: ObjectRef) -> str | None:
    """What is wrong with building or calling the object that ``ref`` names; None where nothing is known to be."""
    if ref.module is None or ref.kind is Kind.LAMBDA:
        return None
    return _why_unsafe(ref.kind, ref.module, ref.class_name, ref.has_module)


@lru_cache(maxsize=4096)
def _why_unsafe(kind: Kind, module: str, name: str, has_module: bool) -> str | None:
    """The same, for what a model names many times over."""
    top = module.split(".", 1)[0]
    if top == "builtins":
        return "a function of Python itself" if name in _DANGEROUS_BUILTINS else None
    if top in sys.stdlib_module_names:
        return "a part of Python's standard library"
    if top in _LOADERS:
        return "a part of a package that runs or installs code"
    if top in _KERAS and has_module and _is_tool(kind, module, name):
        return "a utility of Keras, which no model is built from"
    return None


def _is_tool(kind: Kind, module: str, name: str) -> bool:
    namespace = _namespace(module)
    if _ACTING.match(name):
        return True
    if kind is Kind.FUNCTION:
        return bool(namespace) and namespace not in _FUNCTION_NAMESPACES and name not in _HARMLESS_FUNCTIONS
    return namespace in _TOOL_NAMESPACES and not name[:1].isupper()


def _namespace(module: str) -> str:
    """`activations` for `keras.activations` and `keras.src.activations.activations`."""
    return next((part for part in module.split(".") if part not in _LAYOUT), "")
