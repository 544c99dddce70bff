"""The calls of MLflow's model registry that a policy can guard, in front of MLflow's own.

Judging takes time and may wait for an artifact store, so it holds no lock. What was judged is compared with what is
there once the registered model is locked, and MLflow's own method runs within that same transaction: whoever is
killed in between has changed nothing.
"""

from __future__ import annotations

import contextlib
import inspect
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

from mlflow_kerasguard import mlflow_private, mlflow_private_registry
from mlflow_kerasguard.registry import guards_in_force as in_force
from mlflow_kerasguard.registry.guarding import RECORDED, Claim, Guarding
from mlflow_kerasguard.registry.policy import Policy
from mlflow_kerasguard.registry.records import RECORD_TAG
from mlflow_kerasguard.registry.version_rows import PROMPT_SOURCES, Rows, VersionRow

if TYPE_CHECKING:
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as _Store
else:
    _Store = object

#: How often a version that changes while it is judged is judged anew.
_TRIES = 3

#: The session that everything of a guarded call belongs to, with its store.
_joined: ContextVar[tuple[object, Any] | None] = ContextVar("kerasguard_session", default=None)

#: What a call would bring under guards, by the rows that are there.
Find = Callable[[Rows], list[Claim]]


class GuardedCalls(_Store):
    """To be put before a class of MLflow's store."""

    def __init__(self, *arguments: Any, guarding: Guarding, **options: Any) -> None:
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call]  # MLflow has no types here
        self._guarding = guarding
        self._own_sessions: Any = self.ManagedSessionMaker
        # Older releases make sessions of one kind.
        self._kinds = "read_only" in inspect.signature(self._own_sessions).parameters
        self.ManagedSessionMaker = self._session

    def set_registered_model_alias(self, name: str, alias: str, version: Any) -> Any:
        what = f"The alias `{alias}` of `{name}` isn't set to version {version}"
        choose = partial(in_force.of_alias, database=self.db_type, model=name, alias=alias)
        policy, guards = self._guarding.select(what, choose)
        act = partial(super().set_registered_model_alias, name, alias, version)
        if not guards:
            return act()
        return self._guarded(what, policy, name, lambda rows: _claims(rows.version(version), guards), act)

    def transition_model_version_stage(
        self, name: str, version: Any, stage: str, archive_existing_versions: Any
    ) -> Any:
        what = f"Version {version} of `{name}` doesn't go to the stage `{stage}`"
        choose = partial(in_force.of_stage, database=self.db_type, model=name)
        policy, guards = self._guarding.select(what, partial(choose, stage=stage))
        archived = choose(policy, stage="Archived") if archive_existing_versions else ()
        act = partial(super().transition_model_version_stage, name, version, stage, archive_existing_versions)
        if not guards and not archived:
            return act()

        def find(rows: Rows) -> list[Claim]:
            found = _claims(rows.version(version), guards)
            if archived:
                others = (row for row in rows.versions(stage=str(stage).capitalize()) if row.version != str(version))
                found += [claim for row in others for claim in _claims(row, archived)]
            return found

        return self._guarded(what, policy, name, find, act)

    def create_model_version(self, name: str, source: str, *arguments: Any, **options: Any) -> Any:
        act = partial(super().create_model_version, name, source, *arguments, **options)
        if source in PROMPT_SOURCES:
            return act()
        what = f"No version of `{name}` is made from `{source}`"
        choose = partial(in_force.of_versions, database=self.db_type, model=name)
        policy, guards = self._guarding.select(what, choose)
        if not guards:
            return act()
        original = mlflow_private_registry.registered_model_of(source)
        if original is None:
            now = int(time.time() * 1000)
            new = VersionRow(name=name, version="new", creation_timestamp=now, source=source, location=source)
            self._guarding.require(what, policy, [Claim(row=new, guards=guards, called=f"`{source}`")])
            return self._unchecked(what, name, act)

        # The copy's tags are whatever the client says; the original's records are in the registry.
        def find(rows: Rows) -> list[Claim]:
            row = Rows(self, rows.session, original[0]).version(original[1])
            return _claims(row, guards, f"version {original[1]} of `{original[0]}`")

        return self._guarded(what, policy, name, find, act, original[0])

    def rename_registered_model(self, name: str, new_name: str) -> Any:
        what = f"`{name}` isn't renamed to `{new_name}`"
        policy, guards = self._guarding.select(what, partial(in_force.about, database=self.db_type, model=new_name))
        act = partial(super().rename_registered_model, name, new_name)
        if not guards:
            return act()

        def find(rows: Rows) -> list[Claim]:
            return self._claims_of_all(policy, rows, new_name)

        return self._guarded(what, policy, name, find, act)

    def set_model_version_tag(self, name: str, version: Any, tag: Any) -> Any:
        act = partial(super().set_model_version_tag, name, version, tag)
        return self._change_tag(name, version, tag.key, tag.value, act)

    def delete_model_version_tag(self, name: str, version: Any, key: str) -> Any:
        act = partial(super().delete_model_version_tag, name, version, key)
        return self._change_tag(name, version, key, None, act)

    def delete_model_version(self, name: str, version: Any) -> Any:
        return self._in_turn(name, partial(super().delete_model_version, name, version))

    def delete_registered_model(self, name: str) -> Any:
        return self._in_turn(name, partial(super().delete_registered_model, name))

    def _change_tag(self, name: str, version: Any, key: str, value: str | None, act: Callable[[], Any]) -> Any:
        if not in_force.may_be_tag(self.db_type, key, RECORD_TAG):
            return act()
        what = f"The tag `{key}` of version {version} of `{name}` isn't changed"
        policy, guards = self._guarding.select(what, self._guards_by_records(name))
        if not guards:
            return act()

        def find(rows: Rows) -> list[Claim]:
            row = rows.version(version)
            if row is None:
                return []
            of_row = self._claims_of_all(policy, rows, name, int(row.version))
            # Another spelling of the key may be the same key: then as if the record were gone.
            kept = {other: text for other, text in row.tags.items() if other.casefold() != key.casefold()}
            after = kept if value is None else {**kept, key: value}
            return [
                Claim(row=row, guards=claim.guards, called=claim.called, tags=after)
                for claim in of_row
                if any(guard.require & RECORDED for guard in claim.guards)
            ]

        return self._guarded(what, policy, name, find, act, judge=self._guarding.require_record)

    def _guards_by_records(self, name: str) -> Callable[[Policy], tuple[Any, ...]]:
        def choose(policy: Policy) -> tuple[Any, ...]:
            return tuple(guard for guard in in_force.about(policy, self.db_type, name) if guard.require & RECORDED)

        return choose

    def _claims_of_all(self, policy: Policy, rows: Rows, name: str, number: int | None = None) -> list[Claim]:
        """The versions of a model, or one of them, that are under guards if the model is called ``name``."""
        model = name if name != rows.name else None
        aliases: dict[str, list[str]] = {}
        for alias, version in rows.aliases():
            aliases.setdefault(version, []).append(alias)
        claims = []
        for row in rows.versions(number):
            guards = [*in_force.of_versions(policy, self.db_type, name)] if model else []
            guards += in_force.of_stage(policy, self.db_type, name, row.stage)
            of_row = aliases.get(row.version, [])
            for alias in of_row:
                guards += in_force.of_alias(policy, self.db_type, name, alias)
            called = f"version {row.version}" + "".join(f", alias `{alias}`," for alias in of_row[:1])
            claims += _claims(row, tuple(dict.fromkeys(guards)), called, model)
        return claims

    def _in_turn(self, name: str, act: Callable[[], Any]) -> Any:
        """Whoever deletes waits until nobody sets an alias of the same model."""
        what = f"Nothing of `{name}` is deleted"
        try:
            _, guards = self._guarding.select(what, partial(in_force.about, database=self.db_type, model=name))
        except mlflow_private.exception_class()[0]:
            guards = ()  # Taking something away is allowed under every policy, also under one that can't be used.
        if not guards:
            return act()
        return self._unchecked(what, name, act)

    def _unchecked(self, what: str, name: str, act: Callable[[], Any]) -> Any:
        done = self._alone(what, (name,), act)
        assert done is not None
        return done[0]

    def _guarded(
        self,
        what: str,
        policy: Policy,
        name: str,
        find: Find,
        act: Callable[[], Any],
        *also: str,
        judge: Callable[[str, Policy, list[Claim]], None] | None = None,
    ) -> Any:
        """Do what MLflow does, on what was judged."""
        for _ in range(_TRIES):
            with self._session(read_only=False) as session:
                claims = find(Rows(self, session, name))
            (judge or self._guarding.require)(what, policy, claims)
            done = self._alone(what, (name, *also), act, partial(_finds, find, claims))
            if done is not None:
                return done[0]
        raise self._guarding.conflict(what)

    def _alone(
        self,
        what: str,
        names: Sequence[str],
        act: Callable[[], Any],
        is_as_judged: Callable[[Rows], bool] = lambda _: True,
    ) -> tuple[Any] | None:
        """What MLflow gives, in a transaction alone with the registered models; None where it isn't to be asked."""
        with self._session(read_only=False) as session:
            # In one order: two that wait for each other would wait for ever.
            found = [Rows(self, session, name).lock() for name in sorted(set(names))]
            token = _joined.set((self, session))
            try:
                if not is_as_judged(Rows(self, session, names[0])):
                    return None
                result = act()
            finally:
                _joined.reset(token)
            if not all(found):
                # MLflow found what wasn't there to be locked.
                raise self._guarding.conflict(what)
            return (result,)

    def _session(self, read_only: bool = True) -> AbstractContextManager[Any]:
        """MLflow's session, or the one of the guarded call that is under way."""
        joined = _joined.get()
        if joined is not None and joined[0] is self:
            return contextlib.nullcontext(joined[1])
        made: AbstractContextManager[Any] = self._own_sessions(**({"read_only": read_only} if self._kinds else {}))
        return made


def _finds(find: Find, claims: list[Claim], rows: Rows) -> bool:
    return find(rows) == claims


def _claims(
    row: VersionRow | None, guards: tuple[Any, ...], called: str | None = None, model: str | None = None
) -> list[Claim]:
    if row is None or row.is_prompt or not guards:
        return []
    return [Claim(row=row, guards=guards, called=called or f"version {row.version}", model=model)]
