"""kill -9 of what makes training sets, judges models by them and forgets of them; then the same again: nothing half."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from penstock import feedback, interactions, maintenance, trained
from penstock.catalog.schema import comparisons
from penstock.feedback import Kind, Said
from penstock.interactions import Asker
from penstock.lake import Kind as LakeKind
from penstock.promotion import listing, registry
from penstock.promotion.comparing import compare
from penstock.promotion.records import LOOKING
from penstock.purposes import Purpose
from penstock.retrieval import search
from penstock.trained import Training
from penstock.training import remembering, sets
from penstock.training.building import build
from penstock.training_settings import TrainingSettings
from support import tuned
from support.dying import killed_before
from support.traces import in_catalog, in_files
from support.tuned import THINGS, WHO
from support.workspace import Workspace

SUBJECTS = ("barley", "canal", "dam", "eel", "flood", "gauge", "heron", "ice", "jetty", "keel", "lock", "mill")
PEOPLE = ("ada", "ben", "cy", "dot")


def logged(w: Workspace) -> None:
    """A log in which four people name the right document for twelve questions."""
    for subject in SUBJECTS:
        w.write(f"{subject}.md", f"# Page\n\nThis page tells of the {subject}, and where it is on Mondays.\n")
    w.change_index(training=TrainingSettings(min_examples=5, max_share_per_person=0.34))
    w.sync()
    for nth, subject in enumerate(SUBJECTS):
        who = Asker((), PEOPLE[nth % len(PEOPLE)])
        found = search(w.platform, "main", f"zz{subject} where is the {subject}")
        id_ = interactions.record(w.platform, found, who)
        feedback.give(w.platform, id_, Said(Kind.RIGHT_PASSAGE, passage=f"{subject}.md"), who)


def whole_sets(w: Workspace) -> list[str]:
    """Ids of the sets of an installation in which nothing is half there."""
    platform = w.open()
    found = [sets.load(platform, "main", one["id"]) for one in sets.listed(platform, "main")]
    assert [len(one.examples) + one.erased for one in found] == [12] * len(found)
    assert maintenance.verify(platform, "main") == []
    platform.close()
    return [one.id for one in found]


@pytest.mark.parametrize("stride", [9, pytest.param(1, marks=pytest.mark.long)])
def test_a_set_that_is_killed_while_it_is_made_is_there_whole_or_not_at_all(workspace: Workspace, stride: int) -> None:
    w = workspace
    logged(w)
    step, kills = 2, 0
    while killed_before(w, step, "build", "embedder"):
        kills += 1
        assert len(whole_sets(w)) <= 1
        step += stride
    assert kills >= 20 / stride, "it was killed all along the way"
    (made,) = whole_sets(w)
    settled = remembering.splits(w.platform, "main")
    assert build(w.platform, "main", Purpose.EMBEDDER).id == made, "as if it had never been killed"
    assert (remembering.splits(w.platform, "main"), len(settled)) == (settled, 12)
    assert list(w.platform.lake.names(LakeKind.TRAINING)) == [sets.load(w.platform, "main", made).data]


@pytest.mark.parametrize(
    "further",
    [
        pytest.param(lambda step: 4 * step, id="at a few places"),
        pytest.param(lambda step: step + 60, id="at many", marks=pytest.mark.long),
    ],
)
def test_each_look_of_a_comparison_that_is_killed_counts_and_counts_once(
    workspace: Workspace, tmp_path: Path, further: Callable[[int], int]
) -> None:
    w, base = workspace, tuned.model(tmp_path / "base", THINGS[:20])
    w.settings = w.settings.model_copy(update={"store": w.settings.store.model_copy(update={"lease_s": 1.0})})
    tuned.configure(w, base)
    tuned.fill(w)
    w.sync()
    better = tuned.keep_model(w.platform, tuned.model(tmp_path / "better", seed=1), base, tuned.freeze(w))
    registry.write(w.platform, "main")
    step, kills, before = 2, 0, looks(w)
    while killed_before(w, step, "compare", better):
        kills += 1
        after = looks(w)
        assert [number for number, _ in after] == list(range(1, len(after) + 1))
        assert after[: len(before)] == before, "a look that was spent is never given back, and what it found stays"
        assert len(after) - len(before) <= 1
        assert live(w) == (1, {}), "nobody saw anything of it"
        step, before = further(step), after
    assert kills >= 3, "it was killed all along the way"
    assert LOOKING in [outcome for _, outcome in before], "and while it looked"
    assert len(looks(w)) == len(before) + 1
    found = compare(w.platform, "main", better)
    assert (found.look, found.outcome) == (len(before) + 2, "promote")
    registry.write(w.platform, "main")
    assert maintenance.verify(w.platform, "main") == []


def looks(w: Workspace) -> list[tuple[int, str]]:
    query = select(comparisons.c.look, comparisons.c.outcome).order_by(comparisons.c.id)
    with w.platform.catalog.read() as connection:
        return [(row.look, row.outcome) for row in connection.execute(query)]


def live(w: Workspace) -> tuple[int, dict[str, str]]:
    found = listing.models(w.platform, "main")
    serving = {purpose: one["trained"] for purpose, one in found["champions"].items() if one["trained"]}
    return found["live"], serving


@pytest.mark.parametrize("stride", [9, pytest.param(1, marks=pytest.mark.long)])
def test_an_erasure_that_is_killed_is_finished_by_the_next_and_names_every_model(
    workspace: Workspace, tmp_path: Path, stride: int
) -> None:
    w = workspace
    logged(w)
    made = [build(w.platform, "main", one) for one in (Purpose.EMBEDDER, Purpose.RERANKER)]
    model = trained.keep(w.platform, "main", Purpose.EMBEDDER, weights(tmp_path), Training("base", made[0].id, {}, {}))
    registry.write(w.platform, "main")
    sets.put(w.platform, Purpose.EMBEDDER, made[0].examples[:3])  # what a build left that was killed
    step, kills = 2, 0
    while killed_before(w, step, "erase", "ada"):
        kills += 1
        platform = w.open()
        for one in made:  # each set is as it was, or without all of it
            assert len(sets.load(platform, "main", one.id).examples) in (9, 12)
        platform.close()
        step += stride
    assert kills >= 20 / stride, "it was killed all along the way"
    certificate = interactions.erase(w.platform, WHO, "asked for it again", person="ada")
    assert certificate["models_trained_on_them"] == [model]
    assert sorted(whole_sets(w)) == sorted(one.id for one in made)
    for one in made:
        left = sets.load(w.platform, "main", one.id)
        assert (len(left.examples), left.erased) == (9, 3)
    (named,) = listing.models(w.platform, "main")["models"]
    assert (named["state"], certificate["decision"] in named["tainted"]) == ("tainted", True)
    for subject in SUBJECTS[:: len(PEOPLE)]:
        assert in_files(w, f"zz{subject}") == in_catalog(w, f"zz{subject}") == []


def weights(folder: Path) -> Path:
    (folder / "weights").mkdir()
    (folder / "weights" / "model.safetensors").write_bytes(b"weights")
    return folder / "weights"
