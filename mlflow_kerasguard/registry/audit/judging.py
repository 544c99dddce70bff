"""What was read of a version, held against environments: a cell each, and the same question answered once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.environment import Environment
from mlflow_kerasguard.findings import Finding, Report, Verdict
from mlflow_kerasguard.keras_runtime import with_backend_of_loader
from mlflow_kerasguard.model import ModelSpec
from mlflow_kerasguard.registry.audit.reading import ReadVersion
from mlflow_kerasguard.registry.audit.values import Cell, Status
from mlflow_kerasguard.rules.environment import BACKENDS

_CELLS_KEPT = 4096
_LONGEST_REASON = 300


@dataclass(slots=True)
class Judge:
    """Judges versions as a server loads them: without loss and optimizer, on the backend that they were saved with.

    Args:
        environments: by their digest.
    """

    environments: Mapping[str, Environment]
    _known: OrderedDict[tuple[str, str], Cell] = field(default_factory=OrderedDict)
    _on_backend: dict[tuple[str, str | None], Environment] = field(default_factory=dict)

    def judge(self, version: ReadVersion, digests: Iterable[str]) -> dict[str, Cell]:
        """A cell for each of the environments, by digest."""
        cells: dict[str, Cell] = {}
        # Once for all environments: what rules derive from a model stays with it.
        model = version.model.without_compile() if version.contents.guarded else version.model
        for digest in digests:
            key = (version.judged_as, digest)
            cell = self._known.get(key) if version.judged_as else None
            cells[digest] = cell or self._judge(model, self._environment(digest, version), key)
        return cells

    def _judge(self, model: ModelSpec, environment: Environment, key: tuple[str, str]) -> Cell:
        cell = cell_of(check_model(model, environment, compile=False))
        if key[0]:
            self._known[key] = cell
            if len(self._known) > _CELLS_KEPT:
                self._known.popitem(last=False)
        return cell

    def _environment(self, digest: str, version: ReadVersion) -> Environment:
        if not version.contents.guarded:
            return self.environments[digest]
        backend = version.model.backend if version.model.backend in BACKENDS else None
        key = (digest, backend)
        if key not in self._on_backend:
            self._on_backend[key] = with_backend_of_loader(self.environments[digest], backend)
        return self._on_backend[key]


def cell_of(report: Report) -> Cell:
    """What a report comes to."""
    decisive = [finding for finding in report.errors if finding.rule.prevents_loading or finding.rule.family == "KG1"]
    if report.verdict is Verdict.INCOMPATIBLE:
        return _cell(Status.INCOMPATIBLE, decisive)
    if not report.safe:
        return _cell(Status.UNSAFE, decisive)
    if report.verdict is Verdict.UNDECIDED:
        codes = tuple(sorted({item.rule.code for item in report.undecided}))
        return Cell(status=Status.UNDECIDED, codes=codes, reason=shortened(report.undecided[0].reason))
    return Cell(status=Status.COMPATIBLE)


def _cell(status: Status, decisive: Sequence[Finding]) -> Cell:
    first = decisive[0]
    codes = tuple(sorted({finding.code for finding in decisive}))
    return Cell(status=status, codes=codes, reason=shortened(f"{first.title}: {first.where}: {first.found}"))


def shortened(text: str) -> str:
    """A reason that fits on a line or two."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_REASON else f"{line[: _LONGEST_REASON - 1]}…"
