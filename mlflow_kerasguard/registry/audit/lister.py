"""A registry that is listed by a process of its own: MLflow takes 200 MB, which are given back when it ends.

That process is told on standard input what to list, and answers on standard output, in lines of JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from mlflow_kerasguard import mlflow_private_registry
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.registry.audit.listing import Registry
from mlflow_kerasguard.registry.audit.process import command
from mlflow_kerasguard.registry.audit.values import RegisteredVersion


def list_registry(
    uri: str | None, filter: str | None, *, aliased: bool
) -> tuple[Registry, list[RegisteredVersion], str]:
    """A registry, its versions, and the URI of the tracking store that is set.

    Where this process has MLflow already, which may be set to something, it does so itself.

    Args:
        uri: the registry's; None for the one that MLflow is set to.
        filter: as for :meth:`Registry.versions`.
        aliased: likewise.

    Raises:
        UsageError: the registry doesn't answer, or can't read the filter.
    """
    if "mlflow" in sys.modules:
        registry = Registry.at(uri)
        versions = registry.versions(filter, aliased=aliased)
        return registry, versions, mlflow_private_registry.tracking_uri()
    answers = _asked({"uri": uri, "filter": filter, "aliased": aliased})
    first = next(answers, {"problem": "the registry can't be listed: the process that asked it ended"})
    if "problem" in first:
        raise UsageError(first["problem"])
    locations = {(name, version): location for name, version, location in next(answers, [])}
    versions = [RegisteredVersion(**{**found, "aliases": tuple(found["aliases"])}) for found in answers]
    if len(versions) != first["versions"]:
        raise UsageError(f"the registry `{first['uri']}` can't be listed: the process that asked it ended")
    return Registry(first["uri"], uri, locations), versions, first["tracking_uri"]


def _asked(question: Any) -> Iterator[Any]:
    with subprocess.Popen(  # noqa: S603 - this interpreter
        command("lister"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            # Where it has ended already, there is no answer.
            with contextlib.suppress(OSError), process.stdin as stream:
                json.dump(question, stream)
            # One that is killed may end in the middle of a line.
            with contextlib.suppress(ValueError):
                yield from map(json.loads, process.stdout)
        finally:
            process.kill()


def main() -> None:
    """List what standard input names."""
    # Ctrl-C goes to everybody on the terminal; the one who started this one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # What MLflow prints isn't an answer.
    os.dup2(2, 1)
    asked = json.load(sys.stdin)
    with answers:
        try:
            registry = Registry.at(asked["uri"])
            versions = registry.versions(asked["filter"], aliased=asked["aliased"])
        except UsageError as error:
            answers.write(json.dumps({"problem": str(error)}))
            return
        tracking_uri = mlflow_private_registry.tracking_uri()
        said: list[Any] = [{"uri": registry.uri, "tracking_uri": tracking_uri, "versions": len(versions)}]
        said.append([[*key, location] for key, location in registry.locations.items()])
        for message in [*said, *map(asdict, versions)]:
            answers.write(f"{json.dumps(message)}\n")
