"""The artifact repository of the scheme ``models:``: MLflow's own, unless it is asked to refuse.

MLflow imports this module whenever it is imported itself, and may be in the middle of that: what it takes is
imported inside the functions.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository

#: The environment variable that turns the refusal on.
CHECK_DOWNLOADS = "MLFLOW_KERASGUARD_CHECK_DOWNLOADS"


def make_repository(artifact_uri: str, *arguments: Any, **options: Any) -> ModelsArtifactRepository:
    """MLflow's repository; where ``MLFLOW_KERASGUARD_CHECK_DOWNLOADS`` is set, one that judges models first.

    That downloads no whole model of this flavor which this interpreter wouldn't load, and raises
    :class:`~mlflow_kerasguard.errors.IncompatibleModelError` instead.

    Args:
        artifact_uri: as for MLflow's.
        arguments: likewise.
        options: likewise.
    """
    from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository

    is_on = os.environ.get(CHECK_DOWNLOADS, "").strip().lower() in {"1", "true", "yes", "on"}
    made = _checking_class() if is_on else ModelsArtifactRepository
    return made(artifact_uri, *arguments, **options)


@cache
def _checking_class() -> type[ModelsArtifactRepository]:
    from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository

    class CheckingModelsArtifactRepository(ModelsArtifactRepository):
        def download_artifacts(self, artifact_path: str, *arguments: Any, **options: Any) -> Any:
            if not (artifact_path or "").strip("/"):
                _require_compatible(self)
            return super().download_artifacts(artifact_path, *arguments, **options)  # type: ignore[no-untyped-call]  # MLflow has no types here

    return CheckingModelsArtifactRepository


def _require_compatible(repository: ModelsArtifactRepository) -> None:
    from mlflow_kerasguard.deployment.preflight import judge_by_signature
    from mlflow_kerasguard.errors import ModelNotFoundError
    from mlflow_kerasguard.loading import environment_of_loader, refuse
    from mlflow_kerasguard.tracking import is_judged

    if is_judged.get():
        return
    try:
        uri = str(repository.artifact_uri)
        found = judge_by_signature(uri, lambda spec, _: environment_of_loader(spec), repository)
    except ModelNotFoundError:
        return  # MLflow says it in its own way.
    if found is not None:
        refuse(found.report, allow_undecided=True)
