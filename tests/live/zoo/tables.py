"""Preprocessing of numbers, categories and text: layers with a state that isn't trained."""

import numpy as np

CITIES = ["oslo", "rome", "bern"]
COLUMN = np.array([["oslo"], ["bern"], ["nowhere"]])
NUMBERS = np.array([[1.0, 20.0, 3.0], [4.0, 5.0, 60.0], [0.0, 8.0, 9.0]], dtype="float32")
TEXTS = np.array([["the cat sat"], ["on a mat"], ["a cat, a mat!"]])


def fill(zoo):
    layers = zoo.keras.layers
    _numbers(zoo, layers)
    _strings(zoo, layers)
    _integers(zoo, layers)
    _text(zoo, layers)
    _features(zoo, layers)


def _one(zoo, name, data, make, adapt=None, *, shape=(1,), dtype):
    """A model of one layer with given inputs; ``adapt`` is what the layer learns its state from."""

    def build():
        tensor = zoo.keras.Input(shape, dtype=dtype)
        layer = make()
        if adapt is not None:
            layer.adapt(adapt)
        return zoo.keras.Model(tensor, layer(tensor)), data

    zoo.add(name, build)


def _numbers(zoo, layers):
    def column(name, make, adapt=None):
        _one(zoo, name, NUMBERS, make, adapt, shape=(3,), dtype="float32")

    column("Normalization", lambda: layers.Normalization(), NUMBERS)
    column("Normalization_scalar", lambda: layers.Normalization(axis=None), NUMBERS)
    column("Normalization_given", lambda: layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 5.0, 6.0]))
    column("Normalization_given_scalar", lambda: layers.Normalization(axis=None, mean=1.0, variance=4.0))
    column("Normalization_invert", lambda: layers.Normalization(invert=True), NUMBERS)
    column("Discretization", lambda: layers.Discretization([2.0, 6.0, 10.0]))
    column("Discretization_adapted", lambda: layers.Discretization(num_bins=4), NUMBERS)
    column("Discretization_one_hot", lambda: layers.Discretization([2.0, 6.0], output_mode="multi_hot"))
    column("Experimental_Normalization", lambda: layers.experimental.preprocessing.Normalization(), NUMBERS)


def _strings(zoo, layers):
    def column(name, make, adapt=None):
        _one(zoo, name, COLUMN, make, adapt, dtype="string")

    column("StringLookup", lambda: layers.StringLookup(vocabulary=CITIES))
    column("StringLookup_adapted", lambda: layers.StringLookup(), COLUMN)
    column("StringLookup_one_hot", lambda: layers.StringLookup(vocabulary=CITIES, output_mode="one_hot"))
    column("StringLookup_options", lambda: layers.StringLookup(vocabulary=CITIES, num_oov_indices=2, mask_token=""))
    column("Hashing", lambda: layers.Hashing(8))
    column("Hashing_salt", lambda: layers.Hashing(8, salt=[7, 9], mask_value="rome"))
    column("Hashing_one_hot", lambda: layers.Hashing(4, output_mode="one_hot"))
    column("Experimental_StringLookup", lambda: layers.experimental.preprocessing.StringLookup(vocabulary=CITIES))
    column("Experimental_Hashing", lambda: layers.experimental.preprocessing.Hashing(8))

    @zoo.model("StringLookup_inverted")
    def inverted():
        number = zoo.keras.Input((1,), dtype="int64")
        lookup = layers.StringLookup(vocabulary=CITIES, invert=True)
        return zoo.keras.Model(number, lookup(number)), np.array([[1], [2], [0]])

    @zoo.model("StringLookup_embedding")
    def embedding():
        city = zoo.keras.Input((1,), dtype="string")
        number = layers.StringLookup(vocabulary=CITIES)(city)
        return zoo.keras.Model(city, layers.Flatten()(layers.Embedding(4, 3)(number))), COLUMN


