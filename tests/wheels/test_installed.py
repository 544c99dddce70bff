"""What is read of installations: ordinary and editable ones, laid out as installers do."""

from __future__ import annotations

import json
import sys
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import pytest

from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.wheels.installed import contents_of, direct_url, is_editable

METADATA = "Metadata-Version: 2.1\nName: own-layers\nVersion: 1.2\n"
PURE = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\n"
EDITABLE = json.dumps({"url": "file:///somewhere", "dir_info": {"editable": True}})


def install(site: Path, files: dict[str, str], **metadata: str) -> Distribution:
    """An installation as its files; ``metadata`` is what its ``.dist-info`` has besides the usual."""
    directory = site / "own_layers-1.2.dist-info"
    usual = {"METADATA": METADATA, "WHEEL": PURE, "INSTALLER": "pip", "licenses/LICENSE": "free"}
    everything = {**files, **{f"{directory.name}/{name}": text for name, text in {**usual, **metadata}.items()}}
    for name, text in everything.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (directory / "RECORD").write_text("".join(f"{name},,\n" for name in [*everything, f"{directory.name}/RECORD"]))
    return PathDistribution(directory)


ENTRY_POINTS = "[console_scripts]\nown = own_layers:main\n"


def test_an_ordinary_installation(tmp_path):
    listed = ["own_layers/__init__.py", "own_layers/table.json", "own_layers/__pycache__/__init__.cpython-311.pyc"]
    files = {name: name for name in (*listed, "../bin/own")}
    distribution = install(tmp_path / "site", files, **{"entry_points.txt": ENTRY_POINTS, "direct_url.json": "{}"})
    (tmp_path / "site/own_layers/added.py").write_text("nobody listed it")
    contents = contents_of(distribution)
    assert (contents.name, contents.version) == ("own-layers", "1.2")
    assert contents.files == {name: name.encode() for name in listed[:2]}
    assert set(contents.metadata) == {"METADATA", "entry_points.txt", "licenses/LICENSE"}
    assert not is_editable(distribution)


@pytest.fixture
def sources(tmp_path, monkeypatch) -> Path:
    """A checkout on the path, with what lies about in one."""
    root = tmp_path / "checkout"
    names = ["__init__.py", "deep/part.py", "data.bin", "__pycache__/x.pyc", "old.pyc", ".hidden/x.py", ".swp"]
    for path in (*(root / "own_layers" / name for name in names), root / "tests/test_own.py", root / "other.py"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.name.encode())
    monkeypatch.setattr(sys, "path", [str(root), *sys.path])
    return root


@pytest.mark.parametrize(
    ("more", "modules", "expected"),
    [
        ({}, None, {"own_layers"}),
        ({"top_level.txt": "other\nown_layers\n"}, None, {"own_layers", "other"}),
        ({}, ["other"], {"other"}),
    ],
    ids=["by its name", "as listed", "as asked for"],
)
def test_an_editable_installation(sources, tmp_path, more, modules, expected):
    distribution = install(tmp_path / "site", {"own.pth": str(sources)}, **{"direct_url.json": EDITABLE, **more})
    package = {"own_layers/__init__.py", "own_layers/data.bin", "own_layers/deep/part.py"}
    everything = {"own_layers": package, "other": {"other.py"}}
    contents = contents_of(distribution, modules)
    assert set(contents.files) == set().union(*(everything[name] for name in expected))
    assert contents.metadata["METADATA"] == METADATA.encode()
    assert is_editable(distribution)


def test_an_editable_installation_whose_module_has_another_name(tmp_path, monkeypatch):
    root = tmp_path / "checkout"
    for package in ("layers", "tests"):
        (root / package).mkdir(parents=True)
        (root / package / "__init__.py").write_text("")
    monkeypatch.setattr(sys, "path", [str(root), *sys.path])
    pth = {"own.pth": f"# a link\nimport something\n{root}\n"}
    distribution = install(tmp_path / "site", pth, **{"direct_url.json": EDITABLE})
    assert list(contents_of(distribution).files) == ["layers/__init__.py"]
    (root / "more").mkdir()
    (root / "more" / "__init__.py").write_text("")
    with pytest.raises(UsageError, match="it can't be told which modules belong to `own-layers`"):
        contents_of(distribution)


def test_where_it_came_from(tmp_path):
    assert direct_url(install(tmp_path / "index", {})) is None
    assert direct_url(install(tmp_path / "link", {}, **{"direct_url.json": EDITABLE}))["url"] == "file:///somewhere"


REFUSED = {
    "another platform's": ({}, {"WHEEL": "Tag: cp311-cp311-linux_x86_64\n"}, "`cp311-cp311-linux_x86_64`"),
    "compiled": ({"own_layers/fast.so": ""}, {}, "compiled module, `own_layers/fast.so`"),
    "elsewhere": ({"../share/own.txt": ""}, {}, "outside of its modules"),
    "no modules": ({}, {"direct_url.json": EDITABLE, "top_level.txt": "not_there"}, "there is no `not_there`"),
}


@pytest.mark.parametrize(("files", "metadata", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_wheel_of_pure_python_is_refused(tmp_path, files, metadata, expected):
    with pytest.raises(UsageError, match=expected):
        contents_of(install(tmp_path / "site", files, **metadata))


def test_a_file_that_is_gone_is_named(tmp_path):
    distribution = install(tmp_path, {"own_layers.py": ""})
    (tmp_path / "own_layers.py").unlink()
    with pytest.raises(UsageError, match=r"`own_layers.py` can't be read"):
        contents_of(distribution)


def test_old_metadata_is_refused(tmp_path):
    directory = tmp_path / "own_layers.egg-info"
    directory.mkdir()
    (directory / "PKG-INFO").write_text(METADATA)
    with pytest.raises(UsageError, match=r"no metadata in a `.dist-info`"):
        contents_of(PathDistribution(directory))
