"""The DAG of the upkeep: prune, optimise, verify, forget what is old, and fail on what is stale or drifts."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, TriggerRule, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from penstock.orchestration import wiring
from penstock.orchestration.assets import drift_asset
from penstock.orchestration.opening import opened
from penstock.settings import load


def maintain_dag(doc: str | None = None) -> DAG:
    """Prune, optimise and verify every index; forget old refusals and questions; fail on stale sources and alarms."""
    settings = load()
    names = list(settings.indexes)
    with wiring.dag(
        "maintain", tags=["penstock"], schedule=settings.maintain.schedule, max_active_runs=1, doc_md=doc
    ) as dag:
        prune.expand(index=names) >> optimise.expand(index=names) >> verify.expand(index=names)
        retry_quarantined()
        prune_interactions()
        freshness()
        watched: Any = monitor.expand(index=names)
        alarms(watched)
        for name in names:
            if settings.index(name).monitoring.on_drift == "retrain":
                retrain.override(task_id=f"retrain_{name}", outlets=[drift_asset(name)])(name, watched)
    return dag


# tasks


@task
def prune(index: str) -> dict[str, int]:
    from penstock import maintenance

    with opened() as platform:
        keep = platform.settings.index(index).retention.keep_releases
        return maintenance.prune(platform, index, keep, wait_s=600)


@task(trigger_rule=TriggerRule.ALL_DONE)
def optimise(index: str) -> None:
    from penstock import maintenance

    with opened() as platform:
        maintenance.optimize(platform, index)


@task(trigger_rule=TriggerRule.ALL_DONE)
def verify(index: str) -> None:
    from penstock import maintenance

    with opened() as platform:
        findings = maintenance.verify(platform, index)
    if findings:
        raise AirflowFailException("\n".join(str(one) for one in findings))


@task
def retry_quarantined() -> int:
    from penstock import maintenance

    with opened() as platform:
        return maintenance.retry_quarantined(platform, reasons=maintenance.WORTH_A_RETRY)


@task
def prune_interactions() -> dict[str, int]:
    from penstock import interactions

    with opened() as platform:
        return interactions.prune(platform)


@task
def freshness() -> None:
    from penstock import inspection

    with opened() as platform:
        stale = [
            f"{one['source']} of {status['index']}: listed {_ago(one['age_s'])}, allowed {one['max_age_s']:.0f} s"
            for status in inspection.status(platform)
            for one in status["sources"]
            if one["stale"] and (status["live"] or one["age_s"] is not None)  # an index that never ran is not late
        ]
    if stale:
        raise AirflowFailException("stale sources: " + "; ".join(stale))


def _ago(age_s: float | None) -> str:
    return "never" if age_s is None else f"{age_s:.0f} s ago"


@task
def monitor(index: str) -> dict[str, Any]:
    """Print how an index does from day to day; hand on the alarms, which name no question."""
    from penstock import display, monitoring

    with opened() as platform:
        found = monitoring.watch(platform, index).to_dict()
    display.watched(found)
    told = [f"{index}: {one['why']}; look with `{one['command']}`" for one in found["alarms"]]
    return {"index": index, "alarms": told, "retrain": found["retrain"]}


@task
def alarms(watched: list[dict[str, Any]]) -> None:
    told = [one for each in watched for one in each["alarms"]]
    if told:
        raise AirflowFailException("\n".join(told))


@task
def retrain(index: str, watched: list[dict[str, Any]]) -> None:
    if not any(one["retrain"] for one in watched if one["index"] == index):
        why = f"nothing drifted in {index} that a new model is asked for"
        raise AirflowSkipException(why)  # skipped, so no asset event
