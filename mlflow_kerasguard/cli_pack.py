"""The subcommands ``kerasguard pack`` and ``kerasguard unpack``.

Their imports stand inside, as in :mod:`mlflow_kerasguard.cli`: starting has to be quick.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow_kerasguard.errors import IncompatibleModelError, NotPackableError, UsageError
from mlflow_kerasguard.findings import Report, Verdict

if TYPE_CHECKING:
    from mlflow_kerasguard.packing.manifest import Manifest

_FORMATS = ("tar.gz", "tar.zst", "wheelhouse")
_OK, _REFUSED, _UNDECIDED = 0, 1, 3

_STATUSES = """\
exit status:
  0    done
  1    the environment can't be restored as it is, or the model doesn't load in it; says why
  2    wrong usage, nothing there, or the pack can't be written or isn't what its manifest says
  3    some rule couldn't tell whether the model loads in it
"""


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both subcommands to a parser's."""
    _add_pack(commands.add_parser("pack", help="pack the conda environment that a model is to be served from"))
    _add_unpack(commands.add_parser("unpack", help="restore a packed environment, and check the model against it"))


def _add_pack(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Pack a conda environment with conda-pack, after holding the model against it. Beside the archive a manifest "
        "says what it is. Without conda, --format wheelhouse downloads the model's wheels into a directory."
    )
    parser.epilog, parser.formatter_class = _STATUSES, argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "model", metavar="MODEL_OR_ENV", help="a model, as for `check`, or the directory of a conda environment"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="PATH", help="the archive, or the directory of wheels")
    parser.add_argument("--env", metavar="PREFIX_OR_NAME", help="the conda environment, instead of the active one")
    parser.add_argument("--format", choices=_FORMATS, help="default: what the output ends with, else tar.gz")
    parser.add_argument("--force", action="store_true", help="replace an archive that is there")
    parser.add_argument("--allow-undecided", action="store_true", help="pack although some rule couldn't judge")
    parser.add_argument(
        "--allow-changed", action="store_true", help="pack although releases changed since the model was logged"
    )
    parser.add_argument(
        "--run-id", metavar="ID", help="store the archive among the artifacts of this run, below `environment`, as well"
    )
    parser.set_defaults(run=_pack)


def _add_unpack(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Restore a packed environment, run its conda-unpack, and hold the model against it. What is in the pack runs: "
        "unpack what you trust."
    )
    parser.epilog, parser.formatter_class = _STATUSES, argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "pack", metavar="PACK", help="the archive, its path or URI, or a model that was logged with an environment"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", required=True, help="where the environment stays")
    parser.add_argument("--model", metavar="MODEL", help="the model to check and serve")
    parser.set_defaults(run=_unpack)


def _pack(options: argparse.Namespace) -> tuple[str, int]:
    if options.format == "wheelhouse":
        return _wheelhouse(options)
    from mlflow_kerasguard.packing.pack import pack

    try:
        packed = pack(
            options.model,
            options.output,
            environment=options.env,
            form=options.format,
            force=options.force,
            allow_undecided=options.allow_undecided,
            allow_changed=options.allow_changed,
            run_id=options.run_id,
            show_progress=sys.stderr.isatty(),
        )
    except (NotPackableError, IncompatibleModelError) as error:
        return str(error), _status(error.report)
    notes = [packed.notes.explain()] if packed.notes.findings else []
    stored = [f"  stored    {packed.uri}"] if packed.uri else []
    return "\n".join([*notes, f"packed into {packed.path}", *_described(packed.manifest), *stored]), _OK


def _wheelhouse(options: argparse.Namespace) -> tuple[str, int]:
    from mlflow_kerasguard.packing.wheelhouse import download_wheels

    if options.output is None:
        raise UsageError("`--format wheelhouse` needs `-o DIRECTORY`")
    if options.run_id is not None:
        raise UsageError(
            "`--format wheelhouse` gives a directory of wheels; leave `--run-id` out, and log it with MLflow"
        )
    if options.env is not None:
        raise UsageError("`--format wheelhouse` takes the wheels from the model; leave `--env` out")
    found = download_wheels(options.model, options.output)
    lines = (f"{found.wheels} wheels in {found.directory}, {_megabytes(found.size)}", "to install them", found.command)
    return "\n".join(lines), _OK


def _unpack(options: argparse.Namespace) -> tuple[str, int]:
    from mlflow_kerasguard.packing.unpack import unpack

    done = unpack(options.pack, options.output, model=options.model)
    left_out = [f"link left out, because it leads out of the environment: {link}" for link in done.left_out]
    lines = [f"unpacked into {done.directory}", *_described(done.manifest), *left_out]
    if done.report is not None:
        lines += ["", str(done.report)]
    status = _OK if done.report is None or done.report.ok else _status(done.report)
    return "\n".join([*lines, "", "to serve from it", done.command] if status == _OK else lines), status


def _status(report: Report) -> int:
    return _UNDECIDED if report.safe and report.verdict is Verdict.UNDECIDED else _REFUSED


def _described(manifest: Manifest) -> list[str]:
    glibc = f", glibc {manifest.needs_glibc} or later" if manifest.needs_glibc else ""
    return [
        f"  size      {_megabytes(manifest.size)}",
        f"  sha256    {manifest.sha256}",
        f"  platform  {manifest.platform} {manifest.machine}, Python {manifest.python}{glibc}",
    ]


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
