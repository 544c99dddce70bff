"""Where custom code can live, and what it can be."""

from __future__ import annotations

from tests.live.projects import LOAD, LOG, Project, sequential

#: A layer of a package, which uses a helper module through relative imports.
PACKAGE = {
    "shop/__init__.py": "",
    "shop/layers/__init__.py": "from .scale import Scale\n",
    "shop/layers/scale.py": """
import keras
from ..tools.numbers import factor

class Scale(keras.layers.Layer):
    def call(self, inputs):
        return inputs * factor()
""",
    "shop/tools/__init__.py": "",
    "shop/tools/numbers.py": "def factor():\n    return 3.0\n",
    "shop/tools/unused.py": "raise RuntimeError('nobody needs this')\n",
    "data/large.csv": "1,2,3\n",
}

SCRIPT = """
OFFSET = 2.0

def shifted(values):
    return values + OFFSET

class Shift(keras.layers.Layer):
    def call(self, inputs):
        return shifted(inputs)

class Unused(keras.layers.Layer):
    pass

print("training goes on at length")
"""

NESTED = """
import keras

class Block(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.inner = Gate(units)
        self.dense = keras.layers.Dense(units)

    def build(self, input_shape):
        self.dense.build(input_shape)
        self.inner.build((*input_shape[:-1], self.units))

    def call(self, inputs):
        return self.inner(self.dense(inputs))

class Gate(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.gate = self.add_weight(shape=(self.units,), initializer="random_normal")

    def call(self, inputs):
        return inputs * keras.ops.sigmoid(self.gate)

class Network(keras.Model):
    def __init__(self, widths, **kwargs):
        super().__init__(**kwargs)
        self.widths = widths
        self.blocks = [Block(width) for width in widths]

    def call(self, inputs):
        for block in self.blocks:
            inputs = block(inputs)
        return inputs

    def get_config(self):
        return {**super().get_config(), "widths": self.widths}

    def train_step(self, data):
        print("a step of one's own")
        return super().train_step(data)
"""

EVERYTHING = """
import keras

@keras.saving.register_keras_serializable("shop")
def swish(x):
    return x * keras.ops.sigmoid(x)

class Constant(keras.initializers.Initializer):
    def __init__(self, value):
        self.value = value

    def __call__(self, shape, dtype=None):
        return keras.ops.full(shape, self.value, dtype)

    def get_config(self):
        return {"value": self.value}

class Weighted(keras.losses.Loss):
    def __init__(self, weight=1.0, name="weighted", reduction="sum_over_batch_size", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.weight = weight

    def call(self, y_true, y_pred):
        return self.weight * keras.ops.square(y_true - y_pred)

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}

class Largest(keras.metrics.Metric):
    def __init__(self, name="largest", **kwargs):
        super().__init__(name=name, **kwargs)
        self.largest = self.add_variable((), "zeros", name="largest")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.largest.assign(keras.ops.maximum(self.largest, keras.ops.max(y_pred)))

    def result(self):
        return self.largest
"""

#: Another class of another module of the same name.
TWO_LAYERS = {
    "first/layers.py": "import keras\nclass Scale(keras.layers.Layer):\n    def call(self, x):\n        return x * 2\n",
    "second/layers.py": "import keras\nclass Scale(keras.layers.Layer):\n    def call(self, x):\n        return x * 5\n",
}
LOG_BOTH = """
for name in ("first", "second"):
    sys.path.insert(0, name)
    sys.modules.pop("layers", None)
    from layers import Scale
    model = keras.Sequential([keras.Input((3,)), Scale()])
    mlflow_kerasguard.save_model(model, f"{sys.argv[1]}/{name}", input_example=ROWS)
"""
LOAD_BOTH = """
import sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from mlflow_kerasguard import load_model

def scale(name):
    return float(load_model(f"{sys.argv[1]}/{name}", verify=True).predict(np.ones((1, 3)), verbose=0)[0, 0])

with ThreadPoolExecutor(4) as pool:
    print(*pool.map(scale, ["first", "second"] * 3))
import layers
print("the project's own:", layers.OWN, "layers" in sys.modules)
"""

MOVED = """
import keras

@keras.saving.register_keras_serializable("shop")
class Moved(keras.layers.Layer):
    def call(self, inputs):
        return inputs + 1
"""

