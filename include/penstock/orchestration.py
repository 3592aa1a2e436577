"""Airflow's side of the line: tasks that call ``steps``, and the factories that wire them into DAGs.

The only module that imports Airflow. What a task does stands in ``steps`` and ``maintenance`` and also runs from the
command line; heavy libraries are imported when a task runs, never when a DAG file is parsed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import (
    DAG,
    Asset,
    AssetOrTimeSchedule,
    BaseHook,
    CronTriggerTimetable,
    ExceptionRetryPolicy,
    Param,
    RetryAction,
    RetryRule,
    TriggerRule,
    conf,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException, AirflowSkipException

from penstock.errors import PenstockError, TransientError
from penstock.settings import load

if TYPE_CHECKING:
    from penstock.platform import Platform

RETRIES: dict[str, Any] = {
    "retries": 4,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=5),
    "retry_policy": ExceptionRetryPolicy(
        [
            RetryRule(TransientError, RetryAction.DEFAULT, reason="transient: another try may mend it"),
            RetryRule(PenstockError, RetryAction.FAIL, reason="permanent: another try would end the same"),
        ]
    ),
}
WAIT = Param(60, type="number", minimum=0, title="Wait", description="seconds to wait for another writer's turn to end")
PATIENCE = timedelta(days=6)
"""So long a question about a model waits; then the answer is no, and the next week may ask its own."""
BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)


def index_names() -> list[str]:
    return list(load().indexes)


def index_asset(index: str) -> Asset:
    """What downstream DAGs schedule on. Its event's ``extra`` holds the release and the run that staged it."""
    return Asset(name=index, uri=f"penstock://{index}", group="penstock")


def drift_asset(index: str) -> Asset:
    """What a DAG that makes new models may schedule on: something drifted, and ``on_drift`` is ``retrain``."""
    return Asset(name=f"{index}-drift", uri=f"penstock://{index}/drift", group="penstock")


def ingest_dag(index: str, doc: str | None = None) -> DAG:
    """List, prepare, embed, stage, check and publish one index, on its schedule."""
    settings = load().index(index)
    params = {
        "source": Param(
            None,
            type=["null", "string"],
            enum=[None, *settings.sources],
            title="Source",
            description="sync this source alone; empty for all",
        ),
        "verify": Param(
            False, type="boolean", title="Verify", description="fetch and hash everything, whatever the listing says"
        ),
        "wait_s": WAIT,
    }
    return _line(f"ingest_{index}", index, rebuild=False, schedule=settings.schedule, params=params, doc_md=doc)


def reindex_dag(index: str, doc: str | None = None) -> DAG:
    """Rebuild one index under today's configuration beside the live one, and switch when the gates let it."""
    return _line(f"reindex_{index}", index, rebuild=True, schedule=None, params={"wait_s": WAIT}, doc_md=doc)


