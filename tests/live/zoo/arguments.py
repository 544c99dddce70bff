"""Initializers, regularizers, constraints and activations, each as an argument of a layer."""

from tests.live.zoo import SEQUENCE, VECTOR

ACTIVATIONS = (
    "celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid "
    "log_softmax mish relu relu6 selu sigmoid silu softmax softplus softsign soft_shrink sparse_plus sparsemax "
    "sparse_sigmoid squareplus swish tanh tanh_shrink threshold"
)
INITIALIZERS = (
    "Constant GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform Ones Orthogonal RandomNormal "
    "RandomUniform TruncatedNormal VarianceScaling Zeros"
)
ALIASES = "glorot_uniform he_normal lecun_uniform ones orthogonal random_normal normal uniform zeros"


def fill(zoo):
    layers = zoo.keras.layers
    for name in ACTIVATIONS.split():
        zoo.layers(VECTOR, {"Activation_" + name: _with_activation(layers, name)})
    for name in INITIALIZERS.split():
        zoo.layers(VECTOR, {"Initializer_" + name: _with_initializer(zoo, name)})
    for name in ALIASES.split():
        zoo.layers(VECTOR, {"Initializer_alias_" + name: _with_alias(layers, name)})
    _initializers(zoo, layers)
    _activations(zoo, layers)
    _regularizers(zoo, layers)
    _constraints(zoo, layers)
    _elsewhere(zoo, layers)


def _with_activation(layers, name):
    return lambda: layers.Dense(4, activation=name)


def _with_initializer(zoo, name):
    return lambda: zoo.keras.layers.Dense(3, kernel_initializer=getattr(zoo.keras.initializers, name)())


def _with_alias(layers, name):
    return lambda: layers.Dense(3, kernel_initializer=name, bias_initializer=name if name != "orthogonal" else "zeros")


def _initializers(zoo, layers):
    initializers = zoo.keras.initializers
    zoo.layers(
        VECTOR,
        {
            "Initializer_seeded": lambda: layers.Dense(3, kernel_initializer=initializers.GlorotUniform(seed=5)),
            "Initializer_random_seeded": lambda: layers.Dense(
                3, kernel_initializer=initializers.RandomNormal(0.0, 0.1, seed=5)
            ),
            "Initializer_scaled": lambda: layers.Dense(
                3, kernel_initializer=initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal", seed=1)
            ),
            "Initializer_bias_constant": lambda: layers.Dense(3, bias_initializer=initializers.Constant(0.5)),
            "Initializer_orthogonal_gain": lambda: layers.Dense(
                3, kernel_initializer=initializers.Orthogonal(gain=2.0)
            ),
            "Initializer_identity": lambda: layers.Dense(6, kernel_initializer=initializers.Identity(0.5)),
            "Initializer_identity_matrix": lambda: layers.Dense(
                6, kernel_initializer=initializers.IdentityInitializer()
            ),
            "Initializer_old_name": lambda: layers.Dense(3, kernel_initializer=initializers.glorot_uniform()),
        },
    )
    zoo.layers(
        (6, 6, 2),
        {"Initializer_dirac": lambda: layers.Conv2D(2, 3, kernel_initializer=initializers.get("dirac"))},
    )
    zoo.layers(
        (512,),
        {
            "Initializer_stft": lambda: layers.Dense(
                3, kernel_initializer=initializers.STFTInitializer("real"), use_bias=False
            )
        },
    )


def _activations(zoo, layers):
    activations = zoo.keras.activations
    zoo.layers(
        VECTOR,
        {
            "Activation_gelu_function": lambda: layers.Activation(activations.gelu),
            "Activation_relu_function": lambda: layers.Dense(3, activation=activations.relu),
            "Activation_layer_in_dense": lambda: layers.Dense(3, activation=layers.LeakyReLU()),
            "Activation_softmax_layer": lambda: layers.Dense(3, activation=layers.Softmax()),
        },
    )


