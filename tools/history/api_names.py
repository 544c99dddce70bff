"""Public names of TensorFlow and Keras, from the files that re-export them; nothing is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tools.history.package_files import Files

_API = "tensorflow/_api/v2/"

#: What `import tensorflow` gives; the names at its top are in this file alone.
_TOP = "tensorflow/__init__.py"

#: `tf.compat.v2` and what `compat` holds of itself are the same names once more.
_REPEATED = re.compile(r"compat/(v2/|v1/compat/)")

#: Names that TensorFlow's `__init__` sets on itself: modules of other packages, loaded when they are used.
_SET = re.compile(r"""setattr\(_current_module,\s*["'](\w+)["']""")

#: Names that a module file sets on what it has imported, such as `app.flags`.
_SET_INSIDE = re.compile(r"^_current_module\.((?:\w+\.)*(?!__)\w+) = ", re.MULTILINE)

#: What TensorBoard adds to `tf.summary`, in the releases that load it from there.
_OF_TENSORBOARD = ("audio", "histogram", "image", "scalar", "text")

#: Where a package's public modules are, the first one that is there; `tf.keras` shows another set of names.
_KERAS_ROOTS = {
    "keras": ("keras/api/_v2/keras/", "keras/api/", "keras/"),
    "tf.keras": ("keras/_tf_keras/keras/", "keras/api/_tf_keras/keras/", "keras/api/_v2/keras/"),
    "tf_keras": ("tf_keras/api/_v2/keras/", "tf_keras/"),
}

#: Beside the public modules: what they are made of, and what other names show.
_NOT_PUBLIC = re.compile("src/|api/|_tf_keras/|protobuf/")

#: What module files bind besides the API.
_NO_API = frozenset({"os", "sys", "__all__", "__path__"})

_NOTHING = re.compile("(?!)")


def tensorflow_names(files: Files) -> frozenset[str]:
    """Every public name, as ``tf.linalg.det``."""
    names = {*_names(files, _API, "tf", _REPEATED), *tensorflow_origins(files)}
    names |= {f"tf.{name}" for name in foreign_modules(files)}
    first_api = files.read(f"{_API}compat/v1/__init__.py") or ""
    names |= {f"tf.compat.v1.{name}" for name in _SET_INSIDE.findall(first_api)}
    if "from tensorboard.summary" in (files.read(_TOP) or ""):
        names |= {f"tf.summary.{name}" for name in _OF_TENSORBOARD}
    return frozenset(names)


def tensorflow_origins(files: Files) -> dict[str, tuple[str, str]]:
    """Public name to the module that defines what it shows, and the name of that there."""
    found = {}
    for module, text in [("tf", files.read(_TOP) or ""), *_modules(files, _API, "tf", _REPEATED)]:
        for node in ast.parse(text).body:
            if isinstance(node, ast.ImportFrom) and node.module and node.module != "__future__":
                for alias in node.names:
                    if _is_public(alias.asname or alias.name):
                        found[f"{module}.{alias.asname or alias.name}"] = (node.module, alias.name)
    return found


def foreign_modules(files: Files) -> frozenset[str]:
    """The modules that other distributions bring, such as ``keras``."""
    named = set(_SET.findall(files.read(_TOP) or ""))
    # Some are TensorFlow's own, set once more to win over a submodule of the same name.
    return frozenset(name for name in named if f"{_API}{name}/__init__.py" not in files.names)


def keras_names(files: Files, package: str) -> frozenset[str]:
    """Every public name, as ``keras.layers.Dense``."""
    root = next(root for root in _KERAS_ROOTS[package] if f"{root}__init__.py" in files.names)
    return frozenset(_names(files, root, "keras", _NOT_PUBLIC))


def bundled_keras_names(files: Files) -> frozenset[str]:
    """The names of the Keras inside TensorFlow, as it was until 2.5."""
    return frozenset(_names(files, "tensorflow/keras/", "keras", _NOTHING))


def _names(files: Files, root: str, public: str, skipped: re.Pattern[str]) -> Iterator[str]:
    for module, text in _modules(files, root, public, skipped):
        yield module
        yield from (f"{module}.{name}" for name in _bound(text) if _is_public(name))


def _modules(files: Files, root: str, public: str, skipped: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """The public modules: what each is called, and its text."""
    for path in files.names:
        inside = path.removeprefix(root)
        if inside != path and inside.split("/")[-1] == "__init__.py" and not skipped.match(inside):
            yield ".".join([public, *inside.split("/")[:-1]]), files.read(path) or ""


def _bound(text: str) -> Iterator[str]:
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.module != "__future__"):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _is_public(name: str) -> bool:
    private = name.startswith("_") and not name.startswith("__")
    return not private and name.isidentifier() and name not in _NO_API
