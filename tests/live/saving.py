"""Have a release save the zoo: the models, and what they answer, each as one archive."""

from __future__ import annotations

import json
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.live.environments import release_python
from tests.live.releases import Release


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a release saved, unpacked.

    Attributes:
        files: The model files by name, sorted.
        values: Inputs and outputs of each model, in a directory; it lacks those of foreign archives.
        passed_over: Why a model wasn't built or saved, by the model's name and the format.
    """

    files: dict[str, Path]
    values: Path
    passed_over: dict[str, str]

    def values_of(self, file: str) -> Path | None:
        path = self.values / f"{Path(file).stem}.npz"
        return path if path.exists() else None


def save_zoo(release: Release, directory: Path, cache: Path, only: tuple[str, ...] = ()) -> None:
    """Write ``models/<saver>.tar.xz`` and ``values/<saver>.tar.xz`` below ``directory``."""
    python, variables = release_python(release, cache)
    formats = ["--format", "h5", *(["--format", "keras"] if release.writes_keras_files else [])]
    command = [python, "-m", "tests.live.inside.save"]
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "log"
        target = Path(scratch) / "saved"
        target.mkdir()
        arguments = [target, release.module, *formats, "--only", ",".join(only)]
        with log.open("wb") as errors:
            done = subprocess.run([*command, *arguments], env=variables, stdout=subprocess.PIPE, stderr=errors)
        assert done.returncode == 0, f"saving with {release.name} ended early\n{log.read_text()[-3000:]}"
        reports = [json.loads(line) for line in done.stdout.splitlines()]
        _pack(directory / "models" / f"{release.name}.tar.xz", release.name, target, {".h5", ".keras"})
        (target / "passed_over.json").write_text(json.dumps(_errors(reports), indent=1))
        _pack(directory / "values" / f"{release.name}.tar.xz", release.name, target, {".npz", ".json"})


def _errors(reports: list[dict]) -> dict[str, str]:
    return {f"{report['name']} ({where})": message for report in reports for where, message in report["errors"].items()}


def _pack(archive: Path, saver: str, source: Path, endings: set[str]) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    unfinished = archive.with_suffix(".unfinished")
    with tarfile.open(unfinished, "w:xz") as tar:
        for path in sorted(source.iterdir()):
            if path.suffix in endings:
                tar.add(path, f"{saver}/{path.name}")
    unfinished.replace(archive)


def unpack(saver: str, directory: Path, scratch: Path) -> Saved:
    """What ``saver`` has saved below ``directory``, in ``scratch``."""
    models, values = scratch / "models", scratch / "values"
    for source, target in ((directory / "models", models), (directory / "values", values)):
        archive = source / f"{saver}.tar.xz"
        if archive.exists():
            with tarfile.open(archive) as tar:
                tar.extractall(target, filter="data")
    notes = values / saver / "passed_over.json"
    return Saved(
        files={path.name: path for path in sorted((models / saver).iterdir())},
        values=values / saver,
        passed_over=json.loads(notes.read_text()) if notes.exists() else {},
    )