PROJECTS = {
    "a package with relative imports and a helper": Project(
        files=PACKAGE,
        train="from shop.layers import Scale\n" + sequential("Scale()"),
        packaged=frozenset(
            {
                "shop/__init__.py",
                "shop/layers/__init__.py",
                "shop/layers/scale.py",
                "shop/tools/__init__.py",
                "shop/tools/numbers.py",
            }
        ),
        afterwards=dict.fromkeys(PACKAGE),
    ),
    "a layer in the script itself": Project(
        train=SCRIPT + sequential("Shift()"),
        packaged=frozenset({"kerasguard_main_train.py"}),
        afterwards={"train.py": None},
    ),
    "a subclassed model with nested layers and a training step": Project(
        files={"network.py": NESTED},
        train="from network import Network\nmodel = Network([4, 2])\nmodel.compile('sgd', loss='mse')\n"
        "model.fit(ROWS, np.zeros((4, 2)), verbose=0)\n",
        packaged=frozenset({"network.py"}),
        afterwards={"network.py": None},
        load=LOAD + "import numpy as np\nmodel.fit(np.ones((4, 3)), np.zeros((4, 2)), verbose=0)\n",
        words=("loaded Network", "a step of one's own"),
    ),
    "a loss, metric, initializer and activation": Project(
        files={"parts.py": EVERYTHING},
        train="import parts\n"
        + sequential("keras.layers.Dense(2, activation=parts.swish, kernel_initializer=parts.Constant(0.5))")
        + "model.compile('sgd', loss=parts.Weighted(2.0), metrics=[parts.Largest()])\n"
        "model.fit(ROWS, np.zeros((4, 2)), verbose=0)\n",
        packaged=frozenset({"parts.py"}),
        afterwards={"parts.py": None},
        load=LOAD + "print(model.loss.weight, type(model.layers[-1].kernel_initializer).__name__)\n",
        words=("loaded Sequential", "2.0 Constant"),
    ),
    "two models with different modules of one name": Project(
        files=TWO_LAYERS,
        train="",
        log=LOG_BOTH,
        packaged=frozenset(),
        afterwards={**dict.fromkeys(TWO_LAYERS), "layers.py": "OWN = 'untouched'\n"},
        load=LOAD_BOTH,
        words=("2.0 5.0 2.0 5.0 2.0 5.0", "the project's own: untouched True"),
    ),
    "a registered class whose module moved": Project(
        files={"old_place.py": MOVED},
        train="from old_place import Moved\n" + sequential("Moved()"),
        packaged=frozenset({"old_place.py"}),
        afterwards={"old_place.py": None, "new_place.py": MOVED},
        load="import new_place\n"
        + LOAD
        + "mlflow_kerasguard.save_model(keras.Sequential([keras.Input((3,)), new_place.Moved()]), sys.argv[1] + '/again')\n"
        "print('logged again')\n".replace("keras.Sequential", "__import__('keras').Sequential").replace(
            "keras.Input", "__import__('keras').Input"
        ),
        words=("loaded Sequential", "logged again"),
    ),
    "a local package that shadows an installed one": Project(
        files={
            "iniconfig/__init__.py": "FACTOR = 7.0\n",
            "layers.py": "import keras\nfrom iniconfig import FACTOR\n"
            "class Scale(keras.layers.Layer):\n    def call(self, x):\n        return x * FACTOR\n",
        },
        train="from layers import Scale\n" + sequential("Scale()"),
        packaged=frozenset({"iniconfig/__init__.py", "layers.py"}),
        afterwards={"iniconfig/__init__.py": None, "layers.py": None},
        load=LOAD + "import iniconfig\nprint(hasattr(iniconfig, 'FACTOR'), hasattr(iniconfig, 'IniConfig'))\n",
        words=("loaded Sequential", "False True"),
    ),
    "data that a module opens beside itself": Project(
        files={
            "words.txt": "a\nb\nc\n",
            "layers.py": "import keras\nfrom pathlib import Path\n"
            "WORDS = (Path(__file__).parent / 'words.txt').read_text().split()\n"
            "class Scale(keras.layers.Layer):\n    def call(self, x):\n        return x * len(WORDS)\n",
        },
        train="from layers import Scale\n" + sequential("Scale()"),
        log=LOG.replace("input_example=ROWS", "input_example=ROWS, code_paths=['words.txt']"),
        packaged=frozenset({"layers.py", "words.txt"}),
        afterwards={"layers.py": None, "words.txt": None},
    ),
    "data that isn't named": Project(
        files={
            "words.txt": "a\nb\nc\n",
            "layers.py": "import keras\nfrom pathlib import Path\n"
            "class Scale(keras.layers.Layer):\n    def build(self, shape):\n"
            "        self.words = (Path(__file__).parent / 'words.txt').read_text().split()\n"
            "    def call(self, x):\n        return x * len(self.words)\n",
        },
        train="from layers import Scale\n" + sequential("Scale()"),
        packaged=None,
        refusal=("RehearsalFailedError", "words.txt", "in packaged code, layers.py:5 in build"),
    ),
}
