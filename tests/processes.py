"""The processes of a group: a server, and all that it has started."""

from __future__ import annotations

import subprocess
import time


def running(group: int) -> list[str]:
    """The command lines of those that haven't ended."""
    done = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True)
    rows = (line.split(maxsplit=2) for line in done.stdout.splitlines())
    return [args for its_group, state, args in rows if int(its_group) == group and not state.startswith("Z")]


def await_none(group: int, *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while left := running(group):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
