"""11: model and index go together, whoever moves them, and nothing is promoted that was not proved to be better."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update
from structlog.typing import EventDict
from typer.main import get_command

from penstock import champions, inspection, leases, maintenance, manifest, release, trained, views
from penstock.catalog.schema import comparisons, training_sets
from penstock.catalog.schema import models as models_table
from penstock.cli import app
from penstock.errors import LeaseHeldError, RefusedError, UsageError
from penstock.lake import AlteredObjectError
from penstock.progress import Progress
from penstock.promotion import checking, listing, records, registry
from penstock.promotion.comparing import compare
from penstock.promotion.promoting import demote, promote
from penstock.promotion_settings import GuardSettings
from penstock.purposes import Purpose
from penstock.retrieval import search
from penstock.service.warming import warm_waiting
from penstock.sync import ground
from penstock.training import dropping
from penstock.training.splits import Split
from support import tuned
from support.service import serving
from support.tuned import THINGS, WHO
from support.workspace import Workspace

Make = Callable[..., Workspace]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """``base`` tells half of the things from one another; ``better`` all, ``same`` the same half, ``worse`` none."""
    at = tmp_path_factory.mktemp("models")
    return {
        "base": tuned.model(at / "base", THINGS[:20]),
        "better": tuned.model(at / "better", (), seed=1),
        "best": tuned.model(at / "best", (), seed=2),
        "same": tuned.model(at / "same", THINGS[:20], seed=3),
        "worse": tuned.model(at / "worse", THINGS, seed=4),
    }


class Lab:
    def __init__(self, w: Workspace, models: dict[str, Path]) -> None:
        self.w = w
        tuned.configure(w, models["base"])
        tuned.fill(w)
        assert w.sync().state == "published"
        self.set_id = tuned.freeze(w)
        self.ids = {
            name: tuned.keep_model(w.platform, folder, models["base"], self.set_id)
            for name, folder in models.items()
            if name != "base"
        }

    def pair(self) -> tuple[int | None, dict[str, str]]:
        """The live release and the champions beside it."""
        with self.w.platform.catalog.read() as connection:
            live, _ = manifest.pointer(connection, "main")
            found = manifest.champions(connection, "main")
            assert live is not None
            own = champions.trained_embedder(connection, "main", live)
            assert found.get("embedder") == own, "a model with another's index"
        return live, found


@pytest.fixture
def lab(workspace: Workspace, models: dict[str, Path]) -> Lab:
    return Lab(workspace, models)


def test_a_better_embedder_is_promoted_with_its_release_and_demoted_with_it(lab: Lab) -> None:
    w, better = lab.w, lab.ids["better"]
    before = w.found("what is thing3", k=1)
    compared = compare(w.platform, "main", better)
    assert (compared.outcome, compared.look, compared.release, compared.report["reasons"]) == ("promote", 1, 2, [])
    assert compared.report["gain"]["n"] == len(THINGS)
    assert lab.pair() == (1, {}), "nobody sees it before it is promoted"
    moved = promote(w.platform, "main", better, WHO, "it finds more")
    assert moved.message == f"embedder {better} serves main, with release 2, promoted by ann"
    assert lab.pair() == (2, {"embedder": better})
    assert w.found("what is thing3", k=1) == ["thing3.md"]
    assert inspection.status(w.platform, "main")[0]["reindex_would_change"] == []
    back = demote(w.platform, "main", WHO, "the ratings fell")
    assert back.message == (
        "the embedder of the configuration serves main again, with release 1; syncs publish nothing until `resume`"
    )
    assert lab.pair() == (1, {})
    assert w.found("what is thing3", k=1) == before
    assert [one["what"] for one in inspection.log(w.platform, "main")] == ["demote", "promote"]


def last_run(w: Workspace) -> tuple[str, str]:
    """State and message that `penstock status` and the pages show of the last run, which are the same."""
    status, page = inspection.status(w.platform, "main")[0]["last_run"], views.home(w.platform)["runs"][0]
    assert (status["state"], status["message"]) == (page["state"], page["message"])
    return status["state"], status["message"]


def test_a_comparison_is_said_to_wait_only_as_long_as_its_release_does(lab: Lab) -> None:
    w, better, best = lab.w, lab.ids["better"], lab.ids["best"]
    compare(w.platform, "main", best)
    waits = f"release 2 was built by trained:{best} and waits, unseen, for its promotion"
    assert last_run(w) == ("waiting", waits)
    release.reject(w.platform, "main", 2, WHO, "not this one")
    assert last_run(w) == (
        "rejected",
        (
            f"release 2, built by {best} for a comparison, is rejected and was not promoted; "
            f"`penstock compare main {best}` builds another"
        ),
    )
    compare(w.platform, "main", better)
    promote(w.platform, "main", better, WHO, "it finds more")
    promoted = f"embedder {better} was promoted with release 3 by ann: it finds more"
    assert last_run(w) == ("promoted", promoted)
    demote(w.platform, "main", WHO, "the ratings fell")
    assert last_run(w) == ("promoted", f"{promoted}, and demoted since")


def test_what_is_no_better_is_kept_out(lab: Lab) -> None:
    w = lab.w
    same = compare(w.platform, "main", lab.ids["same"])
    assert same.outcome == "keep-champion"
    assert lab.pair() == (1, {})
    worse = compare(w.platform, "main", lab.ids["worse"])
    assert (worse.outcome, worse.look, worse.release) == ("keep-champion", 2, None)
    assert worse.report["remarks"] == ["judged on the pooled passages of the test questions; no index was built"]
    for override in (False, True):
        with pytest.raises(RefusedError) as refused:
            promote(w.platform, "main", lab.ids["worse"], WHO, "I want it", override)
        assert str(refused.value) == (
            f"comparison 2 keeps the champion of 'main' ({'; '.join(worse.report['reasons'])}); it built no release to "
            "go live with, so --override cannot help; train another"
        )


def test_after_a_sync_a_tuned_embedder_goes_on_and_its_release_cannot_be_approved(lab: Lab) -> None:
    w, better = lab.w, lab.ids["better"]
    compare(w.platform, "main", better)
    with pytest.raises(RefusedError) as refused:
        release.approve(w.platform, "main", 2, WHO, "looks good")
    assert str(refused.value) == (
        f"release 2 of 'main' was built by the challenger {better}; only `penstock promote main {better} --why …` "
        "publishes it, together with the model"
    )
    w.write("thing3.md", "# Page\n\nThe thing3 is about thing3.")
    assert w.sync().release == 3
    with pytest.raises(RefusedError) as late:
        promote(w.platform, "main", better, WHO, "it finds more")
    assert str(late.value) == (
        f"release 2 of 'main', which {better} was judged on, is superseded by now; run `penstock compare main {better}`"
        " (what it embedded is kept)"
    )
    assert compare(w.platform, "main", better).release == 4
    promote(w.platform, "main", better, WHO, "it finds more")
    w.write("thing5.md", "# Page\n\nThe thing5 is about thing5.")
    assert w.sync().release == 5
    assert lab.pair() == (5, {"embedder": better}), "a sync keeps to the champion"
    assert w.reindex().release == 6
    assert lab.pair() == (6, {"embedder": better}), "and so does a reindex"
    demote(w.platform, "main", WHO, "the ratings fell")
    assert lab.pair() == (3, {})
    assert w.sync().state == "held"
    release.resume(w.platform, "main", WHO, "go on")
    assert lab.pair() == (7, {}), "what is built after a demotion is built by the model before"
    assert w.found("thing5", k=1, mode="text") == ["thing5.md"]


def test_without_a_sync_a_resume_does_not_bring_back_what_was_demoted(lab: Lab) -> None:
    w, better = lab.w, lab.ids["better"]
    compare(w.platform, "main", better)
    promote(w.platform, "main", better, WHO, "it finds more")
    demote(w.platform, "main", WHO, "the ratings fell")
    release.resume(w.platform, "main", WHO, "go on")
    assert lab.pair() == (1, {})
    with pytest.raises(RefusedError, match=r"is judged beside the newest release: run `penstock sync main` first$"):
        compare(w.platform, "main", better)
    assert w.sync().release == 3
    assert lab.pair() == (3, {})
    with pytest.raises(RefusedError) as used:
        promote(w.platform, "main", better, WHO, "again")
    assert str(used.value).startswith("comparison 1 led to a promotion before, which was undone")


def test_what_is_built_after_a_demotion_is_built_as_what_serves_and_not_as_was_configured_since(
    lab: Lab, models: dict[str, Path]
) -> None:
    w, better = lab.w, lab.ids["better"]
    compare(w.platform, "main", better)
    promote(w.platform, "main", better, WHO, "it finds more")
    configured = w.settings.indexes["main"].embedder
    w.change_index(embedder=configured.model_copy(update={"model": str(models["worse"])}))
    demote(w.platform, "main", WHO, "the ratings fell")
    release.resume(w.platform, "main", WHO, "go on")
    assert w.sync().release == 3
    with w.platform.catalog.read() as connection:
        built = [one.recipe["embedder"]["model"] for one in manifest.standing(connection, "main")]
    assert built[-1] == built[0] == configured.model
    (pending,) = ground(w.platform, "main").pending_changes
    assert str(models["worse"]) in pending, "a reindex would build with that one"


def test_the_first_decision_wins_and_a_comparison_is_with_todays_champion(lab: Lab) -> None:
    w, better, best = lab.w, lab.ids["better"], lab.ids["best"]
    with pytest.raises(RefusedError) as none:
        promote(w.platform, "main", better, WHO, "it finds more")
    assert str(none.value) == (
        f"embedder {better} was not compared with the champion of 'main'; run `penstock compare main {better}`"
    )
    compare(w.platform, "main", best)
    compare(w.platform, "main", better)
    promote(w.platform, "main", better, WHO, "it finds more")
    with pytest.raises(RefusedError) as twice:
        promote(w.platform, "main", better, WHO, "I too")
    assert str(twice.value) == (
        f"embedder {better} serves 'main' already: promoted by ann (embedder {better}: it finds more)"
    )
    with pytest.raises(RefusedError) as other:
        promote(w.platform, "main", best, WHO, "it is best")
    assert str(other.value) == (
        f"comparison 1 was with the configured model, and the champion of 'main' is {better} now; "
        f"run `penstock compare main {best}`"
    )
    with pytest.raises(UsageError, match=f"^embedder {better} is the champion of 'main' already; name a challenger$"):
        compare(w.platform, "main", better)


def test_the_release_before_a_promotion_is_kept_and_a_rollback_takes_its_model_along(lab: Lab) -> None:
    w, better = lab.w, lab.ids["better"]
    compare(w.platform, "main", better)
    promote(w.platform, "main", better, WHO, "it finds more")
    w.write("thing3.md", "# Page\n\nThe thing3 is about thing3.")
    w.sync()
    maintenance.prune(w.platform, "main", 1)
    release.rollback(w.platform, "main", WHO, "back to the oldest", to=1)
    assert lab.pair() == (1, {})
    release.resume(w.platform, "main", WHO, "and on")
    assert lab.pair() == (3, {"embedder": better})
    demote(w.platform, "main", WHO, "the ratings fell")
    assert lab.pair() == (1, {})
    with pytest.raises(
        UsageError, match=r"^no model that was trained here serves 'main'; `penstock models main` lists"
    ):
        demote(w.platform, "main", WHO, "again")


def test_a_demotion_of_what_a_rollback_took_out_says_so(lab: Lab) -> None:
    w, better = lab.w, lab.ids["better"]
    compare(w.platform, "main", better)
    promote(w.platform, "main", better, WHO, "it finds more")
    release.rollback(w.platform, "main", WHO, "something is wrong")
    assert demote(w.platform, "main", WHO, "it was the model").message == (
        f"the promotion of embedder {better} is undone; it did not serve main any more: the embedder of the "
        "configuration does, with release 1"
    )
    assert lab.pair() == (1, {})


def test_what_was_trained_on_something_erased_is_not_promoted(lab: Lab) -> None:
    w, better = lab.w, lab.ids["better"]
    with w.platform.catalog.write() as connection:
        connection.execute(update(models_table).where(models_table.c.id == better).values(tainted=[7]))
    with pytest.raises(RefusedError) as refused:
        promote(w.platform, "main", better, WHO, "it finds more")
    assert str(refused.value) == (
        f"something that embedder {better} was trained on was erased since (decision 7); train another without it, or "
        "--override"
    )


def test_what_learned_a_document_that_was_kept_from_some_since_is_not_promoted(lab: Lab) -> None:
    """A model gives back what it has learned to whoever asks it, also where that was allowed when it learned."""
    w, better, best = lab.w, lab.ids["better"], lab.ids["best"]
    assert compare(w.platform, "main", better).outcome == "promote"
    w.allow(f"{THINGS[0]}.md", ["group:hr"])
    w.sync()
    said = (
        "embedder {} was trained on 1 document that not all of the audience may read any more; train another on a set "
        "that is built now, or --override; nothing was {}"
    )
    with pytest.raises(RefusedError) as refused:
        promote(w.platform, "main", better, WHO, "it finds more")
    assert str(refused.value) == said.format(better, "promoted")
    with pytest.raises(RefusedError) as unseen:
        compare(w.platform, "main", best)
    assert str(unseen.value) == said.format(best, "compared")
    listed = {one["model"]: one["restricted"] for one in listing.models(w.platform, "main")["models"]}
    assert listed == dict.fromkeys(lab.ids.values(), 1)
    assert compare(w.platform, "main", better, override=True).outcome == "promote"
    promote(w.platform, "main", better, WHO, "everybody may know this", override=True)
    assert lab.pair()[1] == {"embedder": better}


def test_a_project_whose_folder_moved_keeps_its_champion(tmp_path: Path, make_workspace: Make) -> None:
    """With it moves the base that the configuration names, by a path in that folder."""
    w = make_workspace("here")
    base = tuned.model(w.root / "models" / "base", THINGS[:20])
    lab = Lab(w, {"base": base, "better": tuned.model(tmp_path / "better", (), seed=1)})
    better = lab.ids["better"]
    compare(w.platform, "main", better)
    promote(w.platform, "main", better, WHO, "it finds more")
    moved = w.settings.model_copy(update={"file": tmp_path / "there" / "penstock.toml"})
    shutil.copytree(w.root / "models", tmp_path / "there" / "models")
    shutil.rmtree(w.root / "models")
    w.settings = moved
    tuned.configure(w, tmp_path / "there" / "models" / "base")
    assert champions.recipe(w.platform, "main").embedder.model == f"trained:{better}"
    w.write("new.md", "# Page\n\nSomething new.")
    assert w.sync().state == "published"
    assert lab.pair()[1] == {"embedder": better}
    registry.write(w.platform, "main")
    assert not maintenance.verify(w.platform, "main")


def test_what_was_tuned_from_a_model_learned_what_that_one_did(lab: Lab) -> None:
    w, better = lab.w, lab.ids["better"]
    with w.platform.catalog.write() as connection:
        tuned_again = models_table.c.id == better
        base = f"trained:{lab.ids['best']}"
        connection.execute(update(models_table).where(tuned_again).values(base=base, set_id="another"))
        row = trained.model_row(connection, "main", better)
        assert trained.learned(connection, row) == ["another", lab.set_id]


def test_a_champion_that_changes_while_a_challenger_is_made_ready_was_not_compared_with_it(lab: Lab) -> None:
    w, better, best = lab.w, lab.ids["better"], lab.ids["best"]
    compare(w.platform, "main", best)

    class Meanwhile(Progress):
        def stage(self, name: str, total: int | None = None) -> None:
            if (name, total) == ("screen", len(THINGS)):
                promote(w.platform, "main", best, WHO, "somebody was faster")

    with pytest.raises(RefusedError) as refused:
        compare(w.platform, "main", better, Meanwhile())
    assert str(refused.value) == (
        f"the champion of 'main' became {best} while embedder {better} was made ready to be held against the "
        f"configured model: nothing was compared; run `penstock compare main {better}` again"
    )
    with w.platform.catalog.read() as connection:
        assert records.looked(connection, "main", Purpose.EMBEDDER) == 1
        assert records.last_comparison(connection, "main", better) is None


def test_a_comparison_on_a_set_that_was_dropped_promotes_nothing(lab: Lab) -> None:
    w, better = lab.w, lab.ids["better"]
    learned = tuned.freeze(w, split=Split.TRAIN)
    with w.platform.catalog.write() as connection:
        connection.execute(update(models_table).values(set_id=learned))
        older = training_sets.c.id == learned
        connection.execute(update(training_sets).where(older).values(at=training_sets.c.at - 1000))
    number = compare(w.platform, "main", better).number
    dropping.drop(w.platform, "main", lab.set_id, WHO, "made by mistake")
    with pytest.raises(RefusedError) as refused:
        promote(w.platform, "main", better, WHO, "it finds more")
    assert str(refused.value) == (
        f"comparison {number} was on set {lab.set_id}, which was dropped; run `penstock compare main {better}`"
    )


def test_too_few_examples_spend_no_look(lab: Lab) -> None:
    w = lab.w
    tuned.configure(w, Path(w.settings.indexes["main"].embedder.model), {"min_test_examples": 100})
    found = compare(w.platform, "main", lab.ids["better"])
    assert (found.outcome, found.look, found.release) == ("too-few-examples", 0, None)
    assert found.report["reasons"] == [
        "40 test examples of 100 that are asked for: nothing was compared",
        "40 would show a gain of about 0.12, 100 one of 0.08",
        "collect more feedback and build the set again, or lower indexes.main.training.gate.min_test_examples",
    ]
    with w.platform.catalog.read() as connection:
        assert connection.execute(select(comparisons.c.look)).scalars().all() == [0]


@pytest.mark.parametrize("override", [False, True])
def test_nobody_overrides_what_built_no_release_and_the_remedy_works(lab: Lab, override: bool) -> None:
    w, better = lab.w, lab.ids["better"]
    base = Path(w.settings.indexes["main"].embedder.model)
    tuned.configure(w, base, {"min_test_examples": 100})
    found = compare(w.platform, "main", better)
    with pytest.raises(RefusedError) as refused:
        promote(w.platform, "main", better, WHO, "it finds more", override)
    assert str(refused.value) == (
        "comparison 1 keeps the champion of 'main' (40 test examples of 100 that are asked for: nothing was compared; "
        "40 would show a gain of about 0.12, 100 one of 0.08; collect more feedback and build the set again, or lower "
        "indexes.main.training.gate.min_test_examples); it built no release to go live with, so --override cannot "
        f"help; mend that, then run `penstock compare main {better}`"
    )
    tuned.configure(w, base, {"min_test_examples": 20})
    assert (found.number, compare(w.platform, "main", better).number) == (1, 2)
    promote(w.platform, "main", better, WHO, "it finds more")
    assert lab.pair() == (2, {"embedder": better})


def test_a_question_that_began_before_a_promotion_ends_on_the_pair_before(lab: Lab) -> None:
    w, better = lab.w, lab.ids["better"]
    compare(w.platform, "main", better)
    old = search(w.platform, "main", "what is thing3", as_of=1)
    promote(w.platform, "main", better, WHO, "it finds more")
    again = search(w.platform, "main", "what is thing3", as_of=1)
    new = search(w.platform, "main", "what is thing3")
    assert [hit.chunk_id for hit in again.hits] == [hit.chunk_id for hit in old.hits]
    assert (again.setup.embedder, new.release) == (old.setup.embedder, 2)
    assert new.setup.embedder == w.platform.embedder(champions.embedder(w.settings, "main", better)).fingerprint


def test_the_service_takes_the_new_pair_without_a_restart_and_never_half_of_it(lab: Lab) -> None:
    w, better = lab.w, lab.ids["better"]
    compare(w.platform, "main", better)
    serves = w.open()
    warm: set[tuple[str, int]] = set()
    warm_waiting(serves, warm)
    assert warm == {("main", 2)}, "the challenger's embedder is opened before it serves"
    seen: list[tuple[int, int, str]] = []
    with serving(serves) as client:

        def ask() -> tuple[int, int, str]:
            answer = client.post("/v1/indexes/main/search", json={"query": "what is thing3"})
            found = answer.json()
            seen.append((answer.status_code, found["release"], found["hits"][0]["key"]))
            return seen[-1]

        before = ask()
        stop = threading.Event()

        def keep_asking() -> None:
            while not stop.is_set():
                ask()

        asking = [threading.Thread(target=keep_asking) for _ in range(2)]
        for one in asking:
            one.start()
        promote(w.platform, "main", better, WHO, "it finds more")
        assert ask() == (200, 2, "thing3.md"), "the next question is asked of the new pair"
        demote(w.platform, "main", WHO, "the ratings fell")
        assert ask() == before
        stop.set()
        for one in asking:
            one.join()
    serves.close()
    assert set(seen) == {before, (200, 2, "thing3.md")}, "each question met one pair, and none failed"


def test_a_comparison_waits_for_its_turn_as_its_message_says(lab: Lab) -> None:
    w, better = lab.w, lab.ids["better"]
    held = leases.acquire(w.platform.catalog, "main", "run 99 (sync)", 60.0)
    with pytest.raises(LeaseHeldError) as caught:
        compare(w.platform, "main", better)
    assert re.sub(r"\d+ s", "N s", str(caught.value)) == (
        "index 'main' is being written by run 99 (sync); its lease ends in N s unless it is renewed. Wait for it "
        "(--wait SECONDS), or try later"
    )
    with w.platform.catalog.read() as connection:
        assert records.of_index(connection, "main") == [], "no look is spent on waiting"
    threading.Timer(1.0, leases.release, (w.platform.catalog, held)).start()
    assert compare(w.platform, "main", better, wait_s=60.0).outcome == "promote"


def test_every_command_that_takes_a_turn_can_be_told_to_wait_for_it() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    waits = {name for name, command in commands.items() if any(one.name == "wait" for one in command.params)}
    assert waits == {"plan", "sync", "reindex", "prune", "erase", "move", "compare"}


def gated(w: Workspace, **gate: object) -> None:
    tuned.configure(w, Path(w.settings.indexes["main"].embedder.model), gate)
    w.platform = w.open()


def no_look_is_spent(w: Workspace) -> bool:
    with w.platform.catalog.read() as connection:
        return set(connection.execute(select(comparisons.c.look)).scalars()) <= {0}


def test_a_model_that_could_not_take_over_spends_no_look(lab: Lab, tmp_path: Path) -> None:
    w, better = lab.w, lab.ids["better"]
    with w.platform.catalog.write() as connection:
        connection.execute(update(models_table).where(models_table.c.id == better).values(tainted=[7]))
    with pytest.raises(RefusedError) as tainted:
        compare(w.platform, "main", better)
    assert str(tainted.value) == (
        f"something that embedder {better} was trained on was erased since (decision 7); train another without it, or "
        "--override; nothing was compared"
    )
    best = lab.ids["best"]
    with w.platform.catalog.write() as connection:
        connection.execute(update(models_table).where(models_table.c.id == best).values(size_bytes=3 * 2**20))
    gated(w, max_size_mb=2.5)
    with pytest.raises(RefusedError) as large:
        compare(w.platform, "main", best)
    assert str(large.value) == (
        f"the size of embedder {best} is 3 MB, at most 2.5 may be (indexes.main.training.gate.max_size_mb); nothing "
        "was compared"
    )
    assert no_look_is_spent(w)


def test_an_embedder_that_reads_other_tokens_than_the_index_is_not_compared(
    lab: Lab, models: dict[str, Path], tmp_path: Path
) -> None:
    """It spent a look and a whole release, could be promoted, and the next reindex lost it without a word."""
    w, better, other = lab.w, lab.ids["better"], tmp_path / "other"
    shutil.copytree(models["base"], other)
    tokens = json.loads((other / "tokenizer.json").read_text(encoding="utf-8"))
    (other / "tokenizer.json").write_text(json.dumps({**tokens, "normalizer": None}), encoding="utf-8")
    tuned.configure(w, other)
    with pytest.raises(RefusedError) as raised:
        compare(w.platform, "main", better)
    assert str(raised.value) == (
        f"embedder {better} was tuned from '{models['base']}' and has another tokenizer than '{other}', which cuts "
        "the passages of index 'main'; configure its base (indexes.main.embedder.model) and reindex, or train another; "
        "nothing was compared"
    )
    assert no_look_is_spent(w)


def test_a_guard_that_tells_nothing_spends_no_look(lab: Lab, tmp_path: Path) -> None:
    w = lab.w
    (tmp_path / "g" / "qrels").mkdir(parents=True)
    (tmp_path / "g" / "queries.jsonl").write_text('{"_id": "q1", "text": "what"}\n{"_id": "q2", "text": "who"}\n')
    (tmp_path / "g" / "corpus.jsonl").write_text('{"_id": "d1", "text": "it is"}\n')
    (tmp_path / "g" / "qrels" / "test.tsv").write_text("q1\td1\t1\nq2\tgone\t1\n")
    gated(w, guards={"g": GuardSettings(path=tmp_path / "g")})
    with pytest.raises(UsageError) as few:
        compare(w.platform, "main", lab.ids["better"])
    assert str(few.value) == (
        f"the guard {tmp_path / 'g'} has 1 question in split test that a document of its corpus.jsonl answers, which "
        "tells nothing; it takes 2 at least"
    )
    (tmp_path / "g" / "corpus.jsonl").write_bytes(b"\xff")
    with pytest.raises(UsageError, match=r"^.*corpus\.jsonl cannot be read as UTF-8 text: "):
        compare(w.platform, "main", lab.ids["better"])
    gated(w)
    index = w.settings.indexes["main"]
    w.change_index(gates=index.gates.model_copy(update={"golden": tmp_path / "golden.jsonl"}))
    with pytest.raises(UsageError, match=r"^.*golden\.jsonl cannot be read: No such file or directory"):
        compare(w.platform, "main", lab.ids["better"])
    assert no_look_is_spent(w)


def test_questions_whose_documents_are_gone_spend_no_look(lab: Lab) -> None:
    w = lab.w
    for thing in THINGS[5:]:
        w.remove(f"{thing}.md")
    w.change_index(gates=w.settings.indexes["main"].gates.model_copy(update={"max_removed_share": 1.0}))
    assert w.sync().state == "published"
    found = compare(w.platform, "main", lab.ids["better"])
    assert (found.outcome, found.look) == ("too-few-examples", 0)
    assert found.report["reasons"][0] == (
        "5 test examples of 20 that are asked for (the live release holds no answer to 35 more): nothing was compared"
    )


def test_a_model_that_was_edited_on_disk_is_fetched_anew_and_one_that_the_lake_altered_is_not_compared(
    lab: Lab, log: list[EventDict]
) -> None:
    w, better = lab.w, lab.ids["better"]
    compare(w.platform, "main", better)
    copy = trained.copy_of(w.platform, better) / "model.safetensors"
    kept = copy.read_bytes()
    copy.write_bytes(kept[:-4] + b"edit")
    edited = f"model {better}: {copy} was altered", f"delete {copy}: it is fetched from the lake again"
    assert edited in list(checking.differences(w.platform, "main"))
    promote(w.platform, "main", better, WHO, "it finds more")
    w.platform = w.open()
    assert w.found("what is thing3", k=1) == ["thing3.md"]
    assert copy.read_bytes() == kept, "what serves is what was compared"
    assert [one["file"] for one in log if one["event"] == "model.altered"] == [str(copy)]
    assert edited not in list(checking.differences(w.platform, "main"))

    best = lab.ids["best"]
    with w.platform.catalog.read() as connection:
        digest = trained.model_row(connection, "main", best).files["config.json"]
    held = w.root / "home" / "lake" / "models" / digest[:2] / digest
    held.write_bytes(b"{}")
    with pytest.raises(AlteredObjectError) as altered:
        compare(w.platform, "main", best)
    assert str(altered.value).endswith("; restore it from a backup, or train the model again (`penstock train`)")
    assert (
        f"model {best}: config.json was altered in the lake",
        "restore it from a backup, or train it again",
    ) in list(checking.differences(w.platform, "main"))
    with w.platform.catalog.read() as connection:
        assert [one.look for one in records.of_index(connection, "main")] == [1]


def test_a_model_that_the_lake_altered_after_its_comparison_is_not_promoted(lab: Lab) -> None:
    w, better = lab.w, lab.ids["better"]
    compare(w.platform, "main", better)
    before = lab.pair()
    with w.platform.catalog.read() as connection:
        digest = trained.model_row(connection, "main", better).files["model.safetensors"]
    held = w.root / "home" / "lake" / "models" / digest[:2] / digest
    kept = held.read_bytes()
    held.write_bytes(kept[:-4] + b"edit")
    with pytest.raises(AlteredObjectError, match="or train the model again"):
        promote(w.platform, "main", better, WHO, "it finds more")
    assert lab.pair() == before
    held.write_bytes(kept)
    promote(w.platform, "main", better, WHO, "it finds more")
    assert lab.pair()[1] == {"embedder": better}
