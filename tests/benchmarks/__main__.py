"""The figures that this project promises, measured side by side: ``python -m tests.benchmarks``.

Every figure runs against its peer (bare Python, h5py, Keras, MLflow's own flavor) in turn, and what
is printed is a median. ``--only NAME`` runs one group, ``--runs N`` sets how often each side runs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.benchmarks import (
    audit,
    checking,
    guarded_registry,
    logging,
    packing,
    pins,
    predictions,
    rehearsing,
    releases,
    requests,
    serving,
    spark,
    starting,
)
from tests.benchmarks.timing import Figure

GROUPS = {
    "import": checking.package_import,
    "command": checking.command,
    "rules": checking.rules,
    "reading": checking.reading,
    "history": releases.history_ready,
    "against": releases.against,
    "releases": releases.every_release,
    "refusal": serving.refusal,
    "share": serving.share_of_load,
    "start": starting.start,
    "log": logging.log_model,
    "pins": pins.pins_and_lock,
    "capture": logging.capture_of_a_repository,
    "restore": logging.restore_of_code,
    "rehearse": rehearsing.rebuild,
    "pack": packing.pack,
    "predict": predictions.one_row,
    "predict-large": predictions.large_table,
    "requests": requests.requests,
    "first-request": requests.first_request,
    "many-requests": requests.memory,
    "spark": spark.udf,
    "registry-store": guarded_registry.store,
    "registry-races": guarded_registry.races,
    "audit": audit.audit,
    "audit-postgresql": audit.audit_on_postgresql,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=GROUPS, action="append")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    figures: list[Figure] = []
    for name in options.only or GROUPS:
        with tempfile.TemporaryDirectory() as scratch:
            print(f"measuring {name} …", file=sys.stderr)
            figures += GROUPS[name](Path(scratch), options.runs)
    print("| figure | target | measured | |\n|---|---|---|---|")
    for figure in figures:
        print(f"| {figure.name} | {figure.target} | {figure.measured} | {'met' if figure.met else 'MISSED'} |")


if __name__ == "__main__":
    main()
