"""Public names of TensorFlow and Keras in source code."""

from __future__ import annotations

from typing import ClassVar

import pytest

from mlflow_kerasguard.custom_code.capture import CapturedCode
from mlflow_kerasguard.source_code.public_names import public_name, public_names

TF = "import tensorflow as tf\n"

#: What code uses, beside what it imports by name: source, and the names without the packages themselves.
USED = {
    # Imports.
    "import tensorflow\ntensorflow.nn.softmax": "tf.nn.softmax",
    "import tensorflow as tf\ntf.nn.softmax": "tf.nn.softmax",
    "import tensorflow.keras.backend\ntensorflow.nn.relu": "tf.keras.backend tf.nn.relu",
    "import tensorflow.compat.v1 as tf1\ntf1.Session()": "tf.compat.v1 tf.compat.v1.Session",
    "import tensorflow.compat.v2 as tf\ntf.abs": "tf.abs",
    "import tensorflow as tf\ntf.compat.v2.compat.v2.abs": "tf.abs",
    "from tensorflow import keras\nkeras.layers.Dense": "tf.keras tf.keras.layers.Dense",
    "from tensorflow.keras import layers, backend as K\nK.mean": "tf.keras.layers tf.keras.backend tf.keras.backend.mean",
    "from keras import ops\nops.mean": "keras.ops keras.ops.mean",
    "import keras.ops as K\nK.mean": "keras.ops keras.ops.mean",
    "from keras.layers import Layer": "keras.layers.Layer",
    "from keras.layers import Layer\nclass A(Layer.Inner): ...": "keras.layers.Layer keras.layers.Layer.Inner",
    "import tf_keras\ntf_keras.Model": "tf_keras.Model",
    "from keras import *\nfoo.bar": "",
    "from keras.layers import *": "keras.layers",
    "from . import keras\nkeras.ops.mean": "",
    "from .keras import ops": "",
    "import numpy as np  # not keras\nnp.mean": "",
    "def f():\n import tensorflow as tf\n return tf.abs\ntf.outside": "tf.abs",
    # Other names for modules.
    "import keras\nK = keras.backend\nK.mean(K.epsilon())": "keras.backend keras.backend.mean keras.backend.epsilon",
    f"{TF}L = tf.keras.layers\nD = L.Dense\nD.call": "tf.keras.layers tf.keras.layers.Dense tf.keras.layers.Dense.call",
    f"{TF}T = tf\nT.abs": "tf.abs",
    f"{TF}x = tf.abs\nx = x.y\nx.z": "tf.abs",
    f"{TF}{'x = x.y; ' * 50}\nx.z": "",
    f"{TF}T: object = tf\nT.abs": "tf.abs",
    f"{TF}a = b.c = tf.nn\na.relu": "tf.nn tf.nn.relu",
    # Where a use may stand.
    f"{TF}@tf.function(jit_compile=True)\ndef f(x: tf.Tensor, *a, y=tf.float32, **k) -> tf.Variable: tf.abs": (
        "tf.function tf.Tensor tf.float32 tf.Variable tf.abs"
    ),
    f"{TF}@tf.a\nclass A(tf.Module, metaclass=tf.m):\n x = tf.b\n y: tf.c = 1": "tf.a tf.Module tf.m tf.b tf.c",
    f"{TF}def f():\n x: tf.NotEvaluated = 1": "",
    f"from __future__ import annotations\n{TF}def f(x: tf.NotEvaluated) -> tf.Neither: ...": "",
    f"{TF}tf.abs(1).shape": "tf.abs",
    f"{TF}tf.a[tf.b].c": "tf.a tf.b",
    f"{TF}[tf.abs for x in y if tf.b]": "tf.abs tf.b",
    f"{TF}f = lambda x=tf.a: tf.b": "tf.a tf.b",
    f"{TF}async def f():\n async with tf.a as x: await tf.b": "tf.a tf.b",
    f"{TF}def f():\n def g():\n  return tf.abs": "tf.abs",
    f"{TF}class A:\n def f(self): return tf.abs": "tf.abs",
    # What hides a package.
    f"{TF}def f(tf): return tf.abs": "",
    f"{TF}def f(*, a, **tf): return tf.abs": "",
    f"{TF}f = lambda tf: tf.abs": "",
    f"{TF}[tf.abs for tf in x]": "",
    f"{TF}def f():\n tf = 1\n return tf.abs": "",
    f"{TF}for tf in x: tf.abs": "",
    f"{TF}with x as tf: tf.abs": "",
    f"{TF}def f():\n for tf in x: tf.abs": "",
    f"{TF}def tf(): ...\ntf.abs": "",
    f"{TF}class tf: ...\ntf.abs": "",
    f"{TF}def f():\n global tf\n tf = 1\ntf.abs": "",
    f"def f():\n {TF} def g():\n  nonlocal tf\n  tf = 1\n tf.abs": "",
    f"{TF}def f(x):\n try: ...\n except ValueError as tf: tf.abs": "",
    f"{TF}def f(x):\n match x:\n  case [1, *tf]: tf.abs": "",
    f"{TF}def f(x):\n match x:\n  case {{1: 2, **tf}}: tf.abs": "",
    f"{TF}def f(x):\n match x:\n  case tf: tf.abs": "",
    f"{TF}class A:\n tf = 1\n x = tf.abs\n def f(self): return tf.nn": "tf.nn",
    "def f():\n global tf\n import tensorflow as tf\ntf.abs": "tf.abs",
    "import keras\nx = keras.a if y else keras.b\nx.c": "keras.a keras.b",
    "import keras\nx = keras.ops\nx = keras.backend\nx.c": "keras.ops keras.backend",
    "import keras\na = b.x\nb = a\na.x": "",
    # What may be missing, as the code has it.
    f"{TF}hasattr(tf, 'a') and tf.a()": "",
    f"{TF}getattr(tf, 'a', None)": "",
    f"{TF}if hasattr(tf, 'a'): tf.a()\nelse: tf.b()\ntf.c": "tf.c",
    f"{TF}x = tf.a if hasattr(tf, 'a') else tf.b": "",
    f"{TF}x = tf.a if getattr(tf, 'a', None) else tf.b": "",
    f"{TF}NEW = hasattr(tf, 'a')\nif NEW: tf.a()": "",
    f"{TF}if tf.__version__ > '2': tf.a()": "",
    f"{TF}if IS_KERAS_3: tf.a()": "",
    f"{TF}if x: tf.a()": "tf.a",
    f"{TF}def f():\n if not hasattr(tf, 'a'): return\n tf.a()\ntf.b": "tf.b",
    f"{TF}def f():\n if x: return\n tf.a()": "tf.a",
    f"{TF}if tf.__version__ < '2': raise ImportError\ntf.a": "tf.a",
    f"{TF}if __name__ == '__main__': tf.a()": "",
    f"{TF}try: tf.a\nexcept AttributeError: tf.b\ntf.c": "tf.c",
    f"{TF}try: tf.a\nexcept: tf.b": "",
    f"{TF}try: tf.a\nexcept (ValueError, builtins.ImportError): tf.b": "",
    f"{TF}try: tf.a\nexcept ValueError: tf.b": "tf.a tf.b",
    f"{TF}try: tf.a\nfinally: tf.b": "tf.a tf.b",
    f"{TF}with contextlib.suppress(AttributeError): tf.a": "",
    f"{TF}with contextlib.suppress(KeyError): tf.a": "tf.a",
    "try: from keras.layers import A\nexcept ImportError: A = None\nA.b": "",
    "try: import tensorflow as tf\nexcept ImportError: tf = None\ntf.abs": "tf.abs",
    "try: import keras\nexcept ImportError: from tensorflow import keras\nkeras.ops.mean": "",
    "try: import tensorflow.compat.v2 as tf\nexcept ImportError: import tensorflow as tf\ntf.abs": "",
    "if TYPE_CHECKING:\n from keras.layers import A": "",
    f"{TF}tf.mine = 1\ntf.mine.x\ntf.other": "tf.other",
    f"{TF}del tf.mine\ntf.mine": "",
    # What isn't public.
    "from tensorflow.python.framework import ops\nops.x": "",
    "from tensorflow.core.framework import graph_pb2": "",
    "from tensorflow.lite.python import interpreter": "",
    "from keras.src import backend": "",
    f"{TF}tf.__version__": "",
    f"{TF}tf.nn._private.x": "tf.nn",
    f"{TF}tf.__internal__.tracking.Trackable": "tf.__internal__.tracking.Trackable",
}