def _line(dag_id: str, index: str, rebuild: bool, **dag_options: Any) -> DAG:
    with _dag(dag_id, tags=["penstock", index], max_active_runs=1, **dag_options) as dag:
        batches: Any = start(index, rebuild)
        run = batches["run"]
        prepared = prepare.partial(run=run).expand(batch=batches)
        texts = collect(run)
        embedded = embed.partial(run=run).expand(batch=texts)
        release: Any = stage(run)
        checked = check(run, release)
        published = publish.override(outlets=[index_asset(index)])(index, run, release)
        asked = AskPerson(index=index, task_id="ask", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
        prepared >> texts >> embedded >> release >> checked >> published
        [checked, published] >> asked
        [published, asked] >> end()
    return dag


def approval_dag(index: str, doc: str | None = None) -> DAG:
    """Ask a person about one refused release: it waits here, and holds neither lease nor a run of the line."""
    params = {"release": Param(None, type=["null", "integer"], title="Release", description="a release that waits")}
    with _dag(
        f"approve_{index}",
        tags=["penstock", index],
        schedule=None,
        params=params,
        doc_md=doc,
        max_active_runs=100,  # a superseded question waits until somebody closes it, and must not block the next
        is_paused_upon_creation=False,
    ) as dag:
        asked = describe(index)
        answer = HITLOperator(
            task_id="answer",
            subject="{{ ti.xcom_pull(task_ids='describe')['subject'] }}",
            body="{{ ti.xcom_pull(task_ids='describe')['body'] }}",
            options=[ApprovalOperator.APPROVE, ApprovalOperator.REJECT],
            params={
                "reason": Param(
                    "", type="string", title="Reason", description="why; without a reason nothing is decided"
                )
            },
        )
        replied: Any = answer.output
        decided: Any = decide(index, replied)
        asked >> answer
        announce.override(outlets=[index_asset(index)])(index, decided)
        decided >> AskPerson(index=index, task_id="ask_again", note="asked again: a decision needs a reason")
    return dag


def feedback_asset(index: str) -> Asset:
    """There is enough new feedback to look whether a model can be better for it."""
    return Asset(name=f"{index}-feedback", uri=f"penstock://{index}/feedback", group="penstock")


def feedback_dag(index: str, doc: str | None = None) -> DAG:
    """Look once an hour whether there is enough new feedback, and say so to whoever waits for it."""
    with _dag(f"feedback_{index}", tags=["penstock", index], schedule="@hourly", max_active_runs=1, doc_md=doc) as dag:
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
    with _dag(
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
        (
            decide_on_model(run, replied) >> end_retraining.override(queue="training")()
        )  # MLflow is there, for its registry
    return dag


def maintain_dag(doc: str | None = None) -> DAG:
    """Prune, optimise and verify every index; forget old refusals and questions; fail on stale sources and alarms."""
    settings = load()
    names = list(settings.indexes)
    with _dag("maintain", tags=["penstock"], schedule=settings.maintain.schedule, max_active_runs=1, doc_md=doc) as dag:
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


def _dag(dag_id: str, schedule: str | None, **options: Any) -> DAG:
    return DAG(dag_id, schedule=schedule, start_date=BEGINNING, catchup=False, default_args=RETRIES, **options)


# tasks of the line


@task(multiple_outputs=False)
def start(index: str, rebuild: bool) -> list[int]:
    from penstock import steps

    context = get_current_context()
    params = context["params"]
    with opened() as platform:
        begun = steps.start(
            platform,
            index,
            external_name(context),
            only=params.get("source"),
            verify=bool(params.get("verify")),
            rebuild=rebuild,
            wait_s=float(params["wait_s"]),
        )
    context["ti"].xcom_push("run", begun["run"])
    return list(range(begun["batches"]))


@task
def prepare(run: int, batch: int) -> int:
    from penstock import steps

    with opened() as platform:
        return steps.prepare(platform, run, batch)


@task(trigger_rule=TriggerRule.NONE_FAILED)
def collect(run: int) -> list[int]:
    from penstock import steps

    with opened() as platform:
        return list(range(steps.collect(platform, run)))


@task
def embed(run: int, batch: int) -> int:
    from penstock import steps

    with opened() as platform:
        return steps.embed(platform, run, batch)


@task(trigger_rule=TriggerRule.NONE_FAILED)
def stage(run: int) -> int:
    from penstock import runs, steps

    with opened() as platform:
        number = steps.stage(platform, run)
        if number is None:
            raise AirflowSkipException(runs.report(platform, run).message)
        return number


@task
def check(run: int, release: int) -> dict[str, Any]:
    from penstock import steps

    with opened() as platform:
        return steps.check(platform, run, release)


@task
def publish(index: str, run: int, release: int) -> dict[str, Any]:
    from penstock import runs, steps

    with opened() as platform:
        report = steps.publish(platform, run, release)
    if report.state != runs.PUBLISHED:
        raise AirflowSkipException(report.message)  # skipped, so no asset event: nothing went live
    return _announced(index, release, run)


@task(trigger_rule=TriggerRule.ALL_DONE)
def end() -> dict[str, Any]:
    """The last task: it prints the run's report, and decides whether the DAG run is green."""
    from penstock import display, runs, steps

    with opened() as platform:
        report = steps.end(platform, external_name(get_current_context()))
    if report is None:
        raise AirflowFailException("no run was begun; the log of `start` says why")
    display.run(report)
    if report.state == runs.FAILED:
        raise AirflowFailException(f"run {report.id} failed: {report.message}")
    if broken := {name: state["error"] for name, state in report.sources.items() if "error" in state}:
        raise AirflowFailException(f"run {report.id}: {report.message}; but not all sources could be listed: {broken}")
    return {"run": report.id, "state": report.state, "release": report.release}


# tasks of an approval


@task
def describe(index: str) -> dict[str, str]:
    from penstock import reports, steps

    number = get_current_context()["params"]["release"]
    if number is None:
        raise AirflowFailException("name the release that waits: trigger this DAG with its number")
    with opened() as platform:
        if not steps.waits(platform, index, number):
            raise AirflowSkipException(f"release {number} of {index} does not wait for a person (any more)")
        return reports.question(platform, index, number)


@task
def decide(index: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    from penstock import steps
    from penstock.decisions import Who

    number = get_current_context()["params"]["release"]
    who = Who(answer["responded_by_user"]["name"], via="airflow")
    approved = ApprovalOperator.APPROVE in answer["chosen_options"]
    why = str((answer["params_input"] or {}).get("reason") or "")
    with opened() as platform:
        return steps.decide(platform, index, number, approved, who, why)


@task
def announce(index: str, decided: Mapping[str, Any]) -> dict[str, Any]:
    from penstock import steps

    if not decided["published"]:
        raise AirflowSkipException(decided["message"])
    number = get_current_context()["params"]["release"]
    with opened() as platform:
        return _announced(index, number, steps.run_of(platform, index, number))


def _announced(index: str, release: int, run: int) -> dict[str, Any]:
    event = {"release": release, "run": run}
    get_current_context()["outlet_events"][index_asset(index)].extra.update(event)
    return event


class AskPerson(TriggerDagRunOperator):
    """Open an approval for the release that this DAG run left waiting; skipped where none waits."""

    def __init__(self, *, index: str, **options: Any) -> None:
        super().__init__(trigger_dag_id=f"approve_{index}", skip_when_already_exists=True, **options)
        self.index = index

    def execute(self, context: Any) -> None:
        from penstock import steps

        with opened() as platform:
            number = context["params"].get("release") or steps.release_of(platform, external_name(context))
            if number is None or not steps.waits(platform, self.index, number):
                raise AirflowSkipException("no release waits for a person")
        self.conf = {"release": number}
        self.trigger_run_id = f"release-{number}__{context['dag_run'].start_date:%Y%m%dT%H%M%S%f}"
        super().execute(context)


# tasks of a retraining


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


# tasks of the upkeep


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
        raise AirflowSkipException(f"nothing drifted in {index}")  # skipped, so no asset event


# what every task needs


@contextmanager
def opened() -> Iterator[Platform]:
    """The stores. Raises ``ConfigError`` where tasks run on several machines and a store is one machine's own."""
    from penstock import steps
    from penstock.platform import Platform

    settings = load()
    steps.require_shared_stores(settings, conf.get("core", "executor"))
    platform = Platform(settings, connections=airflow_connection)
    try:
        yield platform
    finally:
        platform.close()


def airflow_connection(name: str) -> dict[str, Any] | None:
    """A connection of Airflow's as the dict that sources take; ``None`` where there is none of that name."""
    _keep_secrets_from_the_log_of_dag_test()
    try:
        found = BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return None
    parts = ("conn_type", "host", "login", "password", "schema", "port")
    return {part: getattr(found, part) for part in parts} | {"extra": dict(found.extra_dejson)}


def _keep_secrets_from_the_log_of_dag_test() -> None:
    """A worker's supervisor omits the secrets that it is told to mask; that of ``dag.test()`` writes them at DEBUG."""
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.supervisor import InProcessSupervisorComms

    comms = getattr(task_runner, "SUPERVISOR_COMMS", None)
    if isinstance(comms, InProcessSupervisorComms):
        quiet = structlog.make_filtering_bound_logger(logging.INFO)
        comms.log = structlog.wrap_logger(structlog.PrintLogger(), wrapper_class=quiet)


def external_name(context: Any) -> str:
    """What the catalog calls a DAG run."""
    return f"{context['dag_run'].dag_id}/{context['dag_run'].run_id}"
