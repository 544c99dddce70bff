"""Making the history of TensorFlow: what is deprecated, and which names there are."""

from __future__ import annotations

import pytest

from tools.history.api_names import tensorflow_names
from tools.history.deprecations import deprecated_names

API = "tensorflow/_api/v2/"
SOURCE = "tensorflow/python/ops.py"


class Files(dict):
    """Files by path, as a wheel has them."""

    @property
    def names(self):
        return frozenset(self)

    def read(self, path):
        return self.get(path)


def files(source="", top="", first=""):
    shown = "from tensorflow.python.ops import f as f\n"
    return Files(
        {
            "tensorflow/__init__.py": shown + top,
            f"{API}math/__init__.py": "from tensorflow.python.ops import g as _private, f as g\n",
            f"{API}compat/v1/__init__.py": shown + first,
            f"{API}compat/v2/__init__.py": shown,
            SOURCE: source,
        }
    )


F = "def f(): ..."
NAMES = {"tf.f", "tf.math.g", "tf.compat.v1.f"}

#: Source of what the names show, and what is deprecated, each with the instructions.
DEPRECATED = {
    f"@deprecation.deprecated(None, 'Use `x` instead.')\n{F}": dict.fromkeys(NAMES, "Use `x` instead"),
    f"@deprecated('2020-01-01', 'Old.  Use\\n tf.x.y instead. Soon.')\n{F}": dict.fromkeys(NAMES, "Use tf.x.y instead"),
    f"@deprecated(None, instructions='Gone. Really.')\n{F}": dict.fromkeys(NAMES, "Gone"),
    f"@deprecated(None, 'Use `x(...)')\n{F}": dict.fromkeys(NAMES, "Use `x(...)`"),
    f"TEXT = 'Use foo.'\n@deprecated(None, TEXT)\n{F}": dict.fromkeys(NAMES, "Use foo"),
    f"@deprecated(None, 'a' % b)\n{F}": dict.fromkeys(NAMES, ""),
    f"@deprecated()\n{F}": dict.fromkeys(NAMES, ""),
    "class f:\n @deprecated(None, 'Use y')\n def __init__(self): ...": dict.fromkeys(NAMES, "Use y"),
    "class f:\n @deprecated(None, 'Use y')\n def other(self): ...": {},
    "class f:\n def __init__(self): 'deprecated'": {},
    f"@tf_export('math.f', v1=['math.f', 'f'])\n@deprecation.deprecated_endpoints('f')\n{F}": {
        "tf.compat.v1.f": "Use `tf.math.f` instead"
    },
    f"@tf_export(v1=['math.f', 'f'])\n@deprecated_endpoints('f')\n{F}": {
        "tf.compat.v1.f": "Use `tf.compat.v1.math.f` instead"
    },
    f"@deprecated_endpoints('f')\n{F}": {"tf.compat.v1.f": ""},
    f"@deprecated_endpoints('other')\n{F}": {},
    f"@other('deprecated')\n@plain\n{F}": {},
    F: {},
}


@pytest.mark.parametrize(("source", "expected"), DEPRECATED.items(), ids=range(len(DEPRECATED)))
def test_deprecated(source, expected):
    assert deprecated_names(files(source)) == {f"{name} {text}".strip() for name, text in expected.items()}


def test_names():
    own = NAMES | {"tf.math", "tf.compat.v1"}
    assert tensorflow_names(files()) == own
    top = 'from tensorboard.summary._tf import summary\nsetattr(_current_module, "keras", x)'
    added = {f"tf.summary.{name}" for name in ("audio", "histogram", "image", "scalar", "text")} | {"tf.keras"}
    # Outside of a function the import itself is a name, which it isn't in the real file.
    assert tensorflow_names(files(top=top)) == own | added | {"tf.summary"}
    first = "_current_module.app.flags = flags\n_current_module.nn.__path__ = []\n_current_module.__path__ = []"
    assert tensorflow_names(files(first=first)) == own | {"tf.compat.v1.app.flags"}
