"""Networks as people write them, small."""

from tests.live.zoo import IMAGE, SEQUENCE, VECTOR


def fill(zoo):
    _images(zoo, zoo.keras, zoo.keras.layers)
    _generators(zoo, zoo.keras, zoo.keras.layers)
    _words(zoo, zoo.keras, zoo.keras.layers)
    _pairs(zoo, zoo.keras, zoo.keras.layers)
    _time(zoo, zoo.keras, zoo.keras.layers)


def _images(zoo, keras, layers):
    @zoo.model("Func_residual_cnn")
    def residual():
        image = keras.Input(IMAGE)
        x = start = layers.Conv2D(4, 3, padding="same")(image)
        for _ in range(2):
            x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(x)))
        x = layers.GlobalAveragePooling2D()(layers.Add()([x, start]))
        return keras.Model(image, layers.Dense(3, activation="softmax")(x))

    @zoo.model("Net_lenet")
    def lenet():
        lines = [
            keras.Input((16, 16, 1)),
            layers.Conv2D(4, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(6, 3, activation="tanh"),
            layers.Flatten(),
            layers.Dense(10, activation="tanh"),
            layers.Dense(4, activation="softmax"),
        ]
        model = keras.Sequential(lines)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    @zoo.model("Net_unet")
    def unet():
        image = keras.Input((16, 16, 3))
        first = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
        second = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D()(first))
        middle = layers.Dropout(0.3)(
            layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D()(second))
        )
        up = layers.Concatenate()([layers.Conv2DTranspose(8, 2, strides=2, padding="same")(middle), second])
        up = layers.Concatenate()([layers.UpSampling2D()(layers.Conv2D(4, 3, padding="same")(up)), first])
        return keras.Model(image, layers.Conv2D(1, 1, activation="sigmoid")(up))

    @zoo.model("Net_inception_block")
    def inception():
        image = keras.Input(IMAGE)
        branches = [layers.Conv2D(2, size, padding="same", activation="relu")(image) for size in (1, 3, 5)]
        branches.append(layers.MaxPooling2D(3, strides=1, padding="same")(image))
        return keras.Model(image, layers.Concatenate(axis=-1)(branches))

    @zoo.model("Net_squeeze_excite")
    def squeeze_excite():
        image = keras.Input(IMAGE)
        x = layers.DepthwiseConv2D(3, padding="same")(layers.Conv2D(6, 1)(image))
        gate = layers.Reshape((1, 1, 6))(layers.Dense(6, activation="sigmoid")(layers.GlobalAveragePooling2D()(x)))
        return keras.Model(image, layers.Multiply()([x, gate]))

    @zoo.model("Net_vision_transformer")
    def vision_transformer():
        image = keras.Input(IMAGE)
        patches = layers.Reshape((16, 6))(layers.Conv2D(6, 2, strides=2)(image))
        x = layers.LayerNormalization(epsilon=1e-6)(patches)
        x = layers.Add()([layers.MultiHeadAttention(2, 3, dropout=0.1)(x, x), patches])
        x = layers.Add()([layers.Dense(6)(layers.Dense(12, activation="gelu")(layers.LayerNormalization()(x))), x])
        return keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


def _generators(zoo, keras, layers):
    @zoo.model("Net_autoencoder")
    def autoencoder():
        encoder = keras.Sequential(
            [keras.Input((12,)), layers.Dense(6, activation="relu"), layers.Dense(3)], name="encoder"
        )
        decoder = keras.Sequential(
            [keras.Input((3,)), layers.Dense(6, activation="relu"), layers.Dense(12)], name="decoder"
        )
        tensor = keras.Input((12,))
        return keras.Model(tensor, decoder(encoder(tensor)), name="autoencoder")

    @zoo.model("Net_autoencoder_sequential")
    def autoencoder_sequential():
        encoder = keras.Sequential([layers.Dense(4, activation="relu")])
        decoder = keras.Sequential([layers.Dense(6, activation="sigmoid")])
        return keras.Sequential([keras.Input(VECTOR), encoder, decoder])

    @zoo.model("Net_gan_generator")
    def generator():
        lines = [
            keras.Input((5,)),
            layers.Dense(4 * 4 * 4, use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Reshape((4, 4, 4)),
            layers.Conv2DTranspose(2, 5, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.8),
            layers.Conv2D(1, 3, padding="same", activation="tanh"),
        ]
        return keras.Sequential(lines)

    @zoo.model("Net_gan")
    def gan():
        make = keras.Sequential([keras.Input((5,)), layers.Dense(8), layers.LeakyReLU()], name="generator")
        judge = keras.Sequential(
            [keras.Input((8,)), layers.Dense(4), layers.Dropout(0.3), layers.Dense(1)], name="judge"
        )
        judge.trainable = False
        return keras.Sequential([keras.Input((5,)), make, judge])


def _words(zoo, keras, layers):
    def block(x, heads=2, width=8):
        seen = layers.Dropout(0.1)(layers.MultiHeadAttention(heads, width // heads)(x, x))
        x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, seen]))
        after = layers.Dense(width)(layers.Dense(16, activation="relu")(x))
        return layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, layers.Dropout(0.1)(after)]))

    @zoo.model("Net_transformer")
    def transformer():
        words = keras.Input((6,), dtype="int32")
        x = layers.Embedding(20, 8)(words)
        x = layers.GlobalAveragePooling1D()(block(block(x)))
        return keras.Model(words, layers.Dense(2, activation="softmax")(x))

    @zoo.model("Net_transformer_operators")
    def with_operators():
        words = keras.Input(SEQUENCE)
        x = layers.Dense(8)(words)
        x = x + layers.MultiHeadAttention(2, 4)(x, x)
        return keras.Model(words, layers.Dense(2)(layers.LayerNormalization()(x)[:, 0]))

    @zoo.model("Net_text_lstm")
    def text_lstm():
        lines = [
            layers.Embedding(30, 6),
            layers.SpatialDropout1D(0.2),
            layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
            layers.Bidirectional(layers.LSTM(3)),
            layers.Dense(1, activation="sigmoid"),
        ]
        model = keras.Sequential([keras.Input((6,), dtype="int32"), *lines])
        model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        return model

    @zoo.model("Net_text_cnn")
    def text_cnn():
        words = keras.Input((12,), dtype="int32")
        x = layers.Embedding(30, 6)(words)
        pooled = [layers.GlobalMaxPooling1D()(layers.Conv1D(3, size, activation="relu")(x)) for size in (2, 3, 4)]
        return keras.Model(words, layers.Dense(2)(layers.Dropout(0.5)(layers.concatenate(pooled))))

    @zoo.model("Net_seq2seq_attention")
    def seq2seq_attention():
        source, target = keras.Input((6,), dtype="int32"), keras.Input((5,), dtype="int32")
        encoded, *states = layers.LSTM(4, return_sequences=True, return_state=True)(layers.Embedding(9, 4)(source))
        decoded = layers.LSTM(4, return_sequences=True)(layers.Embedding(9, 4)(target), initial_state=states)
        context = layers.Attention()([decoded, encoded])
        return keras.Model(
            [source, target], layers.Dense(9, activation="softmax")(layers.Concatenate()([decoded, context]))
        )


