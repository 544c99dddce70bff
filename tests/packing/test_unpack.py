"""Restoring: verified before anything is written, and whole or not at all."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlflow_kerasguard.cli import main
from mlflow_kerasguard.errors import PackError, UsageError
from mlflow_kerasguard.packing import unpack as unpacking
from mlflow_kerasguard.packing.manifest import manifest_of
from mlflow_kerasguard.packing.pack import pack
from mlflow_kerasguard.packing.unpack import serve_command, unpack
from tests.files import dense, layer, write_keras


def edit(pack: Path, **changes: object) -> None:
    path = manifest_of(pack)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_restored_environment(packed, tmp_path):
    model = write_keras(tmp_path / "my model.keras", dense())
    done = unpack(packed, tmp_path / "there", model=model)
    assert done.report.ok
    assert done.command == (f"PATH={tmp_path}/there/bin:\"$PATH\" mlflow models serve -m '{model}' --env-manager local")
    assert (tmp_path / "there" / "lib" / "text.cfg").read_text() == f"home = {tmp_path}/there\n"
    assert (tmp_path / "there" / "lib" / "link").readlink() == Path("text.cfg")
    assert (tmp_path / "there" / "bin" / "tool").read_text().startswith("#!/usr/bin/env python")
    assert done.left_out == ("share -> /usr/share",)
    assert not (tmp_path / "there" / "share").exists()


def test_zstd(prefix, tmp_path):
    pack(prefix, tmp_path / "env.tar.zst")
    unpack(tmp_path / "env.tar.zst", tmp_path / "there")
    assert (tmp_path / "there" / "lib" / "text.cfg").is_file()


SPOILT = {
    "half-downloaded": (
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        "wasn't copied or downloaded completely",
    ),
    "another file": (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"x"), "has the SHA-256"),
    "another platform": (lambda path: edit(path, platform="darwin", machine="arm64"), "was packed on darwin arm64"),
    "a newer C library": (lambda path: edit(path, needs_glibc="9.1"), "needs glibc 9.1, and here is"),
    "no manifest": (lambda path: manifest_of(path).unlink(), "there is no manifest"),
}


@pytest.mark.parametrize(("spoil", "words"), SPOILT.values(), ids=SPOILT)
def test_what_is_refused_before_anything_is_written(spoil, words, packed, tmp_path):
    spoil(packed)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(PackError, match=words):
        unpack(packed, tmp_path / "there")
    assert sorted(tmp_path.iterdir()) == before


def test_something_is_there(packed, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine").touch()
    with pytest.raises(UsageError, match="exists already"):
        unpack(packed, tmp_path / "there")


def test_no_pack(tmp_path):
    with pytest.raises(PackError, match="there is no packed environment at"):
        unpack(tmp_path / "nothing", tmp_path / "there")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "MLmodel").touch()
    with pytest.raises(PackError, match=r'a model that was logged with `pack="conda"`'):
        unpack(tmp_path / "model", tmp_path / "there")


def repack(packed: Path, change: str) -> None:
    """The same pack with another `conda-unpack`, or with none."""
    script = f"""
import io, sys, tarfile
from pathlib import Path
path = Path(sys.argv[1])
with tarfile.open(path) as old, tarfile.open(path.with_suffix(".new"), "w:gz") as new:
    for member in old:
        content = old.extractfile(member).read() if member.isreg() else b""
        {change}
        member.size = len(content)
        new.addfile(member, io.BytesIO(content))
path.with_suffix(".new").replace(path)
"""
    subprocess.run([sys.executable, "-c", script, packed], check=True)
    from mlflow_kerasguard.integrity import sha256_of

    edit(packed, size=packed.stat().st_size, sha256=sha256_of(packed))


FAILING = {
    "not of conda-pack": ('if member.name == "bin/conda-unpack": continue', "has no `bin/conda-unpack`"),
    "conda-unpack fails": (
        'if member.name == "bin/conda-unpack": content = b"raise ValueError(\'negative padding\')"',
        "negative padding; a shorter path may do",
    ),
    "Python doesn't start": ('if member.name == "bin/python": content = b"#!/no/such/program"', "doesn't start here"),
}


@pytest.mark.parametrize(("change", "words"), FAILING.values(), ids=FAILING)
def test_what_fails_leaves_nothing(change, words, packed, tmp_path):
    repack(packed, change)
    with pytest.raises(PackError, match=words):
        unpack(packed, tmp_path / "there")
    assert not (tmp_path / "there").exists()
    assert not list(tmp_path.glob(".kerasguard-*"))


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "mlflow_kerasguard", *map(str, arguments)]


def test_a_full_disk(prefix, tmp_path):
    (prefix / "data").write_bytes(os.urandom(4 << 20))
    pack(prefix, tmp_path / "env.tar.gz")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    command = _command("unpack", tmp_path / "env.tar.gz", "-o", tmp_path / "there" / "env")
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, timeout=120)
    assert done.returncode == 2
    assert done.stderr.rstrip().endswith("can't be written: File too large; make room there")
    assert list((tmp_path / "there").iterdir()) == []


def test_control_c(packed, tmp_path):
    """In the last step, when the environment is in its place already."""
    repack(
        packed,
        "if member.name == \"bin/conda-unpack\": content = b\"import time; open('started', 'w'); time.sleep(60)\"",
    )
    command = _command("unpack", packed, "-o", tmp_path / "there")
    with subprocess.Popen(command, start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "there" / "started").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) == 130
    assert not (tmp_path / "there").exists()


def test_the_command(packed, tmp_path, capsys):
    good, bad = write_keras(tmp_path / "m.keras", dense()), write_keras(tmp_path / "b.keras", layer("NoSuchLayer"))
    assert main(["unpack", str(packed), "-o", str(tmp_path / "a"), "--model", str(good)]) == 0
    said = capsys.readouterr().out
    assert "COMPATIBLE: " in said
    assert "share -> /usr/share" in said
    assert said.rstrip().endswith("--env-manager local")
    assert main(["unpack", str(packed), "-o", str(tmp_path / "b"), "--model", str(bad)]) == 1
    assert "INCOMPATIBLE: " in (said := capsys.readouterr().out)
    assert "mlflow models serve" not in said
    assert main(["unpack", str(packed), "-o", str(tmp_path / "c")]) == 0
    assert "serve -m MODEL " in capsys.readouterr().out


def test_commands_for_models_elsewhere():
    assert " -m models:/sum/1 " in serve_command(Path("/envs/a"), "models:/sum/1")


def test_zstandard_is_needed(packed, tmp_path, monkeypatch):
    edit(packed, format="tar.zst")
    monkeypatch.setattr(unpacking, "require_conda_pack", lambda form: (_ for _ in ()).throw(PackError(form)))
    with pytest.raises(PackError, match=r"tar\.zst"):
        unpack(packed, tmp_path / "there")
