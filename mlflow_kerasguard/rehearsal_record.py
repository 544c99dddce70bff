"""What a rehearsal showed: the part of the compatibility signature that says whether the model was seen to load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mlflow_kerasguard.output_differences import Comparison
from mlflow_kerasguard.signature_json import Reader, SignatureError, expect

PASSED, SKIPPED = "passed", "skipped"

#: Where the inputs of a rehearsal came from.
EXAMPLE, GENERATED = "example", "generated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """A load in a fresh process when the model was logged.

    Attributes:
        result: ``passed``, or ``skipped`` where the one who logged it turned it off.
        seconds: how long checking, loading and predicting took, without starting the process.
        versions: of ``python``, of Keras's package and of the backend's, in that process.
        compile: whether it was loaded with its training configuration.
        inputs: ``example`` or ``generated``; None where it was loaded without predicting.
        outputs: the outputs beside those of the model in memory.
        imports: top-level modules that packaged code imported.
        modules: every top-level module outside Python itself that was imported by the end, to the one that asked
            for it first, where that was seen; else to nothing.
    """

    result: str
    seconds: float | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    compile: bool = False
    inputs: str | None = None
    outputs: tuple[Comparison, ...] = ()
    imports: tuple[str, ...] = ()
    modules: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        outputs = [_output_to_dict(item) for item in self.outputs]
        return {**asdict(self), "outputs": outputs, "imports": list(self.imports)}

    @classmethod
    def from_reader(cls, document: Reader) -> Rehearsal:
        """Read the section of a signature.

        Raises:
            SignatureError: it isn't what this version writes; names the key.
        """
        result = document.take("result", str)
        if result not in {PASSED, SKIPPED}:
            raise SignatureError(f"`{document.name}.result` has to be `{PASSED}` or `{SKIPPED}`, not {result!r}")
        return cls(
            result=result,
            seconds=_number(document, "seconds"),
            versions=document.texts("versions"),
            compile=bool(document.optional("compile", bool)),
            inputs=document.optional("inputs", str),
            outputs=document.each("outputs", _output_from),
            imports=tuple(expect(name, str, f"{document.name}.imports") for name in document.take("imports", list)),
            modules=document.texts("modules") if "modules" in document.value else {},
        )


def _output_to_dict(item: Comparison) -> dict[str, Any]:
    return {
        "name": item.name,
        "dtype": item.dtype,
        "size": item.size,
        "absolute": item.absolute,
        "relative": item.relative,
        "tolerance": list(item.tolerance) if item.tolerance is not None else None,
    }


def _output_from(entry: Reader) -> Comparison:
    return Comparison(
        name=entry.take("name", str),
        dtype=entry.take("dtype", str),
        size=entry.take("size", int),
        absolute=_number(entry, "absolute"),
        relative=_number(entry, "relative"),
        tolerance=_tolerance(entry),
    )


def _tolerance(entry: Reader) -> tuple[float, float] | None:
    value = entry.optional("tolerance", list)
    if value is None:
        return None
    try:
        relative, absolute = map(float, value)
    except (TypeError, ValueError):
        raise SignatureError(f"`{entry.name}.tolerance` has to be two numbers, not {value!r}") from None
    return relative, absolute


def _number(entry: Reader, key: str) -> float | None:
    """Python writes a number without a fraction as a whole one."""
    value = entry.value.get(key)
    return value if value is None or isinstance(value, float) else float(entry.take(key, int))
