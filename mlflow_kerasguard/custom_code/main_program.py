"""The module that stands for what ``__main__`` defines: found, extracted, and compared with what is live."""

from __future__ import annotations

import ast
import builtins
import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from reprlib import repr as shorten
from typing import Any

from mlflow_kerasguard.custom_code import interactive
from mlflow_kerasguard.custom_code.agreement import reached
from mlflow_kerasguard.custom_code.interactive import Program, source_in_cache
from mlflow_kerasguard.custom_code.live_code import difference, functions_of
from mlflow_kerasguard.errors import CodeCaptureError
from mlflow_kerasguard.source_code import main_module
from mlflow_kerasguard.source_code.statements import Statement, names_bound_by, statements_of

_REMEDY = "move it to a `.py` file, import it from there and build the model again"
_RUN_AGAIN = "run the cells from the top again, and build the model again"

#: How generators of methods, such as ``dataclass``, call what they compile.
_GENERATED = ("<string>", "<attrs generated", "<namedtuple")

#: What IPython adds to the names of a session by itself.
_OF_IPYTHON = frozenset({"In", "Out", "display", "exit", "get_ipython", "open", "quit"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MainSource:
    """The module to package.

    Attributes:
        module: its name.
        text: its source.
        files: the files that it was taken from; none for what was typed in.
    """

    module: str
    text: str
    files: frozenset[Path]


def main_source(objects: Mapping[str, Any]) -> MainSource:
    """The source of classes and functions of ``__main__``, and of what they use.

    Args:
        objects: the classes and functions, by the names under which messages speak of them.

    Raises:
        CodeCaptureError: the source can't be had, or isn't that of the live objects.
    """
    main = sys.modules["__main__"]
    things = _reached_in_main(objects.values())
    files = [function.__code__.co_filename for thing in things for function in functions_of(thing)]
    program = interactive.program(files)
    names = ", ".join(f"`{name}`" for name in objects)
    if not program.pieces:
        raise CodeCaptureError(f"the source of {names} was typed in and is in no file; {_REMEDY}")
    try:
        text = main_module.extract(
            [piece.text for piece in program.pieces],
            {_top(thing) for thing in objects.values()},
            title=f"The part of {_plain(program.title)} that the model needs.",
            package=getattr(main, "__package__", None) or None,
            pinned=_pinned(things, objects, program, vars(main)),
        )
    except SyntaxError as error:
        raise CodeCaptureError(f"{program.title} isn't valid Python: {error}") from error
    if text is None:
        raise CodeCaptureError(f"the top level of {program.title} doesn't define {names}; {_REMEDY}")
    _require_importable(text, program, names)
    _require_same(text, things, program)
    _require_values(text, program, vars(main))
    return MainSource(module=main_module.module_name(program.stem), text=text, files=program.files)


def _reached_in_main(things: Iterable[Any]) -> list[Any]:
    found = {id(one): one for thing in things for one in [thing, *reached(thing)]}
    return [one for one in found.values() if one.__module__ == "__main__"]


def _top(thing: Any) -> str:
    return str(thing.__qualname__).split(".", 1)[0]


def _plain(title: str) -> str:
    """A title that a docstring can hold as it is."""
    return title.replace("\\", "_").replace('"', "_")


def _pinned(
    things: list[Any], objects: Mapping[str, Any], program: Program, namespace: Mapping[str, Any]
) -> dict[str, int]:
    """Where the definition of a name is that isn't the name's last one any more."""
    pinned: dict[str, int] = {}
    wanted = {id(thing) for thing in objects.values()}
    found: dict[str, int] = {}
    for thing in things:
        name = _top(thing)
        position = _position(thing, name, program)
        if position is not None and found.setdefault(name, position) != position and "<" not in thing.__qualname__:
            raise CodeCaptureError(
                f"the model uses two versions of `{name}`, which {program.title} defines more than once; {_RUN_AGAIN}"
            )
        if id(thing) not in wanted or _live(namespace, thing.__qualname__) is thing:
            continue
        if position is None:
            raise CodeCaptureError(
                f"`{name}` was defined anew after the model had been built, and the source of the model's own "
                f"`{name}` isn't known any more; build the model again"
            )
        pinned[name] = position
    return pinned


def _live(namespace: Mapping[str, Any], qualname: str) -> Any:
    top, _, rest = qualname.partition(".")
    with contextlib.suppress(AttributeError):
        return attrgetter(rest)(namespace.get(top)) if rest else namespace.get(top)
    return None


def _position(thing: Any, name: str, program: Program) -> int | None:
    """The last piece that defines a class or function as it is."""
    defining = [number for number, piece in enumerate(program.pieces) if name in names_bound_by(piece.text)]
    for function in functions_of(thing):
        file = function.__code__.co_filename
        text = source_in_cache(file)
        same = [n for n in defining if program.pieces[n].filename == file or (text and program.pieces[n].input == text)]
        if same:
            return same[-1]
    if not any(functions_of(thing)):
        return None
    return next((n for n in reversed(defining) if not difference(program.pieces[n].text, thing, _is_typed)), None)


def _is_typed(file: str) -> bool:
    """Whether code isn't of a module, nor made by something like ``dataclass``."""
    return not file.startswith(_GENERATED) and not Path(file).exists()


def _require_importable(text: str, program: Program, names: str) -> None:
    try:
        compile(text, "<module>", "exec", dont_inherit=True)
    except SyntaxError as error:
        line = text.splitlines()[(error.lineno or 1) - 1].strip()
        raise CodeCaptureError(
            f"{names} of {program.title} needs `{line}`, which no module can run ({error.msg}); {_REMEDY}"
        ) from error
    for statement in statements_of([text], {}):
        if "get_ipython" in statement.now:
            raise CodeCaptureError(
                f"{names} of {program.title} needs `{statement.source}`, which only IPython can run; replace the magic "
                "with plain Python and build the model again"
            )


def _require_same(text: str, things: list[Any], program: Program) -> None:
    """The text has to define what is live."""
    inputs = {piece.input for piece in program.pieces}
    files = {piece.filename for piece in program.pieces} | set(map(str, program.files))

    def belongs(file: str) -> bool | None:
        if file in files or source_in_cache(file) in inputs:
            return True
        return None if _is_typed(file) else False

    for thing in things:
        changed = difference(text, thing, belongs)
        if changed is not None:
            remedy = _RUN_AGAIN if program.is_typed else "put the file back as it was, or run it again"
            raise CodeCaptureError(
                f"`{thing.__qualname__}` isn't what {program.title} defines now (`{changed}` differs); {remedy}"
            )


def _require_values(text: str, program: Program, namespace: Mapping[str, Any]) -> None:
    """Names that the text uses have to be defined in it, and constants have to be what they are in the process."""
    statements = statements_of([text], {})
    bound = {name for statement in statements for name in statement.binds}
    used = {name for statement in statements for name in statement.now | statement.later}
    lost = (used & set(namespace)) - bound - _OF_IPYTHON - set(dir(builtins))
    lost = {name for name in lost if not name.startswith("__")}
    if program.is_typed and lost and "*" not in bound:
        raise CodeCaptureError(
            f"the definition of `{min(lost)}`, which the model uses, isn't among what {program.title} ran; "
            f"assign it at the top level of {program.title} and build the model again"
        )
    declared = {name for piece in program.pieces for name in _global_names(piece.text)}
    for name, value in _constants(statements):
        live = namespace.get(name, value)
        is_same = type(live) is type(value) and repr(live) == repr(value)
        if name not in declared and not is_same:
            raise CodeCaptureError(
                f"`{name}`, which the model uses, is {shorten(live)} in this process and {shorten(value)} in "
                f"{program.title}; assign the value that is meant there, and build the model again"
            )


def _global_names(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Global):
            yield from node.names


def _constants(statements: list[Statement]) -> Iterator[tuple[str, Any]]:
    """Names whose last binding is a plain number, string or the like."""
    last = {name: statement.node for statement in statements for name in statement.binds}
    for name, node in last.items():
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
            yield name, node.value.value
