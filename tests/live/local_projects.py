"""Projects that no index has, to be installed from their directories."""

from __future__ import annotations

import json
from pathlib import Path

#: Projects that only this machine has: name to what they require and their source.
LOCAL = {
    "acme-layers": (
        ["acme-tools"],
        """
import acme_tools, keras

@keras.utils.register_keras_serializable("acme")
class Shift(keras.layers.Layer):
    def call(self, inputs):
        return inputs + acme_tools.SHIFT
""",
    ),
    "acme-tools": ([], "SHIFT = 5.0\n"),
}


def write_project(directory: Path, name: str) -> Path:
    """A project of one module, to be installed from its directory; gives this."""
    requires, source = LOCAL[name]
    module = name.replace("-", "_")
    directory.mkdir(parents=True)
    (directory / f"{module}.py").write_text(source)
    lines = [f'name = "{name}"', 'version = "1.0"', f"dependencies = {json.dumps(requires)}"]
    build = '[build-system]\nrequires = ["setuptools>=64"]\nbuild-backend = "setuptools.build_meta"\n'
    modules = f'[tool.setuptools]\npy-modules = ["{module}"]\n'
    (directory / "pyproject.toml").write_text("\n".join([build, "[project]", *lines, modules]))
    return directory
