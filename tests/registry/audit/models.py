"""Models as they lie in a registry, made without Keras: directories, and a registry of several kinds of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import yaml

from mlflow_kerasguard.formats import read_model
from mlflow_kerasguard.signature import CompatibilitySignature
from tests.files import dense, layer, write_keras

#: Environments without anything of this machine in them.
NEW, OLD = "keras==3.15.1 tensorflow==2.21.0 python==3.12", "keras==3.0.5 python==3.10"

#: A layer that came with Keras 3.6.
YOUNG = layer("Solarization", module="keras.layers", name="young", dtype="float32", trainable=True)


def guarded(directory: Path, *layers: dict[str, Any], digest: str = "0" * 64) -> Path:
    """A model that this package logged, with a weights file that isn't there to be read."""
    (directory / "data").mkdir(parents=True)
    (directory / "kerasguard").mkdir()
    spec = read_model(write_keras(directory / "data" / "model.keras", *(layers or [dense()])))
    signature = CompatibilitySignature(
        model_file="data/model.keras",
        model=spec,
        python="3.11.7",
        platform="linux",
        distributions={"keras": "3.15.1", "tensorflow": "2.21.0"},
        files={"data/model.keras": digest},
    )
    text = signature.to_json().encode()
    (directory / "kerasguard" / "signature.json").write_bytes(text)
    own = {
        "data": "data",
        "model_file": "data/model.keras",
        "signature_sha256": hashlib.sha256(text).hexdigest(),
    }
    write_mlmodel(directory, kerasguard=own, python_function={"loader_module": "mlflow_kerasguard", "data": "data"})
    return directory


def foreign(directory: Path, *layers: dict[str, Any], flavor: str = "keras") -> Path:
    """A model that MLflow's own flavor logged."""
    (directory / "data").mkdir(parents=True)
    write_keras(directory / "data" / "model.keras", *(layers or [dense()]))
    write_mlmodel(directory, **{flavor: {"data": "data"}}, python_function={"loader_module": f"mlflow.{flavor}"})
    return directory


def other(directory: Path, flavor: str = "sklearn") -> Path:
    """A model that isn't Keras's at all."""
    directory.mkdir(parents=True)
    write_mlmodel(directory, python_function={"loader_module": f"mlflow.{flavor}"}, **{flavor: {"data": "model.pkl"}})
    return directory


def broken(directory: Path) -> Path:
    """A guarded model whose signature was changed."""
    guarded(directory)
    with (directory / "kerasguard" / "signature.json").open("ab") as stream:
        stream.write(b" ")
    return directory


def write_mlmodel(directory: Path, **flavors: Any) -> None:
    (directory / "MLmodel").write_text(yaml.safe_dump({"flavors": flavors}))


def register(name: str, *sources: str | Path) -> None:
    """Versions of a registered model, in order."""
    from mlflow import MlflowClient

    client = MlflowClient()
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    for source in sources:
        client.create_model_version(name, str(source))
