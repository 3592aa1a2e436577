"""What many workers of one run spend at once: nothing is lost, and their budget is one. On both kinds of catalog."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from penstock import runs
from penstock.errors import BudgetError
from penstock.spending import RunAccount
from support.workspace import Workspace

BOUND, BILLED = 50, 7


def spend(account: RunAccount) -> bool:
    try:
        with account.request(BOUND, again=False) as charge:
            charge(BILLED, 0)
    except BudgetError:
        return False
    return True


@pytest.mark.parametrize("budget", [None, 500])
def test_workers_at_once_count_everything_and_pass_no_budget(
    catalog_url: str, make_workspace: Callable[..., Workspace], budget: int | None
) -> None:
    w = make_workspace(catalog=catalog_url)
    run = runs.begin(w.platform, "main", "sync")
    workers = [RunAccount(w.open().catalog, run.id, budget) for _ in range(4)]
    with ThreadPoolExecutor(8) as threads:
        went = sum(threads.map(spend, workers * 25))
    runs.save(w.platform, run)  # a run's own figures do not overwrite what its workers counted
    counts = runs.report(w.platform, run.id).counts
    assert (counts["requests"], counts["tokens_billed"], counts["tokens_in_flight"]) == (went, went * BILLED, 0)
    if budget is None:
        assert went == 100
    else:
        assert budget - 4 * BOUND < went * BILLED <= budget
    for worker in workers:
        worker.catalog.close()


def test_a_request_that_is_interrupted_may_have_cost_its_most(workspace: Workspace) -> None:
    run = runs.begin(workspace.platform, "main", "sync")
    with pytest.raises(KeyboardInterrupt), RunAccount(workspace.platform.catalog, run.id).request(BOUND, again=True):
        raise KeyboardInterrupt
    counts = runs.report(workspace.platform, run.id).counts
    assert counts == {"requests": 1, "requests_retried": 1, "tokens_in_flight": 0, "tokens_unsure": BOUND}
