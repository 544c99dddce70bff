"""Views on files."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlflow_kerasguard.formats.window import Window


def test_a_part_of_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"0123456789")
    with Window.of_file(tmp_path / "file") as whole:
        part = whole.part(2, 5)
        assert (part.read(), part.read(), part.tell()) == (b"23456", b"", 5)
        assert (part.seek(-2, 2), part.read(9), part.seek(1), part.seek(1, 1), part.read(1)) == (
            3,
            b"56",
            1,
            2,
            b"4",
        )
        assert part.bytes_at(4, 9) == b"6"
        assert part.bytes_at(9, 9) == b""
        assert whole.part(8, 100).size == 2
        assert whole.part(20, 1).size == 0
        assert (part.readable(), part.seekable(), part.path) == (True, True, None)
        with pytest.raises(OSError, match="before the start"):
            part.seek(-1)
        part.close()
        assert whole.read() == b"0123456789"
    whole.close()


def test_a_path_to_the_same_file(tmp_path):
    (tmp_path / "file").write_bytes(b"first")
    with Window.of_file(tmp_path / "file") as window:
        (tmp_path / "file").unlink()
        (tmp_path / "file").write_bytes(b"second")
        assert Path(str(window.path)).read_bytes() == b"first"
