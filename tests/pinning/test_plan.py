"""From a model's needs to pins, closure and lock: made up, here, and in an environment of its own."""

from __future__ import annotations

import hashlib
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.pylock import Pylock
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mlflow_kerasguard.environment.pylock import read_pylock
from mlflow_kerasguard.environment.text_files import parse_toml
from mlflow_kerasguard.pinning import plan as module
from mlflow_kerasguard.pinning.carried import CarriedWheel
from mlflow_kerasguard.pinning.direct import THIS_DISTRIBUTION
from mlflow_kerasguard.pinning.installed import InstalledDistributions
from mlflow_kerasguard.pinning.known_files import KnownFile
from mlflow_kerasguard.pinning.lines import needs_wheel
from mlflow_kerasguard.pinning.plan import make_lock, make_plan
from mlflow_kerasguard.version import __version__
from tests.keras_cases import BACKEND, keras
from tests.pinning.builders import write_distribution

GIT = {"url": "https://example.org/tools", "vcs_info": {"vcs": "git", "commit_id": "abc"}}


@pytest.fixture
def site(tmp_path) -> tuple[str, ...]:
    """A small environment."""
    requires = {
        "keras": ("optree", "absent", "tensorflow>=2"),
        "tensorflow-cpu": ("protobuf", "keras", "numpy<3"),
        "mlflow": ("flask",),
        "h5py": (),
        "numpy": (),
        "protobuf": (),
        "optree": (),
        "flask": (),
        "unused": (),
        THIS_DISTRIBUTION: ("mlflow",),
    }
    for name, lines in requires.items():
        write_distribution(tmp_path / "site", name, requires=lines)
    write_distribution(tmp_path / "site", "tools", record="tools.py,,\n", direct_url=GIT)
    write_distribution(tmp_path / "site", "helper", record="helper.py,,\n")
    return (str(tmp_path / "site"),)


def test_a_plan(site):
    plan = make_plan("keras", "tensorflow", {"tools"}, asked_by={"helper": "tools"}, path=site)
    assert plan.roles == {
        "flask": "transitive",
        "h5py": "serialization",
        "helper": "code",
        "keras": "keras",
        "mlflow": "serving",
        THIS_DISTRIBUTION: "serving",
        "numpy": "serialization",
        "optree": "transitive",
        "protobuf": "serialization",
        "tensorflow-cpu": "backend",
        "tools": "code",
    }
    assert set(plan.closure) == set(plan.roles)
    assert set(plan.roles) - set(plan.distributions) == {"flask", "optree", "protobuf"}
    assert [problem.name for problem in plan.problems] == ["absent"]
    assert plan.lines() == [
        "h5py==1.0",
        "helper==1.0",
        "keras==1.0",
        f"{THIS_DISTRIBUTION}=={__version__}",
        "mlflow==1.0",
        "numpy==1.0",
        "tensorflow-cpu==1.0",
        "tools @ git+https://example.org/tools@abc",
    ]


def test_a_lock_of_it(site, tmp_path, monkeypatch, caplog):
    plan = make_plan("keras", "tensorflow", {"tools"}, path=site)
    with caplog.at_level(logging.INFO):
        assert make_lock(plan) is None
    assert "no lock is written: it isn't known here which files flask, h5py, keras and 5 more came from" in caplog.text
    url = "https://example.org/{0}-1.0-py3-none-any.whl"
    monkeypatch.setattr(
        module, "find_file", lambda item, _: KnownFile(url=url.format(item.name.replace("-", "_")), sha256="1")
    )
    document = parse_toml(make_lock(plan), tmp_path)
    assert [package["name"] for package in document["packages"]] == sorted({*plan.closure} - {THIS_DISTRIBUTION})
    assert document["tool"] == {"mlflow-kerasguard": {"left-out": [THIS_DISTRIBUTION]}}
    carried = {
        name: CarriedWheel(
            path=f"kerasguard/wheels/{name.replace('-', '_')}-{version}-py3-none-any.whl", version=version, sha256="2"
        )
        for name, version in {THIS_DISTRIBUTION: "0.1.0+abc", "tools": "1.0+def"}.items()
    }
    document = parse_toml(make_lock(plan, carried=carried), tmp_path)
    versions = {package["name"]: package["version"] for package in document["packages"]}
    assert (versions[THIS_DISTRIBUTION], versions["tools"], versions["keras"]) == ("0.1.0+abc", "1.0+def", "1.0")
    assert "tool" not in document


def test_constraints_are_what_can_be_had_again(site, tmp_path):
    directory = Path(site[-1])
    write_distribution(directory, "of-conda", "1.0", INSTALLER="conda\n")
    write_distribution(directory, "too-old", "0.1")
    write_distribution(directory, "user", "1.0", record="user.py,,\n", requires=("of-conda", "too-old>=1", "fine"))
    write_distribution(directory, "fine", "1.0+local")
    plan = make_plan("keras", "tensorflow", {"user"}, path=site)
    lines = plan.constraints()
    assert {"fine==1.0", "protobuf==1.0"} <= set(lines)
    names = {line.partition("==")[0] for line in lines}
    assert not names & {*plan.distributions, "of-conda", "too-old"}


