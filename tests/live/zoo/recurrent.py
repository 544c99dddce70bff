"""Recurrent layers: cells, stacks of cells, directions, states."""

from tests.live.zoo import SEQUENCE

MOVIE = (4, 6, 6, 2)


def fill(zoo):
    layers = zoo.keras.layers
    _plain(zoo, layers)
    _cells(zoo, layers)
    _bidirectional(zoo, layers)
    _convolutional(zoo, layers)
    _time_distributed(zoo, layers)
    _states(zoo)


def _plain(zoo, layers):
    zoo.layers(
        SEQUENCE,
        {
            "SimpleRNN": lambda: layers.SimpleRNN(3),
            "SimpleRNN_relu_nobias": lambda: layers.SimpleRNN(3, activation="relu", use_bias=False, go_backwards=True),
            "GRU": lambda: layers.GRU(3),
            "GRU_before": lambda: layers.GRU(3, reset_after=False),
            "GRU_dropout": lambda: layers.GRU(3, dropout=0.2, recurrent_dropout=0.1, return_sequences=True),
            "LSTM": lambda: layers.LSTM(3),
            "LSTM_seq": lambda: layers.LSTM(3, return_sequences=True),
            "LSTM_state": lambda: layers.LSTM(3, return_sequences=True, return_state=True),
            "LSTM_no_forget_bias": lambda: layers.LSTM(3, unit_forget_bias=False, use_bias=False),
            "LSTM_dropout": lambda: layers.LSTM(3, dropout=0.2, recurrent_dropout=0.2),
            "LSTM_unrolled": lambda: layers.LSTM(
                3, unroll=True, activation="relu", recurrent_activation="hard_sigmoid"
            ),
            "LSTM_seeded": lambda: layers.LSTM(3, seed=4),
            "LSTM_implementation": lambda: layers.LSTM(3, implementation=1),
            "LSTM_time_major": lambda: layers.LSTM(3, time_major=False),
        },
    )

    @zoo.model("LSTM_stateful")
    def stateful():
        sequence = zoo.keras.Input(batch_shape=(2, *SEQUENCE))
        return zoo.keras.Model(sequence, layers.LSTM(3, stateful=True)(sequence))

    @zoo.model("GRU_stateful_sequential")
    def stateful_sequential():
        lines = [layers.GRU(3, stateful=True, batch_input_shape=(2, *SEQUENCE)), layers.Dense(2)]
        return zoo.keras.Sequential(lines)


def _cells(zoo, layers):
    zoo.layers(
        SEQUENCE,
        {
            "RNN_LSTMCell": lambda: layers.RNN(layers.LSTMCell(3)),
            "RNN_GRUCell": lambda: layers.RNN(layers.GRUCell(3), return_sequences=True),
            "RNN_GRUCell_before": lambda: layers.RNN(layers.GRUCell(3, reset_after=False)),
            "RNN_SimpleRNNCell": lambda: layers.RNN(layers.SimpleRNNCell(3), go_backwards=True),
            "RNN_list_of_cells": lambda: layers.RNN([layers.LSTMCell(3), layers.LSTMCell(2)]),
            "RNN_mixed_cells": lambda: layers.RNN([layers.GRUCell(3), layers.SimpleRNNCell(2)], return_state=True),
            "StackedRNNCells": lambda: layers.RNN(layers.StackedRNNCells([layers.LSTMCell(3), layers.GRUCell(2)])),
            "StackedRNNCells_reversed": lambda: layers.RNN(
                layers.StackedRNNCells([layers.LSTMCell(3), layers.LSTMCell(2)], reverse_state_order=True)
            ),
        },
    )


