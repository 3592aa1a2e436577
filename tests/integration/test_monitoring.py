"""Days of questions and ratings, by the real recorder: what changed is seen, and what did not is left alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from penstock import feedback, interactions
from penstock.catalog.schema import pointers, promotions
from penstock.errors import UnknownNameError, UsageError
from penstock.feedback import Kind, Said
from penstock.interactions import Answered, Asker
from penstock.monitoring import Watched, watch
from penstock.monitoring.page import page
from penstock.monitoring_settings import MonitoringSettings
from penstock.retrieval import search
from penstock.settings import InteractionSettings, RetrievalSettings
from support.workspace import WHO, Workspace

Make = Callable[..., Workspace]
UNTIL = datetime(2026, 5, 15, tzinfo=UTC)
RECENT, BEFORE = UNTIL - timedelta(days=7), UNTIL - timedelta(days=35)
PEOPLE = 12


@pytest.fixture
def w(make_workspace: Make) -> Workspace:
    made = make_workspace()
    made.write("mill.md", "# Mill\n\nThe miller grinds barley between two stones of granite.\n")
    made.write("bread.md", "# Bread\n\nThe baker bakes rye bread on Fridays before dawn.\n")
    made.sync()
    return made


def ask(
    w: Workspace,
    at: datetime,
    person: str | None,
    text: str = "who grinds barley",
    rating: float | None = None,
    refused: bool = False,
    confidence: float = 0.8,
) -> str:
    answer = Answered(None if refused else "The miller.", refused=refused, confidence=confidence)
    id_ = interactions.record(
        w.platform, search(w.platform, "main", text), Asker((), person, at=at.timestamp()), answer
    )
    if rating is not None:
        feedback.give(w.platform, id_, Said(Kind.RATING, value=rating))
    return id_


def weeks(w: Workspace, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Each of twelve people asks once in the window before and once in that of now."""
    for one in range(PEOPLE):
        ask(w, BEFORE + timedelta(days=2 * one, hours=9), f"p{one}", **before)
        ask(w, RECENT + timedelta(days=one % 7, hours=10), f"p{one}", **now)


def looked(w: Workspace, **options: Any) -> Watched:
    return watch(w.platform, "main", until=options.pop("until", UNTIL), **options)


def untested(found: Watched) -> dict[str, str | None]:
    return {one.signal: one.untested for one in found.changes}


def test_a_week_that_went_worse_is_an_alarm_with_what_to_do(w: Workspace) -> None:
    weeks(w, {"rating": 1.0}, {"rating": -1.0, "refused": True, "confidence": 0.1, "text": "rye bread on Fridays"})
    found = looked(w)
    assert [(one.signal, one.command) for one in found.alarms] == [
        ("rating", "penstock triage main --since 2026-05-08"),
        ("refused", "penstock advise main --since 2026-05-08"),
        ("confidence", "penstock advise main --since 2026-05-08"),
        ("questions", "penstock advise main --since 2026-05-08"),
    ]
    assert found.alarms[0].why == "the mean rating fell from +1.00 to -1.00; p is 0.00005, 0.00055 is asked"
    assert found.changes[-1].examples == ("rye bread on Fridays",)
    assert not found.retrain
    day = next(one for one in found.days if one.day.isoformat() == "2026-05-08")
    assert (day.asked, day.people, day.answers, day.refused, day.ratings, day.rating) == (2, 2, 2, 2, 2, -1.0)
    assert len(found.days) == 35, "none is left out in between"
    json.dumps(found.to_dict())


def test_weeks_that_are_alike_are_no_alarm(w: Workspace) -> None:
    weeks(w, {"rating": 0.5}, {"rating": 0.5})
    found = looked(w)
    assert found.alarms == ()
    assert {one.signal: one.p for one in found.changes} == dict.fromkeys(
        ("rating", "refused", "score", "confidence", "questions"), 1.0
    )


def test_drift_asks_for_a_new_model_where_that_is_wanted(w: Workspace) -> None:
    w.change_index(monitoring=MonitoringSettings(on_drift="retrain"))
    weeks(w, {}, {"text": "rye bread on Fridays"})
    found = looked(w)
    assert [one.signal for one in found.alarms] == ["questions"]
    assert found.retrain