def _pairs(zoo, keras, layers):
    @zoo.model("Net_siamese")
    def siamese():
        first, second = keras.Input(IMAGE), keras.Input(IMAGE)
        lines = [keras.Input(IMAGE), layers.Conv2D(3, 3, activation="relu"), layers.Flatten(), layers.Dense(4)]
        encoder = keras.Sequential(lines)
        gap = layers.Subtract()([encoder(first), encoder(second)])
        return keras.Model([first, second], layers.Dense(1, activation="sigmoid")(gap))

    @zoo.model("Net_recommender")
    def recommender():
        user, item = keras.Input((1,), dtype="int32", name="user"), keras.Input((1,), dtype="int32", name="item")
        left = layers.Flatten()(layers.Embedding(9, 3, embeddings_regularizer="l2")(user))
        right = layers.Flatten()(layers.Embedding(9, 3, embeddings_regularizer="l2")(item))
        return keras.Model([user, item], layers.Dot(axes=1)([left, right]))

    @zoo.model("Net_wide_and_deep")
    def wide_and_deep():
        tensor = keras.Input(VECTOR)
        deep = layers.Dense(4, activation="relu")(layers.Dense(8, activation="relu")(tensor))
        outputs = [layers.Dense(1, name="main")(layers.concatenate([tensor, deep])), layers.Dense(1, name="aux")(deep)]
        model = keras.Model(tensor, outputs)
        model.compile("sgd", ["mse", "mse"], loss_weights=[0.9, 0.1])
        return model

    @zoo.model("Net_mixture_of_experts")
    def experts():
        tensor = keras.Input(VECTOR)
        gate = layers.Dense(3, activation="softmax")(tensor)
        outputs = [layers.Reshape((1, 4))(layers.Dense(4, activation="relu")(tensor)) for _ in range(3)]
        stacked = layers.Concatenate(axis=1)(outputs)
        return keras.Model(tensor, layers.Dot(axes=1)([gate, stacked]))


def _time(zoo, keras, layers):
    @zoo.model("Net_wavenet")
    def wavenet():
        lines = [layers.Conv1D(4, 2, padding="causal", dilation_rate=rate, activation="relu") for rate in (1, 2, 4)]
        return keras.Sequential([keras.Input((16, 1)), *lines, layers.Conv1D(1, 1)])

    @zoo.model("Net_cnn_lstm")
    def cnn_lstm():
        movie = keras.Input((4, 8, 8, 1))
        x = layers.TimeDistributed(layers.Conv2D(2, 3, activation="relu"))(movie)
        x = layers.LSTM(4)(layers.TimeDistributed(layers.Flatten())(x))
        return keras.Model(movie, layers.Dense(2)(x))

    @zoo.model("Net_forecast")
    def forecast():
        lines = [layers.LSTM(6, activation="relu"), layers.RepeatVector(3), layers.LSTM(6, return_sequences=True)]
        return keras.Sequential([keras.Input(SEQUENCE), *lines, layers.TimeDistributed(layers.Dense(1))])

    @zoo.model("Net_gru_stack")
    def gru_stack():
        lines = [
            layers.GRU(5, return_sequences=True, dropout=0.1),
            layers.GRU(4, recurrent_dropout=0.1),
            layers.Dense(1),
        ]
        model = keras.Sequential([keras.Input(SEQUENCE), *lines])
        model.compile(keras.optimizers.RMSprop(0.01), "mae")
        return model
