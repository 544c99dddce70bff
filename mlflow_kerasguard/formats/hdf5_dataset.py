"""One HDF5 dataset: shape and dtype, and whether its data can be what it claims to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard.formats.anomalies import anomaly, shown, size_text
from mlflow_kerasguard.model import WeightSpec

if TYPE_CHECKING:
    from mlflow_kerasguard.formats.hdf5_attributes import AttributeReader
    from mlflow_kerasguard.model import Anomaly

#: From this size on, a dataset must not declare more than `MAX_EXPANSION` times what is stored.
EXPANSION_FLOOR = 256 << 20
MAX_EXPANSION = 100

#: Deflate, shuffle, Fletcher32, SZIP, N-bit and scale-offset are HDF5's own; LZF comes with h5py. Any
#: other number makes HDF5 look for a plug-in to load.
KNOWN_FILTERS = frozenset({1, 2, 3, 4, 5, 6, 32000})

#: bfloat16 and the 8-bit floats are no types of older HDF5: h5py stores them as opaque bytes.
_WIDEST_OPAQUE = 2
_VIRTUAL = 3
_CONTIGUOUS = 1
_SMALL_FLOATS = frozenset({"bfloat16", "float8_e4m3fn", "float8_e5m2"})


@dataclass(slots=True)
class DatasetReader:
    """Reads the datasets of one file and adds them up.

    Attributes:
        file_id: low-level identifier of the open file.
        where: how the file is called in messages.
        size: the file's size in bytes.
        anomalies: what is found is added here.
        attributes: reads attributes of the same file.
    """

    file_id: Any
    where: str
    size: int
    anomalies: list[Anomaly]
    attributes: AttributeReader
    _declared: int = 0
    _stored: int = 0
    _dtypes: dict[bytes, tuple[str | None, str, int]] = field(default_factory=dict)

    def note(self, kind: str, path: str, found: str) -> None:
        self.anomalies.append(anomaly(kind, f"{self.where}:{shown(path)}", found))

    def read(self, dataset: Any, path: str) -> WeightSpec | None:
        """Name, shape and dtype; None where the dataset is better left alone."""
        if not self._is_plain(dataset.get_create_plist(), path):
            return None
        dtype, found, width = self._dtype(dataset.get_type())
        if dtype is None:
            self.note("hdf5-type", path, found)
            return None
        spec = WeightSpec(
            path=path, shape=tuple(int(n) for n in dataset.shape), dtype=self._true_name(dataset, dtype, width)
        )
        self._judge_size(dataset, spec, width)
        return spec

    def _is_plain(self, creation: Any, path: str) -> bool:
        """Whether the data are in the dataset itself, and can be read without a plug-in."""
        if creation.get_layout() == _VIRTUAL:
            self.note("hdf5-virtual", path, "a virtual dataset, which maps others, also of other files")
            return False
        if creation.get_external_count():
            self.note("hdf5-external-storage", path, f"data in the file {shown(creation.get_external(0)[0])}")
            return False
        for number in range(creation.get_nfilters()):
            code = creation.get_filter(number)[0]
            if code not in KNOWN_FILTERS:
                self.note("hdf5-filter", path, f"filter {code}")
        return True

    def _dtype(self, kind: Any) -> tuple[str | None, str, int]:
        """NumPy's name of a type (None: not one for weights), what it is, and its size in bytes."""
        key = kind.encode()
        if key not in self._dtypes:
            self._dtypes[key] = (*_numeric_name(kind), kind.get_size())
        return self._dtypes[key]

    def _true_name(self, dataset: Any, dtype: str, width: int) -> str:
        """The dtype that Keras notes beside a type that HDF5 or NumPy doesn't have."""
        is_stand_in = dtype.startswith("void") or (dtype.startswith("float") and dtype != f"float{8 * width}")
        noted = self.attributes.text(dataset, "dtype") if is_stand_in else None
        return noted if isinstance(noted, str) and noted in _SMALL_FLOATS else dtype

    def _judge_size(self, dataset: Any, spec: WeightSpec, width: int) -> None:
        declared, stored = spec.size * width, dataset.get_storage_size()
        self._declared += declared
        self._stored += stored
        if _is_bomb(declared, stored):
            found = f"{size_text(declared)} declared, {size_text(stored)} stored"
            self.note("hdf5-expansion", spec.path, found)
        offset = dataset.get_offset() if stored else None
        if offset is not None and offset + stored > self.size:
            self.note("weights-damaged", spec.path, "its data lie beyond the end of the file")

    def judge_total(self) -> None:
        """Many small lies are one big lie."""
        already = any(item.kind == "hdf5-expansion" for item in self.anomalies)
        if _is_bomb(self._declared, self._stored) and not already:
            found = f"{size_text(self._declared)} declared in all, {size_text(self._stored)} stored"
            self.anomalies.append(anomaly("hdf5-expansion", self.where, found))


def _is_bomb(declared: int, stored: int) -> bool:
    return declared > EXPANSION_FLOOR and declared > MAX_EXPANSION * stored


def _numeric_name(kind: Any) -> tuple[str | None, str]:
    """NumPy's name for an HDF5 type, or None and what the type is."""
    import h5py

    names = {
        h5py.h5t.VLEN: "data of variable length",
        h5py.h5t.REFERENCE: "references to objects",
        h5py.h5t.STRING: "text",
        h5py.h5t.ARRAY: "arrays in an array",
        h5py.h5t.BITFIELD: "bit fields",
        h5py.h5t.TIME: "times",
    }
    category = kind.get_class()
    if category in names:
        return None, names[category]
    if category == h5py.h5t.OPAQUE:
        size = kind.get_size()
        return (f"void{8 * size}", "") if size <= _WIDEST_OPAQUE else (None, f"opaque items of {size_text(size)}")
    # More members than a complex number has aren't worth translating: a hostile type may have millions.
    if category == h5py.h5t.COMPOUND and kind.get_nmembers() != 2:  # noqa: PLR2004 - real and imaginary
        return None, "records"
    try:
        dtype = kind.dtype
    except (TypeError, ValueError):
        return (f"float{8 * kind.get_size()}", "") if category == h5py.h5t.FLOAT else (None, "a type of its own")
    return (dtype.name, "") if dtype.kind in "biufc" else (None, "records")
