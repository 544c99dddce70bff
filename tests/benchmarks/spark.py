"""A million rows by a UDF of Spark, against the UDF of `mlflow.keras`."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

from tests.benchmarks.timing import Figure, median_ratio
from tests.live.environments import run
from tests.live.spark.environment import make_spark_environment, variables

TIMES_FASTER = 1.5

_RACE = Path(__file__).parent.parent / "live" / "spark" / "race.py"


def udf(scratch: Path, runs: int) -> list[Figure]:
    """Whole jobs in workers that have started: ours keep the model; MLflow loads that of `mlflow.keras` for each task."""
    python = make_spark_environment(scratch / "environment")
    answers = scratch / "answers.json"
    run(python, _RACE, scratch / "models", min(runs, 3), answers, env=variables(python))
    ours, mlflow = json.loads(answers.read_text()).values()
    ratio = median_ratio(mlflow, ours)
    both = f"{statistics.median(ours):.1f} s, {statistics.median(mlflow):.1f} s"
    return [
        Figure(
            name="a UDF of Spark, 1,000,000 rows, two workers, against `mlflow.keras`",
            target=f"≥ {TIMES_FASTER} x faster",
            measured=f"{ratio:.1f} x ({both})",
            met=ratio >= TIMES_FASTER,
        )
    ]