def _integers(zoo, layers):
    data = np.array([[1], [7], [42]])

    def column(name, make, adapt=None):
        _one(zoo, name, data, make, adapt, dtype="int64")

    column("IntegerLookup", lambda: layers.IntegerLookup(vocabulary=[7, 42]))
    column("IntegerLookup_adapted", lambda: layers.IntegerLookup(), data)
    column("IntegerLookup_one_hot", lambda: layers.IntegerLookup(vocabulary=[7, 42], output_mode="one_hot"))
    column("IntegerLookup_options", lambda: layers.IntegerLookup(vocabulary=[7, 42], num_oov_indices=2, oov_token=-2))
    column("CategoryEncoding", lambda: layers.CategoryEncoding(50, output_mode="one_hot"))
    column("Hashing_integers", lambda: layers.Hashing(8))
    column("Experimental_IntegerLookup", lambda: layers.experimental.preprocessing.IntegerLookup(vocabulary=[7, 42]))

    @zoo.model("CategoryEncoding_multi_hot")
    def multi_hot():
        numbers = zoo.keras.Input((3,), dtype="int64")
        encoding = layers.CategoryEncoding(5, output_mode="multi_hot")
        return zoo.keras.Model(numbers, encoding(numbers)), np.array([[1, 2, 2], [0, 4, 3]])

    @zoo.model("CategoryEncoding_counts")
    def counts():
        numbers = zoo.keras.Input((3,), dtype="int64")
        weights = zoo.keras.Input((3,))
        encoded = layers.CategoryEncoding(5, output_mode="count")(numbers, count_weights=weights)
        inputs = [np.array([[1, 2, 2], [0, 4, 3]]), np.array([[0.5, 1, 2], [1, 1, 3]], dtype="float32")]
        return zoo.keras.Model([numbers, weights], encoded), inputs

    @zoo.model("HashedCrossing")
    def crossing():
        city, number = zoo.keras.Input((1,), dtype="string"), zoo.keras.Input((1,), dtype="int64")
        crossed = layers.HashedCrossing(num_bins=6, output_mode="one_hot")((city, number))
        return zoo.keras.Model([city, number], crossed), [COLUMN, data]


def _text(zoo, layers):
    def column(name, make, adapt=TEXTS):
        _one(zoo, name, TEXTS, make, adapt, dtype="string")

    column("TextVectorization", lambda: layers.TextVectorization())
    column("TextVectorization_vocabulary", lambda: layers.TextVectorization(vocabulary=["cat", "mat"]), None)
    column("TextVectorization_padded", lambda: layers.TextVectorization(max_tokens=6, output_sequence_length=4))
    column("TextVectorization_multi_hot", lambda: layers.TextVectorization(output_mode="multi_hot", max_tokens=9))
    column("TextVectorization_counts", lambda: layers.TextVectorization(output_mode="count"))
    column("TextVectorization_tf_idf", lambda: layers.TextVectorization(output_mode="tf_idf"))
    column(
        "TextVectorization_ngrams", lambda: layers.TextVectorization(ngrams=2, split="whitespace", standardize="lower")
    )
    column("TextVectorization_characters", lambda: layers.TextVectorization(split="character", standardize=None))
    column("Experimental_TextVectorization", lambda: layers.experimental.preprocessing.TextVectorization())

    @zoo.model("Text_classifier")
    def classifier():
        text = zoo.keras.Input((1,), dtype="string")
        words = layers.TextVectorization(vocabulary=["cat", "mat", "a"], output_sequence_length=5)(text)
        pooled = layers.GlobalAveragePooling1D()(layers.Embedding(6, 4)(words))
        return zoo.keras.Model(text, layers.Dense(1, activation="sigmoid")(pooled)), TEXTS


def _features(zoo, layers):
    @zoo.model("Tabular")
    def tabular():
        keras = zoo.keras
        numbers, city = keras.Input((3,), name="numbers"), keras.Input((1,), dtype="string", name="city")
        scaled = layers.Normalization()
        scaled.adapt(NUMBERS)
        encoded = layers.StringLookup(vocabulary=CITIES, output_mode="one_hot")(city)
        merged = layers.Concatenate()([scaled(numbers), encoded])
        model = keras.Model({"numbers": numbers, "city": city}, layers.Dense(2)(merged))
        return model, {"numbers": NUMBERS, "city": COLUMN}

    @zoo.model("FeatureSpace")
    def feature_space():
        from_utils = zoo.keras.utils.FeatureSpace
        space = from_utils(features={"size": "float_normalized", "city": "string_categorical"}, output_mode="concat")
        import tensorflow as tf

        data = {"size": NUMBERS[:, :1], "city": COLUMN}
        space.adapt(tf.data.Dataset.from_tensor_slices(data).batch(1))
        inputs = space.get_inputs()
        return zoo.keras.Model(inputs, layers.Dense(1)(space.get_encoded_features())), data
