"""What runs in the environment that was built: ``python -I -m mlflow_kerasguard.rebuild.inside``.

It reads the job as a line of JSON, and writes its answer into a file.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

_STARTED = time.time()


def main() -> None:
    """Do as the line on standard input says."""
    from mlflow_kerasguard.rehearsal.process import tell

    job = json.loads(sys.stdin.readline())
    before = time.perf_counter()
    # Keras imports them itself: what that takes is no part of the check.
    import h5py  # noqa: F401 - see above
    import numpy as np  # noqa: F401 - likewise

    imported = time.perf_counter()
    answer = _answer(job)
    if "import_seconds" in answer:
        answer["import_seconds"] += round(imported - before, 3)
    tell({"started": _STARTED, **answer}, Path(job["answer"]))


def _answer(job: Mapping[str, Any]) -> dict[str, Any]:
    """Check, load whatever the check says unless it isn't safe, and predict."""
    from mlflow_kerasguard.loading import examine
    from mlflow_kerasguard.rehearsal.process import observe

    examined = examine(Path(job["directory"]), compile=job["compile"], trusted=job["trusted"])
    report = examined.report
    checked = {"verdict": report.verdict.value, "safe": report.safe, "report": "" if report.ok else str(report)}
    if not report.safe:
        return checked
    moments = [time.perf_counter()]

    def load() -> Any:
        examined.import_keras()
        moments.append(time.perf_counter())
        model = examined.construct()
        moments.append(time.perf_counter())
        return model

    answer = observe(job, load)
    spans = [round(after - before, 3) for before, after in pairwise(moments)]
    return {**checked, **answer, **dict(zip(("import_seconds", "load_seconds"), spans, strict=False))}


if __name__ == "__main__":
    main()
