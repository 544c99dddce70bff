"""Which variables a built-in layer has, in which order and of which shape, given its configuration.

Only what a configuration settles: a dimension that comes from the input is None, and a layer whose
variables depend on more than that (quantization, a class that isn't listed) has no layout at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from mlflow_kerasguard.model import Json

#: None where it isn't settled: one dimension, or the whole shape.
Shape = tuple["int | None", ...] | None

#: The groups in which a `.keras` file keeps a layer's variables, in the order in which HDF5 lists them.
Layout = Mapping[str, tuple[Shape, ...]]

Config = Mapping[str, Json]


class _OpenError(Exception):
    """The configuration doesn't settle the layout."""


#: Whole name of a data type or policy without quantization.
_PLAIN_DTYPE = re.compile(r"(mixed_)?(bfloat|float)(16|32|64)")

#: Keys that say that a layer has other variables than its class alone.
_EXTRAS = ("lora_rank", "quantization_config", "renorm", "rms_scaling")


def layout(class_name: str, config: Config) -> Layout | None:
    """The variables of a layer; None where they aren't known for sure.

    Args:
        class_name: one of Keras's own classes.
        config: its configuration.
    """
    try:
        return _layout(class_name, config)
    except (_OpenError, RecursionError):
        return None


def _layout(class_name: str, config: Config) -> Layout:
    if any(config.get(key) for key in _EXTRAS) or not _is_plain(config.get("dtype")):
        raise _OpenError
    if class_name in _CELLS:
        return {"cell": _CELLS[class_name](config)}
    maker = _LAYERS.get(class_name)
    if maker is not None:
        return {"": maker(config)}
    wrapper = _WRAPPERS.get(class_name)
    if wrapper is None:
        raise _OpenError
    return wrapper(config)


def _is_plain(dtype: Json) -> bool:
    """Whether a layer of that data type has no variables of quantization; None where the file is silent."""
    if isinstance(dtype, dict) and dtype.get("class_name") in {"DTypePolicy", "FloatDTypePolicy", "Policy"}:
        inner = dtype.get("config")
        dtype = inner.get("name") if isinstance(inner, dict) else dtype
    return dtype is None or (isinstance(dtype, str) and _PLAIN_DTYPE.fullmatch(dtype) is not None)


def _number(config: Config, key: str) -> int:
    value = config.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _OpenError
    return value


def _flag(config: Config, key: str) -> bool:
    value = config.get(key)
    if not isinstance(value, bool):
        raise _OpenError
    return value


def _window(config: Config) -> tuple[int, ...]:
    sizes = config.get("kernel_size")
    if not isinstance(sizes, list) or not all(isinstance(size, int) for size in sizes):
        raise _OpenError
    return tuple(sizes)


def _bias(config: Config, *shape: int | None) -> tuple[Shape, ...]:
    return (shape,) if _flag(config, "use_bias") else ()


def _dense(config: Config) -> tuple[Shape, ...]:
    units = _number(config, "units")
    return ((None, units), *_bias(config, units))


def _embedding(config: Config) -> tuple[Shape, ...]:
    return ((_number(config, "input_dim"), _number(config, "output_dim")),)


def _convolution(config: Config) -> tuple[Shape, ...]:
    filters = _number(config, "filters")
    return ((*_window(config), None, filters), *_bias(config, filters))


def _transposed(config: Config) -> tuple[Shape, ...]:
    filters = _number(config, "filters")
    return ((*_window(config), filters, None), *_bias(config, filters))


def _depthwise(config: Config) -> tuple[Shape, ...]:
    return ((*_window(config), None, _number(config, "depth_multiplier")), *_bias(config, None))


def _separable(config: Config) -> tuple[Shape, ...]:
    window, filters = _window(config), _number(config, "filters")
    depthwise = (*window, None, _number(config, "depth_multiplier"))
    return (depthwise, (*(1 for _ in window), None, filters), *_bias(config, filters))


def _scale_and_center(config: Config) -> tuple[Shape, ...]:
    return (None,) * (_flag(config, "scale") + _flag(config, "center"))


def _batch_normalization(config: Config) -> tuple[Shape, ...]:
    return (*_scale_and_center(config), None, None)


def _normalization(config: Config) -> tuple[Shape, ...]:
    if config.get("mean") is None and config.get("variance") is None:
        return (None, None, ())
    raise _OpenError


def _einsum(config: Config) -> tuple[Shape, ...]:
    return (None, None) if config.get("bias_axes") else (None,)


def _recurrent(config: Config, gates: int) -> tuple[Shape, ...]:
    units = _number(config, "units")
    return ((None, gates * units), (units, gates * units), *_bias(config, gates * units))


def _gru(config: Config) -> tuple[Shape, ...]:
    kernel, recurrent, *bias = _recurrent(config, 3)
    width = 3 * _number(config, "units")
    return (kernel, recurrent, *((2, width) for _ in bias if _flag(config, "reset_after")), *_plain_bias(config, bias))


def _plain_bias(config: Config, bias: list[Shape]) -> list[Shape]:
    return [] if _flag(config, "reset_after") else bias


def _conv_lstm(config: Config) -> tuple[Shape, ...]:
    window, filters = _window(config), _number(config, "filters")
    kernel, recurrent = (*window, None, 4 * filters), (*window, filters, 4 * filters)
    return (kernel, recurrent, *_bias(config, 4 * filters))


def _inner(config: Config, key: str) -> tuple[str, Config]:
    value = config.get(key)
    if not isinstance(value, dict) or not isinstance(value.get("config"), dict):
        raise _OpenError
    return str(value.get("class_name")), value["config"]


def _rnn(config: Config) -> Layout:
    name, cell = _inner(config, "cell")
    layer = name.removesuffix("Cell")
    if layer == name or layer not in _CELLS:
        raise _OpenError
    return {"cell": _CELLS[layer](cell)}


def _time_distributed(config: Config) -> Layout:
    return {f"layer/{group}".rstrip("/"): shapes for group, shapes in _layout(*_inner(config, "layer")).items()}


def _bidirectional(config: Config) -> Layout:
    forward = _layout(*_inner(config, "layer"))
    backward = _layout(*_inner(config, "backward_layer")) if config.get("backward_layer") else forward
    return {
        f"{side}/{group}".rstrip("/"): shapes
        for side, groups in (("forward_layer", forward), ("backward_layer", backward))
        for group, shapes in groups.items()
    }


_CELLS: dict[str, Callable[[Config], tuple[Shape, ...]]] = {
    "LSTM": lambda config: _recurrent(config, 4),
    "GRU": _gru,
    "SimpleRNN": lambda config: _recurrent(config, 1),
    **dict.fromkeys(("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"), _conv_lstm),
}

_LAYERS: dict[str, Callable[[Config], tuple[Shape, ...]]] = {
    "Dense": _dense,
    "Embedding": _embedding,
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _scale_and_center,
    "GroupNormalization": _scale_and_center,
    "Normalization": _normalization,
    "EinsumDense": _einsum,
    "PReLU": lambda _: (None,),
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), _convolution),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), _transposed),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _depthwise),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _separable),
}

_WRAPPERS: dict[str, Callable[[Config], Layout]] = {
    "RNN": _rnn,
    "TimeDistributed": _time_distributed,
    "Bidirectional": _bidirectional,
}
