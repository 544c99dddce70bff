"""The house's rules, read from the source and seen in fresh processes.

Imports go one way, from the command line down to the values; the check runs nothing of a model and
imports none of the heavy packages; files and functions stay small.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.files import dense, write_keras

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "mlflow_kerasguard"

#: From the bottom up; a module imports from its own layer and those listed before it.
#: `x.*` is everything inside the package `x`.
LAYERS = {
    "values": "version wheel_labels errors findings policies roles source_identity observed packable model keras_api environment layouts saved_graph",
    "readers": "formats formats.* keras_api.* environment.* tensorflow_api tensorflow_api.* source_code source_code.*",
    "rules": "rules rules.*",
    "engine": "engine",
    "check and artifact": "mlflow_private mlflow_private_registry output_differences rehearsal_record signature_json signature_code signature integrity mlmodel artifact tracking logged_environment against checking releases",
    "tools of the flavor": "keras_runtime scoring_server custom_code custom_code.* contracts comparison golden example_inputs wheels wheels.* pinning pinning.* packing packing.* staging",
    "flavor": "recording prepared saving loading pyfunc_loading serving serving.* spark spark.executors rehearsal rehearsal.* flavor",
    "rebuild and deployment": "rebuild rebuild.* deployment deployment.* spark.udf spark.result_types",
    "registry": "registry registry.*",
    "surface": "(package) cli cli_adopt cli_audit cli_output cli_pack cli_promote cli_rehearse cli_serve __main__",
}

#: `reports` stands beside the layers: it sees these alone, and these alone see it.
#: `rebuild.outcome` and those of `registry` hold values as `findings` does: what came of loads, promotions and audits.
REPORTS_SEE = {
    "findings",
    "rebuild.outcome",
    "registry.audit.result",
    "registry.audit.values",
    "registry.gate",
    "registry.promoted",
    "version",
}
SEE_REPORTS = {
    "cli",
    "cli_audit",
    "cli_promote",
    "cli_rehearse",
    "findings",
    "registry.promoted",
    "registry.report_storage",
}

HEAVY = "keras tensorflow tf_keras jax torch mlflow"

#: Functions of more than sixty lines, each with its reason.
LONG_FUNCTIONS: dict[str, str] = {}


def _name(path: Path) -> str:
    """`formats.hdf5` for `formats/hdf5.py`, `formats` for its `__init__.py`, `(package)` for the top."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or "(package)"


MODULES = {_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def _imports(tree: ast.AST) -> Iterator[str]:
    """Modules of this package that a tree imports, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (_known(alias.name) for alias in node.names if alias.name.split(".")[0] == PACKAGE.name)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            module = node.module or ""
            if module.split(".")[0] == PACKAGE.name:
                yield from (_known(f"{module}.{alias.name}") for alias in node.names)


def _known(dotted: str) -> str:
    """The module that ``dotted`` is, or is a name in."""
    inside = dotted.partition(".")[2]
    while inside and inside not in MODULES:
        inside = inside.rpartition(".")[0]
    return inside or "(package)"


def _layer(module: str) -> int | None:
    inside = f"{module.split('.', maxsplit=1)[0]}.*" if "." in module else module
    for number, members in enumerate(LAYERS.values()):
        if module in members.split() or inside in members.split():
            return number
    return None


def _is_report(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] == "reports"


@pytest.mark.parametrize("module", [name for name in MODULES if not _is_report(name)])
def test_imports_go_one_way(module):
    own = _layer(module)
    assert own is not None, f"{module} is in no layer: say in LAYERS where it belongs"
    for other in _imports(TREES[module]):
        if _is_report(other):
            assert module in SEE_REPORTS, f"{module} has no business with {other}"
        else:
            assert (_layer(other) or 0) <= own, f"{module} imports {other}, which LAYERS lists later"


@pytest.mark.parametrize("module", [name for name in MODULES if _is_report(name)])
def test_reports_see_values_only(module):
    assert {other for other in _imports(TREES[module]) if not _is_report(other)} <= REPORTS_SEE


def test_every_layer_has_members():
    for members in LAYERS.values():
        for member in members.split():
            assert any(member in (name, f"{name.split('.')[0]}.*") for name in MODULES), f"{member} is gone"


def test_no_cycles():
    # Imports inside functions and for type checkers only run later or never.
    graph = {name: set(_imports(_at_import(tree))) - {name} for name, tree in TREES.items()}
    assert list(TopologicalSorter(graph).static_order())


def _at_import(tree: ast.Module) -> ast.Module:
    return ast.Module(
        body=[node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], type_ignores=[]
    )


def _loaded(code: str, modules: str, *arguments: str, cwd: Path) -> list[str]:
    """Which of ``modules`` a fresh process has imported after ``code``."""
    script = f"import sys\n{code}\nimport json; print(json.dumps([m for m in {modules.split()} if m in sys.modules]))"
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_the_package_imports_nothing_heavy(tmp_path):
    modules = f"{HEAVY} numpy h5py pandas packaging yaml"
    assert _loaded("import mlflow_kerasguard", modules, cwd=tmp_path) == []


CHECKS = {
    "function": "from mlflow_kerasguard import check; assert check(sys.argv[1]).model",
    "command": "from mlflow_kerasguard.cli import main; main(['check', sys.argv[1]])",
}


@pytest.mark.parametrize("code", CHECKS.values(), ids=CHECKS)
def test_a_check_imports_nothing_heavy(code, tmp_path):
    model = write_keras(tmp_path / "model.keras", dense())
    assert _loaded(code, HEAVY, str(model), cwd=tmp_path) == []


def test_the_probe_sees_what_is_loaded(tmp_path):
    assert _loaded("import numpy", "numpy h5py", cwd=tmp_path) == ["numpy"]


def _sources() -> list[Path]:
    return [path for folder in (PACKAGE, ROOT / "tests", ROOT / "examples") for path in sorted(folder.rglob("*.py"))]


@pytest.mark.parametrize("path", _sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_small(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_functions_are_small():
    functions = {
        f"{module}.{node.name}": _body_lines(node)
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    long = {name for name, lines in functions.items() if lines > 60}
    assert long == set(LONG_FUNCTIONS)


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body, without the docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return function.end_lineno - body[0].lineno + 1 if body else 0
