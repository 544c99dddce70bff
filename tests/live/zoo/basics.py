"""Layers that work on whatever comes: dense, activations, regularization, shapes, merging, normalization."""

from tests.live.zoo import IMAGE, SEQUENCE, VECTOR


def fill(zoo):
    layers = zoo.keras.layers
    _dense(zoo, layers)
    _activations(zoo, layers)
    _regularization(zoo, layers)
    _shapes(zoo, layers)
    _merging(zoo, layers)
    _normalization(zoo, layers)


def _dense(zoo, layers):
    zoo.layers(
        VECTOR,
        {
            "Dense": lambda: layers.Dense(3),
            "Dense_relu_nobias": lambda: layers.Dense(3, activation="relu", use_bias=False),
            "Dense_slash_in_name": lambda: layers.Dense(3, name="block/dense"),
            "Dense_frozen": lambda: layers.Dense(3, trainable=False),
            "Identity": lambda: layers.Identity(),
        },
    )
    zoo.layers(
        SEQUENCE,
        {
            "Dense_on_sequence": lambda: layers.Dense(3),
            "EinsumDense": lambda: _einsum(layers)("abc,cd->abd", output_shape=(None, 5), bias_axes="d"),
            "EinsumDense_heads": lambda: _einsum(layers)("abc,cde->abde", output_shape=(None, 2, 3), activation="relu"),
            "EinsumDense_nobias": lambda: _einsum(layers)("...x,xy->...y", output_shape=5),
            "TimeDistributed_dense": lambda: layers.TimeDistributed(layers.Dense(3)),
        },
    )

    @zoo.model("Dense_lora")
    def lora():
        dense = layers.Dense(4)
        model = zoo.keras.Sequential([zoo.keras.Input(VECTOR), dense])
        dense.enable_lora(2)
        return model

    @zoo.model("Dense_int8")
    def int8():
        model = zoo.keras.Sequential([zoo.keras.Input(VECTOR), layers.Dense(4), layers.Dense(2)])
        model.quantize("int8")
        return model


def _einsum(layers):
    """Where the layer was before it became a regular one."""
    return layers.EinsumDense if hasattr(layers, "EinsumDense") else layers.experimental.EinsumDense


def _activations(zoo, layers):
    zoo.layers(
        VECTOR,
        {
            "ReLU": lambda: layers.ReLU(),
            "ReLU_bounded": lambda: layers.ReLU(max_value=2.0, negative_slope=0.1, threshold=0.1),
            "LeakyReLU": lambda: layers.LeakyReLU(),
            "ELU": lambda: layers.ELU(alpha=0.7),
            "PReLU": lambda: layers.PReLU(),
            "Softmax": lambda: layers.Softmax(),
            "ThresholdedReLU": lambda: layers.ThresholdedReLU(theta=0.5),
            "Activation": lambda: layers.Activation("relu"),
            "Activation_function": lambda: layers.Activation(zoo.keras.activations.tanh),
        },
    )
    zoo.layers(
        IMAGE,
        {
            "PReLU_shared_axes": lambda: layers.PReLU(shared_axes=[1, 2], alpha_initializer="ones"),
            "Softmax_axes": lambda: layers.Softmax(axis=[1, 2]),
        },
    )


def _regularization(zoo, layers):
    zoo.layers(
        VECTOR,
        {
            "Dropout": lambda: layers.Dropout(0.3),
            "Dropout_seeded": lambda: layers.Dropout(0.3, seed=3),
            "AlphaDropout": lambda: layers.AlphaDropout(0.3),
            "AlphaDropout_seeded": lambda: layers.AlphaDropout(0.3, seed=3),
            "GaussianDropout": lambda: layers.GaussianDropout(0.3),
            "GaussianNoise": lambda: layers.GaussianNoise(0.3),
            "GaussianNoise_seeded": lambda: layers.GaussianNoise(0.3, seed=3),
            "ActivityRegularization": lambda: layers.ActivityRegularization(l1=0.01, l2=0.02),
        },
    )
    zoo.layers(
        SEQUENCE,
        {
            "Dropout_noise_shape": lambda: layers.Dropout(0.3, noise_shape=(None, 1, 4)),
            "AlphaDropout_noise_shape": lambda: layers.AlphaDropout(0.3, noise_shape=(None, 1, 4)),
            "SpatialDropout1D": lambda: layers.SpatialDropout1D(0.3),
        },
    )
    zoo.layers(IMAGE, {"SpatialDropout2D": lambda: layers.SpatialDropout2D(0.3)})
    zoo.layers((6, 6, 6, 2), {"SpatialDropout3D": lambda: layers.SpatialDropout3D(0.3)})


