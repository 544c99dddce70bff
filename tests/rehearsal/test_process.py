"""What runs in the fresh process, as far as it can be seen from here."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

from mlflow_kerasguard.rehearsal import process

ROOT = Path(__file__).parent.parent.parent


def run(code: str, directory: Path) -> list[str]:
    """Run code in a process that has this module, and give the lines that it prints."""
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{textwrap.dedent(code)}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=directory, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_files_of_the_sources_are_hidden_and_those_of_the_process_are_not(tmp_path):
    for name in ("old.txt", ".cache/old.txt", "visible/old.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    lines = run(
        f"""
        import os, time
        from mlflow_kerasguard.rehearsal import process
        root = {str(tmp_path)!r}
        for name in ("old.txt", ".cache/old.txt", "visible/old.txt"):
            os.utime(os.path.join(root, name), (1, 1))
        process._hide([root], [os.path.join(root, "visible")])
        with open("new.txt", "w") as file:
            file.write("new")
        os.utime("new.txt", (time.time() + 5,) * 2)
        for name in ("old.txt", ".cache/old.txt", "visible/old.txt", "new.txt", "absent.txt"):
            try:
                print(open(name).read())
            except FileNotFoundError as error:
                print(error.strerror)
        """,
        tmp_path,
    )
    assert lines == [
        "this file doesn't travel with the model; add it to `code_paths`",
        ".cache/old.txt",
        "visible/old.txt",
        "new",
        "No such file or directory",
    ]


def test_only_what_packaged_code_imports_is_noted(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mine.py").write_text("import colorsys\nimport importlib\nimportlib.import_module('wave')\n")
    lines = run(
        f"""
        import json, sys
        from mlflow_kerasguard.rehearsal import process
        probe = process.ImportProbe({str(tmp_path / "code")!r})
        sys.meta_path.insert(0, probe)
        sys.path.insert(0, {str(tmp_path / "code")!r})
        import mine
        import quopri
        print(json.dumps(sorted(probe.found)))
        """,
        tmp_path,
    )
    assert json.loads(lines[-1]) == ["colorsys", "wave"]


def test_who_imports_what_first_is_noted(tmp_path):
    for name, text in {"outer": "import inner\nimport wave\n", "inner": "", "other": ""}.items():
        (tmp_path / f"{name}.py").write_text(text)
    lines = run(
        f"""
        import json, sys
        from mlflow_kerasguard.rehearsal import process
        probe = process.ImportProbe("/nowhere")
        sys.path.insert(0, {str(tmp_path)!r})
        import other
        sys.meta_path.insert(0, probe)
        import outer, inner, xml.dom
        modules = process._modules(probe.asked_by)
        print(json.dumps({{name: modules[name] for name in modules if name in ("outer", "inner", "other")}}))
        print("wave" in modules, "xml" in modules, probe.asked_by["wave"])
        """,
        tmp_path,
    )
    assert json.loads(lines[-2]) == {"outer": "__main__", "inner": "outer", "other": ""}
    assert lines[-1] == "False False outer"


def test_packages_from_elsewhere_are_found_alone(tmp_path):
    (tmp_path / "checkout" / "thing").mkdir(parents=True)
    (tmp_path / "checkout" / "thing" / "__init__.py").write_text("from thing.part import VALUE\n")
    (tmp_path / "checkout" / "thing" / "part.py").write_text("VALUE = 3\n")
    (tmp_path / "checkout" / "other.py").write_text("")
    places = {
        "path": [entry for entry in sys.path if entry and entry != str(ROOT)],
        "elsewhere": {"thing": str(tmp_path / "checkout" / "thing" / "__init__.py")},
        "preload": ["thing"],
    }
    lines = run(
        f"""
        from mlflow_kerasguard.rehearsal import process
        process._restrict_imports({places!r})
        print(sys.modules["thing"].VALUE)
        try:
            import other
        except ModuleNotFoundError as error:
            print(error)
        """,
        tmp_path,
    )
    assert lines == ["3", "No module named 'other'"]


def test_places_in_packaged_code(tmp_path):
    module = tmp_path / "mine.py"
    module.write_text("def fail():\n    raise ValueError('inner')\n")
    scope = {}
    exec(compile(module.read_text(), str(module), "exec"), scope)
    try:
        try:
            scope["fail"]()
        except ValueError as error:
            raise TypeError("outer") from error
    except TypeError as error:
        answer = process._failure(process.LOADING, error, str(tmp_path))
    assert answer == {
        "stage": "loading",
        "error": "ValueError: inner",
        "refused": False,
        "places": ["mine.py:2 in fail"],
    }
