"""Convolutions, pooling, padding, cropping and upsampling in one, two and three dimensions."""

from tests.live.zoo import IMAGE, SEQUENCE, VOLUME

SHAPES = {1: SEQUENCE, 2: IMAGE, 3: VOLUME}


def fill(zoo):
    layers = zoo.keras.layers
    _plain(zoo, layers)
    _convolutions(zoo, layers)
    _locally_connected(zoo, layers)
    _pooling(zoo, layers)
    _edges(zoo, layers)


def _plain(zoo, layers):
    """Every dimension with next to no arguments."""
    for dimensions, shape in SHAPES.items():
        suffix = str(dimensions) + "D"
        for name in ("Conv{}", "Conv{}Transpose", "SeparableConv{}"):
            _plain_layer(zoo, layers, name.format(suffix), shape, 4, 3)
        _plain_layer(zoo, layers, "DepthwiseConv" + suffix, shape, 3)
        _plain_layer(zoo, layers, "AveragePooling" + suffix, shape, 2)
        for name in ("MaxPooling", "UpSampling", "ZeroPadding", "Cropping"):
            _plain_layer(zoo, layers, name + suffix, shape)
        for name in ("GlobalMaxPooling", "GlobalAveragePooling"):
            _plain_layer(zoo, layers, name + suffix, shape)
        for name in ("AdaptiveMaxPooling", "AdaptiveAveragePooling"):
            _plain_layer(zoo, layers, name + suffix, shape, 2)


def _plain_layer(zoo, layers, name, shape, *arguments):
    zoo.layers(shape, {name: lambda: getattr(layers, name)(*arguments)})


def _convolutions(zoo, layers):
    zoo.layers(
        SEQUENCE,
        {
            "Conv1D_causal": lambda: layers.Conv1D(4, 3, padding="causal", dilation_rate=2),
            "Conv1D_groups": lambda: layers.Conv1D(4, 3, groups=2, activation="gelu"),
            "Conv1D_strided": lambda: layers.Conv1D(4, 3, strides=2, padding="same", use_bias=False),
            "Conv1DTranspose_strided": lambda: layers.Conv1DTranspose(4, 3, strides=2, padding="same"),
            "SeparableConv1D_multiplied": lambda: layers.SeparableConv1D(4, 3, depth_multiplier=2, padding="same"),
            "DepthwiseConv1D_multiplied": lambda: layers.DepthwiseConv1D(3, depth_multiplier=2),
            "TimeDistributed_reshape": lambda: layers.TimeDistributed(layers.Reshape((4, 1))),
        },
    )
    zoo.layers(
        IMAGE,
        {
            "Conv2D_relu": lambda: layers.Conv2D(4, (3, 1), strides=(2, 1), activation="relu"),
            "Conv2D_dilated": lambda: layers.Conv2D(4, 3, dilation_rate=(2, 2), padding="same"),
            "Conv2D_groups": lambda: layers.Conv2D(6, 3, groups=3),
            "Conv2DTranspose_strided": lambda: layers.Conv2DTranspose(4, 3, strides=2, padding="same"),
            "Conv2DTranspose_output_padding": lambda: layers.Conv2DTranspose(4, 3, strides=2, output_padding=1),
            "DepthwiseConv2D_multiplied": lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, strides=2),
            "SeparableConv2D_multiplied": lambda: layers.SeparableConv2D(4, 3, depth_multiplier=2, activation="relu"),
        },
    )
    zoo.layers(
        VOLUME,
        {
            "Conv3D_same": lambda: layers.Conv3D(2, (3, 3, 1), padding="same", activation="relu"),
            "Conv3DTranspose_strided": lambda: layers.Conv3DTranspose(2, 2, strides=2),
        },
    )

    @zoo.model("Conv2D_channels_first_pooling")
    def channels_first():
        # TensorFlow convolves no channels-first images on a CPU; the other layers have the argument too.
        image = zoo.keras.Input((3, 8, 8))
        pooled = layers.GlobalAveragePooling2D(data_format="channels_first")(image)
        padded = layers.ZeroPadding2D(1, data_format="channels_first")(image)
        return zoo.keras.Model(image, [pooled, padded])


def _locally_connected(zoo, layers):
    zoo.layers(
        SEQUENCE,
        {
            "LocallyConnected1D": lambda: layers.LocallyConnected1D(3, 2),
            "LocallyConnected1D_implementation": lambda: layers.LocallyConnected1D(3, 2, implementation=2),
        },
    )
    zoo.layers(
        IMAGE,
        {
            "LocallyConnected2D": lambda: layers.LocallyConnected2D(2, 3),
            "LocallyConnected2D_implementation": lambda: layers.LocallyConnected2D(2, 3, implementation=3),
        },
    )


def _pooling(zoo, layers):
    zoo.layers(
        SEQUENCE,
        {
            "MaxPooling1D_same": lambda: layers.MaxPooling1D(3, strides=2, padding="same"),
            "AveragePooling1D_strided": lambda: layers.AveragePooling1D(3, strides=1, padding="same"),
            "GlobalAveragePooling1D_keepdims": lambda: layers.GlobalAveragePooling1D(keepdims=True),
            "GlobalMaxPooling1D_keepdims": lambda: layers.GlobalMaxPooling1D(keepdims=True),
        },
    )
    zoo.layers(
        IMAGE,
        {
            "MaxPooling2D_same": lambda: layers.MaxPooling2D((3, 2), strides=(2, 1), padding="same"),
            "AveragePooling2D_same": lambda: layers.AveragePooling2D(3, strides=2, padding="same"),
            "MaxPool2D_alias": lambda: layers.MaxPool2D(),
            "GlobalAveragePooling2D_keepdims": lambda: layers.GlobalAveragePooling2D(keepdims=True),
            "GlobalMaxPooling2D_keepdims": lambda: layers.GlobalMaxPooling2D(keepdims=True),
        },
    )
    zoo.layers(
        VOLUME,
        {
            "MaxPooling3D_same": lambda: layers.MaxPooling3D(2, strides=1, padding="same"),
            "GlobalAveragePooling3D_keepdims": lambda: layers.GlobalAveragePooling3D(keepdims=True),
        },
    )


def _edges(zoo, layers):
    zoo.layers(
        SEQUENCE,
        {
            "ZeroPadding1D_uneven": lambda: layers.ZeroPadding1D((0, 2)),
            "Cropping1D_uneven": lambda: layers.Cropping1D((1, 2)),
            "UpSampling1D_three": lambda: layers.UpSampling1D(3),
        },
    )
    zoo.layers(
        IMAGE,
        {
            "ZeroPadding2D_uneven": lambda: layers.ZeroPadding2D(((0, 1), (2, 0))),
            "Cropping2D_uneven": lambda: layers.Cropping2D(((0, 1), (2, 1))),
            "UpSampling2D_bilinear": lambda: layers.UpSampling2D((2, 3), interpolation="bilinear"),
        },
    )
    zoo.layers(
        VOLUME,
        {
            "ZeroPadding3D_uneven": lambda: layers.ZeroPadding3D((1, 0, 2)),
            "Cropping3D_uneven": lambda: layers.Cropping3D(((1, 0), (0, 1), (1, 1))),
        },
    )
