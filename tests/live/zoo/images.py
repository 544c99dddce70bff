"""Preprocessing and augmentation of images, and sound."""

import numpy as np

from tests.live.zoo import IMAGE


def fill(zoo):
    layers = zoo.keras.layers
    _preprocessing(zoo, layers)
    _random(zoo, layers)
    _augmentation(zoo, layers)
    _experimental(zoo, layers)
    _sound(zoo, layers)
    _boxes(zoo, layers)


def _preprocessing(zoo, layers):
    zoo.layers(
        IMAGE,
        {
            "Rescaling": lambda: layers.Rescaling(1 / 255),
            "Rescaling_offset": lambda: layers.Rescaling(1 / 127.5, offset=-1),
            "Rescaling_lists": lambda: layers.Rescaling([0.1, 0.2, 0.3], offset=[1.0, 2.0, 3.0]),
            "Resizing": lambda: layers.Resizing(4, 6),
            "Resizing_nearest": lambda: layers.Resizing(4, 6, interpolation="nearest", crop_to_aspect_ratio=True),
            "Resizing_padded": lambda: layers.Resizing(4, 6, pad_to_aspect_ratio=True, fill_value=1.0),
            "Resizing_antialias": lambda: layers.Resizing(4, 4, antialias=True),
            "CenterCrop": lambda: layers.CenterCrop(4, 4),
        },
    )


def _random(zoo, layers):
    zoo.layers(
        IMAGE,
        {
            "RandomFlip": lambda: layers.RandomFlip(),
            "RandomFlip_horizontal": lambda: layers.RandomFlip("horizontal", seed=3),
            "RandomRotation": lambda: layers.RandomRotation(0.2),
            "RandomRotation_range": lambda: layers.RandomRotation((-0.1, 0.2), fill_mode="constant", fill_value=0.5),
            "RandomZoom": lambda: layers.RandomZoom(0.2),
            "RandomZoom_width": lambda: layers.RandomZoom((-0.2, 0.1), (0.1, 0.2), interpolation="nearest", seed=2),
            "RandomContrast": lambda: layers.RandomContrast(0.2),
            "RandomContrast_range": lambda: layers.RandomContrast((0.1, 0.3), seed=1),
            "RandomBrightness": lambda: layers.RandomBrightness(0.2),
            "RandomBrightness_range": lambda: layers.RandomBrightness((-0.1, 0.3), value_range=(0.0, 1.0)),
            "RandomTranslation": lambda: layers.RandomTranslation(0.1, 0.2),
            "RandomTranslation_range": lambda: layers.RandomTranslation((-0.1, 0.2), 0.0, fill_mode="wrap", seed=5),
            "RandomCrop": lambda: layers.RandomCrop(4, 4),
            "RandomCrop_seeded": lambda: layers.RandomCrop(8, 8, seed=5),
            "RandomHeight": lambda: layers.RandomHeight(0.2),
            "RandomWidth": lambda: layers.RandomWidth(0.2, interpolation="nearest"),
        },
    )


def _augmentation(zoo, layers):
    plain = (
        "AutoContrast RandAugment RandomGrayscale RandomInvert RandomGaussianBlur RandomElasticTransform RandomErasing "
        "RandomSharpness RandomSaturation RandomHue RandomColorJitter RandomColorDegeneration "
        "RandomPerspective RandomShear Solarization Equalization MixUp CutMix AugMix"
    )
    for name in plain.split():
        _plain(zoo, layers, name)
    zoo.layers(
        IMAGE,
        {
            "Solarization_range": lambda: layers.Solarization(
                addition_factor=0.2, threshold_factor=0.3, value_range=(0, 1)
            ),
            "RandomHue_factor": lambda: layers.RandomHue(0.3, value_range=(0, 1)),
            "RandomSaturation_factor": lambda: layers.RandomSaturation(0.3, value_range=(0, 1), seed=3),
            "RandomSharpness_factor": lambda: layers.RandomSharpness(0.3, value_range=(0, 1)),
            "RandomColorDegeneration_factor": lambda: layers.RandomColorDegeneration(0.3),
            "RandomPosterization_factor": lambda: layers.RandomPosterization(4),
            "RandomShear_factors": lambda: layers.RandomShear(0.1, 0.2, fill_mode="constant"),
            "RandomGrayscale_factor": lambda: layers.RandomGrayscale(factor=0.3),
            "RandomErasing_factor": lambda: layers.RandomErasing(0.3),
            "MaxNumBoundingBoxes": lambda: layers.MaxNumBoundingBoxes(3),
            "Pipeline": lambda: layers.Pipeline([layers.Rescaling(0.5), layers.CenterCrop(4, 4)]),
        },
    )

    @zoo.model("Augmented_cnn")
    def augmented():
        keras = zoo.keras
        augment = keras.Sequential(
            [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.1)]
        )
        image = keras.Input(IMAGE)
        x = layers.Rescaling(1 / 255)(augment(image))
        x = layers.MaxPooling2D()(layers.Conv2D(4, 3, activation="relu", padding="same")(x))
        return keras.Model(image, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))

    @zoo.model("Augmented_flat")
    def flat():
        lines = [
            zoo.keras.Input(IMAGE),
            layers.RandomFlip(),
            layers.RandomContrast(0.1),
            layers.RandomTranslation(0.1, 0.1),
        ]
        return zoo.keras.Sequential([*lines, layers.Conv2D(2, 3), layers.GlobalMaxPooling2D(), layers.Dense(1)])


def _plain(zoo, layers, name):
    """With as few arguments as the constructor takes."""

    def make():
        kind = getattr(layers, name)
        try:
            return kind()
        except TypeError:
            return kind(0.2)

    zoo.layers(IMAGE, {name: make})


def _experimental(zoo, layers):
    """Where these layers were before they became regular ones."""
    for name, arguments in {
        "Rescaling": (0.1,),
        "Resizing": (4, 4),
        "CenterCrop": (4, 4),
        "RandomFlip": (),
        "RandomRotation": (0.2,),
        "RandomZoom": (0.2,),
        "RandomContrast": (0.2,),
        "RandomTranslation": (0.1, 0.1),
        "RandomHeight": (0.1,),
        "RandomWidth": (0.1,),
        "RandomCrop": (4, 4),
    }.items():
        _experimental_layer(zoo, layers, name, arguments)


def _experimental_layer(zoo, layers, name, arguments):
    zoo.layers(IMAGE, {"Experimental_" + name: lambda: getattr(layers.experimental.preprocessing, name)(*arguments)})


def _sound(zoo, layers):
    zoo.layers(
        (512,),
        {
            "MelSpectrogram": lambda: layers.MelSpectrogram(num_mel_bins=16, sampling_rate=8000, fft_length=128),
            "STFTSpectrogram": lambda: layers.STFTSpectrogram(frame_length=64, frame_step=32, fft_length=64),
        },
    )
    zoo.layers(
        (512, 1),
        {"STFTSpectrogram_phase": lambda: layers.STFTSpectrogram(mode="angle", frame_length=64, frame_step=32)},
    )


def _boxes(zoo, layers):
    @zoo.model("Resizing_uint8")
    def integers():
        image = zoo.keras.Input(IMAGE, dtype="uint8")
        model = zoo.keras.Model(image, layers.Rescaling(1 / 255)(layers.Resizing(4, 4)(image)))
        return model, np.arange(2 * 8 * 8 * 3).reshape(2, 8, 8, 3).astype("uint8")
