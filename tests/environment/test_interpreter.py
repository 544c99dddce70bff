"""Other interpreters: real virtual environments, and programs that aren't a Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mlflow_kerasguard.against import read_environment
from mlflow_kerasguard.environment.interpreter import find_python, read_interpreter
from mlflow_kerasguard.errors import UsageError

KERAS = {
    "keras-3.99.0.dist-info/METADATA": "Name: keras\nVersion: 3.99.0\nRequires-Python: >=3.11\n",
    "keras/__init__.py": "raise ImportError('never run')\n",
    "keras/src/version.py": '__version__ = "3.99.0"\n',
    "sitecustomize.py": "raise ImportError('never run')\n",
    "evil.pth": "import no_such_module; no_such_module.run()\n",
}


def write(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)


def site_of(environment: Path) -> Path:
    return next(environment.glob("lib/python3*/site-packages"))


@pytest.fixture(scope="module", params=["venv", "uv"])
def environment(request, tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp(request.param) / "serving"
    make = {
        "venv": [sys.executable, "-m", "venv", "--without-pip", directory],
        "uv": [sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, directory],
    }
    subprocess.run(make[request.param], check=True)
    linked = directory.parent / "linked"
    write(linked, {"shop/__init__.py": ""})
    write(site_of(directory), {**KERAS, "shop.pth": f"# editable\n{linked}\n/nothing/here\n"})
    return directory


@pytest.mark.parametrize("part", ["", "bin/python"])
def test_a_virtual_environment(environment, part):
    env = read_environment(str(environment / part))
    assert env.python == ".".join(map(str, sys.version_info[:3]))
    assert (env.platform, env.complete, env.source) == (sys.platform, True, f"`{environment / part}`")
    assert env.distributions["keras"].version == "3.99.0"
    assert env.distributions["keras"].requires_python == ">=3.11"
    assert env.read_keras_api("keras").version == "3.99.0"
    assert [env.has_module(name) for name in ("keras", "json", "sys", "shop", "h5py")] == [
        True,
        True,
        True,
        True,
        False,
    ]
    assert not env.has("h5py")


def test_packages_of_the_base_are_seen_where_they_are_shared(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", tmp_path / "e"], check=True
    )
    settings = tmp_path / "e" / "pyvenv.cfg"
    assert "include-system-site-packages = true" in settings.read_text()
    # `home` may itself be in a virtual environment: what is shared are the packages of its base.
    base = Path(sys.base_prefix, "lib", f"python3.{sys.version_info[1]}", "site-packages")
    env = read_environment(tmp_path / "e")
    assert {path.name.partition("-")[0].lower() for path in base.glob("*.dist-info")} <= {
        name.replace("-", "_") for name in env.distributions
    }


def test_by_name(monkeypatch, environment):
    monkeypatch.setenv("PATH", str(environment / "bin"))
    assert read_environment("python3").distributions["keras"].version == "3.99.0"
    monkeypatch.setenv("PATH", "/nothing")
    with pytest.raises(UsageError, match="there is no `python3` on PATH; expected requirements such as"):
        read_environment("python3")


def test_what_the_user_configured(environment, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    env = read_interpreter(environment / "bin" / "python")
    assert (env.configured_backend, env.legacy_keras) == ("jax", True)


@pytest.mark.parametrize("name", ["bin/python", "bin/python3", "Scripts/python.exe", "python.exe"])
def test_where_an_environment_keeps_its_python(tmp_path, name):
    write(tmp_path, {name: ""})
    assert find_python(tmp_path) == tmp_path / name


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 3", " isn't a Python that works: it ended with status 3, and it said nothing"),
        ("echo hello; exit 1", " isn't a Python that works: it ended with status 1, and it said `hello`"),
        (
            "echo 'kerasguard-probe: {'",
            " isn't a Python that works: it ended with status 0, and it said `kerasguard-probe: {`",
        ),
        (
            "printf 'a%.0s' $(seq 300)",
            f" isn't a Python that works: it ended with status 0, and it said `{'a' * 200}…`",
        ),
        ("sleep 60", " gave no answer within 1 s; expected a Python interpreter"),
        ("sleep 60 & sleep 60", " gave no answer within 1 s; expected a Python interpreter"),
    ],
)
def test_what_isnt_a_python(tmp_path, script, message):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    with pytest.raises(UsageError) as error:
        read_interpreter(python, time_limit=1)
    assert str(error.value) == f"`{python}`{message}"


def test_one_that_never_stops_talking(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec yes\n")
    python.chmod(0o755)
    with pytest.raises(UsageError, match=r"it ended with status -(9|13), and it said `y y y"):
        read_interpreter(python, time_limit=30)


def test_one_that_doesnt_start(tmp_path):
    python = tmp_path / "python"
    python.write_bytes(b"\x7fELF\0 not really")
    with pytest.raises(UsageError) as error:
        read_environment(python)
    assert str(error.value) == f"`{python}` doesn't start: Permission denied; expected a Python interpreter"
    python.chmod(0o755)
    with pytest.raises(UsageError) as error:
        read_environment(python)
    assert str(error.value) == f"`{python}` doesn't start: Exec format error; expected a Python interpreter"


def test_a_program_of_another_name_is_never_run(tmp_path):
    program = tmp_path / "shred"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/run\n")
    program.chmod(0o755)
    with pytest.raises(UsageError) as error:
        read_environment(program)
    assert str(error.value).startswith(f"`{program}` is a program or binary file that isn't called Python; expected ")
    assert not (tmp_path / "run").exists()


def test_only_an_interpreter_says_itself_what_it_has(environment):
    with pytest.raises(UsageError) as error:
        read_environment(f"{environment} python==3.11")
    assert str(error.value) == f"`{environment}` says itself what it has; expected nothing after it"
