"""The index of a `.keras` file's weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_kerasguard.formats.hdf5_attributes import AttributeReader
from mlflow_kerasguard.formats.hdf5_file import find_signature, open_hdf5, read_contents

if TYPE_CHECKING:
    import io

    from mlflow_kerasguard.formats.window import Window
    from mlflow_kerasguard.model import Anomaly, WeightSpec

#: Below so many bytes for each object, reading all of a file costs less than its many small pieces do.
_DENSE = 4096
_OPTIMIZER = "optimizer/"


@dataclass(frozen=True, slots=True)
class Arrays:
    """Stored arrays and what is odd about them; ``source`` is the member's name, None where there is none."""

    source: str | None
    arrays: tuple[WeightSpec, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()

    def of_optimizer(self) -> tuple[WeightSpec, ...]:
        return tuple(array for array in self.arrays if array.path.startswith(_OPTIMIZER))

    def without_optimizer(self) -> tuple[WeightSpec, ...]:
        return tuple(array for array in self.arrays if not array.path.startswith(_OPTIMIZER))


def read_arrays(file: Window | io.BytesIO, name: str, *, objects: int = 0) -> Arrays:
    """The arrays of a `model.weights.h5`, without their data.

    Args:
        file: the member's bytes.
        name: the member.
        objects: how many objects the configuration has, which tells many small arrays from few large ones.
    """
    anomalies: list[Anomaly] = []
    arrays: list[WeightSpec] = []
    size = file.seek(0, 2)
    with open_hdf5(file, name, anomalies, in_memory=size <= objects * _DENSE) as opened:
        if opened is not None:
            attributes = AttributeReader(file, find_signature(file) or 0, name, anomalies)
            contents = read_contents(opened, name, size, attributes)
            anomalies += contents.anomalies
            arrays += sorted(contents.arrays.values(), key=_by_number)
    return Arrays(source=name, arrays=tuple(arrays), anomalies=tuple(anomalies))


def _by_number(array: WeightSpec) -> tuple[str, int, str]:
    """Variables in the order of their numbers: 2 before 10."""
    group, _, name = array.path.rpartition("/")
    return (group, int(name), "") if name.isdecimal() else (group, -1, name)
