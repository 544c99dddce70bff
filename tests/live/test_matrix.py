"""Cells of the matrix, rebuilt from real releases: our verdict agrees with what happens, on every file."""

from __future__ import annotations

import itertools

import pytest

from tests.live.cells import Cell, rebuild
from tests.live.environments import CACHE
from tests.live.record import read_record
from tests.live.releases import find_release

#: One release with Keras 2, one early and one late with Keras 3.
RELEASES = ("k2.9", "3.1.1", "3.14.1")

#: A model of each kind, so that the cells take a minute and not an hour. Keras 3.1 never returns from
#: models nested in Keras 2's HDF5; one such model shows it.
MODELS = """
Activation_gelu Arguments_lstm BatchNormalization Bidirectional_cell Bidirectional_gru Compile_loss_dict Conv2DTranspose
ConvLSTM2D Dense Dense_mixed Dict_to_dict EinsumDense Embedding_masking Func_residual_cnn GroupNormalization
Initializer_seeded IntegerLookup LSTM_state LayerNormalization_rms_scaling LocallyConnected1D MultiHeadAttention
Nested_functional_in_functional Net_text_cnn Net_unet Normalization Op_slice Ops_mean Outputs_dict RNN_mixed_cells
RandomTranslation Resizing Seq2seq_states Seq_input_shape Shared_lstm SpectralNormalization TF_reduce_mean
ThresholdedReLU TimeDistributed_conv Trained_adam
"""

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[tuple[str, str], Cell], dict]:
    directory = tmp_path_factory.mktemp("matrix")
    releases = [find_release(name) for name in RELEASES]
    cells = rebuild(releases, releases, directory, cache=CACHE, only=tuple(MODELS.split()))
    return {(cell.saver, cell.loader): cell for cell in cells}, read_record(directory)


@pytest.mark.parametrize(("saver", "loader"), list(itertools.product(RELEASES, RELEASES)))
def test_our_verdict_is_what_happens(saver, loader, rebuilt):
    cell = rebuilt[0][saver, loader]
    assert len(cell.outcomes) > 30
    assert cell.verdicts.keys() == cell.outcomes.keys()
    assert list(cell.disagreements()) == []


def test_the_record_holds_every_cell(rebuilt):
    cells, record = rebuilt
    assert set(record["releases"]) == set(RELEASES)
    for (saver, loader), cell in cells.items():
        assert record["verdicts"][loader][saver] == cell.outcomes


def test_loads_end_in_every_way(rebuilt):
    outcomes = [outcome for cell in rebuilt[0].values() for outcome in cell.outcomes.values()]
    assert {outcome["load"] for outcome in outcomes} == {"ok", "fail", "hang"}
    assert all("without_compile" in outcome for outcome in outcomes if outcome["load"] == "fail")
    assert any(outcome.get("predictions") == "same" for outcome in outcomes)


def test_what_a_release_cannot_build_is_passed_over(rebuilt):
    passed_over = rebuilt[0]["3.1.1", "3.1.1"].passed_over
    assert "no attribute 'LocallyConnected1D'" in passed_over["LocallyConnected1D (build)"]
