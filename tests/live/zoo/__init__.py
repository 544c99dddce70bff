"""The models that each release saves.

These modules run inside the release's own interpreter, down to Python 3.8 with TensorFlow 2.4: they
get Keras as an argument and keep to the syntax of Python 3.8. A model that a release can't build is
passed over and reported, so nothing here asks for versions.
"""

#: Shapes of inputs, without the batch.
VECTOR = (6,)
SEQUENCE = (6, 4)
IMAGE = (8, 8, 3)
VOLUME = (6, 6, 6, 2)


class Zoo:
    """Cases by name: each a function that builds a model, or a model and its inputs."""

    def __init__(self, keras):
        self.keras = keras
        self.cases = {}

    def add(self, name, build):
        if name in self.cases:
            raise ValueError(f"two cases are called `{name}`")
        self.cases[name] = build

    def model(self, name):
        """Decorate a function that builds a model, or gives a model and its inputs."""

        def decorate(build):
            self.add(name, build)
            return build

        return decorate

    def graphs(self, shape, table, dtype=None):
        """For each name a functional model of one input and what the function makes of it."""
        for name, function in table.items():
            self.add(name, _graph(self.keras, shape, dtype, function))

    def layers(self, shape, table, dtype=None):
        """For each name a functional model of one layer, which the function makes."""
        for name, make in table.items():
            self.add(name, _graph(self.keras, shape, dtype, _calling(make)))


def _calling(make):
    # The layer is only made when the case is built: a release may not have it.
    return lambda tensor: make()(tensor)


def _graph(keras, shape, dtype, function):
    def build():
        tensor = keras.Input(shape, dtype=dtype)
        return keras.Model(tensor, function(tensor))

    return build


def all_cases(keras):
    """Every case of the zoo by name."""
    from tests.live.zoo import (
        applications,
        arguments,
        basics,
        compiled,
        convolutions,
        graphs,
        images,
        networks,
        operations,
        policies,
        recurrent,
        sequences,
        tables,
        tensorflow_operations,
    )

    zoo = Zoo(keras)
    for module in (
        basics,
        convolutions,
        recurrent,
        sequences,
        images,
        tables,
        arguments,
        policies,
        graphs,
        operations,
        tensorflow_operations,
        compiled,
        networks,
        applications,
    ):
        module.fill(zoo)
    return zoo.cases
