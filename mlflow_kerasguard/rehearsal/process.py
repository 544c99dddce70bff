"""The fresh process of a rehearsal: run as ``python -I process.py``, it has the logged artifact and nothing else.

It reads two lines of JSON: first where installed modules are, so that it can import Keras while the
other process still saves; then what to load. Its answer goes to a file. Nothing of this package may be
imported before the first line has been obeyed.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import FrameType, ModuleType

#: Where a rehearsal can fail.
LOADING, PREDICTING = "loading", "predicting"

#: What runs whenever Python starts here, such as hooks of installers.
_FIRST_MODULES = frozenset(name.partition(".")[0] for name in sys.modules)


def main() -> None:
    """Do as the two lines on standard input say."""
    _restrict_imports(json.loads(sys.stdin.readline()))
    from mlflow_kerasguard import loading  # noqa: F401 - ready before the second line comes

    second = sys.stdin.readline()
    if second:
        job = json.loads(second)
        tell(_answer(job), Path(job["answer"]))


def tell(answer: Mapping[str, Any], path: Path) -> None:
    """Let the answer appear whole: somebody waits for it."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(answer), encoding="utf-8")
    unfinished.replace(path)


def _restrict_imports(places: Mapping[str, Any]) -> None:
    """Let modules be found where distributions are installed, and nowhere else."""
    sys.path[:] = places["path"]
    # Editable installations put finders of their own here, which lead to the sources of projects.
    sys.meta_path[:] = [BuiltinImporter, FrozenImporter, _Elsewhere(places["elsewhere"]), PathFinder]
    importlib.invalidate_caches()
    for name in places["preload"]:
        importlib.import_module(name)


class _Elsewhere:
    """Finds single packages that aren't in any directory of installed ones, such as a checkout of this one."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        file = self._files.get(fullname)
        if file is None:
            return None
        return spec_from_file_location(fullname, file, submodule_search_locations=[os.path.dirname(file)])  # noqa: PTH120 - a string is asked for


class ImportProbe:
    """Notes what packaged code imports for the first time, by whichever way, and finds nothing itself.

    Of every top-level module that is imported for the first time it notes which other one asked for it.
    """

    def __init__(self, code_directory: str) -> None:
        self._code_directory = code_directory
        self.found: set[str] = set()
        self.asked_by: dict[str, str] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        frame = self._asking_frame()
        if self._is_packaged(frame):
            self.found.add(fullname)
        if "." not in fullname and frame is not None:
            self.asked_by.setdefault(fullname, str(frame.f_globals.get("__name__")).partition(".")[0])
        return None

    @staticmethod
    def _asking_frame() -> FrameType | None:
        frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - no other way tells who imports
        while frame is not None and _is_in_between(frame.f_code.co_filename):
            frame = frame.f_back
        return frame

    def _is_packaged(self, frame: FrameType | None) -> bool:
        file = frame.f_code.co_filename if frame is not None else ""
        # TensorFlow rewrites the code of layers into files of its own before it traces it.
        return file.startswith(self._code_directory) or "__autograph_generated_file" in file


def _is_in_between(file: str) -> bool:
    """Whether a frame only passes an import on."""
    passing = ("rehearsal/process.py", "custom_code/restore.py")
    return "importlib" in file or "/autograph/" in file or file.endswith(passing)


def _hide(roots: Iterable[str], allowed: Iterable[str]) -> None:
    """Make what lies below the sources' own directories look as if it weren't there."""
    hidden = tuple(f"{root.rstrip(os.sep)}{os.sep}" for root in roots)
    visible = tuple(allowed)
    # What is younger has been made by this process.
    started = time.time()

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], str):
            return
        path = os.path.abspath(arguments[0])  # noqa: PTH100 - runs for every file that is opened
        root = next((root for root in hidden if path.startswith(root)), None)
        # Hidden directories are caches and settings, if the sources lie in somebody's home directory.
        if root is None or path[len(root)] == "." or path.startswith(visible):
            return
        if os.path.isfile(path) and os.stat(path).st_mtime < started:  # noqa: PTH113, PTH116 - likewise
            raise FileNotFoundError(2, "this file doesn't travel with the model; add it to `code_paths`", path)

    sys.addaudithook(audit)


def _answer(job: Mapping[str, Any]) -> dict[str, Any]:
    """Check, load, predict and compare, as if the sources weren't there."""
    from mlflow_kerasguard.loading import load_model

    sys.path.insert(0, job["wheels"])  # First, so that it is what travels that is proven.
    _hide(
        job["hidden"], [job["directory"], sys.prefix, sys.base_prefix, str(Path(job["answer"]).parent), *job["visible"]]
    )
    return observe(job, lambda: load_model(Path(job["directory"]), compile=job["compile"], trusted=job["trusted"]))


