"""Versions as the registry's database has them, and the lock under which they don't change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlflow_kerasguard import mlflow_private_registry
from mlflow_kerasguard.registry.records import RECORD_TAG

#: What MLflow gives versions of prompts, which are no models, as their source: there is nothing to load.
PROMPT_SOURCES = frozenset({"dummy-source", "prompt-template"})
DELETED = "Deleted_Internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """A version, as far as a verdict on it depends on the database.

    Attributes:
        name: of the registered model.
        version: of it.
        creation_timestamp: in milliseconds since 1970.
        source: as it was registered.
        location: where its files are.
        tags: the records that were kept with it.
        stage: the present one, which nothing depends on.
    """

    name: str
    version: str
    creation_timestamp: int
    source: str
    location: str
    tags: Mapping[str, str] = field(default_factory=dict)
    stage: str = field(default="None", compare=False)

    @property
    def is_prompt(self) -> bool:
        return self.location in PROMPT_SOURCES and self.source in PROMPT_SOURCES


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one registered model, in one session of the store."""

    store: Any
    session: Any
    name: str

    def lock(self) -> bool:
        """Keep everybody else who locks it from the model until the session ends.

        Returns:
            False where there is no such model.
        """
        from sqlalchemy import update

        model = mlflow_private_registry.registry_tables().SqlRegisteredModel
        # Every database waits for whoever writes to the row, and SQLite for whoever writes at all.
        statement = update(model).where(*self._of(model)).values(last_updated_time=model.last_updated_time)
        statement = statement.execution_options(synchronize_session=False)
        # A model that was deleted and made again while we waited is another row.
        return any(self.session.execute(statement).rowcount for _ in range(3))

    def version(self, version: object) -> VersionRow | None:
        """One version; None where there is none."""
        try:
            number = int(str(version))
        except ValueError:
            return None  # MLflow says it in its own way.
        return next(iter(self.versions(number)), None)

    def versions(self, number: int | None = None, stage: str | None = None) -> list[VersionRow]:
        """Those that aren't deleted: all, the one of a number, or those in a stage."""
        from sqlalchemy import select

        model = mlflow_private_registry.registry_tables().SqlModelVersion
        statement = select(
            model.version,
            model.creation_time,
            model.source,
            model.storage_location,
            model.current_stage,
        ).where(*self._of(model), model.current_stage != DELETED)
        if number is not None:
            statement = statement.where(model.version == number)
        if stage is not None:
            statement = statement.where(model.current_stage == stage)
        rows = self.session.execute(statement.order_by(model.version)).all()
        records = self._records([row[0] for row in rows])
        return [
            VersionRow(
                name=self.name,
                version=str(version),
                creation_timestamp=created or 0,
                source=source or "",
                location=location or source or "",
                tags=records.get(version, {}),
                stage=current,
            )
            for version, created, source, location, current in rows
        ]

    def _records(self, numbers: list[int]) -> Mapping[int, Mapping[str, str]]:
        from sqlalchemy import select

        model = mlflow_private_registry.registry_tables().SqlModelVersionTag
        statement = select(model.version, model.key, model.value).where(
            *self._of(model), model.key.startswith(RECORD_TAG, autoescape=True)
        )
        if len(numbers) == 1:
            statement = statement.where(model.version == numbers[0])
        found: dict[int, dict[str, str]] = {}
        for version, key, value in self.session.execute(statement) if numbers else ():
            found.setdefault(version, {})[key] = value or ""
        return found

    def aliases(self) -> Iterator[tuple[str, str]]:
        """Each alias and its version."""
        from sqlalchemy import select

        model = mlflow_private_registry.registry_tables().SqlRegisteredModelAlias
        for alias, version in self.session.execute(select(model.alias, model.version).where(*self._of(model))):
            yield alias, str(version)

    def _of(self, model: Any) -> list[Any]:
        clauses = [model.name == self.name]
        # Older releases have no workspaces.
        if hasattr(model, "workspace"):
            clauses.append(model.workspace == self.store._get_active_workspace())  # noqa: SLF001 - no public one
        return clauses