@pytest.mark.parametrize(("source", "expected"), USED.items(), ids=range(len(USED)))
def test_used(source, expected):
    assert set(public_names(source.encode())) == set(expected.split())


def test_line_of_the_first_use():
    assert public_names(b"import keras\n\nkeras.ops.mean\nkeras.ops.mean\nkeras.ops.sum") == {
        "keras.ops.mean": 3,
        "keras.ops.sum": 5,
    }


def test_not_python():
    with pytest.raises(SyntaxError):
        public_names(b"import keras\ndef")


@pytest.mark.parametrize("path", ["numpy.mean", "tensorflow", "tensorflow_probability.x", "keras._tf_keras.keras"])
def test_no_public_name(path):
    assert public_name(path) is None


#: What runs of this is what `Scale` calls, and what runs when the module is imported.
DEAD = b"""import keras
from x import second as other
class First(keras.Base):
    x = keras.in_class
    def call(self):
        return keras.not_called
    @keras.decorator
    def other(self, y=keras.default) -> keras.returned:
        class Inner:
            y = keras.not_called_either
def first():
    keras.called
    return [other]
async def second(): keras.called_by_it
if x:
    def third(): keras.nobody_calls
getattr(x, "fourth")
def fourth(): keras.by_its_name
class Fifth(Sixth):
    class Inner:
        def f(self): keras.not_called
class Sixth:
    def f(self): keras.of_a_base
"""

FILES = {
    "shop/__init__.py": b"import keras\nkeras.initialized",
    "shop/layers.py": b"from . import dead, helpers, broken\nimport keras\nkeras.ops.mean\nkeras.ops.sum\ndef Scale(): first()",
    "shop/helpers.py": b"import keras\n\nkeras.ops.mean\nimport lost\nimport shop.layers",
    "shop/dead.py": DEAD,
    "train.py": b"import keras\nkeras.unused",
    "shop/broken.py": b"def",
}
MODULES = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in FILES}


class TestCapturedCode:
    LIVE: ClassVar = {
        "Base": 3,
        "in_class": 4,
        "decorator": 7,
        "default": 8,
        "returned": 8,
        "called": 12,
        "called_by_it": 14,
        "by_its_name": 18,
        "of_a_base": 23,
    }

    def test_modules_that_objects_import(self):
        code = CapturedCode(files=FILES, modules=MODULES, objects={"Scale": "shop.layers:Scale"})
        assert code.public_names() == {
            **{f"keras.{name}": f"shop/dead.py:{line}" for name, line in self.LIVE.items()},
            "keras.initialized": "shop/__init__.py:2",
            "keras.ops.mean": "shop/helpers.py:3",
            "keras.ops.sum": "shop/layers.py:4",
        }

    def test_no_objects(self):
        assert CapturedCode(files=FILES, modules=MODULES).public_names() == {}
