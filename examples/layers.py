"""A layer of one's own, as many models have: it lives in a module beside the training script."""

import keras


@keras.saving.register_keras_serializable(package="digits")
class Scale(keras.layers.Layer):
    """Multiplies each pixel by a trained factor."""

    def __init__(self, start=1.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape):
        start = keras.initializers.Constant(self.start)
        self.factor = self.add_weight(shape=(input_shape[-1],), initializer=start, name="factor")

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return {**super().get_config(), "start": self.start}
