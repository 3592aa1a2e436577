"""11: kill -9 before every statement that a promotion and a demotion make: never a model with another's index."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock import champions, maintenance, manifest
from penstock.promotion.comparing import compare
from support import tuned
from support.dying import killed_before
from support.tuned import THINGS
from support.workspace import Workspace


def pair(w: Workspace) -> tuple[int | None, dict[str, str]]:
    platform = w.open()
    with platform.catalog.read() as connection:
        live, _ = manifest.pointer(connection, "main")
        found = manifest.champions(connection, "main")
        assert live is not None
        assert champions.trained_embedder(connection, "main", live) == found.get("embedder")
    platform.close()
    return live, found


@pytest.mark.parametrize("stride", [4, pytest.param(1, marks=pytest.mark.long)])
def test_a_promotion_and_a_demotion_that_are_killed_moved_all_or_nothing(
    workspace: Workspace, tmp_path: Path, stride: int
) -> None:
    w, base = workspace, tuned.model(tmp_path / "base", THINGS[:20])
    tuned.configure(w, base)
    tuned.fill(w)
    w.sync()
    better = tuned.keep_model(w.platform, tuned.model(tmp_path / "better", seed=1), base, tuned.freeze(w))
    assert compare(w.platform, "main", better).outcome == "promote"
    for what, before, after in (
        ("promote", (1, {}), (2, {"embedder": better})),
        ("demote", (2, {"embedder": better}), (1, {})),
    ):
        statement, kills = 1, 0
        while killed_before(w, statement, what, better):
            kills += 1
            if pair(w) == after:
                break  # killed after the transaction: what is left to do is told, not decided
            assert pair(w) == before
            statement += stride
        assert kills >= 12 / stride, "it was killed all along the way"
        assert pair(w) == after
    assert maintenance.verify(w.platform, "main")[1:] == []
