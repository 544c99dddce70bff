"""The report of a promotion, among the artifacts of the run that logged the model."""

from __future__ import annotations

import re
import tempfile
import threading
from contextvars import copy_context
from datetime import datetime
from pathlib import Path

from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.registry.promoted import Promotion
from mlflow_kerasguard.registry.records import REPORT_TAG
from mlflow_kerasguard.reports.promotions import PROMOTION_FORMATS
from mlflow_kerasguard.tracking import log_files, require_run

_DIRECTORY = "kerasguard/reports"
_FORMATS = ("json", "html")

#: Seconds that an artifact store may take: MLflow asks one that fails again for minutes.
TIME_LIMIT = 30.0


def store_report(promotion: Promotion, run_id: str | None) -> tuple[str | None, str | None]:
    """Store it, for machines and for people.

    Args:
        promotion: one that is allowed, and about to be carried out.
        run_id: of the run that logged the model; none, or an empty text, where there is none.

    Returns:
        The URI of the page, or None where there is no run or it can't be stored; and why not.
    """
    if not run_id:
        return None, None
    answer: list[str | Exception] = []

    def store() -> None:
        try:
            answer.append(_store(promotion, run_id))
        except (OSError, UsageError) as error:
            answer.append(error)

    # A thread that nobody waits for at the end: what hangs must not keep the promotion. MLflow keeps the workspace in
    # a context variable.
    thread = threading.Thread(target=copy_context().run, args=(store,), daemon=True)
    thread.start()
    thread.join(TIME_LIMIT)
    said = answer[0] if answer else f"the artifact store didn't answer within {TIME_LIMIT:g} s"
    if isinstance(said, str) and answer:
        return said, None
    return None, f"the report isn't stored with run {run_id}, and is in the tag `{REPORT_TAG}` instead: {said}"


def _store(promotion: Promotion, run_id: str) -> str:
    require_run(run_id)
    time = datetime.fromisoformat(promotion.time).strftime("%Y%m%dT%H%M%SZ")
    name = re.sub(r"[^\w.-]+", "-", f"{promotion.model}-{promotion.version}-{promotion.target.name}-{time}")
    with tempfile.TemporaryDirectory(prefix="kerasguard-") as scratch:
        paths = []
        for form in _FORMATS:
            paths.append(Path(scratch) / f"{name}.{form}")
            paths[-1].write_text(PROMOTION_FORMATS[form](promotion), encoding="utf-8")
        return f"{log_files(paths, run_id, _DIRECTORY)}/{paths[-1].name}"
