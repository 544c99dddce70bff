"""Custom layers that don't come back from their configurations, each with what is wrong with it."""

from __future__ import annotations

from tests.keras_cases import BACKEND, IS_KERAS_3, keras

HEAD = f"""
import {keras.__name__} as keras
import numpy as np

def doubled(x):
    return x * 2

"""

#: Classes with what is wrong with each: source, how to make it, the rule, words of the finding.
BROKEN = {
    "no get_config": (
        """
class Odd(keras.layers.Layer):
    def __init__(self, function, units=3, **kwargs):
        super().__init__(**kwargs)
        self._function = function
        self.units = units
    def call(self, x):
        return self._function(x)
""",
        "Odd(doubled)",
        "KG510",
        "`function` is no plain value",
    ),
    "an inner layer": (
        """
class Odd(keras.layers.Layer):
    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner
    def build(self, shape):
        if not self.inner.built:
            self.inner.build(shape)
        super().build(shape)
    def call(self, x):
        return self.inner(x)
""",
        "Odd(keras.layers.Dense(3))",
        "KG510",
        "`inner` is no plain value",
    ),
    "no keyword": (
        """
class Odd(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
    def call(self, x):
        return x * self.units
    def get_config(self):
        return super().get_config()
""",
        "Odd(3)",
        "KG511",
        "`units` in the config, which `Odd.__init__` requires",
    ),
    "a default instead": (
        """
class Odd(keras.layers.Layer):
    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
    def call(self, x):
        return x * self.factor
    def get_config(self):
        return super().get_config()
""",
        "Odd(3.0)",
        "KG512",
        "comes back as `factor=1.0`",
    ),
    "functions as configurations": (
        """
class Odd(keras.layers.Layer):
    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function
    def call(self, x):
        return self.function(x)
    def get_config(self):
        return {**super().get_config(), "function": keras.saving.serialize_keras_object(self.function)}
""",
        "Odd(doubled)",
        "KG516",
        "the objects `function`",
    ),
}
if IS_KERAS_3:
    BROKEN["variadic"] = (
        """
class Odd(keras.layers.Layer):
    def __init__(self, *sizes, **kwargs):
        super().__init__(**kwargs)
        self.sizes = sizes
    def call(self, x):
        return x * sum(self.sizes)
""",
        "Odd(1, 2)",
        "KG510",
        "Keras can't derive it from `*sizes`, `**kwargs`",
    )

#: Likewise, of which a fix isn't a piece of code.
ODD = {
    "a set": (
        """
class Odd(keras.layers.Layer):
    def call(self, x):
        return x
    def get_config(self):
        return {**super().get_config(), "names": {"a"}}
""",
        "Odd()",
        "KG513",
        "an object of type `set`, which doesn't serialize",
    ),
    "numbers as keys": (
        """
class Odd(keras.layers.Layer):
    def __init__(self, table, **kwargs):
        super().__init__(**kwargs)
        self.table = table
    def call(self, x):
        return x
    def get_config(self):
        return {**super().get_config(), "table": dict(self.table)}
""",
        "Odd({1: 2})",
        "KG513",
        "a dict whose keys aren't text",
    ),
    "a key that isn't taken": (
        """
class Odd(keras.layers.Layer):
    def call(self, x):
        return x
    def get_config(self):
        return {**super().get_config(), "colour": "red"}
""",
        "Odd()",
        "KG514",
        "parameters for `colour`",
    ),
    "get_config fails": (
        """
class Odd(keras.layers.Layer):
    def call(self, x):
        return x
    def get_config(self):
        raise KeyError("nothing")
""",
        "Odd()",
        "KG510",
        "its `get_config` fails: KeyError: 'nothing'",
    ),
    "from_config fails": (
        """
class Odd(keras.layers.Layer):
    def call(self, x):
        return x
    @classmethod
    def from_config(cls, config):
        return cls(config["nothing"])
    def get_config(self):
        return super().get_config()
""",
        "Odd()",
        "KG515",
        "it fails: KeyError: 'nothing'",
    ),
    "another config": (
        """
class Odd(keras.layers.Layer):
    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.units = units * 2
    def call(self, x):
        return x * self.units
    def get_config(self):
        return {**super().get_config(), "units": self.units}
""",
        "Odd()",
        "KG517",
        "`units` of `Odd` to be `4`",
    ),
    "a number of variables that depends on the process": (
        """
MADE = []
class Odd(keras.layers.Layer):
    def build(self, shape):
        if not MADE:
            self.factor = self.add_weight(shape=(3,), name="factor")
            MADE.append(1)
        super().build(shape)
    def call(self, x):
        return x
    def get_config(self):
        return super().get_config()
""",
        "Odd()",
        "KG518",
        "1 variables in `Odd`",
    ),
}
if IS_KERAS_3:
    ODD["an inner layer that is built twice"] = (
        """
class Odd(keras.layers.Layer):
    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner
    def build(self, shape):
        self.inner.build(shape)
        super().build(shape)
    def call(self, x):
        return self.inner(x)
    def get_config(self):
        return {**super().get_config(), "inner": keras.saving.serialize_keras_object(self.inner)}
    @classmethod
    def from_config(cls, config):
        config["inner"] = keras.saving.deserialize_keras_object(config["inner"])
        return cls(**config)
""",
        "Odd(keras.layers.Dense(3))",
        "KG515",
        "that fails: ValueError: You cannot add new elements of state",
    )
    ODD["no keyword arguments"] = (
        """
class Odd(keras.layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.units = units
    def call(self, x):
        return x * self.units
""",
        "Odd(2)",
        "KG514",
        "def __init__(self, units, **kwargs):",
    )
if IS_KERAS_3 and BACKEND == "tensorflow":
    ODD["a variable of TensorFlow's"] = (
        """
import tensorflow as tf
class Odd(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.factor = tf.Variable(np.random.default_rng().random(3).astype("float32"))
    def call(self, x):
        return x * self.factor
""",
        "Odd()",
        "KG518",
        "the value of `Odd.factor` in the file",
    )
