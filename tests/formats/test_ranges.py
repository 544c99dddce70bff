"""Files of which only parts are fetched: they read as they do whole, or not at all."""

from __future__ import annotations

import contextlib
import io

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_kerasguard.formats import ranges, read_model, read_window
from mlflow_kerasguard.formats.ranges import BLOCK, Blocks, RangedWindow, TooMuchError
from tests.benchmarks.models import dense_stack


def window_on(data, most=1000):
    asked = []

    def fetch(start, end):
        asked.append((start, end))
        return data[start:end]

    blocks = Blocks(fetch, len(data), most)
    return RangedWindow(blocks, 0, len(data)), blocks, asked


@given(st.binary(max_size=300), st.lists(st.tuples(st.integers(0, 320), st.integers(0, 320)), max_size=5), st.data())
def test_it_reads_as_the_bytes_do(data, places, draw):
    size = draw.draw(st.integers(1, 64))
    previous, ranges.BLOCK = ranges.BLOCK, size
    try:
        window, blocks, asked = window_on(data)
        reference = io.BytesIO(data)
        for place, count in places:
            assert window.bytes_at(place, count) == data[place : place + count]
            window.seek(place)
            reference.seek(place)
            assert window.read(count) == reference.read(count)
            assert window.tell() == min(reference.tell(), max(place, len(data))) or place > len(data)
            part = window.part(min(place, len(data)), count)
            assert part.bytes_at(0, count) == data[place : place + count]
        assert len(asked) == len(set(asked)) == blocks.fetched
    finally:
        ranges.BLOCK = previous


def large_file(path, units=700):
    """A `.keras` file whose weights are most of it."""
    return dense_stack(path, layers=4, units=units)


def test_a_keras_file_is_read_as_it_is_whole(tmp_path):
    path = large_file(tmp_path / "model.keras")
    data = path.read_bytes()
    window, blocks, _ = window_on(data)
    assert read_window(window, path.name, str(path)) == read_model(path)
    assert blocks.problem is None
    assert blocks.fetched * BLOCK < len(data) / 4


def test_so_is_an_hdf5_file(tmp_path):
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = '{"class_name": "Sequential", "config": {"name": "s", "layers": []}}'
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["backend"] = "tensorflow"
        group = file.create_group("model_weights/dense")
        file["model_weights"].attrs["layer_names"] = [b"dense"]
        group.attrs["weight_names"] = [b"dense/kernel:0"]
        group["dense/kernel:0"] = np.zeros((1000, 1000), "float32")
    window, blocks, _ = window_on(path.read_bytes())
    assert read_window(window, path.name, str(path)) == read_model(path)
    assert blocks.fetched < 10


def test_too_much_of_a_file(tmp_path):
    path = large_file(tmp_path / "model.keras")
    window, blocks, _ = window_on(path.read_bytes(), most=2)
    with contextlib.suppress(OSError):
        read_window(window, path.name, str(path))
    assert isinstance(blocks.problem, TooMuchError)
    assert blocks.fetched == 2


FAILURES = {"error": (OSError("gone"), "gone"), "too few": (b"x", "1 bytes arrived where 65,536 were asked for")}


@pytest.mark.parametrize(("given_back", "text"), FAILURES.values(), ids=FAILURES)
def test_what_does_not_arrive_is_told(given_back, text):
    """And asked for once: whoever reads goes on, and what it makes of it doesn't count."""
    asked = []

    def fetch(start, end):
        asked.append(start)
        if isinstance(given_back, OSError):
            raise given_back
        return given_back

    blocks = Blocks(fetch, 10 * BLOCK, 100)
    window = RangedWindow(blocks, 0, 10 * BLOCK)
    for _ in range(2):
        with pytest.raises(OSError, match=text):
            window.bytes_at(0, 5)
    assert len(asked) == 1
    assert text in str(blocks.problem)
