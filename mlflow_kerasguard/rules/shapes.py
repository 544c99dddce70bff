"""The shape of what a layer is given, as far as a model's configuration tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlflow_kerasguard.formats.graph import Call, read_graph
from mlflow_kerasguard.model import Json, ModelSpec, ObjectRef

#: With the batch; None where a dimension isn't known.
Shape = tuple[int | None, ...]

_SHAPE_KEYS = ("batch_shape", "batch_input_shape")

#: What returns the shape that it is given.
_SAME_NAMES = (
    "Activation ActivityRegularization AlphaDropout AutoContrast BatchNormalization Dropout ELU Equalization "
    "GaussianDropout GaussianNoise GroupNormalization Identity InputLayer LayerNormalization LeakyReLU Masking "
    "Normalization PReLU RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomErasing "
    "RandomFlip RandomGaussianBlur RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation "
    "RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom ReLU RMSNormalization Rescaling "
    "Softmax Solarization UnitNormalization"
)
_SAME = frozenset(_SAME_NAMES.split())
_SIZED = frozenset({"Resizing", "CenterCrop"})


def input_shape(model: ModelSpec, ref: ObjectRef) -> Shape | None:
    """The shape of what one layer of a model is given; None where the configuration doesn't tell."""
    built = ref.build_config.get("input_shape") if isinstance(ref.build_config, Mapping) else None
    shape = _shape(built)
    if shape is None and ref.parent is not None and ref.parent < len(model.objects):
        return _input_shapes(model.objects[ref.parent].config).get(str(ref.config.get("name")))
    return shape


def _input_shapes(config: Mapping[str, Json]) -> dict[str, Shape | None]:
    """By the name of the layer, in a functional or Sequential model."""
    layers = config.get("layers")
    items = [item for item in layers if isinstance(item, dict)] if isinstance(layers, list) else []
    graph = read_graph(config)
    inputs: dict[str, Shape | None] = {}
    outputs: dict[str, Shape | None] = {}
    before: Shape | None = None
    for item in items:
        own = item["config"] if isinstance(item.get("config"), dict) else {}
        name = str(item.get("name", own.get("name")))
        if graph is not None:
            calls = graph.layers[name].calls if name in graph.layers else ()
            before = _of_call(calls[0], outputs) if len(calls) == 1 else None
        inputs[name] = before if before is not None else _declared(own)
        before = outputs[name] = _output(str(item.get("class_name")), own, inputs[name])
    return inputs


def _of_call(call: Call, outputs: Mapping[str, Shape | None]) -> Shape | None:
    """Keras 3 writes the shape of each tensor; else it is what the layer before returned."""
    shape = next(_tensor_shapes([*call.args, *call.kwargs.values()]), None)
    if shape is not None:
        return shape
    return outputs.get(call.inputs[0].layer) if call.inputs else None


def _tensor_shapes(values: list[Json]) -> Iterator[Shape]:
    for value in values:
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            config = value.get("config")
            shape = _shape(config.get("shape")) if isinstance(config, dict) else None
            if shape is not None:
                yield shape


def _declared(config: Mapping[str, Json]) -> Shape | None:
    return next((shape for key in _SHAPE_KEYS if (shape := _shape(config.get(key))) is not None), None)


def _output(class_name: str, config: Mapping[str, Json], shape: Shape | None) -> Shape | None:
    if class_name in _SAME:
        return shape
    size = (config.get("height"), config.get("width"))
    if class_name in _SIZED and shape is not None and config.get("data_format", "channels_last") == "channels_last":
        return _shape([*shape[:-3], *size, shape[-1]])
    return None


def _shape(value: Json) -> Shape | None:
    """A shape from JSON; a nest of them isn't one."""
    if not isinstance(value, list) or not all(item is None or type(item) is int for item in value):
        return None
    return tuple(value)
