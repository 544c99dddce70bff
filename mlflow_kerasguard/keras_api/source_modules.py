"""A package's source files as modules; nothing is imported, and only what is asked for is parsed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Protocol

from mlflow_kerasguard.keras_api.constructor import (
    read_constructor,
    read_parameters,
    required_arguments,
    returns_its_argument,
)
from mlflow_kerasguard.keras_api.facts import Constructor, FromConfig, Import, Tables
from mlflow_kerasguard.keras_api.from_config import read_from_config
from mlflow_kerasguard.keras_api.outline import ClassOutline, ModuleOutline
from mlflow_kerasguard.keras_api.table_source import read_tables


class Files(Protocol):
    """Where the text of a module comes from: an installed package, or a wheel."""

    def read(self, path: str) -> str | None:
        """The text of a file by its path below the root with ``/``, or None where there is none."""


class Directory:
    """Files below a ``site-packages`` directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, path: str) -> str | None:
        try:
            return (self._root / path).read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None


class SourceClass:
    """A class statement; each of its methods is parsed when it is asked for."""

    def __init__(self, outline: ClassOutline) -> None:
        self._outline = outline
        self.bases = outline.bases

    @cached_property
    def constructor(self) -> Constructor | None:
        node = self._outline.method("__init__")
        return read_constructor(node, self._outline.method) if node else None

    @cached_property
    def from_config(self) -> FromConfig | None:
        node = self._outline.method("from_config")
        return read_from_config(node) if node else None

    @cached_property
    def build(self) -> tuple[str, ...] | None:
        node = self._outline.method("build")
        return required_arguments(node) if node else None

    @cached_property
    def call(self) -> tuple[str, ...] | None:
        node = self._outline.method("call")
        return read_parameters(node) if node else None

    @cached_property
    def hands_input_back(self) -> bool | None:
        node = self._outline.method("compute_output_spec")
        return returns_its_argument(node) if node else None

    @property
    def saves_assets(self) -> bool:
        return self._outline.method("save_assets") is not None


class SourceModule:
    """A module's text."""

    def __init__(self, outline: ModuleOutline) -> None:
        self.outline = outline
        self.name = outline.name
        self.is_package = outline.is_package
        self._classes: dict[str, SourceClass | None] = {}

    @property
    def text(self) -> str:
        """The module's source."""
        return self.outline.text

    @property
    def imports(self) -> Mapping[str, Import]:
        return self.outline.imports

    @property
    def star_imports(self) -> tuple[str, ...]:
        return self.outline.star_imports

    @cached_property
    def tables(self) -> Tables:
        return read_tables(self.outline.text)

    def alias(self, name: str) -> str | None:
        return self.outline.alias(name)

    def has_class(self, name: str) -> bool:
        return self.outline.has_class(name)

    def has_function(self, name: str) -> bool:
        return self.outline.has_function(name)

    def find_class(self, name: str) -> SourceClass | None:
        if name not in self._classes:
            outline = self.outline.find_class(name)
            self._classes[name] = SourceClass(outline) if outline else None
        return self._classes[name]

    def exported_as(self, name: str) -> str | None:
        match = re.search(r"keras_export\(\s*\[?\s*\"([\w.]+)\"", self.outline.decorators(name))
        return match[1] if match else None

    def is_registered(self, name: str) -> bool:
        return "register_keras_serializable" in self.outline.decorators(name)


class SourceModules:
    """One package's modules, each read at most once.

    Args:
        package: the top-level name; modules of others aren't looked at.
        files: where its text comes from.
    """

    def __init__(self, package: str, files: Files) -> None:
        self.package = package
        self._files = files
        self._modules: dict[str, SourceModule | None] = {}

    def module(self, name: str) -> SourceModule | None:
        if name not in self._modules:
            self._modules[name] = self._read(name)
        return self._modules[name]

    def _read(self, name: str) -> SourceModule | None:
        parts = name.split(".")
        if parts[0] != self.package or not all(part.isidentifier() for part in parts):
            return None
        path = "/".join(parts)
        for file, is_package in ((f"{path}/__init__.py", True), (f"{path}.py", False)):
            text = self._files.read(file)
            if text is not None:
                return SourceModule(ModuleOutline(name, text, is_package=is_package))
        return None
