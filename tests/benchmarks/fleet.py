"""A made-up registry of the size that a company has: rows by MLflow's own tables, files as this package writes them.

Models are lines of versions: each version has other weights, every fifth another architecture, every tenth another
release of Keras. Some are aliased, some of other flavors, some broken.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard.formats.config_tree import collect_objects
from mlflow_kerasguard.model import ModelSpec, WeightSpec
from mlflow_kerasguard.signature import CompatibilitySignature
from tests.benchmarks.models import dense_stack

if TYPE_CHECKING:
    from pathlib import Path

#: How often each number of layers occurs among the architectures.
LAYERS = (10, 10, 20, 20, 30, 30, 40, 60, 80, 100)
RELEASES = ("3.3.3", "3.5.0", "3.8.0", "3.10.0", "3.12.4", "3.15.1")
AGAINST = (
    "keras==3.15.1 tensorflow==2.18.1 python==3.11",
    "keras==3.8.0 tensorflow==2.18.1 python==3.11",
    "keras==3.12.4 jax==0.6.0 python==3.12",
    "keras==3.10.0 tensorflow==2.18.1 python==3.12",
)

_PINS = ("h5py", "numpy", "ml-dtypes", "optree", "namex", "absl-py", "rich", "packaging", "mlflow", "mlflow-kerasguard")
_DIGEST = hashlib.sha256(b"the weights of one version").hexdigest()

_MLMODEL = """\
artifact_path: mlflow-artifacts:/1/models/{model_id}/artifacts
flavors:
  kerasguard:
    data: data
    model_file: data/model.keras
    signature_sha256: {digest}
    keras_version: {release}
  python_function:
    data: data
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow_kerasguard
    python_version: 3.11.7
is_signature_from_type_hint: false
mlflow_version: 3.17.2
model_id: {model_id}
model_size_bytes: 1234567
model_uuid: {model_id}
prompts: null
run_id: 0123456789abcdef0123456789abcdef
signature:
  inputs: '[{{"type": "tensor", "tensor-spec": {{"dtype": "float32", "shape": [-1, 4]}}}}]'
  outputs: '[{{"type": "tensor", "tensor-spec": {{"dtype": "float32", "shape": [-1, 4]}}}}]'
  params: null
type_hint_from_example: false
utc_time_created: '2026-01-01 00:00:00.000000'
"""
_FOREIGN = """\
flavors:
  {flavor}:
    data: data
    model_size_bytes: 1234
  python_function:
    data: data
    loader_module: mlflow.{flavor}
