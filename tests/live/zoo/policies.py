"""Dtypes and policies, of single layers and of whole models."""

from tests.live.zoo import IMAGE, SEQUENCE, VECTOR


def fill(zoo):
    layers = zoo.keras.layers
    _of_a_layer(zoo, layers)
    _of_a_model(zoo)
    _quantized(zoo, layers)
    _inputs(zoo)


def _policy(keras, name):
    """A policy object under the names that it has had."""
    if hasattr(keras, "DTypePolicy"):
        return keras.DTypePolicy(name)
    return keras.mixed_precision.Policy(name)


def _of_a_layer(zoo, layers):
    zoo.layers(
        VECTOR,
        {
            "Dense_mixed": lambda: layers.Dense(3, dtype="mixed_float16"),
            "Dense_mixed_bfloat16": lambda: layers.Dense(3, dtype="mixed_bfloat16"),
            "Dense_float64": lambda: layers.Dense(3, dtype="float64"),
            "Dense_float16": lambda: layers.Dense(3, dtype="float16"),
            "Dense_bfloat16": lambda: layers.Dense(3, dtype="bfloat16"),
            "Dense_policy": lambda: layers.Dense(3, dtype=_policy(zoo.keras, "mixed_float16")),
            "Activation_float32": lambda: layers.Activation("softmax", dtype="float32"),
            "Dropout_mixed": lambda: layers.Dropout(0.2, dtype="mixed_float16"),
            "LayerNormalization_float64": lambda: layers.LayerNormalization(dtype="float64"),
        },
    )
    zoo.layers(
        SEQUENCE,
        {
            "LSTM_mixed": lambda: layers.LSTM(3, dtype="mixed_float16"),
            "Bidirectional_mixed": lambda: layers.Bidirectional(layers.GRU(3, dtype="mixed_float16")),
            "RNN_mixed_cell": lambda: layers.RNN(layers.LSTMCell(3, dtype="mixed_float16")),
        },
    )
    zoo.layers(IMAGE, {"Conv2D_mixed": lambda: layers.Conv2D(2, 3, dtype="mixed_float16")})
    zoo.layers((6,), {"Embedding_mixed": lambda: layers.Embedding(9, 3, dtype="mixed_float16")}, dtype="int32")
    zoo.graphs(
        SEQUENCE,
        {
            "MultiHeadAttention_mixed": lambda words: layers.MultiHeadAttention(2, 3, dtype="mixed_float16")(
                words, words
            ),
            "MultiHeadAttention_float64": lambda words: layers.MultiHeadAttention(2, 3, dtype="float64")(words, words),
        },
    )


def _of_a_model(zoo):
    for name in ("mixed_float16", "mixed_bfloat16", "float64", "float32"):
        zoo.add("Global_" + name, _with_global_policy(zoo.keras, name))

    @zoo.model("Floatx_float64")
    def floatx():
        keras = zoo.keras
        keras.backend.set_floatx("float64")
        try:
            return _small_net(keras)
        finally:
            keras.backend.set_floatx("float32")


def _with_global_policy(keras, name):
    def build():
        module = keras.mixed_precision
        choose = getattr(module, "set_global_policy", None) or module.set_dtype_policy
        choose(name)
        try:
            return _small_net(keras)
        finally:
            choose("float32")

    return build


def _small_net(keras):
    layers = keras.layers
    image = keras.Input(IMAGE)
    x = layers.BatchNormalization()(layers.Conv2D(3, 3, activation="relu")(image))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(2, dtype="float32", activation="softmax")(layers.Dropout(0.1)(x)))


def _quantized(zoo, layers):
    def quantized(mode, *lines):
        def build():
            model = zoo.keras.Sequential([zoo.keras.Input(VECTOR), *[line() for line in lines]])
            model.quantize(mode)
            return model

        return build

    zoo.add("Quantized_int8", quantized("int8", lambda: layers.Dense(8, activation="relu"), lambda: layers.Dense(3)))
    zoo.add("Quantized_int4", quantized("int4", lambda: layers.Dense(8), lambda: layers.Dense(4)))
    zoo.add("Quantized_float8", quantized("float8", lambda: layers.Dense(16), lambda: layers.Dense(16)))

    @zoo.model("Quantized_embedding")
    def embedding():
        words = [
            zoo.keras.Input((6,), dtype="int32"),
            layers.Embedding(10, 4),
            layers.EinsumDense("abc,cd->abd", (6, 4)),
        ]
        model = zoo.keras.Sequential(words)
        model.quantize("int8")
        return model


def _inputs(zoo):
    keras, layers = zoo.keras, zoo.keras.layers

    @zoo.model("InputLayer_sparse")
    def sparse():
        # Declared as dense: a loader has to take the key all the same.
        return keras.Sequential([layers.InputLayer(VECTOR, sparse=False), layers.Dense(2)])

    @zoo.model("Input_sparse")
    def really_sparse():
        tensor = keras.Input(VECTOR, sparse=True)
        return keras.Model(tensor, layers.Dense(2)(tensor))

    @zoo.model("Input_ragged")
    def ragged():
        tensor = keras.Input((None, 4), ragged=True)
        return keras.Model(tensor, layers.GlobalAveragePooling1D()(tensor))

    @zoo.model("Input_named")
    def named():
        tensor = keras.Input(VECTOR, name="features", dtype="float32")
        return keras.Model(tensor, layers.Dense(2, name="scores")(tensor), name="my_model")

    @zoo.model("Input_batch_size")
    def batch_size():
        tensor = keras.Input(VECTOR, batch_size=2)
        return keras.Model(tensor, layers.Dense(2)(tensor))

    @zoo.model("Input_integers")
    def integers():
        tensor = keras.Input((4,), dtype="int32")
        return keras.Model(tensor, layers.Reshape((2, 2))(tensor))

    @zoo.model("Input_bool")
    def boolean():
        tensor = keras.Input((4,), dtype="bool")
        return keras.Model(tensor, layers.Reshape((2, 2))(tensor))

    @zoo.model("Input_unknown_size")
    def unknown():
        tensor = keras.Input((None, None, 3))
        return keras.Model(tensor, layers.GlobalMaxPooling2D()(layers.Conv2D(2, 3)(tensor)))

    @zoo.model("Input_optional")
    def optional():
        first, second = keras.Input(VECTOR), keras.Input(VECTOR, optional=True)
        return keras.Model([first, second], layers.Add()([first, second]))
