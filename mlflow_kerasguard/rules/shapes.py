"""The shape and type of what a layer is given, as far as a model's configuration tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlflow_kerasguard.formats.graph import Call, read_graph
from mlflow_kerasguard.model import Json, ModelSpec, ObjectRef

#: With the batch; None where a dimension isn't known.
Shape = tuple[int | None, ...]

_SHAPE_KEYS = ("batch_shape", "batch_input_shape")

#: What returns the shape that it is given.
_SAME_NAMES = (
    "Activation ActivityRegularization AlphaDropout AutoContrast BatchNormalization Dropout ELU Equalization "
    "GaussianDropout GaussianNoise GroupNormalization Identity LayerNormalization LeakyReLU Masking "
    "Normalization PReLU RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomErasing "
    "RandomFlip RandomGaussianBlur RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation "
    "RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom ReLU RMSNormalization Rescaling "
    "Softmax Solarization UnitNormalization"
)
_SAME = frozenset(_SAME_NAMES.split())
_SIZED = frozenset({"Resizing", "CenterCrop"})


@dataclass(frozen=True, slots=True)
class Tensor:
    """What is known of a tensor; None where it isn't."""

    shape: Shape | None = None
    dtype: str | None = None

    @property
    def is_integer(self) -> bool:
        """Whether it is known to hold whole numbers."""
        return self.dtype is not None and self.dtype.removeprefix("u").startswith("int")

    def image_size(self, ref: ObjectRef) -> tuple[int, int] | None:
        """Height and width, as the layer takes its images."""
        if self.shape is None or len(self.shape) < 3:  # noqa: PLR2004 - height, width and channels
            return None
        height, width = self.shape[-2:] if ref.config.get("data_format") == "channels_first" else self.shape[-3:-1]
        return None if height is None or width is None else (height, width)


def input_of(model: ModelSpec, ref: ObjectRef) -> Tensor:
    """What one layer of a model is given."""
    found = Tensor()
    if ref.parent is not None and ref.parent < len(model.objects):
        found = _inputs(model.objects[ref.parent].config).get(str(ref.config.get("name")), found)
    built = ref.build_config.get("input_shape") if isinstance(ref.build_config, Mapping) else None
    return Tensor(found.shape if found.shape is not None else _shape(built), found.dtype)


def _inputs(config: Mapping[str, Json]) -> dict[str, Tensor]:
    """By the name of the layer, in a functional or Sequential model."""
    layers = config.get("layers")
    items = [item for item in layers if isinstance(item, dict)] if isinstance(layers, list) else []
    graph = read_graph(config)
    inputs: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}
    before = Tensor()
    for item in items:
        own = item["config"] if isinstance(item.get("config"), dict) else {}
        name = str(item.get("name", own.get("name")))
        if graph is not None:
            calls = graph.layers[name].calls if name in graph.layers else ()
            before = _of_call(calls[0], outputs) if len(calls) == 1 else Tensor()
        inputs[name] = before if before.shape is not None else _declared(own)
        before = outputs[name] = _output(str(item.get("class_name")), own, inputs[name])
    return inputs


def _of_call(call: Call, outputs: Mapping[str, Tensor]) -> Tensor:
    """Keras 3 writes the shape of each tensor; else it is what the layer before returned."""
    given = tensors([*call.args, *call.kwargs.values()])
    if given:
        return given[0]
    return outputs.get(call.inputs[0].layer, Tensor()) if call.inputs else Tensor()


def tensors(values: list[Json]) -> list[Tensor]:
    """What Keras 3 writes of the tensors among a call's arguments; those in lists aren't looked for."""
    return list(_tensors(values))


def _tensors(values: list[Json]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            config = value.get("config")
            config = config if isinstance(config, dict) else {}
            shape = _shape(config.get("shape"))
            if shape is not None:
                yield Tensor(shape, _name(config.get("dtype")))


def _declared(config: Mapping[str, Json]) -> Tensor:
    shape = next((shape for key in _SHAPE_KEYS if (shape := _shape(config.get(key))) is not None), None)
    return Tensor(shape, _name(config.get("dtype")) if shape is not None else None)


def _output(class_name: str, config: Mapping[str, Json], given: Tensor) -> Tensor:
    if class_name == "InputLayer":
        return given
    if class_name in _SAME:
        return Tensor(given.shape)  # Most return fractions, whatever they are given.
    shape, size = given.shape, (config.get("height"), config.get("width"))
    if class_name in _SIZED and shape is not None and config.get("data_format", "channels_last") == "channels_last":
        return Tensor(_shape([*shape[:-3], *size, shape[-1]]))
    return Tensor()


def _shape(value: Json) -> Shape | None:
    """A shape from JSON; a nest of them isn't one."""
    if not isinstance(value, list) or not all(item is None or type(item) is int for item in value):
        return None
    return tuple(value)


def _name(value: Json) -> str | None:
    return value if isinstance(value, str) else None
