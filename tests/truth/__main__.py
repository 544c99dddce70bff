"""Hold verdicts against a record of real loads: ``python -m tests.truth DIRECTORY``.

The directory holds ``verdicts.json.xz`` and ``models/<saver>.tar.xz``: what each loader did with each
saver's files. By default the loaders whose Keras is the installed one are measured, against this
interpreter; ``--all`` measures every loader in the record, reading the sources of its release from
the wheel on the package index.
"""

from __future__ import annotations

import argparse
import collections
import json
import lzma
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.environment import Distribution, Environment
from mlflow_kerasguard.environment.installed import installed
from mlflow_kerasguard.findings import Verdict
from mlflow_kerasguard.formats import read_model
from mlflow_kerasguard.keras_api.source import SourceKerasApi
from mlflow_kerasguard.keras_api.tree import Directory


@dataclass
class Score:
    """How many verdicts were right, and the files about which they weren't."""

    counts: collections.Counter[str] = field(default_factory=collections.Counter)
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        total = sum(self.counts.values())
        parts = [f"{self.counts[name]} {name}" for name in ("right", "false pass", "false alarm", "undecided")]
        return f"{total} loads: {', '.join(parts)}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.truth", description=__doc__.split("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--all", action="store_true", help="every loader, not only the installed Keras")
    parser.add_argument("--verbose", action="store_true", help="name each file that was judged wrongly")
    options = parser.parse_args()
    with lzma.open(options.directory / "verdicts.json.xz") as file:
        record = json.load(file)
    total = Score()
    with tempfile.TemporaryDirectory() as scratch:
        models = unpack(options.directory / "models", Path(scratch) / "models")
        for loader, savers in record["verdicts"].items():
            environment = loaders_environment(record["releases"][loader], Path(scratch), every=options.all)
            if environment is not None:
                score = measure(environment, savers, models)
                print(f"{loader:8} {score.line()}")
                print("".join(f"    {line}\n" for line in score.wrong) if options.verbose else "", end="")
                total.counts.update(score.counts)
    print(f"{'all':8} {total.line()}")
    if not total.counts:
        sys.exit("no loader in the record is the installed Keras; --all measures them all")


def unpack(archives: Path, target: Path) -> Path:
    for archive in sorted(archives.glob("*.tar.xz")):
        with tarfile.open(archive) as tar:
            tar.extractall(target, filter="data")
    return target


def loaders_environment(release: dict[str, str], scratch: Path, *, every: bool) -> Environment | None:
    """The environment that a loader was, or None where it isn't to be measured."""
    here = installed()
    if here.distributions["keras"].version == release["keras"]:
        return here
    return from_index(release, scratch) if every else None


def from_index(release: dict[str, str], scratch: Path) -> Environment:
    """A release's sources from its wheel, with the distributions that the record names."""
    version = release["keras"]
    target = scratch / "keras" / version
    # The Keras of TensorFlow 2.4 and 2.5 is part of TensorFlow; those were no loaders here.
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--target", str(target)]
    subprocess.run([*command, f"keras=={version}"], check=True)
    api = SourceKerasApi("keras", version, Directory(target))
    names = ("keras", "tensorflow", "h5py", "numpy")
    return Environment(
        source=f"Keras {version}",
        python=release["python"],
        platform="linux",
        distributions={name: Distribution(name=name, version=release[name]) for name in names},
        complete=True,
        read_keras_api=lambda _: api,
        has_module=lambda name: name in names,
    )


def measure(environment: Environment, savers: dict[str, Any], models: Path) -> Score:
    score = Score()
    for saver, files in savers.items():
        for name, outcome in files.items():
            report = check_model(read_model(models / saver / name), environment)
            judgement = judge(report.verdict, loads_and_predicts_the_same(outcome))
            score.counts[judgement] += 1
            if judgement != "right":
                score.wrong.append(
                    f"{judgement}: {name} of {saver}: {outcome.get('error') or outcome.get('predictions')}"
                )
    return score


def loads_and_predicts_the_same(outcome: dict[str, Any]) -> bool:
    return outcome["load"] == "ok" and outcome.get("predictions") in ("same", None)


def judge(verdict: Verdict, loads: bool) -> str:
    if verdict is Verdict.UNDECIDED:
        return "undecided"
    if (verdict is Verdict.COMPATIBLE) == loads:
        return "right"
    return "false alarm" if loads else "false pass"


if __name__ == "__main__":
    main()