def _bidirectional(zoo, layers):
    zoo.layers(
        SEQUENCE,
        {
            "Bidirectional": lambda: layers.Bidirectional(layers.LSTM(3)),
            "Bidirectional_gru": lambda: layers.Bidirectional(layers.GRU(3, return_sequences=True)),
            "Bidirectional_rnn": lambda: layers.Bidirectional(layers.SimpleRNN(3)),
            "Bidirectional_cell": lambda: layers.Bidirectional(layers.RNN(layers.LSTMCell(3))),
            "Bidirectional_cells": lambda: layers.Bidirectional(
                layers.RNN([layers.GRUCell(3), layers.LSTMCell(2)], return_sequences=True)
            ),
            "Bidirectional_backward": lambda: layers.Bidirectional(
                layers.LSTM(3, return_sequences=True),
                backward_layer=layers.GRU(3, return_sequences=True, go_backwards=True),
            ),
            "Bidirectional_sum": lambda: layers.Bidirectional(layers.LSTM(3), merge_mode="sum"),
            "Bidirectional_mul": lambda: layers.Bidirectional(layers.GRU(3), merge_mode="mul"),
            "Bidirectional_ave": lambda: layers.Bidirectional(layers.LSTM(3), merge_mode="ave"),
            "Bidirectional_none": lambda: layers.Bidirectional(layers.LSTM(3), merge_mode=None),
            "Bidirectional_state": lambda: layers.Bidirectional(layers.LSTM(3, return_state=True)),
        },
    )
    zoo.layers(
        MOVIE, {"Bidirectional_convlstm2d": lambda: layers.Bidirectional(layers.ConvLSTM2D(2, 3, padding="same"))}
    )


def _convolutional(zoo, layers):
    zoo.layers((4, 6, 2), {"ConvLSTM1D": lambda: layers.ConvLSTM1D(2, 3)})
    zoo.layers((3, 5, 5, 5, 1), {"ConvLSTM3D": lambda: layers.ConvLSTM3D(2, 3)})
    zoo.layers(
        MOVIE,
        {
            "ConvLSTM2D": lambda: layers.ConvLSTM2D(2, 3),
            "ConvLSTM2D_seq": lambda: layers.ConvLSTM2D(2, 3, padding="same", return_sequences=True, dropout=0.2),
            "ConvLSTM2D_state": lambda: layers.ConvLSTM2D(2, 3, return_state=True),
        },
    )


def _time_distributed(zoo, layers):
    zoo.layers(
        MOVIE,
        {
            "TimeDistributed_conv": lambda: layers.TimeDistributed(layers.Conv2D(2, 3, activation="relu")),
            "TimeDistributed_pooling": lambda: layers.TimeDistributed(layers.GlobalAveragePooling2D()),
            "TimeDistributed_bn": lambda: layers.TimeDistributed(layers.BatchNormalization()),
            "TimeDistributed_dropout": lambda: layers.TimeDistributed(layers.Dropout(0.2)),
        },
    )
    zoo.layers(SEQUENCE, {"TimeDistributed": lambda: layers.TimeDistributed(layers.Dense(3))})

    @zoo.model("TimeDistributed_model")
    def model():
        inner = zoo.keras.Sequential([zoo.keras.Input((6, 6, 2)), layers.Conv2D(2, 3), layers.Flatten()])
        movie = zoo.keras.Input(MOVIE)
        return zoo.keras.Model(movie, layers.TimeDistributed(inner)(movie))

    @zoo.model("TimeDistributed_lstm")
    def lstm():
        words = zoo.keras.Input((3, 5, 4))
        return zoo.keras.Model(words, layers.TimeDistributed(layers.LSTM(3))(words))


def _states(zoo):
    keras, layers = zoo.keras, zoo.keras.layers

    @zoo.model("Seq2seq_states")
    def seq2seq():
        source, target = keras.Input((5, 4)), keras.Input((6, 3))
        _, *states = layers.LSTM(4, return_state=True)(source)
        decoded = layers.LSTM(4, return_sequences=True)(target, initial_state=states)
        return keras.Model([source, target], layers.Dense(3, activation="softmax")(decoded))

    @zoo.model("Seq2seq_gru")
    def seq2seq_gru():
        source, target = keras.Input((None, 4)), keras.Input((None, 3))
        _, state = layers.GRU(4, return_state=True)(source)
        decoded = layers.GRU(4, return_sequences=True)(target, initial_state=state)
        return keras.Model([source, target], decoded)

    @zoo.model("Bidirectional_initial_state")
    def bidirectional():
        source, target = keras.Input((5, 4)), keras.Input((6, 4))
        _, *states = layers.Bidirectional(layers.LSTM(3, return_state=True))(source)
        return keras.Model([source, target], layers.Bidirectional(layers.LSTM(3))(target, initial_state=states))

    @zoo.model("Masking_lstm")
    def masking():
        sequence = keras.Input(SEQUENCE)
        masked = layers.Masking(0.0)(sequence)
        return keras.Model(sequence, layers.Bidirectional(layers.GRU(3))(layers.LSTM(3, return_sequences=True)(masked)))
