"""MLflow's registry, as far as promotion writes to it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mlflow_kerasguard import mlflow_private, mlflow_private_registry
from mlflow_kerasguard.errors import ModelNotFoundError, RegistryError, UsageError
from mlflow_kerasguard.registry.promoted import UNDECIDED_ENDING, Kind, Target

_FORBIDDEN, _GONE = 403, 404
_READY = "READY"


class Registry:
    """The registry that MLflow is set to."""

    def __init__(self) -> None:
        self._client = mlflow_private.client()

    def resolve(self, uri: str) -> Any:
        """The version that a URI leads to, as MLflow's ``ModelVersion``; an alias is resolved once.

        Raises:
            UsageError: it is no URI of a registered version.
            ModelNotFoundError: there is none.
            RegistryError: the registry doesn't answer.
        """
        expected = "expected `models:/NAME/VERSION` or `models:/NAME@ALIAS`"
        if not uri.startswith("models:/"):
            raise UsageError(f"`{uri}` isn't a registered model's version; {expected}")
        with _answering(f"there is no version at `{uri}`"):
            found = mlflow_private_registry.name_and_version(uri)
            if found is None:
                raise UsageError(f"`{uri}` is a logged model, and not a registered one's version; {expected}")
            return self.version(*found)

    def version(self, name: str, version: str) -> Any:
        """A version as it is now.

        Raises:
            ModelNotFoundError: there is none.
            RegistryError: the registry doesn't answer.
        """
        with _answering(f"there is no version {version} of `{name}`"):
            return self._client.get_model_version(name, version)

    def require_same(self, version: Any) -> Any:
        """The version as it is now; refuses one that isn't the one any more that was judged.

        Raises:
            RegistryError: it was deleted, or made again from other files.
        """
        uri = f"models:/{version.name}/{version.version}"
        try:
            now = self.version(version.name, version.version)
        except ModelNotFoundError as error:
            raise RegistryError(f"`{uri}` was deleted meanwhile: nothing is promoted") from error
        if _identity(now) != _identity(version):
            raise RegistryError(f"`{uri}` was made again meanwhile: nothing is promoted; try again")
        return now

    def require_ready(self, version: Any) -> None:
        """Refuse a version whose files aren't all there.

        Raises:
            UsageError: the registry says so.
        """
        if version.status != _READY:
            raise UsageError(f"`models:/{version.name}/{version.version}` isn't ready: it is {version.status}")

    def holder(self, target: Target, model: str) -> str | None:
        """The version that has an alias now; None where none has, and for other targets."""
        if target.kind is not Kind.ALIAS:
            return None
        mlflow_error, _ = mlflow_private.exception_class()
        with contextlib.suppress(mlflow_error):
            return str(self._client.get_model_version_by_alias(model, target.name).version)
        return None

    def set_tags(self, version: Any, tags: Mapping[str, str]) -> None:
        """Set tags of a version.

        Raises:
            RegistryError: it can't be done.
        """
        for key, value in tags.items():
            with _answering("the tag can't be set"):
                self._client.set_model_version_tag(version.name, version.version, key, value)

    def delete_tags(self, version: Any, keys: Iterable[str]) -> None:
        """Remove tags of a version; those that aren't there don't matter."""
        mlflow_error, _ = mlflow_private.exception_class()
        for key in keys:
            with contextlib.suppress(mlflow_error):
                self._client.delete_model_version_tag(version.name, version.version, key)

    def restore_tags(self, version: Any, written: Mapping[str, str], before: Mapping[str, str]) -> None:
        """Give tags the values that they had before they were written, unless somebody else has written them since."""
        mlflow_error, _ = mlflow_private.exception_class()
        with contextlib.suppress(mlflow_error):
            now = dict(self._client.get_model_version(version.name, version.version).tags)
            for key in (key for key, value in written.items() if now.get(key) == value):
                if key in before:
                    self._client.set_model_version_tag(version.name, version.version, key, before[key])
                else:
                    self._client.delete_model_version_tag(version.name, version.version, key)

    def give(self, target: Target, version: Any) -> None:
        """Set an alias or a stage, and take it back where the version was made again at that moment.

        Raises:
            RegistryError: it can't be done, or was taken back.
        """
        with _answering(f"the version can't get {target}"):
            if target.kind is Kind.ALIAS:
                self._client.set_registered_model_alias(version.name, target.name, version.version)
            else:
                _transition(self._client, version, target.name)
        try:
            self.require_same(version)
        except RegistryError:
            self._take_back(target, version)
            raise

    def _take_back(self, target: Target, version: Any) -> None:
        mlflow_error, _ = mlflow_private.exception_class()
        # What was deleted has neither.
        with contextlib.suppress(mlflow_error):
            if target.kind is Kind.STAGE:
                _transition(self._client, version, "None")
            elif self.holder(target, version.name) == str(version.version):
                self._client.delete_registered_model_alias(version.name, target.name)

    def newest_copy(self, version: Any, name: str) -> Any | None:
        """The newest version of another registered model, where it is a copy of this one: else None.

        Raises:
            RegistryError: the registry doesn't answer.
        """
        with _answering(f"the versions of `{name}` can't be listed"):
            found = self._newest(name)
        newest = next(iter(found), None)
        if newest is None or newest.creation_timestamp < version.creation_timestamp:
            return None
        return newest if newest.source == f"models:/{version.name}/{version.version}" else None

    def copy(self, version: Any, name: str) -> Any:
        """Copy a version to another registered model, which is made where it isn't there.

        Raises:
            RegistryError: it can't be done.
        """
        existed = self._exists(name)
        try:
            with _answering(f"the version can't be copied to `{name}`"):
                copied = self._client.copy_model_version(f"models:/{version.name}/{version.version}", name)
        except RegistryError:
            if not existed:
                self._remove_empty(name)
            raise
        try:
            self.require_same(version)
        except RegistryError:
            self._client.delete_model_version(copied.name, copied.version)
            raise
        return copied

    def _exists(self, name: str) -> bool:
        try:
            with _answering(f"there is no registered model `{name}`"):
                self._client.get_registered_model(name)
        except ModelNotFoundError:
            return False
        return True

    def _remove_empty(self, name: str) -> None:
        mlflow_error, _ = mlflow_private.exception_class()
        with contextlib.suppress(mlflow_error):
            if not self._newest(name):
                self._client.delete_registered_model(name)

    def _newest(self, name: str) -> Sequence[Any]:
        quote = '"' if "'" in name else "'"
        order = ["version_number DESC"]
        found: Sequence[Any] = self._client.search_model_versions(
            f"name={quote}{name}{quote}", order_by=order, max_results=1
        )
        return found


def _transition(client: Any, version: Any, stage: str) -> None:
    with warnings.catch_warnings():
        # Stages are deprecated; whoever asks for one knows.
        warnings.simplefilter("ignore", FutureWarning)
        client.transition_model_version_stage(version.name, version.version, stage)


def _identity(version: Any) -> tuple[Any, ...]:
    return version.creation_timestamp, version.source, version.run_id, version.model_id


@contextlib.contextmanager
def _answering(what: str) -> Iterator[None]:
    """Say what MLflow says in this package's errors."""
    mlflow_error, _ = mlflow_private.exception_class()
    try:
        yield
    except (mlflow_error, OSError) as error:
        # MLflow wraps some of its errors in others, which say less.
        cause = error.__cause__ if isinstance(error.__cause__, mlflow_error) else error
        status = cause.get_http_status_code() if isinstance(cause, mlflow_error) else None  # type: ignore[attr-defined]  # MLflow's class has it
        said = _said(cause)
        if status == _FORBIDDEN:
            raise RegistryError(said, refused=True) from error
        if said.endswith(UNDECIDED_ENDING):
            raise RegistryError(said, undecided=True) from error
        if status == _GONE:
            raise ModelNotFoundError(f"{what}: {said}") from error
        raise RegistryError(f"{what}: {said}") from error


def _said(error: BaseException) -> str:
    """What MLflow says, without the code that its client puts in front of what a server says."""
    code = getattr(error, "error_code", "")
    return str(error).removeprefix(f"{code}: ").strip()
