"""Have a release load files, in a process that is ended when it doesn't answer in time."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

from tests.live.environments import release_python
from tests.live.releases import Release

#: Seconds for one load; one that takes longer isn't going to end.
LOAD_LIMIT = 20.0
#: Seconds until a release is imported, on a machine that does other things as well.
START_LIMIT = 180.0


class Loader:
    """A release that loads files; to be closed, because a process stands behind it."""

    def __init__(self, release: Release, cache: Path) -> None:
        self._release = release
        self._python, self._variables = release_python(release, cache)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed in `close`
        self._start()

    def close(self) -> None:
        self._stop()
        self._log.close()

    def load(self, file: Path, values: Path | None) -> dict[str, Any]:
        """What happens when the release loads ``file``: an entry of the record."""
        outcome = self._ask(path=str(file), values_path=values and str(values))
        # What never ends doesn't come as far as compiling.
        if outcome["load"] == "fail":
            outcome["without_compile"] = self._ask(path=str(file), compile=False)["load"]
        return outcome

    def _ask(self, **request: Any) -> dict[str, Any]:
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return self._answer(LOAD_LIMIT)
        except queue.Empty:
            self._stop()
            self._start()
            return {"load": "hang", "error": f"no answer within {LOAD_LIMIT:.0f} s"}
        except (EOFError, BrokenPipeError):
            ended = self._process.wait()
            if ended in {-signal.SIGTERM, -signal.SIGKILL}:
                # Somebody ended it, which says nothing about the file.
                raise RuntimeError(f"{self._release.name} was ended from outside, by signal {-ended}") from None
            self._stop()
            self._start()
            return {"load": "fail", "error": f"the process ended with {ended}"}

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [self._python, "-m", "tests.live.inside.load", self._release.module],
            env=self._variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        # Reading from a pipe can't be given a time limit; waiting for a queue can.
        threading.Thread(target=_pass_on, args=(self._process.stdout, self._answers), daemon=True).start()
        try:
            self.packages = self._answer(START_LIMIT)
        except (EOFError, queue.Empty) as error:
            self._stop()
            raise RuntimeError(f"{self._release.name} doesn't start: {self._complaint()}") from error

    def _answer(self, limit: float) -> dict[str, Any]:
        line = self._answers.get(timeout=limit)
        if not line:
            raise EOFError
        return json.loads(line)

    def _complaint(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-2000:]

    def _stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()


def _pass_on(lines: Any, answers: queue.SimpleQueue[str]) -> None:
    with lines:
        for line in lines:
            answers.put(line)
    answers.put("")
