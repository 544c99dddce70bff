"""KG604, KG606 and KG609: what preprocessing layers learned."""

from __future__ import annotations

from tests.builders import Case
from tests.rules.test_weights import HERE, NO_KERAS, archive, hdf5, target

TABLES = target(lookups_never_in_hdf5=True)
LOOKUP = {"name": "city", "vocabulary": ["oslo"]}

CASES = [
    Case(
        code="KG609",
        name="lookup",
        model=hdf5("StringLookup", LOOKUP),
        environment=TABLES,
        fires=True,
        found="a table that HDF5 can't hold",
    ),
    Case(code="KG609", name="zip", model=archive("StringLookup", LOOKUP), environment=TABLES, fires=False),
    Case(code="KG609", name="later", model=hdf5("StringLookup", LOOKUP), environment=HERE, fires=False),
    Case(code="KG609", name="another-layer", model=hdf5("Dense", {"name": "d"}), environment=TABLES, fires=False),
    Case(code="KG609", name="no-keras", model=hdf5("StringLookup", LOOKUP), environment=NO_KERAS, fires=False),
    Case(
        code="KG604",
        name="adapted",
        model=hdf5("Normalization", {"name": "n"}, (3,), (3,), ()),
        environment=target(hdf5_finalizes_state=False),
        fires=True,
        found="without telling the layer",
    ),
    Case(
        code="KG604",
        name="bins",
        model=archive("Discretization", {"name": "bins", "bin_boundaries": None, "num_bins": 3}),
        environment=target(zip_forgets_bins=True),
        fires=True,
        where='layers["discretization"]',
    ),
    Case(
        code="KG604",
        name="given-bins",
        model=archive("Discretization", {"name": "bins", "bin_boundaries": [1.0]}),
        environment=target(zip_forgets_bins=True),
        fires=False,
    ),
    Case(
        code="KG604",
        name="bins-of-keras-3",
        model=archive("Discretization", {"name": "bins", "bin_boundaries": None}),
        environment=HERE,
        fires=False,
    ),
    Case(
        code="KG604",
        name="given",
        model=hdf5("Normalization", {"name": "n", "mean": [1.0]}),
        environment=target(hdf5_finalizes_state=False),
        fires=False,
    ),
    Case(code="KG604", name="told", model=hdf5("Normalization", {"name": "n"}), environment=target(), fires=False),
    Case(
        code="KG604",
        name="zip",
        model=archive("Normalization", {"name": "n"}),
        environment=target(hdf5_finalizes_state=False),
        fires=False,
    ),
    Case(
        code="KG606",
        name="learned",
        model=archive("StringLookup", {"name": "s", "output_mode": "tf_idf", "vocabulary": None}),
        environment=target(idf_assets_refused=True),
        fires=True,
        found="missing `idf_weights`",
    ),
    Case(
        code="KG606",
        name="given",
        model=archive("StringLookup", {"name": "s", "output_mode": "tf_idf", "vocabulary": ["a"]}),
        environment=target(idf_assets_refused=True),
        fires=False,
    ),
    Case(
        code="KG606",
        name="without-weights",
        model=archive("StringLookup", {"name": "s", "output_mode": "int", "vocabulary": None}),
        environment=target(idf_assets_refused=True),
        fires=False,
    ),
    Case(
        code="KG606",
        name="later",
        model=archive("StringLookup", {"name": "s", "output_mode": "tf_idf", "vocabulary": None}),
        environment=target(),
        fires=False,
    ),
    Case(
        code="KG606",
        name="hdf5",
        model=hdf5("StringLookup", {"name": "s", "output_mode": "tf_idf", "vocabulary": None}),
        environment=target(idf_assets_refused=True),
        fires=False,
    ),
]
