"""What a registry lists: its versions, which aliases point at them, and where their files are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from mlflow_kerasguard import mlflow_private, mlflow_private_registry
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.registry.audit.values import RegisteredVersion

#: Versions, and registered models, that are asked for at a time.
_PAGE, _MODELS_PAGE = 1000, 100
#: A registry that never comes to an end is left there.
MOST_VERSIONS = 2_000_000

_ORDER = ["name ASC", "version_number ASC"]
_READY = "READY"


@dataclass(slots=True)
class Registry:
    """The versions of a model registry.

    Args:
        uri: the registry's, as it may be shown.
        given: as it was given; None for the one that MLflow is set to.
        locations: where the files of versions are, by name and version, as far as that is known.
    """

    uri: str
    given: str | None
    locations: dict[tuple[str, str], str] = field(default_factory=dict)
    _client: Any = None

    @classmethod
    def at(cls, uri: str | None) -> Registry:
        """The registry at a URI; None for the one that MLflow is set to.

        Raises:
            UsageError: it is a file of SQLite that isn't there.
        """
        client, found = mlflow_private_registry.registry_client(uri)
        _require_database(found)
        return cls(without_password(found), uri, _client=client)

    @property
    def client(self) -> Any:
        """MLflow's, which isn't imported before it is needed."""
        if self._client is None:
            self._client, _ = mlflow_private_registry.registry_client(self.given)
        return self._client

    def versions(self, filter: str | None, *, aliased: bool) -> list[RegisteredVersion]:
        """All versions of the workspace that is set, in order.

        Args:
            filter: as MLflow's ``search_model_versions`` takes it.
            aliased: only those that an alias points at.

        Raises:
            UsageError: the registry doesn't answer, or can't read the filter.
        """
        mlflow_error, _ = mlflow_private.exception_class()
        try:
            aliases = self._aliases()
            self.locations.update(mlflow_private_registry.storage_locations(self.client))
            listed = [_version(found, aliases) for found in self._pages(filter)]
        except (mlflow_error, OSError) as error:
            raise UsageError(f"the registry `{self.uri}` can't be listed: {error}") from error
        return [version for version in listed if version.aliases or not aliased]

    def _pages(self, filter: str | None) -> Iterator[Any]:
        token, count = None, 0
        while True:
            page = self.client.search_model_versions(filter, max_results=_PAGE, order_by=_ORDER, page_token=token)
            yield from page
            count += len(page)
            if not page.token or page.token == token:
                return
            if count >= MOST_VERSIONS:
                raise UsageError(f"the registry `{self.uri}` lists more than {MOST_VERSIONS:,} versions")
            token = page.token

    def _aliases(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """Aliases by name and version; MLflow leaves them out where it lists versions."""
        found: dict[tuple[str, str], list[str]] = {}
        token, count = None, 0
        while True:
            page = self.client.search_registered_models(max_results=_MODELS_PAGE, page_token=token)
            for model in page:
                for alias, version in model.aliases.items():
                    found.setdefault((model.name, str(version)), []).append(alias)
            count += len(page)
            if not page.token or page.token == token or count >= MOST_VERSIONS:
                return {key: tuple(sorted(names)) for key, names in found.items()}
            token = page.token

    def location(self, version: RegisteredVersion) -> str:
        """Where a version's files are.

        Raises:
            LookupError: the registry doesn't say.
        """
        if not version.source.startswith("models:"):
            return version.source
        known = self.locations.get((version.name, version.version))
        if known is not None:
            return known
        mlflow_error, _ = mlflow_private.exception_class()
        try:
            return str(self.client.get_model_version_download_uri(version.name, version.version))
        except (mlflow_error, OSError) as error:
            raise LookupError(str(error)) from error


def _version(found: Any, aliases: dict[tuple[str, str], tuple[str, ...]]) -> RegisteredVersion:
    name, version = str(found.name), str(found.version)
    problem = ""
    if found.status != _READY:
        problem = f"its registration is {found.status}{f': {found.status_message}' if found.status_message else ''}"
    elif not found.source:
        problem = "the registry doesn't say where its files are"
    return RegisteredVersion(
        # MLflow before 3.10 has no workspaces.
        workspace=str(getattr(found, "workspace", None) or "default"),
        name=name,
        version=version,
        aliases=aliases.get((name, version), ()),
        source=str(found.source or ""),
        updated=int(found.last_updated_timestamp or 0),
        problem=problem,
    )


def _require_database(uri: str) -> None:
    """MLflow would make a new one, in which there is nothing to find."""
    path = uri.partition("?")[0].removeprefix("sqlite:///")
    if path != uri.partition("?")[0] and path and not Path(path).exists():
        raise UsageError(f"there is no registry at `{uri}`: no file `{path}`")


def without_password(uri: str) -> str:
    """A URI that may be shown and stored."""
    parsed = urlparse(uri)
    if "@" not in parsed.netloc:
        return uri
    user, _, host = parsed.netloc.rpartition("@")
    return parsed._replace(netloc=f"{user.partition(':')[0]}@{host}").geturl()
