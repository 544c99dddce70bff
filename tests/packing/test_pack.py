"""Packing: what is refused and how, and that an archive appears whole or not at all."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from mlflow_kerasguard.cli import main
from mlflow_kerasguard.errors import IncompatibleModelError, NotPackableError, PackError
from mlflow_kerasguard.integrity import sha256_of
from mlflow_kerasguard.packing import conda
from mlflow_kerasguard.packing.conda import require_conda_pack
from mlflow_kerasguard.packing.manifest import Manifest, manifest_of
from mlflow_kerasguard.packing.pack import pack
from tests.files import dense, layer, write_keras
from tests.packing.conda_like import make_editable, make_prefix


def left(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_a_pack_and_its_manifest(prefix, tmp_path):
    output = tmp_path / "out" / "env.tar.gz"
    packed = pack(prefix, output)
    assert left(output.parent) == {"env.tar.gz", "env.tar.gz.json"}
    manifest = Manifest.read(manifest_of(output))
    assert manifest == packed.manifest
    assert (manifest.sha256, manifest.size) == (sha256_of(output), output.stat().st_size)
    assert (manifest.format, manifest.platform, manifest.needs_glibc) == ("tar.gz", sys.platform, "2.17")
    assert manifest.python == sys.version.split()[0]
    assert output.stat().st_mode & 0o777 == 0o644
    with tarfile.open(output) as tar:
        assert "bin/conda-unpack" in tar.getnames()


def test_the_name_by_default(prefix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert pack(prefix).path == Path("env.tar.gz")
    assert (tmp_path / "env.tar.gz").is_file()


def test_a_model_that_fits(tmp_path):
    prefix = make_prefix(tmp_path / "env", tmp_path / "cache", with_keras=True)
    model = write_keras(tmp_path / "model.keras", dense())
    packed = pack(model, tmp_path / "env.tar.gz", environment=prefix)
    assert packed.report.ok
    assert packed.report.model == str(model)


def test_a_model_that_does_not(prefix, tmp_path):
    model = write_keras(tmp_path / "model.keras", dense())
    with pytest.raises(IncompatibleModelError, match="no Keras is installed"):
        pack(model, tmp_path / "env.tar.gz", environment=prefix)
    assert not (tmp_path / "env.tar.gz").exists()


def test_an_environment_that_could_not_be_restored(prefix, tmp_path):
    make_editable(prefix, "shop", "/home/me/shop")
    (prefix / "bin" / "managed").unlink()
    with pytest.raises(NotPackableError) as refused:
        pack(prefix, tmp_path / "env.tar.gz")
    assert [finding.code for finding in refused.value.report.findings] == ["KG450", "KG451"]
    assert "it couldn't be restored as it is" in str(refused.value)
    assert "--force-reinstall --no-deps /home/me/shop" in str(refused.value)


def test_no_python_in_it(prefix, tmp_path):
    (prefix / "bin" / "python").unlink()
    with pytest.raises(PackError, match=r"has no Python; `conda install --prefix .* python` adds one"):
        pack(prefix, tmp_path / "env.tar.gz")


OUTPUTS = {
    "no known ending": ("env.zip", None, "has to end with `.tar.gz` or `.tar.zst`"),
    "another ending": ("env.tar.gz", "tar.zst", "has to end with `.tar.zst`"),
    "there already": ("taken.tar.gz", None, "exists already; give another path, or `--force`"),
    "its manifest is there": ("half.tar.gz", None, "half.tar.gz.json` exists already"),
    "a directory": ("directory.tar.gz", None, "exists already"),
}


@pytest.mark.parametrize(("name", "form", "words"), OUTPUTS.values(), ids=OUTPUTS)
def test_outputs_that_cannot_be(name, form, words, prefix, tmp_path):
    for taken in ("taken.tar.gz", "half.tar.gz.json"):
        (tmp_path / taken).touch()
    (tmp_path / "directory.tar.gz").mkdir()
    with pytest.raises(PackError, match=words):
        pack(prefix, tmp_path / name, form=form)


def test_force_replaces(prefix, tmp_path):
    (tmp_path / "env.tar.gz").write_text("old")
    pack(prefix, tmp_path / "env.tar.gz", force=True)
    assert tarfile.is_tarfile(tmp_path / "env.tar.gz")


def test_what_is_not_installed(monkeypatch):
    monkeypatch.setattr(conda, "find_spec", lambda name: None if name == "zstandard" else object())
    require_conda_pack("tar.gz")
    with pytest.raises(PackError, match=r"`zstandard` isn't installed here, and `tar.zst` needs it: pip install"):
        require_conda_pack("tar.zst")


def test_what_conda_pack_refuses_is_told(prefix, tmp_path, monkeypatch):
    # As another version of it might, for something that isn't looked at here.
    (prefix / "conda-meta" / "python-0-0.json").write_text((next((prefix / "conda-meta").glob("*.json"))).read_text())
    with pytest.raises(
        PackError, match=r"conda-pack can't pack `.*env`: Unexpected failure, multiple versions of python"
    ):
        pack(prefix, tmp_path / "env.tar.gz")
    assert not list(tmp_path.glob("*.gz*"))


def test_what_goes_wrong_otherwise(prefix, tmp_path, monkeypatch):
    monkeypatch.setattr(conda, "_PROGRAM", "raise SystemExit(3)")
    with pytest.raises(PackError, match="it ended with status 3 and said nothing"):
        pack(prefix, tmp_path / "env.tar.gz")


def test_a_file_that_goes_away_meanwhile(prefix, tmp_path, monkeypatch):
    program = "raise FileNotFoundError(2, 'No such file or directory', '/env/x.pyc.1')"
    monkeypatch.setattr(conda, "_PROGRAM", program)
    with pytest.raises(PackError, match=r"a file went away meanwhile \(.*/env/x.pyc.1'\); end what uses"):
        pack(prefix, tmp_path / "env.tar.gz")


def _run(*arguments: object, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlflow_kerasguard", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def _fill(prefix: Path, size: int) -> None:
    (prefix / "share").mkdir()
    (prefix / "share" / "data").write_bytes(os.urandom(size))


def test_a_full_disk(prefix, tmp_path):
    """A limit on the size of files does what a full disk does: a write fails in the middle."""
    _fill(prefix, 4 << 20)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    done = _run("pack", prefix, "-o", tmp_path / "out" / "env.tar.gz", preexec_fn=limit)
    assert done.returncode == 2
    assert done.stderr.startswith("kerasguard: error: conda-pack can't pack ")
    assert done.stderr.rstrip().endswith("File too large; make room or give another path")
    assert left(tmp_path / "out") == set()


def test_a_directory_that_cannot_be_written(prefix, tmp_path):
    (tmp_path / "file").touch()
    done = _run("pack", prefix, "-o", tmp_path / "file" / "env.tar.gz")
    assert done.returncode == 2
    assert "can't write to" in done.stderr


def test_control_c(prefix, tmp_path):
    _fill(prefix, 64 << 20)
    command = [
        sys.executable,
        "-m",
        "mlflow_kerasguard",
        "pack",
        str(prefix),
        "-o",
        str(tmp_path / "out" / "env.tar.gz"),
    ]
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(scratch)}, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not any((tmp_path / "out").glob(".kerasguard-*/tmp*")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "")
    assert left(tmp_path / "out") == set()
    assert left(scratch) == set(), "conda-pack leaves its temporary file elsewhere"


def test_the_command(tmp_path, capsys):
    prefix = make_prefix(tmp_path / "env", tmp_path / "cache", with_keras=True)
    (prefix / "share").symlink_to("/usr/share")
    model = write_keras(tmp_path / "model.keras", dense())
    assert main(["pack", str(model), "--env", str(prefix), "-o", str(tmp_path / "env.tar.gz")]) == 0
    said = capsys.readouterr().out
    assert f"packed into {tmp_path / 'env.tar.gz'}" in said
    assert sha256_of(tmp_path / "env.tar.gz") in said
    assert "KG454" in said
    assert "glibc 2." in said


def test_the_command_s_refusals(prefix, tmp_path, capsys):
    model = write_keras(tmp_path / "model.keras", layer("NoSuchLayer"))
    arguments = ["pack", str(model), "--env", str(prefix), "-o", str(tmp_path / "env.tar.gz")]
    assert main(arguments) == 1
    assert capsys.readouterr().out.startswith("INCOMPATIBLE: ")
    make_editable(prefix, "shop", "/home/me/shop")
    assert main(arguments) == 1
    assert capsys.readouterr().out.startswith("the environment isn't packed: ")
    assert main(["pack", str(tmp_path / "cache"), "--env", str(tmp_path)]) == 2