def test_this_environment():
    plan = make_plan(keras.__name__, BACKEND, {"yaml"})
    markers = {**default_environment(), "extra": ""}
    distributions = InstalledDistributions().distributions
    for name in plan.closure:
        for line in distributions[name].requires:
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate(markers):
                assert canonicalize_name(wanted.name) in plan.closure, f"required by {name}"
    assert not {"pytest", "ruff", "mypy", "uv", "hypothesis"} & set(plan.closure), "nothing that isn't used"
    assert plan.roles["pyyaml"] == "code"
    assert plan.roles["protobuf"] == "serialization"


def test_a_lock_of_this_environment_installs(tmp_path):
    plan = make_plan(keras.__name__, BACKEND, ())
    text = make_lock(plan)
    if text is None:
        pytest.skip("it isn't known where what is installed here came from")
    path = tmp_path / "pylock.toml"
    path.write_text(text)
    document = parse_toml(text, path)
    locked = Pylock.from_dict(document)
    locked.validate()
    selected = {package.name: str(package.version) for package, _ in locked.select()}
    assert selected == {name: version for name, version in plan.closure.items() if name != THIS_DISTRIBUTION}
    assert {item.name for item in read_pylock(document, path).wanted} == set(selected)
    uv(tmp_path, "venv", "-q", "--no-project", "-p", sys.executable, "new")
    told = uv(tmp_path, "pip", "sync", "--dry-run", "--offline", "-p", "new", "pylock.toml")
    assert f"Would install {len(selected)} packages" in told


def uv(directory: Path, *arguments: str) -> str:
    """Run uv; gives what it prints."""
    command = [sys.executable, "-m", "uv", *arguments]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


#: A build backend without requirements, which can be used where there is no network.
_BACKEND = """
import base64, hashlib, zipfile
NAME = "{name}"
def _write(directory, files):
    info = f"{{NAME}}-1.0.dist-info"
    files |= {{
        f"{{info}}/METADATA": f"Metadata-Version: 2.1\\nName: {{NAME}}\\nVersion: 1.0\\n",
        f"{{info}}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }}
    record = "".join(f"{{name}},,\\n" for name in [*files, f"{{info}}/RECORD"])
    with zipfile.ZipFile(f"{{directory}}/{{NAME}}-1.0-py3-none-any.whl", "w") as archive:
        for name, text in {{**files, f"{{info}}/RECORD": record}}.items():
            archive.writestr(name, text)
    return f"{{NAME}}-1.0-py3-none-any.whl"
def build_wheel(directory, settings=None, metadata=None):
    return _write(directory, {{f"{{NAME}}.py": "VALUE = 1\\n"}})
def build_editable(directory, settings=None, metadata=None):
    return _write(directory, {{f"{{NAME}}.pth": "/somewhere\\n"}})
"""
_PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n[project]\nname = "{name}"\nversion = "1.0"\n'


def write_project(directory: Path, name: str) -> Path:
    directory.mkdir()
    (directory / "pyproject.toml").write_text(_PROJECT.format(name=name))
    (directory / "backend.py").write_text(_BACKEND.format(name=name))
    return directory


def test_where_installers_say_that_things_came_from(tmp_path):
    linked, copied = write_project(tmp_path / "linked", "linked"), write_project(tmp_path / "copied", "copied")
    cloned, filed = write_project(tmp_path / "cloned", "cloned"), write_project(tmp_path / "filed", "filed")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *arguments], cwd=cloned, check=True, capture_output=True, timeout=60)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=cloned, check=True, capture_output=True, text=True).stdout
    uv(tmp_path, "build", "-q", "--offline", "--wheel", "--no-build-isolation", str(filed), "-o", "dist")
    uv(tmp_path, "venv", "-q", "--no-project", "-p", sys.executable, "new")
    wheel = tmp_path / "dist" / "filed-1.0-py3-none-any.whl"
    sources = ["-e", str(linked), str(copied), f"cloned @ git+file://{cloned}", str(wheel)]
    uv(tmp_path, "pip", "install", "-q", "--offline", "-p", "new", "--cache-dir", str(tmp_path / "cache"), *sources)
    [site] = (tmp_path / "new").glob("lib/python*/site-packages")
    there = InstalledDistributions((str(site),))
    found = {name: there.find(name) for name in ("linked", "copied", "cloned", "filed")}
    assert found["cloned"].direct.requirement("cloned") == f"cloned @ git+file://{cloned}@{commit.strip()}"
    assert [name for name, item in found.items() if item.direct.is_local] == ["linked", "copied", "filed"]
    assert [name for name, item in found.items() if needs_wheel(item, "code")] == ["linked", "copied", "filed"]
    assert found["linked"].direct.editable
    assert found["filed"].direct.hashes in ({}, {"sha256": hashlib.sha256(wheel.read_bytes()).hexdigest()})
