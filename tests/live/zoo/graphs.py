"""How layers are put together: nesting, sharing, several inputs and outputs, structures."""

from tests.live.zoo import IMAGE, SEQUENCE, VECTOR


def fill(zoo):
    _sequential(zoo, zoo.keras, zoo.keras.layers)
    _nested(zoo, zoo.keras, zoo.keras.layers)
    _shared(zoo, zoo.keras, zoo.keras.layers)
    _inputs_and_outputs(zoo, zoo.keras, zoo.keras.layers)
    _dictionaries(zoo, zoo.keras, zoo.keras.layers)
    _wrappers(zoo, zoo.keras, zoo.keras.layers)


def _sequential(zoo, keras, layers):
    @zoo.model("Seq_inputlayer")
    def input_layer():
        return keras.Sequential([layers.InputLayer(VECTOR), layers.Dense(4), layers.Dense(2)])

    @zoo.model("Seq_input_shape")
    def input_shape():
        return keras.Sequential([layers.Dense(4, input_shape=VECTOR, activation="relu"), layers.Dense(2)])

    @zoo.model("Seq_input_dim")
    def input_dim():
        return keras.Sequential([layers.Dense(4, input_dim=6), layers.Dense(2)])

    @zoo.model("Seq_built_later")
    def built_later():
        model = keras.Sequential([layers.Dense(4), layers.Dense(2)])
        model.build((None, 6))
        return model

    @zoo.model("Seq_called_first")
    def called_first():
        return keras.Sequential([layers.Dense(4), layers.Dropout(0.1), layers.Dense(2)]), _ones(6)

    @zoo.model("Seq_named")
    def named():
        return keras.Sequential([keras.Input(VECTOR), layers.Dense(2, name="out")], name="my_model", trainable=False)

    @zoo.model("Frozen_bn")
    def frozen():
        model = keras.Sequential([keras.Input(VECTOR), layers.Dense(4), layers.BatchNormalization(), layers.Dense(2)])
        model.layers[0].trainable = False
        model.layers[1].trainable = False
        return model


def _encoder(keras, layers, shape=VECTOR, name=None):
    tensor = keras.Input(shape)
    return keras.Model(tensor, layers.Dense(3, activation="relu")(tensor), name=name)


def _ones(columns):
    import numpy as np

    return np.ones((2, columns), dtype="float32")


def _nested(zoo, keras, layers):
    @zoo.model("Nested_sequential_in_sequential")
    def sequential_in_sequential():
        inner = keras.Sequential([keras.Input(VECTOR), layers.Dense(4), layers.BatchNormalization()])
        return keras.Sequential([inner, layers.Dense(2)]), _ones(6)

    @zoo.model("Nested_sequential_in_functional")
    def sequential_in_functional():
        inner = keras.Sequential([layers.Dense(4, activation="relu"), layers.Dropout(0.2), layers.Dense(3)])
        tensor = keras.Input(VECTOR)
        return keras.Model(tensor, layers.Dense(2)(inner(tensor)))

    @zoo.model("Nested_functional_in_functional")
    def functional_in_functional():
        tensor = keras.Input(VECTOR)
        return keras.Model(tensor, layers.Dense(2)(_encoder(keras, layers, name="encoder")(tensor)))

    @zoo.model("Nested_functional_in_sequential")
    def functional_in_sequential():
        return keras.Sequential([keras.Input(VECTOR), _encoder(keras, layers), layers.Dense(2)])

    @zoo.model("Nested_three_deep")
    def three_deep():
        middle = keras.Sequential([_encoder(keras, layers), layers.Dense(4)])
        tensor = keras.Input(VECTOR)
        return keras.Model(tensor, layers.Dense(2)(middle(tensor)))

    @zoo.model("Nested_frozen")
    def frozen():
        inner = _encoder(keras, layers)
        inner.trainable = False
        tensor = keras.Input(VECTOR)
        return keras.Model(tensor, layers.Dense(2)(inner(tensor, training=False)))

    @zoo.model("Nested_many_outputs")
    def many_outputs():
        tensor = keras.Input(VECTOR)
        inner = keras.Model(tensor, [layers.Dense(3)(tensor), layers.Dense(4)(tensor)])
        outer = keras.Input(VECTOR)
        return keras.Model(outer, layers.Concatenate()(inner(outer)))

    @zoo.model("Nested_many_inputs")
    def many_inputs():
        first, second = keras.Input(VECTOR), keras.Input(VECTOR)
        inner = keras.Model([first, second], layers.Dense(3)(layers.Add()([first, second])))
        outer = keras.Input(VECTOR)
        return keras.Model(outer, inner([outer, layers.Dense(6)(outer)]))


def _shared(zoo, keras, layers):
    @zoo.model("Shared_layer")
    def layer():
        first, second = keras.Input(VECTOR), keras.Input(VECTOR)
        dense = layers.Dense(4)
        return keras.Model([first, second], layers.Subtract()([dense(first), dense(second)]))

    @zoo.model("Shared_twice_in_a_row")
    def in_a_row():
        tensor = keras.Input(VECTOR)
        dense = layers.Dense(6, activation="tanh")
        return keras.Model(tensor, dense(dense(dense(tensor))))

    @zoo.model("Shared_model")
    def model():
        first, second = keras.Input(VECTOR), keras.Input(VECTOR)
        encoder = _encoder(keras, layers)
        return keras.Model([first, second], layers.Dot(axes=1)([encoder(first), encoder(second)]))

    @zoo.model("Shared_sequential")
    def sequential():
        first, second = keras.Input(VECTOR), keras.Input(VECTOR)
        encoder = keras.Sequential([layers.Dense(4), layers.LayerNormalization()])
        return keras.Model([first, second], layers.Concatenate()([encoder(first), encoder(second)]))

    @zoo.model("Shared_lstm")
    def lstm():
        first, second = keras.Input(SEQUENCE), keras.Input(SEQUENCE)
        encoder = layers.LSTM(3)
        return keras.Model([first, second], layers.Concatenate()([encoder(first), encoder(second)]))

    @zoo.model("Shared_embedding")
    def embedding():
        first, second = keras.Input((6,), dtype="int32"), keras.Input((6,), dtype="int32")
        table, pool = layers.Embedding(9, 3), layers.GlobalAveragePooling1D()
        return keras.Model([first, second], layers.Dot(1, normalize=True)([pool(table(first)), pool(table(second))]))

    @zoo.model("Shared_initializer")
    def initializer():
        start = keras.initializers.HeNormal(seed=2)
        lines = [layers.Dense(4, kernel_initializer=start), layers.Dense(2, kernel_initializer=start)]
        return keras.Sequential([keras.Input(VECTOR), *lines])


