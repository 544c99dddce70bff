"""The index of weights kept as `.npz`: names, shapes and dtypes from the arrays' headers."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from mlflow_kerasguard.formats.anomalies import anomaly, shown, size_text
from mlflow_kerasguard.formats.hdf5_dataset import EXPANSION_FLOOR, MAX_EXPANSION
from mlflow_kerasguard.formats.weights import Arrays
from mlflow_kerasguard.model import WeightSpec

if TYPE_CHECKING:
    import io

    from mlflow_kerasguard.formats.window import Window
    from mlflow_kerasguard.model import Anomaly

_SUFFIX = ".npy"


def read_npz(file: Window | io.BytesIO, name: str) -> Arrays:
    """The arrays of a `model.weights.npz`, without their data and without unpickling.

    Raises:
        Exception: what damaged zip archives and NumPy headers raise: ``keras_zip.DAMAGE``.
    """
    arrays: list[WeightSpec] = []
    anomalies: list[Anomaly] = []
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            with archive.open(info) as member:
                spec, pickled = _header(member, info.filename.removesuffix(_SUFFIX))
            arrays.append(spec)
            anomalies += _judge(spec, info, name, pickled=pickled)
    return Arrays(source=name, arrays=tuple(arrays), anomalies=tuple(anomalies))


def _header(member: IO[bytes], path: str) -> tuple[WeightSpec, bool]:
    """Shape and dtype of one array, and whether its data are a pickle."""
    from numpy.lib import format as npy

    version = npy.read_magic(member)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(member)
    return WeightSpec(path=path, shape=tuple(shape), dtype=dtype.name), dtype.hasobject


def _judge(spec: WeightSpec, info: zipfile.ZipInfo, name: str, *, pickled: bool) -> Iterator[Anomaly]:
    import numpy as np

    where = f"{name}:{shown(spec.path)}"
    if pickled:
        yield anomaly("npz-pickle", where, "an array of Python objects, stored as a pickle")
        return
    declared = spec.size * np.dtype(spec.dtype).itemsize
    if declared > EXPANSION_FLOOR and declared > MAX_EXPANSION * info.compress_size:
        yield anomaly("npz-expansion", where, f"{size_text(declared)} declared, {size_text(info.compress_size)} stored")