def _shapes(zoo, layers):
    zoo.layers(
        SEQUENCE,
        {
            "Flatten": lambda: layers.Flatten(),
            "Flatten_channels_first": lambda: layers.Flatten(data_format="channels_first"),
            "Reshape": lambda: layers.Reshape((3, 8)),
            "Reshape_unknown": lambda: layers.Reshape((-1, 2)),
            "Permute": lambda: layers.Permute((2, 1)),
            "Masking": lambda: layers.Masking(0.0),
        },
    )
    zoo.layers(
        VECTOR, {"RepeatVector": lambda: layers.RepeatVector(3), "Reshape_scalar": lambda: layers.Reshape((6, 1))}
    )


def _merging(zoo, layers):
    for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"):
        zoo.add(name, _merge(zoo, name))
    zoo.add("Concatenate_axis", _merge(zoo, "Concatenate", axis=1))
    zoo.add("Dot_normalized", _merge(zoo, "Dot", axes=(1, 2), normalize=True, other=(4, 6)))
    zoo.add("Add_three", _merge(zoo, "Add", times=3))
    zoo.add("Add_broadcast", _merge(zoo, "Add", other=(1, 4)))

    @zoo.model("Merge_functions")
    def functions():
        first, second = zoo.keras.Input(VECTOR), zoo.keras.Input(VECTOR)
        summed = layers.add([first, second])
        product = layers.multiply([summed, second])
        return zoo.keras.Model([first, second], layers.concatenate([summed, product, layers.maximum([first, product])]))


def _merge(zoo, name, times=2, other=None, **arguments):
    def build():
        if name == "Dot":
            arguments.setdefault("axes", 1)
        inputs = [zoo.keras.Input(SEQUENCE) for _ in range(times)]
        if other:
            inputs[-1] = zoo.keras.Input(other)
        return zoo.keras.Model(inputs, getattr(zoo.keras.layers, name)(**arguments)(inputs))

    return build


def _normalization(zoo, layers):
    zoo.layers(
        VECTOR,
        {
            "BatchNormalization": lambda: layers.BatchNormalization(),
            "BatchNormalization_plain": lambda: layers.BatchNormalization(scale=False, center=False, momentum=0.9),
            "BatchNormalization_synchronized": lambda: layers.BatchNormalization(synchronized=True),
            "BatchNormalization_renorm": lambda: layers.BatchNormalization(renorm=True),
            "LayerNormalization": lambda: layers.LayerNormalization(),
            "LayerNormalization_plain": lambda: layers.LayerNormalization(scale=False, center=False, epsilon=1e-5),
            "LayerNormalization_rms_scaling": lambda: layers.LayerNormalization(rms_scaling=True),
            "RMSNormalization": lambda: layers.RMSNormalization(),
            "UnitNormalization": lambda: layers.UnitNormalization(),
            "SpectralNormalization": lambda: layers.SpectralNormalization(layers.Dense(3), power_iterations=2),
        },
    )
    zoo.layers(
        IMAGE,
        {
            "BatchNormalization_axis": lambda: layers.BatchNormalization(axis=1),
            "LayerNormalization_axes": lambda: layers.LayerNormalization(axis=[1, 2, 3]),
            "GroupNormalization": lambda: layers.GroupNormalization(groups=3),
            "GroupNormalization_instance": lambda: layers.GroupNormalization(groups=-1, scale=False),
            "UnitNormalization_axes": lambda: layers.UnitNormalization(axis=[1, 2]),
            "SpectralNormalization_conv": lambda: layers.SpectralNormalization(layers.Conv2D(2, 3)),
        },
    )