mlflow_version: 3.17.2
"""


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """A registry that was made up.

    Attributes:
        uri: of its database.
        versions: how many there are.
    """

    uri: str
    versions: int


def make_fleet(directory: Path, uri: str, *, models: int = 400, each: int = 25) -> Fleet:
    """Write the files, and rows that lead to them.

    Args:
        directory: where the files go.
        uri: of a database; MLflow makes its tables in it.
        models: registered models.
        each: versions of each.
    """
    pick = random.Random(7)
    foreign = dense_stack(directory / "foreign.keras", layers=12).read_bytes()
    rows: list[dict[str, Any]] = []
    for number in range(models):
        name, text, release = f"model {number:03d}", "", RELEASES[0]
        start = pick.randrange(len(RELEASES))
        for version in range(1, each + 1):
            place = directory / f"m{number}" / str(version)
            if version % 5 == 1:
                release = RELEASES[(start + version // 10) % len(RELEASES)]
                text = _signature(pick.choice(LAYERS), release, units=4 + number)
            kind = pick.random()
            if kind > 0.02:
                _write(place, kind, text.replace(_DIGEST, f"{number:032x}{version:032x}"), release, foreign)
            status = "PENDING_REGISTRATION" if kind > 0.995 else "READY"
            rows.append({"name": name, "version": version, "location": str(place), "status": status})
    _insert(uri, rows)
    return Fleet(uri=uri, versions=len(rows))


def _write(place: Path, kind: float, text: str, release: str, foreign: bytes) -> None:
    """The files of a version: most guarded; some of other flavors; some broken."""
    (place / "data").mkdir(parents=True)
    model_id = f"m-{place.parent.name}-{place.name}"
    if kind < 0.07:
        (place / "MLmodel").write_text(_FOREIGN.format(flavor="keras"))
        (place / "data" / "model.keras").write_bytes(foreign)
        return
    if kind < 0.10:
        (place / "MLmodel").write_text(_FOREIGN.format(flavor="sklearn"))
        return
    (place / "kerasguard").mkdir()
    digest = hashlib.sha256(text.encode()).hexdigest()
    shown = "0" * 64 if kind < 0.11 else digest
    (place / "MLmodel").write_text(_MLMODEL.format(model_id=model_id, digest=shown, release=release))
    (place / "kerasguard" / "signature.json").write_text(text)
    for name in ("data/model.keras", "kerasguard/golden.npz", "conda.yaml", "python_env.yaml", "requirements.txt"):
        (place / name).write_bytes(b"")


def _signature(layers: int, release: str, *, units: int) -> str:
    config, weights = _network(layers, release, units)
    model = ModelSpec(
        source="",
        format="keras",
        keras_version=release,
        keras_package="keras",
        backend="tensorflow",
        config=config,
        objects=collect_objects(config),
        weights=tuple(weights),
        details={"file_name": "model.keras", "container": "zip", "weights_file": "model.weights.h5"},
    )
    signature = CompatibilitySignature(
        model_file="data/model.keras",
        model=replace(model, source=""),
        python="3.11.7",
        platform="linux",
        distributions={"keras": release, "tensorflow": "2.18.1", "mlflow": "3.17.2"},
        closure=dict.fromkeys(_PINS, "1.2.3"),
        files={"data/model.keras": _DIGEST, "kerasguard/golden.npz": _DIGEST},
    )
    return signature.to_json()


def _network(layers: int, release: str, units: int) -> tuple[dict[str, Any], list[WeightSpec]]:
    """Blocks of Dense, BatchNormalization and Dropout, as a release of Keras 3 writes them."""
    items, weights, counts = [_layer("InputLayer", "input_layer", batch_shape=[None, units])], [], dict[str, int]()
    for index in range(layers):
        kind, stem, shapes = _KINDS[index % len(_KINDS)]
        name = f"{stem}_{counts[stem]}" if counts.get(stem) else stem
        counts[stem] = counts.get(stem, 0) + 1
        config = dict(_CONFIGS[kind])
        if kind == "Dense":
            config |= {"units": units, "kernel_initializer": _initializer(release)}
        items.append(_layer(kind, name, **config, trainable=True))
        weights += [
            WeightSpec(path=f"layers/{name}/vars/{number}", shape=(units,) * rank, dtype="float32")
            for number, rank in enumerate(shapes)
        ]
    whole = {"name": "sequential", "trainable": True, "dtype": _POLICY, "layers": items}
    config = {"module": "keras", "class_name": "Sequential", "config": whole, "registered_name": None}
    return {**config, "build_config": {"input_shape": [None, units]}}, weights


_KINDS = (
    ("Dense", "dense", (2, 1)),
    ("BatchNormalization", "batch_normalization", (1,) * 4),
    ("Dropout", "dropout", ()),
)
_POLICY = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}


def _part(class_name: str, module: str = "keras.initializers", /, **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def _initializer(release: str) -> dict[str, Any]:
    axes = {"input_axes": None, "output_axes": None} if release == "3.15.1" else {}
    return _part("GlorotUniform", seed=None, **axes)


_NOTHING = dict.fromkeys(("kernel_regularizer", "bias_regularizer", "kernel_constraint", "bias_constraint"))
_CONFIGS: dict[str, dict[str, Any]] = {
    "Dense": {"activation": "relu", "use_bias": True, "bias_initializer": _part("Zeros"), **_NOTHING},
    "BatchNormalization": {
        "axis": -1,
        "momentum": 0.99,
        "epsilon": 0.001,
        "center": True,
        "scale": True,
        "beta_initializer": _part("Zeros"),
        "gamma_initializer": _part("Ones"),
        "moving_mean_initializer": _part("Zeros"),
        "moving_variance_initializer": _part("Ones"),
        **dict.fromkeys(("beta_regularizer", "gamma_regularizer", "beta_constraint", "gamma_constraint")),
        "synchronized": False,
    },
    "Dropout": {"rate": 0.2, "seed": None, "noise_shape": None},
}


def _layer(class_name: str, name: str, **config: Any) -> dict[str, Any]:
    built = {} if class_name == "InputLayer" else {"build_config": {"input_shape": [None, 4]}}
    return {**_part(class_name, "keras.layers", name=name, dtype=_POLICY, **config), **built}


def _insert(uri: str, rows: list[dict[str, Any]]) -> None:
    """By the tables of MLflow: its interface takes a tenth of a second for each."""
    import mlflow
    from mlflow.store.model_registry.dbmodels import models as tables
    from sqlalchemy import create_engine, insert

    mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri).search_registered_models()
    newest = {row["name"]: row["version"] for row in rows}
    engine = create_engine(uri)
    with engine.begin() as connection:
        connection.execute(insert(tables.SqlRegisteredModel), [{"name": name, "creation_time": 1} for name in newest])
        connection.execute(
            insert(tables.SqlModelVersion),
            [
                {
                    "name": row["name"],
                    "version": row["version"],
                    "creation_time": 1,
                    "last_updated_time": 1,
                    # What `log_model(..., registered_model_name=...)` leaves there.
                    "source": f"models:/m-{hashlib.md5(row['location'].encode()).hexdigest()}",
                    "storage_location": row["location"],
                    "status": row["status"],
                }
                for row in rows
            ],
        )
        aliases = [{"name": name, "alias": "champion", "version": version} for name, version in newest.items()]
        connection.execute(insert(tables.SqlRegisteredModelAlias), aliases)
    engine.dispose()