def _inputs_and_outputs(zoo, keras, layers):
    @zoo.model("Outputs_list")
    def output_list():
        tensor = keras.Input(VECTOR)
        hidden = layers.Dense(4)(tensor)
        return keras.Model(tensor, [layers.Dense(1)(hidden), layers.Dense(2)(hidden), hidden])

    @zoo.model("Outputs_single_in_list")
    def single_in_list():
        tensor = keras.Input(VECTOR)
        return keras.Model([tensor], [layers.Dense(2)(tensor)])

    @zoo.model("Outputs_tuple")
    def output_tuple():
        tensor = keras.Input(VECTOR)
        return keras.Model(tensor, (layers.Dense(1)(tensor), layers.Dense(2)(tensor)))

    @zoo.model("Outputs_include_input")
    def include_input():
        tensor = keras.Input(VECTOR)
        return keras.Model(tensor, [tensor, layers.Dense(2)(tensor)])

    @zoo.model("Inputs_unordered_use")
    def unordered():
        first, second = keras.Input((3,)), keras.Input((4,))
        return keras.Model([second, first], layers.Concatenate()([layers.Dense(2)(first), second]))

    @zoo.model("Inputs_tuple")
    def input_tuple():
        first, second = keras.Input(VECTOR), keras.Input(VECTOR)
        return keras.Model((first, second), layers.Multiply()([first, second]))


def _dictionaries(zoo, keras, layers):
    def draw():
        import numpy as np

        random = np.random.RandomState(1)
        return {"b": random.rand(2, 3).astype("float32"), "a": random.rand(2, 4).astype("float32")}

    @zoo.model("Inputs_dict")
    def input_dict():
        inputs = {"b": keras.Input((3,), name="b"), "a": keras.Input((4,), name="a")}
        return keras.Model(inputs, layers.Concatenate()([inputs["a"], layers.Dense(2)(inputs["b"])])), draw()

    @zoo.model("Outputs_dict")
    def output_dict():
        tensor = keras.Input(VECTOR)
        outputs = {"score": layers.Dense(1, name="score")(tensor), "class": layers.Dense(3, name="class")(tensor)}
        return keras.Model(tensor, outputs)

    @zoo.model("Dict_to_dict")
    def both():
        inputs = {"b": keras.Input((3,), name="b"), "a": keras.Input((4,), name="a")}
        outputs = {"x": layers.Dense(2)(inputs["a"]), "y": layers.Dense(1)(inputs["b"])}
        return keras.Model(inputs, outputs), draw()

    @zoo.model("Dict_nested_lists")
    def nested():
        first, second, third = keras.Input((3,)), keras.Input((4,)), keras.Input((5,))
        merged = layers.Concatenate()([first, second, third])
        model = keras.Model({"pair": [first, second], "one": third}, layers.Dense(2)(merged))
        return model, {"pair": [_ones(3), _ones(4)], "one": _ones(5)}


def _wrappers(zoo, keras, layers):
    zoo.layers(VECTOR, {"Lambda": lambda: layers.Lambda(lambda value: value * 2.0 + 1.0)})
    zoo.layers(VECTOR, {"Lambda_named_function": lambda: layers.Lambda(keras.activations.relu)})
    zoo.layers(VECTOR, {"Lambda_arguments": lambda: layers.Lambda(_scaled, arguments={"factor": 3.0})})
    zoo.layers(VECTOR, {"Lambda_output_shape": lambda: layers.Lambda(_scaled, output_shape=VECTOR)})
    zoo.layers(VECTOR, {"Wrapper": lambda: layers.Wrapper(layers.Dense(2))})

    @zoo.model("Wrapper_cust")
    def custom():
        @keras.utils.register_keras_serializable("zoo")
        class Doubling(layers.Layer):
            def call(self, inputs):
                return inputs * 2.0

        tensor = keras.Input(VECTOR)
        return keras.Model(tensor, layers.Dense(2)(Doubling()(tensor)))

    @zoo.model("Subclassed_model")
    def subclassed():
        @keras.utils.register_keras_serializable("zoo")
        class Small(keras.Model):
            def __init__(self, units=2, **arguments):
                super().__init__(**arguments)
                self.units = units
                self.dense = layers.Dense(units)

            def call(self, inputs, training=False):
                return self.dense(inputs)

            def get_config(self):
                return {"units": self.units}

        return Small(), _ones(6)

    @zoo.model("Image_and_vector")
    def image_and_vector():
        image, vector = keras.Input(IMAGE, name="image"), keras.Input(VECTOR, name="vector")
        seen = layers.Flatten()(layers.Conv2D(2, 3)(image))
        return keras.Model([image, vector], layers.Dense(2)(layers.Concatenate()([seen, vector])))


def _scaled(value, factor=2.0):
    return value * factor