def observe(job: Mapping[str, Any], load: Callable[[], Any]) -> dict[str, Any]:
    """What comes of loading a model and predicting with it, as JSON.

    Args:
        job: the artifact's ``directory``, and in it the directory of ``code`` and the file of ``golden``
            predictions, if there are any.
        load: gives the model.
    """
    directory = Path(job["directory"])
    code_directory = str(directory / job["code"])
    probe = ImportProbe(code_directory)
    sys.meta_path.insert(0, probe)
    started = loaded = time.perf_counter()
    stage = LOADING
    try:
        model = load()
        stage, loaded = PREDICTING, time.perf_counter()
        outputs = _predictions(model, directory / job["golden"]) if job["golden"] else []
        return {
            "seconds": round(time.perf_counter() - started, 3),
            "predict_seconds": round(time.perf_counter() - loaded, 3),
            "versions": _versions(model),
            "outputs": outputs,
            "imports": sorted({name.partition(".")[0] for name in probe.found}),
            "modules": _modules(probe.asked_by),
        }
    except Exception as error:  # noqa: BLE001 - whatever it is, the one who logs has to see it
        return _failure(stage, error, code_directory)


def _predictions(model: Any, path: Path) -> list[dict[str, Any]]:
    """The model's outputs beside the recorded ones, asked in the same order as when they were recorded."""
    from dataclasses import asdict

    from mlflow_kerasguard import golden
    from mlflow_kerasguard.serving import KerasModelWrapper

    kept = golden.read(path)
    wrapper = KerasModelWrapper(model)
    return [asdict(item) for item in kept.compare(wrapper.predict_arrays(kept.inputs))]


def _modules(asked_by: Mapping[str, str]) -> dict[str, str]:
    """The top-level modules that are there, but for Python's own and those that it began with."""
    there = {name.partition(".")[0] for name, module in list(sys.modules.items()) if module is not None}
    found = there - _FIRST_MODULES - set(sys.stdlib_module_names)
    # Some compiled modules leave things of their own behind.
    modules = {name for name in found if name.isidentifier() and getattr(sys.modules.get(name), "__spec__", None)}
    return {name: asked_by.get(name, "") for name in sorted(modules)}


def _versions(model: Any) -> dict[str, str]:
    from mlflow_kerasguard.keras_runtime import runtime_of

    runtime = runtime_of(model)
    backend = getattr(sys.modules.get(runtime.backend), "__version__", None)
    found = {"python": ".".join(map(str, sys.version_info[:3])), runtime.package: runtime.version}
    return {**found, **({runtime.backend: str(backend)} if backend else {})}


def _failure(stage: str, error: Exception, code_directory: str) -> dict[str, Any]:
    from mlflow_kerasguard.errors import IncompatibleModelError
    from mlflow_kerasguard.keras_runtime import innermost_message

    is_refusal = isinstance(error, IncompatibleModelError)
    return {
        "stage": stage,
        "error": str(error) if is_refusal else innermost_message(error),
        "refused": is_refusal,
        "places": [] if is_refusal else list(dict.fromkeys(_places(error, code_directory))),
    }


def _places(error: BaseException | None, code_directory: str) -> Iterable[str]:
    """Where in packaged code an error and its causes came from, the innermost last."""
    while error is not None:
        trace = error.__traceback__
        while trace is not None:
            file = trace.tb_frame.f_code.co_filename
            if file.startswith(code_directory):
                name = os.path.relpath(file, code_directory)
                yield f"{name}:{trace.tb_lineno} in {trace.tb_frame.f_code.co_name}"
            trace = trace.tb_next
        error = error.__cause__ or error.__context__


if __name__ == "__main__":
    main()
