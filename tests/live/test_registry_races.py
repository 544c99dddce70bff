"""No alias ever points to a version without a verdict: not with many clients, and not when the server is killed."""

from __future__ import annotations

import pytest

from tests.live.registry_races import Race

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore::UserWarning:mlflow")]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_promotions_raced_and_killed(kind, tmp_path, request):
    database = f"sqlite:///{tmp_path}/registry.db" if kind == "sqlite" else request.getfixturevalue("postgresql_uri")
    race = Race(directory=tmp_path, database=database)
    for _ in range(2):
        race.run(enough=10)
        assert race.wrong() == []
    # Without these nothing could have gone wrong.
    assert race.answers["create", 200]
    assert race.answers["delete model", 200]
