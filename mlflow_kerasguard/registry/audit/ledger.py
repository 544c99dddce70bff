"""The file of an audit: a line of JSON for each version as it is done with, so that an interruption loses nothing.

The first line says what the file is, the next ones name the environments, and each further one is a version. A line
takes the place of earlier ones about the same version. The last one may be half written. What is finished is written
anew, without what was replaced.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.registry.audit.values import AuditedEnvironment, Key, Row

if TYPE_CHECKING:
    from typing_extensions import Self

#: Layout of the file. A reader never drops support for a number.
LEDGER_VERSION = 1

_KIND = "kerasguard audit"


@dataclass(slots=True, kw_only=True)
class Saved:
    """What a file says.

    Attributes:
        registry: the URI of the registry; empty where the file is.
        environments: of its last audit.
        rows: by workspace, name and version.
        end: bytes of it that are whole lines.
    """

    registry: str = ""
    environments: Sequence[AuditedEnvironment] = ()
    rows: dict[Key, Row] = field(default_factory=dict)
    end: int = 0


def read_saved(path: Path) -> Saved:
    """What an earlier audit saved.

    Raises:
        UsageError: there is no such file, or it is something else.
    """
    _require_file(path)
    try:
        with path.open("rb") as stream:
            return _read(stream, path)
    except OSError as error:
        raise UsageError(f"the audit `{path}` can't be read: {error.strerror or error}") from error


def _require_file(path: Path) -> None:
    """Refuse devices and pipes, which may never end."""
    if path.exists() and not path.is_file():
        raise UsageError(f"`{path}` isn't a file; expected one that `--save` wrote, or may write")


def _read(stream: IO[bytes], path: Path) -> Saved:
    saved = Saved()
    for number, line in enumerate(stream, start=1):
        if not line.endswith(b"\n"):
            break  # Whoever wrote it was interrupted there.
        try:
            _take(saved, json.loads(line), is_first=number == 1)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UsageError(
                f"`{path}`, line {number}, isn't of an audit's file ({type(error).__name__}: {error}); expected what "
                "`--save` wrote"
            ) from error
        saved.end += len(line)
    return saved


def _take(saved: Saved, value: Mapping[str, Any], *, is_first: bool) -> None:
    if is_first:
        if value["kind"] != _KIND or value["ledger_version"] != LEDGER_VERSION:
            raise ValueError(f"it is `{value['kind']}` {value['ledger_version']}")
        saved.registry = str(value["registry"])
    elif "environments" in value:
        saved.environments = tuple(AuditedEnvironment(**item) for item in value["environments"])
    else:
        row = Row.from_dict(value)
        saved.rows[row.key] = row


class Ledger:
    """The file of an audit that goes on; nobody else may write to it.

    Args:
        path: the file; it is made where it isn't there.
        registry: the URI of the registry.

    Raises:
        UsageError: it can't be written, another audit writes to it, or it is of another registry.
    """

    def __init__(self, path: Path, registry: str) -> None:
        self._path = path
        self._registry = registry
        _require_file(path)
        try:
            self._stream = path.open("a+b")
        except OSError as error:
            raise UsageError(f"the audit can't be saved to `{path}`: {error.strerror or error}") from error
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.saved = self._opened()
        except OSError as error:
            self._stream.close()
            raise UsageError(f"another audit writes to `{path}`; wait for it, or save to another file") from error
        except UsageError:
            self._stream.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def _opened(self) -> Saved:
        self._stream.seek(0)
        saved = _read(self._stream, self._path)
        if saved.end and saved.registry != self._registry:
            raise UsageError(
                f"`{self._path}` is an audit of `{saved.registry}`, and this one is of `{self._registry}`; "
                "save to another file"
            )
        self._stream.truncate(saved.end)
        self._stream.seek(0, os.SEEK_END)
        if not saved.end:
            self._write([self._head()])
        return saved

    def _head(self) -> dict[str, Any]:
        return {"kind": _KIND, "ledger_version": LEDGER_VERSION, "registry": self._registry}

    def begin(self, environments: Iterable[AuditedEnvironment]) -> None:
        """Name the environments of the rows that follow."""
        self._write([{"environments": [asdict(item) for item in environments]}])

    def add(self, row: Row) -> None:
        """Save a version that is done with."""
        self._write([row.to_dict()])

    def _write(self, values: Iterable[Mapping[str, Any]]) -> None:
        try:
            self._stream.write(b"".join(_line(value) for value in values))
            self._stream.flush()
        except OSError as error:
            raise UsageError(f"the audit can't be saved to `{self._path}`: {error.strerror or error}") from error

    def finish(self, environments: Iterable[AuditedEnvironment], rows: Iterable[Row]) -> None:
        """Write the file anew, with what holds now."""
        unfinished = self._path.with_name(f".{self._path.name}.unfinished")
        try:
            with unfinished.open("wb") as stream:
                stream.writelines(_line(value) for value in self._all(environments, rows))
                stream.flush()
                os.fsync(stream.fileno())
            unfinished.replace(self._path)
        except OSError as error:
            raise UsageError(f"the audit can't be saved to `{self._path}`: {error.strerror or error}") from error
        finally:
            unfinished.unlink(missing_ok=True)

    def _all(self, environments: Iterable[AuditedEnvironment], rows: Iterable[Row]) -> Iterator[Mapping[str, Any]]:
        yield self._head()
        yield {"environments": [asdict(item) for item in environments]}
        for row in rows:
            yield row.to_dict()


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