def _regularizers(zoo, layers):
    regularizers = zoo.keras.regularizers
    table = {
        "Regularizer_l1": lambda: layers.Dense(3, kernel_regularizer=regularizers.l1(0.01)),
        "Regularizer_l2": lambda: layers.Dense(3, bias_regularizer=regularizers.l2(0.01)),
        "Regularizer_L1": lambda: layers.Dense(3, activity_regularizer=regularizers.L1(0.01)),
        "Regularizer_L2": lambda: layers.Dense(3, kernel_regularizer=regularizers.L2(0.01)),
        "Regularizer_l1_l2": lambda: layers.Dense(3, kernel_regularizer=regularizers.l1_l2(0.01, 0.02)),
        "Regularizer_string": lambda: layers.Dense(3, kernel_regularizer="l2", bias_regularizer="l1"),
        "Regularizer_orthogonal": lambda: layers.Dense(
            3, kernel_regularizer=regularizers.OrthogonalRegularizer(0.01, mode="columns")
        ),
    }
    zoo.layers(VECTOR, table)


def _constraints(zoo, layers):
    constraints = zoo.keras.constraints
    table = {
        "Constraint_max_norm": lambda: layers.Dense(3, kernel_constraint=constraints.MaxNorm(2.0, axis=0)),
        "Constraint_non_neg": lambda: layers.Dense(3, kernel_constraint=constraints.NonNeg()),
        "Constraint_unit_norm": lambda: layers.Dense(3, kernel_constraint=constraints.UnitNorm(axis=0)),
        "Constraint_min_max": lambda: layers.Dense(3, kernel_constraint=constraints.MinMaxNorm(0.1, 1.5, 0.9)),
        "Constraint_string": lambda: layers.Dense(3, kernel_constraint="non_neg", bias_constraint="max_norm"),
        "Constraint_old_name": lambda: layers.Dense(3, kernel_constraint=constraints.max_norm(3)),
        "Constraint_radial": lambda: layers.Dense(3, bias_constraint=constraints.get("radial_constraint")),
    }
    zoo.layers(VECTOR, table)


def _elsewhere(zoo, layers):
    """The same kinds of arguments in layers that have their own names for them."""
    keras = zoo.keras
    zoo.layers(
        SEQUENCE,
        {
            "Arguments_lstm": lambda: layers.LSTM(
                3,
                kernel_initializer=keras.initializers.HeNormal(seed=1),
                recurrent_initializer="glorot_uniform",
                recurrent_regularizer="l2",
                bias_constraint="max_norm",
                activation="softsign",
            ),
            "Arguments_gru": lambda: layers.GRU(
                3, kernel_regularizer=keras.regularizers.L2(0.01), recurrent_constraint=keras.constraints.MaxNorm(3)
            ),
            "Arguments_batch_normalization": lambda: layers.BatchNormalization(
                gamma_initializer=keras.initializers.Constant(2.0), beta_regularizer="l2", gamma_constraint="non_neg"
            ),
            "Arguments_separable": lambda: layers.SeparableConv1D(
                3, 2, depthwise_initializer=keras.initializers.HeUniform(seed=2), pointwise_regularizer="l1"
            ),
            "Arguments_einsum": lambda: layers.EinsumDense(
                "abc,cd->abd", (None, 3), bias_axes="d", kernel_initializer=keras.initializers.RandomUniform(seed=2)
            ),
        },
    )
    zoo.layers(
        (8, 8, 3),
        {
            "Arguments_conv": lambda: layers.Conv2D(
                3,
                3,
                kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02, seed=9),
                kernel_regularizer=keras.regularizers.L1L2(0.01, 0.01),
                kernel_constraint=keras.constraints.UnitNorm(axis=[0, 1, 2]),
                activation=keras.activations.swish,
            ),
            "Arguments_depthwise": lambda: layers.DepthwiseConv2D(
                3, depthwise_initializer="he_uniform", depthwise_regularizer="l2", depthwise_constraint="max_norm"
            ),
        },
    )
    zoo.graphs(
        SEQUENCE,
        {
            "Arguments_attention": lambda words: layers.MultiHeadAttention(
                2, 3, kernel_initializer=keras.initializers.GlorotNormal(seed=4), kernel_regularizer="l2"
            )(words, words)
        },
    )
