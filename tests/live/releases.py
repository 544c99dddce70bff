"""Releases of Keras by the short names of the record, and what each needs to run.

``3.8.0`` is Keras 3.8.0, ``k2.7`` the ``tensorflow.keras`` of TensorFlow 2.7, ``tfk2.18`` the package
``tf_keras`` 2.18. All releases of Keras 3 share one TensorFlow: ten of its minor releases would need
ten times the room, and Keras runs on it whatever its metadata says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Keras 3.0 needs `dm-tree`, which no later release brings along.
SHARED = ("tensorflow-cpu==2.18.1", "dm-tree")

#: The last patch of each TensorFlow 2, and what it says too little about: its other packages have
#: moved on since.
KERAS_2 = {
    4: ("2.4.4", "numpy==1.19.5", "h5py==2.10.0", "protobuf<3.21"),
    5: ("2.5.3", "numpy==1.19.5", "h5py==3.1.0", "protobuf<3.21"),
    6: ("2.6.5", "numpy==1.19.5", "h5py==3.1.0", "protobuf<3.21", "keras==2.6.*"),
    7: ("2.7.4", "numpy==1.23.5", "h5py==3.11.0", "protobuf<3.21"),
    8: ("2.8.4", "numpy==1.23.5", "h5py==3.11.0", "protobuf<3.21"),
    9: ("2.9.3", "numpy==1.23.5", "h5py==3.11.0", "protobuf<3.21"),
    10: ("2.10.1", "numpy==1.23.5", "h5py==3.11.0", "protobuf<3.21"),
    11: ("2.11.1", "numpy==1.23.5", "h5py==3.11.0", "protobuf<3.21"),
    12: ("2.12.1", "numpy==1.24.3", "h5py==3.11.0"),
    13: ("2.13.1", "numpy==1.24.3", "h5py==3.11.0"),
    14: ("2.14.1", "numpy==1.26.4", "h5py==3.16.0"),
    15: ("2.15.1", "numpy==1.26.4", "h5py==3.16.0"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release of Keras: what to install for it and under which name to import it.

    Attributes:
        name: Its name in the record.
        module: What a program imports: ``keras``, ``tensorflow.keras`` or ``tf_keras``.
        python: The Python it ran on.
        base: Requirements of its virtual environment, which other releases may share.
        own: What is put in a directory of its own and found before the environment's packages.
    """

    name: str
    module: str
    python: str
    base: tuple[str, ...]
    own: str | None = None

    @property
    def writes_keras_files(self) -> bool:
        """Whether ``model.save("model.keras")`` is of its time; before, that was just another name."""
        return not self.name.startswith("k2.") or int(self.name[3:]) >= 12


def find_release(name: str) -> Release:
    """The release that ``name`` stands for.

    Raises:
        ValueError: No such name, with those that there are.
    """
    if match := re.fullmatch(r"k2\.(\d+)", name):
        return _keras_2(name, int(match[1]))
    if match := re.fullmatch(r"tfk2\.(\d+)", name):
        return _tf_keras(name, int(match[1]))
    if re.fullmatch(r"3\.\d+\.\d+", name):
        return Release(name=name, module="keras", python="3.11", base=SHARED, own=f"keras=={name}")
    raise ValueError(f"`{name}` is no release: expected `3.8.0` (Keras), `k2.7` (tensorflow.keras) or `tfk2.18`")


def _keras_2(name: str, minor: int) -> Release:
    if minor not in KERAS_2:
        known = f"k2.{min(KERAS_2)} to k2.{max(KERAS_2)}"
        raise ValueError(f"`{name}` is no release: Keras was a part of TensorFlow from {known}")
    tensorflow, *others = KERAS_2[minor]
    python = {14: "3.10", 15: "3.11"}.get(minor, "3.8")
    return Release(name=name, module="tensorflow.keras", python=python, base=(f"tensorflow-cpu=={tensorflow}", *others))


def _tf_keras(name: str, minor: int) -> Release:
    if minor < 15:
        raise ValueError(f"`{name}` is no release: tf_keras began with 2.15")
    base = SHARED if minor == 18 else (f"tensorflow-cpu==2.{minor}.*",)
    return Release(name=name, module="tf_keras", python="3.11", base=base, own=f"tf-keras==2.{minor}.*")
