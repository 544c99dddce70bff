"""How many dimensions the inputs of a model's layers have, as far as its configuration tells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mlflow_kerasguard.formats.graph import Call, read_graph
from mlflow_kerasguard.model import Json

#: ``Conv2D``, ``MaxPooling1D``, ``GlobalAveragePooling3D``; the batch and the channels are two more dimensions.
_SPATIAL = re.compile(r"(Global)?(?!.*LSTM)\w+([123])D(?:Transpose)?$")

#: What returns as many dimensions as it is given.
_SAME_NAMES = (
    "Activation ActivityRegularization Add AlphaDropout Average BatchNormalization Concatenate Dense Dropout ELU "
    "GaussianDropout GaussianNoise GroupNormalization Identity LayerNormalization LeakyReLU Masking Maximum Minimum "
    "Multiply Normalization PReLU ReLU Rescaling RMSNormalization Softmax Subtract ThresholdedReLU "
    "UnitNormalization"
)
_SAME = frozenset(_SAME_NAMES.split())
_RECURRENT = frozenset({"LSTM", "GRU", "SimpleRNN"})
_SHAPE_KEYS = ("batch_shape", "batch_input_shape")


def input_ranks(config: Mapping[str, Json]) -> dict[str, int | None]:
    """Dimensions of the input of each layer of a functional or Sequential model, by the layer's name.

    None where the configuration doesn't tell.
    """
    layers = config.get("layers")
    items = [item for item in layers if isinstance(item, dict)] if isinstance(layers, list) else []
    graph = read_graph(config)
    inputs: dict[str, int | None] = {}
    outputs: dict[str, int | None] = {}
    before: int | None = None
    for item in items:
        own = item["config"] if isinstance(item.get("config"), dict) else {}
        name = str(item.get("name", own.get("name")))
        if graph is not None:
            calls = graph.layers[name].calls if name in graph.layers else ()
            before = _of_call(calls[0], outputs) if calls else None
        inputs[name] = before if before is not None else _declared(own)
        before = outputs[name] = _output(str(item.get("class_name")), own, inputs[name])
    return inputs


def _of_call(call: Call, outputs: Mapping[str, int | None]) -> int | None:
    """Of what a call is given: Keras 3 writes the shape of each tensor; else it is what its layer returned."""
    shape = next(_tensor_shapes([*call.args, *call.kwargs.values()]), None)
    if shape is not None:
        return len(shape)
    return outputs.get(call.inputs[0].layer) if call.inputs else None


def _tensor_shapes(values: list[Json]) -> Iterator[list[Json]]:
    for value in values:
        if isinstance(value, list):
            # One level: a list of tensors is what merging layers take.
            yield from _tensor_shapes([item for item in value if isinstance(item, dict)])
        elif isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            shape = value["config"].get("shape") if isinstance(value.get("config"), dict) else None
            if isinstance(shape, list):
                yield shape


def _declared(config: Mapping[str, Json]) -> int | None:
    shape = next((config[key] for key in _SHAPE_KEYS if isinstance(config.get(key), list)), None)
    return len(shape) if shape is not None else None


def _output(class_name: str, config: Mapping[str, Json], rank: int | None) -> int | None:
    spatial = _SPATIAL.fullmatch(class_name)
    if spatial is not None:
        return int(spatial[2]) + 2 if not spatial[1] or config.get("keepdims") else 2
    if class_name == "InputLayer" or class_name in _SAME:
        return rank
    if class_name in _RECURRENT:
        return 3 if config.get("return_sequences") else 2
    if class_name == "Embedding":
        return rank + 1 if rank is not None else None
    target = config.get("target_shape")
    if class_name == "Reshape" and isinstance(target, list):
        return len(target) + 1
    return {"Flatten": 2, "RepeatVector": 3}.get(class_name)
