"""A Keras release's API, read statically from its source files.

Only the modules that a model names are read, and of them only the pieces that matter.
"""

from __future__ import annotations

from mlflow_kerasguard.keras_api.loader import read_loader
from mlflow_kerasguard.keras_api.release import ReleaseApi
from mlflow_kerasguard.keras_api.source_modules import Files, SourceModules


class SourceKerasApi(ReleaseApi):
    """The API of one release, from its files.

    Args:
        package: ``keras`` or ``tf_keras``.
        version: its release.
        files: where its modules are.
    """

    def __init__(self, package: str, version: str, files: Files) -> None:
        modules = SourceModules(package, files)
        super().__init__(version, modules, lambda: read_loader(modules))
