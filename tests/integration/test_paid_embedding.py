"""Whole syncs through a paid API: what is asked and counted, where a budget stops it, and where its key is not."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from penstock import display, inspection, reports, runs, steps
from penstock.checkup import CHECKS
from penstock.embedding.cache import VectorCache
from penstock.errors import BudgetError, ConfigError, ModelError, TransientModelError
from penstock.previewing import plan
from penstock.provenance import trace
from penstock.retrieval import search
from penstock.settings import ApiEmbedderSettings, PriceSettings
from support.model_api import COHERE_MODEL, DIMENSION, KEY, OPENAI_MODEL, Fault, ModelApi, model_api, use_our_key
from support.workspace import Workspace

Make = Callable[..., Workspace]
SUBJECTS = ("barley", "canal", "dam", "eel", "flood", "gauge", "heron", "ice", "jetty", "keel", "lock", "mill")


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelApi]:
    use_our_key(monkeypatch)
    with model_api() as server:
        yield server


def settings_of(backend: str, api: ModelApi, **options: Any) -> ApiEmbedderSettings:
    ours = backend == "cohere"
    model, url = (COHERE_MODEL, api.url) if ours else (OPENAI_MODEL, f"{api.url}/v1")
    return ApiEmbedderSettings(
        **{"backend": backend, "model": model, "dimension": DIMENSION, "base_url": url, "tries": 2, **options}
    )


def filled(w: Workspace, backend: str, api: ModelApi, **options: Any) -> Workspace:
    for subject in SUBJECTS:
        w.write(f"{subject}.md", f"# The {subject}\n\nThis page tells of the {subject} and of nothing else.\n")
    w.change_index(embedder=settings_of(backend, api, **options))
    return w


def sent(api: ModelApi) -> list[str]:
    return [text for one in api.asked for text in one.body.get("texts", one.body.get("input", []))]


@pytest.mark.parametrize("backend", ["cohere", "openai"])
def test_a_sync_and_a_search_through_the_api(backend: str, make_workspace: Make, api: ModelApi) -> None:
    w = filled(make_workspace(), backend, api)
    api.faults.append(Fault(500, {"message": "internal server error"}))
    report = w.sync()
    assert (report.state, report.counts["embedded"]) == ("published", len(SUBJECTS))
    assert (report.counts["requests"], report.counts["requests_retried"]) == (len(api.asked), 1) == (2, 1)
    assert report.counts["tokens_billed"] == api.billed > 0
    assert (report.counts["tokens_in_flight"], report.counts["tokens_unsure"]) == (0, 0)

    asked = len(api.asked)
    assert w.found("what of the heron")[0] == "heron.md"
    assert [one.body.get("input_type", "search_query") for one in api.asked[asked:]] == ["search_query"]

    hit = search(w.platform, "main", "heron").hits[0]
    made, embedder = trace(w.platform, hit.chunk_id)["vector"], settings_of(backend, api)
    assert (made["run"], made["endpoint"], made["model"]) == (1, embedder.base_url, embedder.model)

    again = w.sync()
    assert again.state == "unchanged"
    w.write("heron.md", "# The heron\n\nThis page tells of the heron and of nothing else.\n\nAnd of its nest.\n")
    assert w.sync().counts["embedded"] == 1
    assert len(sent(api)) == 2 * len(SUBJECTS) + 3  # twice for the fault, two questions, one new text


def test_what_a_run_spent_is_shown_where_its_figures_are(
    make_workspace: Make, api: ModelApi, capsys: pytest.CaptureFixture[str]
) -> None:
    w = filled(make_workspace(), "cohere", api)
    api.faults.append(Fault(cut=True))
    report = w.sync()
    billed, unsure = report.counts["tokens_billed"], report.counts["tokens_unsure"]
    assert unsure >= api.billed - billed > 0  # the answer that was cut short was paid for too
    said = f"{billed:,} tokens in 2 requests, 1 of them tried again; up to {unsure:,} more for requests without a clear"
    for show in (lambda: display.run(report), lambda: display.status(inspection.status(w.platform))):
        show()
        assert said in " ".join(capsys.readouterr().out.split())
    page = reports.release_report_html(w.platform, "main", 1)
    assert "tokens billed" in page
    assert f"{unsure:,}" in page


def test_plan_says_what_it_would_cost_before_a_key_is_needed(
    make_workspace: Make, api: ModelApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CO_API_KEY")
    w = filled(make_workspace(), "cohere", api, budget_tokens=50)
    prices = PriceSettings(currency="EUR", per_million_tokens={COHERE_MODEL: 120_000.0})
    w.settings = w.settings.model_copy(update={"prices": prices})
    w.platform = w.open()
    found = plan(w.platform, "main")
    tokens = found["tokens_to_embed"]
    assert found["texts_to_embed"] == len(SUBJECTS)
    assert found["cost"] == {
        "model": COHERE_MODEL,
        "counted_by": None,
        "price": pytest.approx(0.12 * tokens),
        "currency": "EUR",
        "budget_tokens": 50,
    }
    display.plan(found)
    assert (
        f"about {0.12 * tokens:,.4f} EUR to embed-v4.0; tokens are estimated, on the high side; more than the budget "
        "of a run, 50 tokens: it takes several"
    ) in " ".join(capsys.readouterr().out.split())
    assert api.asked == []

    monkeypatch.setenv("CO_API_KEY", KEY)
    w.settings = w.settings.model_copy(update={"prices": PriceSettings()})
    w.change_index(embedder=settings_of("cohere", api))
    display.plan(plan(w.platform, "main"))
    assert "unknown: name embed-v4.0 in prices.per_million_tokens" in " ".join(capsys.readouterr().out.split())
    w.sync()
    assert api.billed < tokens
    assert plan(w.platform, "main")["tokens_to_embed"] == 0


def stopped_by_budget(w: Workspace) -> BudgetError | None:
    try:
        w.sync()
    except BudgetError as error:
        return error
    return None


def test_the_doctor_asks_for_the_key_and_spends_nothing(
    workspace: Workspace, api: ModelApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.change_index(embedder=settings_of("cohere", api))
    said = CHECKS["embedder"](workspace.settings)
    assert f"{COHERE_MODEL}: {DIMENSION} dimensions" in said
    assert f"endpoint {api.url}" in said
    monkeypatch.delenv("CO_API_KEY")
    with pytest.raises(ConfigError, match="there is no key for Cohere"):
        CHECKS["embedder"](workspace.settings)
    assert api.asked == []


class TestBudget:
    BUDGET = 140

    def test_a_run_stops_before_it_and_the_next_goes_on(self, make_workspace: Make, api: ModelApi) -> None:
        w = filled(make_workspace(), "cohere", api, budget_tokens=self.BUDGET)
        spent: list[int] = []
        stopped: BudgetError | None = None
        while not spent or stopped:
            before = api.billed
            stopped = stopped_by_budget(w)
            spent.append(api.billed - before)
            report = runs.recent(w.platform, "main", 1)[0]
            counts = report.counts
            assert (counts["tokens_billed"], counts["tokens_in_flight"], counts["tokens_unsure"]) == (spent[-1], 0, 0)
            if stopped:
                assert (report.state, report.message, stopped.exit_code) == ("failed", str(stopped), 1)
                said = re.match(
                    rf"run {report.id} of 'main' stops before its budget of {self.BUDGET} tokens is passed: (\d+) are "
                    r"billed and the next request may take (\d+)\. ",
                    str(stopped),
                )
                assert said, stopped
                billed, next_one = (int(figure) for figure in said.groups())
                assert billed <= spent[-1]  # a smaller request beside it may still have fitted
                assert billed + next_one > self.BUDGET
                assert str(stopped).endswith(
                    "What was embedded is kept and the next run goes on from there; "
                    "or raise indexes.main.embedder.budget_tokens"
                )
                assert inspection.status(w.platform)[0]["live"] is None
        assert 1 < len(spent) < len(SUBJECTS) / 2
        assert all(0 < one <= self.BUDGET for one in spent)
        assert sorted(sent(api)) == sorted(set(sent(api)))  # nothing was paid for twice
        assert w.found("heron")[0] == "heron.md"

    def test_a_text_that_is_more_than_the_budget_says_so(self, make_workspace: Make, api: ModelApi) -> None:
        w = filled(make_workspace(), "cohere", api, budget_tokens=20)
        stopped = stopped_by_budget(w)
        assert "budget of 20 tokens is passed: 0 are billed and the next request may take " in str(stopped)
        assert api.asked == []

    def test_tasks_on_several_workers_have_one_between_them(self, make_workspace: Make, api: ModelApi) -> None:
        w = filled(make_workspace(), "openai", api, budget_tokens=self.BUDGET)
        run = steps.start(w.open(), "main", "dag/1")["run"]
        steps.prepare(w.open(), run, 0)
        steps.collect(w.open(), run)
        for _worker in range(3):
            with pytest.raises(BudgetError):
                steps.embed(w.open(), run, 0)
        report = steps.end(w.open(), "dag/1")
        assert report is not None
        assert report.state == "failed"
        assert report.counts["tokens_billed"] == api.billed <= self.BUDGET
        assert report.counts["requests"] == len(api.asked)

    def test_requests_that_nobody_can_settle_count_at_their_most(self, make_workspace: Make, api: ModelApi) -> None:
        w = filled(make_workspace(), "cohere", api, budget_tokens=self.BUDGET, tries=20)
        api.faults.extend([Fault(cut=True)] * 20)
        with pytest.raises(BudgetError, match=r"0 are billed, up to \d+ more are not settled, and the next"):
            w.sync()
        assert api.billed <= self.BUDGET

    @pytest.mark.parametrize("figure", [None, math.nan, math.inf, -7, "x"])
    @pytest.mark.parametrize("backend", ["cohere", "openai"])
    def test_an_answer_without_a_figure_counts_at_its_most(
        self, make_workspace: Make, api: ModelApi, backend: str, figure: Any
    ) -> None:
        w = filled(make_workspace(), backend, api)
        spoilt = {"usage": {"prompt_tokens": figure}, "meta": {"billed_units": {"input_tokens": figure}}}
        api.faults.append(Fault(spoil=lambda body: {**body, **spoilt}))
        report = w.sync()
        assert report.counts["tokens_billed"] == 0
        assert report.counts["tokens_unsure"] >= api.billed > 0


def test_what_was_embedded_beside_a_failure_is_kept(make_workspace: Make, api: ModelApi) -> None:
    w = filled(make_workspace(), "cohere", api, batch_texts=3)
    api.faults.extend([Fault(), Fault(), Fault(400, {"message": "no"})])
    with pytest.raises(ModelError, match=r"\(400: no\)"):
        w.sync()
    paid = [one.body["texts"] for one in api.asked if one is not api.asked[2]]
    w.sync()
    assert all(sent(api).count(text) == 1 for texts in paid for text in texts)


def test_an_outage_leaves_the_live_release_and_a_search_says_who_is_out(make_workspace: Make, api: ModelApi) -> None:
    w = filled(make_workspace(), "cohere", api)
    w.sync()
    w.write("new.md", "# New\n\nA new page.\n")
    api.faults.extend([Fault(503, {"message": "overloaded"})] * 2)
    with pytest.raises(TransientModelError, match="has no time now"):
        w.sync()
    api.faults.extend([Fault(503, {"message": "overloaded"})] * 2)
    with pytest.raises(TransientModelError, match=r"Cohere at .* has no time now \(503: overloaded\); try again later"):
        w.found("heron")
    assert w.found("heron")[0] == "heron.md"
    assert inspection.status(w.platform)[0]["live"] == 1


def test_another_model_is_another_generation(make_workspace: Make, api: ModelApi) -> None:
    w = filled(make_workspace(), "cohere", api)
    w.sync()
    w.change_index(embedder=settings_of("cohere", api, timeout_s=30.0, connection=None))
    assert inspection.status(w.platform)[0]["reindex_would_change"] == []  # limits change no vector
    w.change_index(embedder=settings_of("openai", api))
    changes = inspection.status(w.platform)[0]["reindex_would_change"]
    assert changes == [
        "embedder.backend: 'cohere' → 'openai'",
        "embedder.model: 'embed-v4.0' → 'text-embedding-3-small'",
    ]
    w.write("new.md", "# New\n\nA new page.\n")
    w.sync()
    assert api.asked[-1].path == "/v2/embed"  # until then the live generation's model
    assert w.reindex().counts["embedded"] == len(SUBJECTS) + 1
    assert w.found("heron")[0] == "heron.md"
    assert api.asked[-1].path == "/v1/embeddings"


def test_a_local_model_that_becomes_a_paid_one_asks_for_a_reindex(make_workspace: Make, api: ModelApi) -> None:
    w = make_workspace()
    w.write("a.md", "# A page\n\nOf words.\n")
    w.sync()
    w.change_index(embedder=settings_of("cohere", api))
    changes = inspection.status(w.platform)[0]["reindex_would_change"]
    assert "embedder.backend: 'hashing' → 'cohere'" in changes
    assert not any("threads" in one or "base_url" in one or "budget" in one for one in changes)
    w.write("b.md", "# Another\n\nOf words.\n")
    assert w.sync().state == "published"
    assert api.asked == []


@pytest.mark.parametrize("backend", ["cohere", "openai"])
def test_the_key_is_in_nothing_that_a_run_leaves(
    backend: str,
    make_workspace: Make,
    api: ModelApi,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Catalog, lake, index, logs, reports, errors and configuration, byte by byte, after runs of every ending."""
    for name in ("CO_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name)
    connection = json.dumps(
        {"conn_type": backend, "password": KEY, "host": f"{api.url}{'/v1' * (backend == 'openai')}"}
    )
    monkeypatch.setenv(f"AIRFLOW_CONN_{backend.upper()}_DEFAULT", connection)
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    with structlog.testing.capture_logs() as logged:
        w = filled(make_workspace(), backend, api, base_url=None)
        said.append(repr(w.sync()))
        w.write("new.md", "# New\n\nA new page.\n")
        api.key = "another key"
        with pytest.raises(ModelError) as refused:  # the server repeats the key that it refused
            w.sync()
        api.key = KEY
        api.faults.append(Fault(400, {"message": f"what is Bearer {KEY}?"}, {"x-seen": KEY}))
        with pytest.raises(ModelError) as wrong:
            w.sync()
        api.faults.extend([Fault(cut=True), Fault(429, {"message": KEY}, {"Retry-After": "0"})])
        with pytest.raises(TransientModelError) as gone:
            w.sync()
        w.sync()
    assert all(asked.key in (f"Bearer {KEY}", "") for asked in api.asked)
    for error in (refused, wrong, gone):
        said += [str(error.value), repr(error.value), repr(error.value.__dict__), str(error.getrepr(showlocals=False))]
    said += [repr(logged), caplog.text, *capsys.readouterr(), repr(w.settings), w.settings.model_dump_json()]
    said += [repr(inspection.status(w.platform)), repr(plan(w.platform, "main"))]
    said += [reports.run_report_html(w.platform, one.id) for one in runs.recent(w.platform, "main")]
    embedder = w.platform.embedder(w.settings.index("main").embedder)
    said += [repr(embedder), repr(embedder.runtime), repr(VectorCache(w.platform.catalog, w.platform.lake, "x"))]
    w.platform.close()
    assert "[key]" in str(refused.value)
    assert not [text for text in said if KEY in text]
    files = [path for path in Path(w.root).rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
