"""Several processes record interactions and are killed: what was answered for is there, and hardly anything else."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from penstock.catalog.schema import interactions
from support.asker import THREADS, AskingProcess
from support.workspace import Workspace

Make = Callable[..., Workspace]
ENOUGH, GIVE_UP_S = 60, 120.0


def wait_for(asker: AskingProcess, answers: int) -> None:
    until = time.monotonic() + GIVE_UP_S
    while len(asker.answered) < answers:
        assert asker.alive(), "the asker died by itself"
        assert time.monotonic() < until, f"{len(asker.answered)} answers in {GIVE_UP_S:.0f} s"
        time.sleep(0.01)


def test_a_kill_loses_only_what_was_not_yet_answered(make_workspace: Make, catalog_url: str) -> None:
    w = make_workspace(catalog=catalog_url)
    askers = [AskingProcess(w, name) for name in ("first", "second")]
    try:
        for one in askers:
            wait_for(one, ENOUGH)
        askers[0].kill()
        wait_for(askers[1], len(askers[1].answered) + ENOUGH)  # a dead one's lock stops nobody
    finally:
        for one in askers:
            one.kill()
    answered = {id_ for one in askers for id_ in one.answered}
    with w.platform.catalog.read() as connection:
        kept = set(connection.execute(select(interactions.c.id)).scalars())
        sessions = connection.execute(select(func.count(interactions.c.session.distinct()))).scalar_one()
    assert len(answered) == sum(len(one.answered) for one in askers), "no id was given twice"
    assert answered <= kept
    assert len(kept - answered) <= THREADS * len(askers)
    assert sessions == THREADS * len(askers)


@pytest.mark.long
def test_many_kills(make_workspace: Make) -> None:
    w = make_workspace()
    answered: set[str] = set()
    kills = 20
    for nth in range(kills):
        asker = AskingProcess(w, str(nth))
        wait_for(asker, 5 + 3 * nth)
        asker.kill()
        answered.update(asker.answered)
    with w.platform.catalog.read() as connection:
        kept = set(connection.execute(select(interactions.c.id)).scalars())
    assert answered <= kept
    assert len(kept - answered) <= THREADS * kills
