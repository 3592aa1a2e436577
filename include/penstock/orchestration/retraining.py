"""The DAGs that make models: one listens for feedback, the other goes from it to a promotion or says why not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import (
    DAG,
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    Param,
    TriggerRule,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from penstock.orchestration import wiring
from penstock.orchestration.assets import drift_asset, feedback_asset
from penstock.orchestration.opening import external_name, opened
from penstock.settings import load

PATIENCE = timedelta(days=6)
"""So long a question about a model waits; then the answer is no, and the next week may ask its own."""


def feedback_dag(index: str, doc: str | None = None) -> DAG:
    """Look once an hour whether there is enough new feedback, and say so to whoever waits for it."""
    with wiring.dag(
        f"feedback_{index}", tags=["penstock", index], schedule="@hourly", max_active_runs=1, doc_md=doc
    ) as dag:
        hear_feedback.override(outlets=[feedback_asset(index)])(index)
    return dag


def retrain_dag(index: str, doc: str | None = None) -> DAG:
    """From feedback to a better model, or to the reason why none is trained: on its dates, on feedback, on drift."""
    settings = load().index(index).retrain
    when: Any = feedback_asset(index) | drift_asset(index)
    if settings.schedule is not None:
        dates = CronTriggerTimetable(settings.schedule, timezone="UTC")
        when = AssetOrTimeSchedule(timetable=dates, assets=when)
    params = {
        "purpose": Param(
            None,
            type=["null", "string"],
            enum=[None, "embedder", "reranker", "generator"],
            title="Model",
            description="which to tune; empty: the one that would answer most complaints",
        ),
        "approval": Param(
            settings.approval,
            type="string",
            enum=["person", "auto"],
            title="Approval",
            description="whether a person is asked before a model that passed the gate takes over",
        ),
    }
    with wiring.dag(
        f"retrain_{index}", tags=["penstock", index], schedule=when, params=params, max_active_runs=1, doc_md=doc
    ) as dag:
        run: Any = begin_retraining(index)
        for step in (look, assemble, tune.override(queue="training"), judge.override(queue="training")):
            run = step(run)  # each hands the run on, so that whatever follows hangs on the step before and on no other
        asked: Any = ask_about_model(run)
        answer = HITLOperator(
            task_id="answer",
            subject="{{ ti.xcom_pull(task_ids='ask_about_model')['subject'] }}",
            body="{{ ti.xcom_pull(task_ids='ask_about_model')['body'] }}",
            options=[ApprovalOperator.APPROVE, ApprovalOperator.REJECT],
            defaults=[ApprovalOperator.REJECT],
            response_timeout=PATIENCE,
            params={
                "reason": Param(
                    "", type="string", title="Reason", description="why; without a reason nothing is decided"
                )
            },
        )
        replied: Any = answer.output
        asked >> answer
        decided: Any = decide_on_model.override(queue="training")(run, replied)  # it may have to compare again
        decided >> end_retraining.override(queue="training")()  # MLflow is there, for its registry
    return dag


# tasks


@task
def hear_feedback(index: str) -> dict[str, Any]:
    from penstock import retraining

    with opened() as platform:
        new = retraining.new_feedback(platform, index)
        enough = platform.settings.index(index).retrain.after_feedback
    if new < enough:
        raise AirflowSkipException(f"{new} new pieces of feedback; a retraining is started from {enough} on")
    get_current_context()["outlet_events"][feedback_asset(index)].extra.update({"new": new})
    return {"new": new}


@task
def begin_retraining(index: str) -> int:
    from penstock import retraining
    from penstock.purposes import Purpose

    context = get_current_context()
    wanted = context["params"]["purpose"]
    with opened() as platform:
        return retraining.begin(platform, index, Purpose(wanted) if wanted else None, external_name(context))


@task
def look(run: int) -> int:
    return _go_on("look", run)


@task
def assemble(run: int) -> int:
    return _go_on("assemble", run)


@task
def tune(run: int) -> int:
    return _go_on("tune", run)


@task
def judge(run: int) -> int:
    return _go_on("judge", run)


def _go_on(step: str, run: int) -> int:
    """A step of ``retraining``; where it finds a reason to stop, what follows is skipped and the DAG run ends green."""
    from penstock import retraining, runs

    with opened() as platform:
        if not getattr(retraining, step)(platform, run):
            raise AirflowSkipException(runs.report(platform, run).message)
    return run


@task
def ask_about_model(run: int) -> dict[str, str]:
    from penstock import retraining

    if get_current_context()["params"]["approval"] == "auto":
        raise AirflowSkipException("nobody is asked: approval is auto")
    with opened() as platform:
        retraining.wait(platform, run)
        return retraining.question(platform, run)


@task(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
def decide_on_model(run: int, answer: Mapping[str, Any] | None = None) -> dict[str, Any]:
    from penstock import retraining, runs
    from penstock.decisions import Who

    if answer is None and get_current_context()["params"]["approval"] != "auto":
        raise AirflowFailException("a person was to be asked, and there is no answer")
    who, approved, why = Who("the configuration", via="airflow"), True, retraining.UNASKED
    if answer is not None:
        person = answer.get("responded_by_user")
        who = Who(person["name"] if person else "nobody", via="airflow")
        approved = ApprovalOperator.APPROVE in answer["chosen_options"]
        why = str((answer["params_input"] or {}).get("reason") or ("" if person else "nobody answered in time"))
    with opened() as platform:
        report = retraining.decide(platform, run, approved, who, why)
    if report.state != runs.PROMOTED:
        raise AirflowSkipException(report.message)
    return {"run": run, "release": report.release}


@task(trigger_rule=TriggerRule.ALL_DONE)
def end_retraining() -> dict[str, Any]:
    """The last task: it prints what came of it, and decides whether the DAG run is green. A refusal is."""
    from penstock import display, retraining, runs

    with opened() as platform:
        report = retraining.end(platform, external_name(get_current_context()))
        if report is None:
            raise AirflowFailException("no retraining was begun; the log of `begin_retraining` says why")
        display.retrained(report, retraining.told(platform, report.id))
    if report.state == runs.FAILED:
        raise AirflowFailException(f"run {report.id} failed: {report.message}")
    return {"run": report.id, "state": report.state, "message": report.message}
