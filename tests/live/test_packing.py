"""A model served from a packed conda environment, on the same machine with everything that it came from gone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mlflow_kerasguard.packing.manifest import Manifest, manifest_of
from tests.live.conda_fixture import Channel, channel  # noqa: F401 - a fixture
from tests.live.environments import ROOT, UV, run
from tests.live.servers import PATIENCE, await_server, free_port, score

pytestmark = pytest.mark.live

TRAIN = """
import sys
import keras, numpy as np
import mlflow_kerasguard
from layers import Twice

rows = np.arange(6, dtype="float32").reshape(2, 3)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), Twice()])
mlflow_kerasguard.save_model(model, sys.argv[1], input_example=rows, pack=sys.argv[2])
np.save(sys.argv[1] + ".npy", model.predict(rows, verbose=0))
"""
LAYERS = """
import keras

@keras.saving.register_keras_serializable("live")
class Twice(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs
"""


def kerasguard(python: Path, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [python, "-m", "mlflow_kerasguard", *arguments]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=cwd, env=kept)


def test_refusals_of_a_real_environment(channel: Channel, tmp_path):  # noqa: F811 - a fixture
    """What conda-pack itself refuses is found before it is asked; it agrees."""
    python = channel.make_environment(tmp_path / "envs" / "real", "six")
    prefix = python.parent.parent
    here = Path(sys.executable)
    good = kerasguard(here, "pack", prefix, "-o", tmp_path / "good.tar.gz", cwd=tmp_path)
    assert good.returncode == 0, good.stdout + good.stderr
    manifest = Manifest.read(manifest_of(tmp_path / "good.tar.gz"))
    assert set(manifest.packages) == {"python", "pip"}
    assert set(manifest.distributions) == {"pip", "six"}

    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "pyproject.toml").write_text('[project]\nname = "shop"\nversion = "1"\n')
    run(*UV, "pip", "install", "--quiet", "--python", python, "-e", shop)
    _refused(here, prefix, tmp_path, "KG450", "Cannot pack an environment with editable packages")
    run(*UV, "pip", "uninstall", "--quiet", "--python", python, "shop")

    run(python, "-m", "pip", "install", "--quiet", "--upgrade", "pip")
    _refused(here, prefix, tmp_path, "KG451", "Files managed by conda were found to have been deleted/overwritten")


def _refused(here: Path, prefix: Path, directory: Path, code: str, words: str) -> None:
    ours = kerasguard(here, "pack", prefix, "-o", directory / "bad.tar.gz", cwd=directory)
    assert ours.returncode == 1
    assert code in ours.stdout
    command = [here, "-m", "conda_pack.cli", "-p", prefix, "-o", directory / "bad.tar.gz"]
    theirs = subprocess.run(command, capture_output=True, text=True)
    assert words in theirs.stderr
    assert not (directory / "bad.tar.gz").exists()


def test_a_restored_environment_runs_with_its_origin_gone(channel: Channel, tmp_path):  # noqa: F811 - a fixture
    private = Channel(directory=channel.directory, cache=tmp_path / "cache")
    python = private.make_environment(tmp_path / "envs" / "real", "numpy")
    here = Path(sys.executable)
    packed = kerasguard(here, "pack", python.parent.parent, "-o", tmp_path / "e.tar.zst", cwd=tmp_path)
    assert packed.returncode == 0, packed.stderr
    # What its Python would compile while conda-pack looks around, would come and go.
    assert not list((python.parent.parent / "lib").glob("python3.*/json/__pycache__"))
    (tmp_path / "envs").rename(tmp_path / "gone")
    shutil.rmtree(tmp_path / "cache")
    done = kerasguard(here, "unpack", tmp_path / "e.tar.zst", "-o", tmp_path / "there", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    there = tmp_path / "there"
    code = "import sys, numpy; print(sys.prefix, numpy.ones(2).sum())"
    assert run(there / "bin" / "python", "-c", code).stdout.split() == [str(there), "2.0"]
    assert (there / "lib" / "prefix.bin").read_bytes().startswith(b"\xff\0" + os.fsencode(there) + b"/share\0")
    kept = {**os.environ, "PATH": f"{there / 'bin'}:{os.environ['PATH']}"}
    shown = subprocess.run(["pip", "--version"], env=kept, capture_output=True, text=True, check=True).stdout
    assert str(there) in shown


def test_a_model_is_served_from_a_restored_environment(channel: Channel, tmp_path):  # noqa: F811 - a fixture
    private = Channel(directory=channel.directory, cache=tmp_path / "cache")
    wheels = run(*UV, "build", "--quiet", "--wheel", "--out-dir", tmp_path / "dist", ROOT)
    assert wheels.returncode == 0
    wheel = next((tmp_path / "dist").glob("*.whl"))
    python = private.make_environment(tmp_path / "envs" / "real", f"{wheel}[conda]", "tensorflow-cpu", "keras")
    project = tmp_path / "project"
    project.mkdir()
    (project / "train.py").write_text(TRAIN)
    (project / "layers.py").write_text(LAYERS)
    model = tmp_path / "model"
    trained = subprocess.run([python, "train.py", model, "conda"], cwd=project, capture_output=True, text=True)
    assert trained.returncode == 0, trained.stderr
    pack = model / "kerasguard" / "environment.tar.gz"
    assert Manifest.read(manifest_of(pack)).size == pack.stat().st_size
    expected = np.load(tmp_path / "model.npy")

    (tmp_path / "envs").rename(tmp_path / "gone")
    for leftover in ("gone", "cache", "project"):
        shutil.rmtree(tmp_path / leftover)
    # Whoever unpacks has this package, in whichever environment.
    done = kerasguard(Path(sys.executable), "unpack", model, "-o", tmp_path / "there", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "COMPATIBLE" in done.stdout
    try:
        _serve(done.stdout.splitlines()[-1], tmp_path, expected)
    finally:
        shutil.rmtree(tmp_path / "there")
        pack.unlink()


def _serve(command: str, directory: Path, expected: np.ndarray) -> None:
    """Run the command as it is printed, in a shell that has nothing of this environment on its path."""
    port = free_port()
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(directory), "CUDA_VISIBLE_DEVICES": "-1"}
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            f"exec env {command} --port {port}",
            shell=True,
            env=clean,
            cwd=directory,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        await_server(f"http://127.0.0.1:{port}/ping", process, directory / "log")
        answer = score(f"http://127.0.0.1:{port}/invocations", {"inputs": [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]})
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(PATIENCE)
    np.testing.assert_allclose(answer["predictions"], expected, rtol=1e-5)
