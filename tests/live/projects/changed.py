"""A well-known account of the problem in three examples, and what was changed after training."""

from __future__ import annotations

from tests.live.projects import LOG, Project, sequential

WITHOUT_GET_CONFIG = """
import keras

class MyCustomLayer(keras.layers.Layer):
    def __init__(self, units=32, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros")

    def call(self, inputs):
        return keras.ops.matmul(inputs, self.w) + self.b
"""
WITH_ACTIVATION_OBJECT = WITHOUT_GET_CONFIG.replace("units=32,", "units=32, activation=None,").replace(
    "self.units = units\n", "self.units = units\n        self.activation = activation\n"
)
WITH_GET_CONFIG = (
    WITHOUT_GET_CONFIG
    + """
    def get_config(self):
        return {**super().get_config(), "units": self.units}
"""
)
#: The layer as the serving side has it later.
NEW_PARAMETER = WITH_GET_CONFIG.replace("units=32,", "units=32, activation='relu',").replace(
    "self.units = units\n", "self.units = units\n        self.activation = keras.activations.get(activation)\n"
)
CHANGED_BODY = WITH_GET_CONFIG.replace("+ self.b", "- self.b")
REMOVED_PARAMETER = (
    WITH_GET_CONFIG.replace("units=32, ", "")
    .replace("self.units = units", "self.units = 4")
    .replace(', "units": self.units', "")
)

TRAIN = "from layers import MyCustomLayer\n" + sequential("MyCustomLayer(4)", "keras.layers.Dense(1)")

#: Loads with the packaged code, says what the project has instead, and is refused where the project's is to count.
LOAD_AND_COMPARE = """
import sys
import mlflow_kerasguard
from mlflow_kerasguard import IncompatibleModelError, check, load_model
print("loaded", type(load_model(sys.argv[1], verify=True)).__name__)
print(check(sys.argv[1]))
for policy in ("host", "require-same"):
    try:
        load_model(sys.argv[1], custom_code=policy)
    except IncompatibleModelError as error:
        print(policy, "refused", *sorted({finding.code for finding in error.report.errors}))
"""


def changed(source: str | None, *words: str) -> Project:
    return Project(
        files={"layers.py": WITH_GET_CONFIG},
        train=TRAIN,
        packaged=frozenset({"layers.py"}),
        afterwards={"layers.py": source},
        load=LOAD_AND_COMPARE,
        words=("loaded Sequential", *words),
    )


REFUSED = ("host refused KG531", "require-same refused KG531")

PROJECTS = {
    "without get_config, which Keras derives": Project(
        files={"layers.py": WITHOUT_GET_CONFIG},
        train=TRAIN,
        packaged=frozenset({"layers.py"}),
    ),
    "without get_config, which Keras can't derive": Project(
        files={"layers.py": WITH_ACTIVATION_OBJECT},
        train=TRAIN.replace("MyCustomLayer(4)", "MyCustomLayer(4, keras.activations.relu)"),
        packaged=None,
        refusal=(
            "KG510",
            "`layers:MyCustomLayer` has no `get_config`, and `activation` is no plain value",
            '"activation": keras.saving.serialize_keras_object(self.activation),',
        ),
    ),
    "with get_config and custom_objects": Project(
        files={"layers.py": WITH_GET_CONFIG},
        train=TRAIN,
        log=LOG.replace("input_example=ROWS", "input_example=ROWS, custom_objects={'MyCustomLayer': MyCustomLayer}"),
        packaged=frozenset({"layers.py"}),
        afterwards={"layers.py": None},
    ),
    "a new parameter with a default": changed(
        NEW_PARAMETER, "`MyCustomLayer.__init__` gained `activation='relu'`", *REFUSED
    ),
    "a changed body": changed(CHANGED_BODY, "`MyCustomLayer.call` changed", *REFUSED),
    "a removed parameter": changed(REMOVED_PARAMETER, "`MyCustomLayer.__init__` lost `units=32`", *REFUSED),
    "only comments": changed(WITH_GET_CONFIG.replace("import keras\n", "import keras  # of our own\n")),
    "the module is gone": changed(None, "host refused KG532", "require-same refused KG532"),
}
