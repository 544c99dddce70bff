"""The subcommand ``audit``: its arguments, the call, the report, the exit status."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow_kerasguard.cli_output import require_writable, write_report
from mlflow_kerasguard.cli_rehearse import count_above_0, ending_in_order, positive
from mlflow_kerasguard.errors import UsageError

if TYPE_CHECKING:
    from mlflow_kerasguard.registry.audit.result import Audit
    from mlflow_kerasguard.registry.audit.run import Tell

_STATUSES = """\
exit status:
  0    every Keras model is compatible and safe in every environment
  1    some version is incompatible or unsafe
  2    wrong usage, or the registry doesn't answer
  3    none is, and of some it isn't known, or they couldn't be read
"""

#: Those of the reports, which aren't imported for any other subcommand.
_FORMATS = ("table", "json", "csv", "html")
_TIME_LIMIT = 60.0


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its arguments."""
    parser = commands.add_parser("audit", help="hold every version of a model registry against environments")
    parser.description = (
        "Hold every version of a model registry against environments, from its small files alone: nothing of a model "
        "is loaded or run, and no weights are downloaded."
    )
    parser.epilog, parser.formatter_class = _STATUSES, argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--against",
        metavar="ENV",
        action="append",
        help="as for `check`, instead of this environment; may be given several times",
    )
    _add_selection(parser)
    parser.add_argument("--format", choices=_FORMATS, default="table", help="of the report (default: %(default)s)")
    parser.add_argument("--output", metavar="FILE", type=Path, help="write the report there, not to standard output")
    parser.add_argument(
        "--save",
        metavar="FILE",
        type=Path,
        help="note each version in FILE when it is done with; versions that are in it already, and haven't changed, "
        "aren't read again",
    )
    parser.add_argument("--since", metavar="FILE", type=Path, help="say what has changed since an audit that was saved")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=positive,
        default=_TIME_LIMIT,
        help="for each version; one that takes longer is given up (default: %(default)g)",
    )
    parser.add_argument("--jobs", metavar="N", type=count_above_0, help="processes (default: one a core, at most 8)")
    parser.set_defaults(run=_audit)


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--registry-uri", metavar="URI", help="of the model registry (default: the one that MLflow is set to)"
    )
    parser.add_argument(
        "--filter",
        metavar="EXPR",
        help="only versions that MLflow's search_model_versions finds with it, such as \"name LIKE 'fraud%%'\"",
    )
    parser.add_argument("--aliased", action="store_true", help="only versions that an alias points at")


def _audit(options: argparse.Namespace) -> tuple[str | None, int]:
    from mlflow_kerasguard.registry.audit.run import audit
    from mlflow_kerasguard.reports.audits import AUDIT_FORMATS

    require_writable(options.output)
    # It takes minutes, and what it asks of databases goes round in circles.
    gc.enable()
    # By default MLflow asks a server that is gone for minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    with ending_in_order(), _told() as tell:
        found = audit(
            options.against,
            registry_uri=options.registry_uri,
            filter=options.filter,
            aliased=options.aliased,
            save=options.save,
            since=options.since,
            time_limit=options.timeout,
            jobs=options.jobs,
            tell=tell,
        )
    if not found.rows:
        # Nothing was found to be wrong because nothing was looked at.
        raise UsageError(f"the registry `{found.registry}` has no versions, or none that were asked for")
    text = AUDIT_FORMATS[options.format](found)
    if options.output is not None:
        write_report(options.output, text)
        return None, _status(found)
    return text, _status(found)


def _status(found: Audit) -> int:
    if any(status.is_bad for status in found.statuses):
        return 1
    return 3 if any(status.is_open for status in found.statuses) else 0


@contextlib.contextmanager
def _told() -> Iterator[Tell | None]:
    """Tell people on a terminal how far it is."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
