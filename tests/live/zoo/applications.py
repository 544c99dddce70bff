"""Small architectures of `keras.applications`, without weights."""

#: By name, each with the smallest image that makes sense; only such as save in a few seconds.
NETWORKS = {
    "MobileNet": (32, 32, 3),
    "MobileNetV2": (32, 32, 3),
    "MobileNetV3Small": (32, 32, 3),
    "EfficientNetB0": (32, 32, 3),
    "EfficientNetV2B0": (32, 32, 3),
    "ResNet50V2": (32, 32, 3),
    "DenseNet121": (32, 32, 3),
    "NASNetMobile": (32, 32, 3),
    "ConvNeXtTiny": (32, 32, 3),
}


def fill(zoo):
    for name, shape in NETWORKS.items():
        zoo.add("Application_" + name, _network(zoo.keras, name, shape))

    @zoo.model("Application_transfer")
    def transfer():
        keras = zoo.keras
        base = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(32, 32, 3), alpha=0.35)
        base.trainable = False
        image = keras.Input((32, 32, 3))
        x = keras.applications.mobilenet_v2.preprocess_input(image)
        x = keras.layers.GlobalAveragePooling2D()(base(x, training=False))
        return keras.Model(image, keras.layers.Dense(2)(keras.layers.Dropout(0.2)(x)))


def _network(keras, name, shape):
    def build():
        arguments = {"weights": None, "input_shape": shape, "classes": 4}
        if name in ("MobileNet", "MobileNetV2"):
            arguments["alpha"] = 0.35 if name.endswith("V2") else 0.25
        return getattr(keras.applications, name)(**arguments)

    return build
