"""Wheels of what is installed, written in this process and without a build backend.

A distribution that comes from a checkout, a repository or a wheel file can't be had from an index where a
model is served. Its wheel can travel with the model, and this package makes one: the same sources give the
same bytes, and the version can carry their digest.
"""

from mlflow_kerasguard.wheels.contents import WheelContents, write_wheel
from mlflow_kerasguard.wheels.installed import contents_of
from mlflow_kerasguard.wheels.own import THIS_DISTRIBUTION, own_wheel

__all__ = [
    "THIS_DISTRIBUTION",
    "WheelContents",
    "contents_of",
    "own_wheel",
    "write_wheel",
]
