"""The catalogue of what can be wrong with a file as a file.

Readers name a kind from here; a rule of family KG1xx claims each topic. So a new kind needs one line
here, and none that a reader reports can go unclaimed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mlflow_kerasguard.model import Anomaly

#: Text of the file that a message quotes is cut to this many characters.
_SHOWN = 120


class Topic(str, Enum):
    """What a kind of anomaly is about; one rule per topic."""

    UNREADABLE = "unreadable"
    SIZE = "size"
    ARCHIVE = "archive"
    HDF5 = "hdf5"
    JSON = "json"
    ODD = "odd"


@dataclass(frozen=True, slots=True)
class AnomalyKind:
    """One kind: which rule claims it, and what a sound file has instead."""

    topic: Topic
    expected: str


_MODEL_FORMS = "a `.keras` file, an HDF5 file with `model_config`, a SavedModel or an MLflow model directory"

KINDS: dict[str, AnomalyKind] = {
    "empty-file": AnomalyKind(Topic.UNREADABLE, "a file with content"),
    "not-a-regular-file": AnomalyKind(Topic.UNREADABLE, "a regular file or a directory"),
    "not-a-model": AnomalyKind(Topic.UNREADABLE, _MODEL_FORMS),
    "weights-only": AnomalyKind(Topic.UNREADABLE, "the whole model: `model_config` beside the weights"),
    "read-error": AnomalyKind(Topic.UNREADABLE, "a file that can be read to its end"),
    "zip-damaged": AnomalyKind(Topic.UNREADABLE, "a complete zip archive"),
    "hdf5-truncated": AnomalyKind(Topic.UNREADABLE, "as many bytes as the file's own header says"),
    "hdf5-damaged": AnomalyKind(Topic.UNREADABLE, "a sound HDF5 file"),
    "config-missing": AnomalyKind(Topic.UNREADABLE, "`config.json`, the model's architecture"),
    "config-damaged": AnomalyKind(Topic.UNREADABLE, "a configuration in JSON"),
    "config-not-a-model": AnomalyKind(Topic.UNREADABLE, "an object with `class_name` and `config`"),
    "weights-missing": AnomalyKind(Topic.UNREADABLE, "the model's stored weights"),
    "weights-damaged": AnomalyKind(Topic.UNREADABLE, "weights whose index can be read"),
    "saved-model-damaged": AnomalyKind(Topic.UNREADABLE, "a serialized `SavedModel` message"),
    "keras-metadata-damaged": AnomalyKind(Topic.UNREADABLE, "Keras's own description of the model, in JSON"),
    "saved-model-too-large": AnomalyKind(Topic.SIZE, "at most 10,000,000 fields and 5,000 kinds of operations"),
    "zip-expansion": AnomalyKind(Topic.SIZE, "contents at most 100 times as large as what is stored"),
    "zip-too-many-members": AnomalyKind(Topic.SIZE, "an index of at most 16 MiB"),
    "npz-expansion": AnomalyKind(Topic.SIZE, "arrays as large as what is stored"),
    "hdf5-expansion": AnomalyKind(Topic.SIZE, "datasets as large as what is stored"),
    "hdf5-too-many-objects": AnomalyKind(Topic.SIZE, "at most 500,000 objects, nested at most 64 deep"),
    "hdf5-attribute-size": AnomalyKind(Topic.SIZE, "attributes of at most 64 MiB"),
    "json-too-large": AnomalyKind(Topic.SIZE, "JSON of at most 64 MiB"),
    "json-too-deep": AnomalyKind(Topic.JSON, "JSON nested at most 256 deep"),
    "json-duplicate-key": AnomalyKind(Topic.JSON, "each key once"),
    "json-lone-surrogate": AnomalyKind(Topic.JSON, "text that can be written as UTF-8"),
    "zip-member-outside": AnomalyKind(Topic.ARCHIVE, "member names that stay inside the archive's own directory"),
    "zip-duplicate-member": AnomalyKind(Topic.ARCHIVE, "one member of each name, upper and lower case alike"),
    "zip-special-member": AnomalyKind(Topic.ARCHIVE, "regular files only"),
    "zip-encrypted": AnomalyKind(Topic.ARCHIVE, "members that aren't encrypted"),
    "zip-prefix": AnomalyKind(Topic.ARCHIVE, "nothing before the first member"),
    "zip-trailing": AnomalyKind(Topic.ARCHIVE, "nothing after the archive's end record"),
    "zip-overlap": AnomalyKind(Topic.ARCHIVE, "members that don't share bytes"),
    "zip-headers-disagree": AnomalyKind(Topic.ARCHIVE, "the same facts in a member's own header and in the index"),
    "zip-nested-archive": AnomalyKind(Topic.ARCHIVE, "no archive inside the archive"),
    "two-formats": AnomalyKind(Topic.ARCHIVE, "a file of one format"),
    "npz-pickle": AnomalyKind(Topic.ARCHIVE, "numeric arrays, which need no pickle"),
    "directory-link": AnomalyKind(Topic.ARCHIVE, "regular files inside the model's own directory"),
    "hdf5-external-link": AnomalyKind(Topic.HDF5, "no link to another file"),
    "hdf5-soft-link": AnomalyKind(Topic.HDF5, "no symbolic link"),
    "hdf5-user-link": AnomalyKind(Topic.HDF5, "hard links only"),
    "hdf5-hard-link": AnomalyKind(Topic.HDF5, "one name for each object"),
    "hdf5-external-storage": AnomalyKind(Topic.HDF5, "data stored in this file"),
    "hdf5-virtual": AnomalyKind(Topic.HDF5, "data stored in this dataset"),
    "hdf5-type": AnomalyKind(Topic.HDF5, "numbers or booleans"),
    "hdf5-filter": AnomalyKind(Topic.HDF5, "filters that HDF5 and h5py bring themselves"),
    "hdf5-user-block": AnomalyKind(Topic.HDF5, "the HDF5 signature at the start of the file"),
    "zip-comment": AnomalyKind(Topic.ODD, "no archive comment"),
    "zip-gap": AnomalyKind(Topic.ODD, "no unused bytes between members"),
    "unexpected-member": AnomalyKind(Topic.ODD, "`config.json`, `metadata.json`, the weights and `assets/` only"),
    "weights-not-indexed": AnomalyKind(Topic.ODD, "weights stored uncompressed, as Keras writes them"),
    "metadata-missing": AnomalyKind(Topic.ODD, "`metadata.json` with the version that saved the model"),
    "metadata-damaged": AnomalyKind(Topic.ODD, "`metadata.json` with the version that saved the model"),
    "unzipped-directory": AnomalyKind(Topic.ODD, "a `.keras` archive, for whose contents newer releases have guards"),
    "json-not-a-number": AnomalyKind(Topic.ODD, "numbers that JSON knows"),
    "hdf5-extra-bytes": AnomalyKind(Topic.ODD, "no bytes beyond the end that the file's header says"),
}


def anomaly(kind: str, where: str, found: str) -> Anomaly:
    """An anomaly of a known kind.

    Raises:
        KeyError: the catalogue has no such kind, so no rule would claim it.
    """
    KINDS[kind]
    return Anomaly(kind=kind, where=where, found=found)


def shown(text: str | bytes) -> str:
    """Text from the file, fit for a one-line message: escaped, cut, in backticks."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    cut = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut).replace("`", "'")
    return f"`{safe}`"


def reason(error: BaseException) -> str:
    """What an error of a library says, fit for a one-line message."""
    return shown(str(error) or type(error).__name__)


def size_text(count: int) -> str:
    """A number of bytes for people."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"