def test_an_index_that_nobody_asked_says_so(w: Workspace) -> None:
    found = looked(w)
    assert (found.alarms, found.days, found.latest, found.promoted) == ((), (), None, None)
    assert untested(found) == {
        "rating": "nobody rated an answer",
        "refused": "no answer was asked for here: searches, or an imported log",
        "score": "no scores were recorded; an imported log has none",
        "confidence": "no answer was asked for here: searches, or an imported log",
        "questions": "nothing was asked",
    }
    assert "Nothing was asked" in page(found.to_dict())


def test_one_person_and_one_day_tell_nothing_of_the_others(w: Workspace) -> None:
    for hour in range(15):
        ask(w, RECENT + timedelta(hours=hour), "p0", rating=-1.0)
    found = looked(w)
    assert untested(found) == dict.fromkeys(
        ("rating", "refused", "score", "confidence", "questions"),
        "by 0 people or sessions before and 1 now; 10 on each side are needed",
    )
    assert (len(found.days), found.days[0].asked, found.days[0].people) == (1, 15, 1)


def test_the_rating_of_the_one_passage_that_a_search_showed_counts(w: Workspace) -> None:
    for one in range(PEOPLE):
        for at, value in ((BEFORE + timedelta(days=2 * one), 1.0), (RECENT + timedelta(days=one % 7), -1.0)):
            for k in (1, 2):
                asker = Asker((), f"p{one}", at=at.timestamp())
                found = search(w.platform, "main", "who grinds barley", k=k)
                id_ = interactions.record(w.platform, found, asker)
                feedback.give(w.platform, id_, Said(Kind.RATING, value=value, passage="mill.md"))
    watched = looked(w)
    assert sum(day.ratings for day in watched.days) == 2 * PEOPLE, "of two, one may be right and the other wrong"
    assert watched.alarms[0].why.startswith("the mean rating fell from +1.00 to -1.00; ")


def test_texts_that_are_not_kept_leave_the_scores(w: Workspace) -> None:
    w.settings = w.settings.model_copy(update={"interactions": InteractionSettings(keep_queries=False)})
    w.platform = w.open()
    weeks(w, {}, {"text": "rye bread on Fridays"})
    found = looked(w)
    assert untested(found)["questions"] == "the texts are not kept: interactions.keep_queries is false"
    assert untested(found)["score"] is None


def test_erased_people_are_not_watched(w: Workspace) -> None:
    weeks(w, {"rating": 1.0}, {"rating": -1.0})
    for one in range(3):
        interactions.erase(w.platform, WHO, "asked to", person=f"p{one}")
    found = looked(w)
    assert found.alarms == ()
    assert untested(found)["rating"] == "by 9 people or sessions before and 9 now; 10 on each side are needed"


def test_todays_questions_wait_for_tomorrow_and_time_has_bounds(w: Workspace) -> None:
    ask(w, UNTIL + timedelta(hours=3), "p0")
    assert looked(w, until=UNTIL + timedelta(hours=4)).days == ()
    assert looked(w, until=UNTIL + timedelta(days=1)).days[0].asked == 1
    with pytest.raises(UsageError) as error:
        looked(w, since=RECENT)
    assert str(error.value) == (
        "--since 2026-05-08 leaves nothing to compare the last 7 days before 2026-05-15 with; "
        "name a day before 2026-05-08"
    )
    with pytest.raises(UnknownNameError):
        watch(w.platform, "mian")


def test_another_way_of_searching_gives_scores_of_its_own(w: Workspace) -> None:
    for one in range(PEOPLE):
        ask(w, BEFORE + timedelta(days=one), f"p{one}")
    w.change_index(retrieval=RetrievalSettings(mode="text"))
    for one in range(PEOPLE):
        ask(w, RECENT + timedelta(hours=one), f"p{one}")
    assert untested(looked(w))["score"] == "by 0 people or sessions before and 12 now; 10 on each side are needed"


