"""Which Pythons a lambda's bytecode is for, told from the bytes alone.

Three things differ between the minors of Python: how a code object is laid out, which numbers the
instructions have and how many cache words follow them, and how lines are recorded. Where two minors
read a program as the same instructions, it runs the same on both, whichever of them compiled it.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from mlflow_kerasguard.formats.marshalled import LAYOUTS, Code, NotMarshalled, read_codes
from mlflow_kerasguard.formats.opcodes import PYTHONS, instructions

#: Lambdas are small; one as large as this holds data, and reading it would take long.
_LARGEST = 1 << 18

#: First Python of each way to record lines before 3.11, and to count jumps.
_LINE_TABLE = "3.10"

#: The operators that ``COMPARE_OP`` has had since 3.9; the others became instructions of their own.
_COMPARISONS = 6

_LEAVES_TRY = frozenset({"CALL_FINALLY", "POP_FINALLY", "WITH_CLEANUP_FINISH"})
_JUMPS_BACK = frozenset({"POP_JUMP_BACKWARD_IF_NONE", "POP_JUMP_BACKWARD_IF_NOT_NONE"})
_IN_LOOPS = frozenset({"FOR_ITER", "POP_JUMP_FORWARD_IF_NONE", "POP_JUMP_FORWARD_IF_NOT_NONE"})

#: One instruction: its name, and its argument in a form that means the same in each Python.
_Instruction = tuple[str, int]
_Program = tuple[_Instruction, ...]


class NotBytecode(ValueError):
    """What a file gives as a lambda can't be judged; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytecode:
    """A lambda's bytecode.

    Attributes:
        compiled_by: the Pythons that may have compiled it; empty where none that is known may.
        runs_on: the Pythons that read it as the instructions that were compiled.
        may_run_on: those of which that can't be said for certain.
        names: the global names that it reads.
    """

    compiled_by: tuple[str, ...] = ()
    runs_on: frozenset[str] = frozenset()
    may_run_on: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()


def read_bytecode(text: str) -> Bytecode:
    """Tell of a lambda, as Keras stores it (marshalled, in base 64), which Pythons it is for.

    Raises:
        NotBytecode: it isn't marshalled code, or too much of it.
    """
    layout, codes = _codes(_decoded(text))
    programs = {python: _programs(codes, python) for python in _of_layout(layout)}
    read = {python: program for python, program in programs.items() if program is not None}
    compilers = tuple(python for python in read if all(_has_lines_of(code, python) for code in codes))
    meanings = {read[python] for python in compilers}
    runs = frozenset(python for python in read if read[python] in meanings)
    certain = len(meanings) == 1
    return Bytecode(
        compiled_by=compilers,
        runs_on=runs if certain else frozenset(),
        may_run_on=frozenset() if certain else runs,
        names=frozenset(_names(codes, compilers[0])) if compilers else frozenset(),
    )


def _decoded(text: str) -> bytes:
    if len(text) > _LARGEST:
        raise NotBytecode(f"it is {len(text)} characters long")
    try:
        return binascii.a2b_base64(text.encode("ascii"))
    except ValueError as error:
        raise NotBytecode(f"it isn't base 64: {error}") from error


def _codes(data: bytes) -> tuple[str, tuple[Code, ...]]:
    """The layout in which the data can be read, newest first, and what is in it."""
    reasons = []
    for layout in reversed(LAYOUTS):
        try:
            return layout, read_codes(data, layout)
        except NotMarshalled as reason:
            reasons.append(str(reason))
    raise NotBytecode(reasons[0])


def _of_layout(layout: str) -> tuple[str, ...]:
    layouts = list(LAYOUTS)
    following = layouts[layouts.index(layout) + 1 :]
    end = PYTHONS.index(following[0]) if following else len(PYTHONS)
    return PYTHONS[PYTHONS.index(layout) : end]


def _has_lines_of(code: Code, python: str) -> bool:
    """Whether lines are recorded as that Python does: before 3.11 the record says which.

    3.10 covers the whole of the code, the others only up to where the last line begins.
    """
    if PYTHONS.index(python) > PYTHONS.index(_LINE_TABLE):
        return True
    covered = sum(code.lines[::2])
    return (covered == len(code.code)) is (python == _LINE_TABLE)


def _programs(codes: tuple[Code, ...], python: str) -> tuple[_Program, ...] | None:
    """All the codes as instructions of that Python; None where they aren't."""
    programs = []
    for code in codes:
        try:
            program = tuple(_instructions(code.code, python))
        except NotBytecode:
            return None
        if not _is_whole(frozenset(dict(program)), python):
            return None
        programs.append(program)
    return tuple(programs)


def _is_whole(names: frozenset[str], python: str) -> bool:
    """Whether the instructions that others can't be without are there."""
    # Since 3.11 each code begins or resumes by an instruction of its own, whose number tells much. Numbers
    # of 3.11 for jumps out of loops, and of 3.8 for leaving a `try` or `with`, are other instructions later.
    if PYTHONS.index(python) > PYTHONS.index(_LINE_TABLE):
        return "RESUME" in names and (_JUMPS_BACK.isdisjoint(names) or not _IN_LOOPS.isdisjoint(names))
    return _LEAVES_TRY.isdisjoint(names) or "END_FINALLY" in names


def _instructions(code: bytes, python: str) -> Iterator[_Instruction]:
    known = instructions(python)
    position, extended = 0, 0
    while position < len(code):
        name, caches = known.get(code[position], ("", 0))
        position += 2
        after = position + 2 * caches
        if not name or code[position:after].strip(b"\0") or after > len(code):
            raise NotBytecode(f"it isn't code of Python {python}")
        argument = extended << 8 | code[position - 1]
        extended = argument if name == "EXTENDED_ARG" else 0
        position = after
        yield name, _meaning(name, argument, python)


def _meaning(name: str, argument: int, python: str) -> int:
    if name == "COMPARE_OP" and argument >= _COMPARISONS and python in {"3.9", "3.10"}:
        raise NotBytecode(f"it isn't code of Python {python}")
    # Counted in instructions since 3.10, in bytes before.
    jumps = python == _LINE_TABLE and ("JUMP" in name or name in {"FOR_ITER", "SETUP_FINALLY", "SETUP_WITH"})
    return 2 * argument if jumps else argument


def _names(codes: tuple[Code, ...], python: str) -> Iterator[str]:
    # Its lowest bit says whether a NULL is pushed as well, since 3.11.
    shift = 1 if PYTHONS.index(python) > PYTHONS.index(_LINE_TABLE) else 0
    for code in codes:
        for name, argument in _instructions(code.code, python):
            index = argument >> shift if name == "LOAD_GLOBAL" else argument
            if name in {"LOAD_GLOBAL", "LOAD_NAME"} and index < len(code.names):
                yield str(code.names[index])
