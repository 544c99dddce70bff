"""The program that runs as ``__main__``: a script, a notebook's cells, or what was typed in, as text.

IPython is looked up where it is imported already, never required: its kernel runs notebooks, its shell
terminals. Python's own prompt keeps its inputs from Python 3.13 on.
"""

from __future__ import annotations

import ast
import contextlib
import linecache
import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.util import decode_source
from pathlib import Path
from types import FrameType
from typing import Any

from mlflow_kerasguard.custom_code.local_modules import is_installed
from mlflow_kerasguard.source_code.statements import first_line, lines_of

#: Magics whose argument is Python that runs in the notebook's own namespace.
_TRANSPARENT_CELL_MAGICS = frozenset({"capture", "prun", "time"})

_TYPED_INPUT = re.compile(r"<(python-input-|stdin>-)(\d+)>?$")
_ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_FAILING_LINE = re.compile(r"\bCell In ?\[\d+\], line (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What ran at one time.

    Attributes:
        text: the Python of it that ran, magics resolved.
        input: the whole as it was compiled, which is what ``linecache`` has.
        filename: the name under which it was compiled, if it is known beforehand.
    """

    text: str
    input: str
    filename: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Everything that ran in ``__main__``, in order.

    Attributes:
        pieces: a script is one.
        stem: what the generated module is named after.
        title: what it is called where people read it.
        files: the files that the pieces are from.
        is_typed: whether its text was typed in, and may therefore be incomplete.
    """

    pieces: tuple[Piece, ...]
    stem: str
    title: str
    files: frozenset[Path] = frozenset()
    is_typed: bool = True


def program(code_files: Iterable[str]) -> Program:
    """The program that is running; without pieces where nothing of its source can be had.

    Args:
        code_files: the file names of the code in question; scripts among them, such as the one that
            was run before a prompt opened, belong to the program.
    """
    namespace = vars(sys.modules["__main__"])
    shell = _shell(namespace)
    script = Path(namespace.get("__file__") or "")
    if shell is None and script.suffix == ".py" and script.is_file():
        piece = _until_running(_piece_of_script(script), namespace)
        title = f"`{script.name}`"
        return Program(pieces=(piece,), stem=script.stem, title=title, files=frozenset({script}), is_typed=False)
    files: set[Path] = set()
    typed = list(_cells(shell, files, namespace)) if shell is not None else list(_inputs())
    before = [_piece_of_script(path) for path in _scripts(code_files, typed) if path not in files]
    files.update(Path(piece.filename or "") for piece in before)
    stem, title = _name_of_session(shell, namespace)
    return Program(pieces=(*before, *typed), stem=stem, title=title, files=frozenset(files))


def _shell(namespace: dict[str, Any]) -> Any | None:
    """IPython's shell, if `__main__` is what it runs."""
    get = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = get() if get is not None else None
    return shell if shell is not None and shell.user_ns is namespace else None


def _name_of_session(shell: Any | None, namespace: dict[str, Any]) -> tuple[str, str]:
    """Stem and title: the notebook's, where its server or editor tells it."""
    if not hasattr(shell, "kernel"):
        return "session", "an interactive session"
    notebook = namespace.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
    name = re.split(r"[/\\]", str(notebook or ""))[-1]
    return (Path(name).stem, f"`{name}`") if name.endswith(".ipynb") else ("notebook", "a notebook")


def _piece_of_script(script: Path) -> Piece:
    text = decode_source(script.read_bytes())
    return Piece(text=text, input=text.rstrip("\n"), filename=str(script))


def _scripts(code_files: Iterable[str], typed: list[Piece]) -> Iterator[Path]:
    inputs = {piece.input for piece in typed}
    modules = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    for name in dict.fromkeys(code_files):
        is_script = name.endswith(".py") and name not in modules and Path(name).is_file()
        # Where a kernel is debugged, its cells are files too.
        if is_script and not is_installed(Path(name)) and source_in_cache(name) not in inputs:
            yield Path(name)


def source_in_cache(filename: str) -> str:
    """The text that was compiled under a name, as far as Python's cache of lines has it."""
    return "".join(linecache.getlines(filename)).rstrip("\n")


def _inputs() -> Iterator[Piece]:
    """What was typed at Python's own prompt, in order."""
    kept = [(name, entry) for name, entry in linecache.cache.items() if len(entry) == 4]  # noqa: PLR2004 - of a file, not of a lazy loader
    # Python 3.13.1 and later keep them apart, by file name, function and line.
    kept += [(key[0], entry) for key, entry in getattr(linecache, "_interactive_cache", {}).items()]
    found = {str(name): "".join(entry[2]) for name, entry in kept if _TYPED_INPUT.match(str(name))}
    for name in sorted(found, key=lambda name: int(_TYPED_INPUT.match(name)[2])):  # type: ignore[index]  # matched above
        if _is_python(found[name]):
            yield Piece(text=found[name], input=found[name].rstrip("\n"), filename=name)


def _cells(shell: Any, files: set[Path], namespace: dict[str, Any]) -> Iterator[Piece]:
    """What IPython ran, in order; scripts that `%run` ran are added to ``files``."""
    history = shell.history_manager
    failures = getattr(history, "exceptions", {})
    cells = getattr(history, "input_hist_parsed", ())  # Kernels other than IPython's own may keep none.
    for number, cell in enumerate(cells):
        text = _before(cell, _failing_line(failures.get(number))) if _is_python(cell) else ""
        piece = Piece(text=text, input=cell.rstrip("\n"))
        if number == len(cells) - 1:
            piece = _until_running(piece, namespace)
        if piece.text.strip():
            yield replace(piece, text=_without_magics(piece.text, shell, files))


def _failing_line(failure: Any) -> int | None:
    """The line of a cell that raised; None where the cell didn't fail, or IPython before 9 keeps no record."""
    lines = (failure or {}).get("traceback", ())
    found = _FAILING_LINE.search(_ANSI_COLOUR.sub("", "\n".join(lines)))
    return int(found[1]) if found else None


def _before(text: str, line: int | None) -> str:
    """The statements that had run when the one at a line failed."""
    done = [node for node in ast.parse(text).body if line is None or (node.end_lineno or 0) < line]
    return "\n".join(lines_of(text)[: done[-1].end_lineno]) if done else ""


def _until_running(piece: Piece, namespace: dict[str, Any]) -> Piece:
    """A piece without the statements after the one that is running now; all of it, if none of it is."""
    running: FrameType | None = None
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - `inspect.currentframe` is the same, but optional
    while frame is not None:
        if frame.f_globals is namespace and frame.f_code.co_name.startswith("<"):
            running = frame
        frame = frame.f_back
    if running is None or not _is_from(running.f_code.co_filename, piece) or not _is_python(piece.text):
        return piece
    begun = [node for node in ast.parse(piece.text).body if first_line(node) <= running.f_lineno]
    text = "\n".join(lines_of(piece.text)[: begun[-1].end_lineno]) if begun else ""
    return replace(piece, text=text)


def _is_from(filename: str, piece: Piece) -> bool:
    return filename == piece.filename or source_in_cache(filename) == piece.input


def _is_python(text: str) -> bool:
    with contextlib.suppress(SyntaxError, ValueError):
        return bool(ast.parse(text).body)
    return False


def _without_magics(text: str, shell: Any, files: set[Path]) -> str:
    """The text with the Python that some magics run in their place."""
    lines = lines_of(text)
    for node in reversed(ast.parse(text).body):
        replacement = _python_of_magic(node, shell, files)
        if replacement is not None and _is_python(replacement):
            lines[node.lineno - 1 : node.end_lineno] = lines_of(_without_magics(replacement, shell, files))
    return "\n".join(lines)


def _python_of_magic(node: ast.stmt, shell: Any, files: set[Path]) -> str | None:
    call = node.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
    if call is None or not ast.unparse(call.func).startswith("get_ipython().run_"):
        return None
    kind = ast.unparse(call.func).rpartition(".")[2]
    arguments = [str(value.value) for value in call.args if isinstance(value, ast.Constant)]
    if kind == "run_cell_magic" and arguments[0] in _TRANSPARENT_CELL_MAGICS:
        return str(shell.transform_cell(arguments[-1]))
    if kind == "run_line_magic" and arguments[0] == "time":
        return str(shell.transform_cell(arguments[-1]))
    return _text_of_run(arguments[-1], files) if kind == "run_line_magic" and arguments[0] == "run" else None


def _text_of_run(line: str, files: set[Path]) -> str | None:
    """The script that `%run` ran, as far as it is still there."""
    name = next((word for word in shlex.split(line) if not word.startswith("-")), "")
    for path in (Path(name).expanduser(), Path(f"{name}.py").expanduser()):
        if path.suffix == ".py" and path.is_file():
            files.add(path.resolve())
            return decode_source(path.read_bytes())
    return None