def promote(w: Workspace, at: datetime, **changes: Any) -> None:
    row = {"model": "4f2a", "purpose": "embedder", "at": at.timestamp(), "undone_at": None, "decision_id": 1}
    pair = {"index_name": "main", "release": 1, "before_release": 1, "before_models": {}, "comparison": None}
    with w.platform.catalog.write() as connection:
        connection.execute(promotions.insert(), [{**row, **pair, **changes}])
        connection.execute(update(pointers).values(models={"embedder": "4f2a"}))


def test_ratings_that_fall_after_a_promotion_propose_to_go_back(w: Workspace) -> None:
    weeks(w, {"rating": 0.8}, {"rating": -0.2})
    promote(w, RECENT)
    found = looked(w)
    assert found.promoted is not None
    assert (found.promoted.days, found.promoted.n_before, found.promoted.n) == (7, PEOPLE, PEOPLE)
    assert (round(found.promoted.before or 0, 3), round(found.promoted.now or 0, 3)) == (0.8, -0.2)
    (alarm,) = found.alarms  # and not one more of the same fall
    assert alarm.command == "penstock demote main --why 'ratings fell from +0.80 to -0.20'"
    assert alarm.why.startswith(
        "since embedder 4f2a was promoted on 2026-05-08 the mean rating fell from +0.80 to -0.20;"
    )
    with w.platform.catalog.write() as connection:
        connection.execute(update(promotions).values(undone_at=UNTIL.timestamp()))
    assert looked(w).promoted is None
    assert looked(w, until=UNTIL - timedelta(days=1)).promoted is not None, "it was in force then"


def test_a_model_that_a_rollback_took_out_is_not_watched(w: Workspace) -> None:
    weeks(w, {"rating": 0.8}, {"rating": -0.2})
    promote(w, RECENT)
    with w.platform.catalog.write() as connection:
        connection.execute(update(pointers).values(models={}))
    assert looked(w).promoted is None


def test_what_drifted_before_the_model_changed_asks_for_no_other(w: Workspace) -> None:
    w.change_index(monitoring=MonitoringSettings(on_drift="retrain"))
    weeks(w, {}, {"text": "rye bread on Fridays"})
    assert looked(w).retrain
    promote(w, RECENT + timedelta(days=3))
    found = looked(w)
    assert ([one.signal for one in found.alarms], found.retrain) == (["questions"], False), (
        "it was trained on these days"
    )
    with w.platform.catalog.write() as connection:
        connection.execute(update(promotions).values(at=RECENT.timestamp()))
    assert looked(w).retrain, "all of the recent days are the new model's"
    with w.platform.catalog.write() as connection:
        connection.execute(update(promotions).values(undone_at=(RECENT + timedelta(days=1)).timestamp()))
    assert not looked(w).retrain, "and then it was demoted"


def test_a_fall_that_proposes_to_go_back_asks_for_no_new_model(w: Workspace) -> None:
    w.change_index(monitoring=MonitoringSettings(on_drift="retrain"))
    weeks(w, {"rating": 0.8}, {"rating": -0.2})
    assert looked(w).retrain
    promote(w, RECENT)
    found = looked(w)
    assert ([one.signal for one in found.alarms], found.retrain) == (["promotion"], False)


def test_a_promotion_is_watched_for_its_days_and_not_on_the_first(w: Workspace) -> None:
    weeks(w, {"rating": 0.8}, {"rating": -0.2})
    promote(w, UNTIL - timedelta(hours=5))
    found = looked(w).promoted
    assert found is not None
    assert (found.p, found.untested) == (None, "a whole day since then is needed")
    w.change_index(monitoring=MonitoringSettings(watch_days=3))
    assert looked(w, until=UNTIL + timedelta(days=3)).promoted is not None
    assert looked(w, until=UNTIL + timedelta(days=4)).promoted is None


def test_the_page_shows_the_alarms_and_runs_nothing_that_was_asked(w: Workspace) -> None:
    weeks(w, {"rating": 1.0}, {"rating": -1.0, "text": "rye <script>alert(1)</script> bread"})
    html = page(looked(w).to_dict())
    assert "the mean rating fell from +1.00 to -1.00" in html
    assert "penstock triage main --since 2026-05-08" in html
    assert "rye &lt;script&gt;alert(1)&lt;/script&gt; bread" in html
    assert "http" not in html
