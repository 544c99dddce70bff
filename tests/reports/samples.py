"""Reports by hand, one for each kind of thing that a renderer has to show."""

from __future__ import annotations

from mlflow_kerasguard.findings import Finding, Level, Report, Rule, Undecided

MISSING = Rule(
    code="KG201",
    level=Level.ERROR,
    title="class is missing",
    why="Keras resolves each class by module and name, so loading stops at the first one that is gone.",
)
UNSAFE = Rule(
    code="KG101",
    level=Level.ERROR,
    title="file would write outside its directory",
    why="Whoever unpacks it can lose files.",
    prevents_loading=False,
)
UNREADABLE = Rule(code="KG102", level=Level.ERROR, title="file is damaged", why="There is nothing that could be read.")
VIOLATED = Rule(code="KG405", level=Level.WARNING, title="a requirement is violated", why="Nobody tests it.")
CHANGED = Rule(code="KG701", level=Level.ERROR, title="state is lost", why="It loads, and predicts something else.")
OTHER = Rule(code="KG401", level=Level.NOTE, title="saved by another Keras", why="Most of them load all the same.")

PIN = "`pip install 'keras==3.15.1'`"


def finding(rule: Rule = MISSING, **fields) -> Finding:
    defaults = {
        "expected": "`keras.layers.Dense`",
        "found": "keras 3.8.0 has no such class",
        "fix": PIN,
        "places": ('layers["dense"]',),
    }
    return Finding(rule=rule, **{**defaults, **fields})


def report(*findings: Finding, undecided: tuple[Undecided, ...] = (), model: str = "model.keras", **fields) -> Report:
    defaults = {
        "model_summary": "`.keras` file, saved by keras 3.15.1, on tensorflow, 2 layers, 4 weights",
        "environment": "this interpreter (Python 3.11.7, keras 3.8.0)",
    }
    return Report(model=model, findings=findings, undecided=undecided, **{**defaults, **fields})


UNKNOWN = Undecided(rule=MISSING, reason="what `keras` offers isn't known")
