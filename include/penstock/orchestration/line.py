"""The DAGs that make releases: list, prepare, embed, stage, check and publish, or rebuild beside the live one."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, TriggerRule, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from penstock.orchestration import wiring
from penstock.orchestration.approving import AskPerson
from penstock.orchestration.assets import announced, index_asset
from penstock.orchestration.opening import external_name, opened
from penstock.settings import load

WAIT = Param(60, type="number", minimum=0, title="Wait", description="seconds to wait for another writer's turn to end")


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
    with wiring.dag(dag_id, tags=["penstock", index], max_active_runs=1, **dag_options) as dag:
        batches: Any = start(index, rebuild)
        run = batches["run"]
        prepared = prepare.partial(run=run).expand(batch=batches)
        texts = collect(run)
        embedded = embed.partial(run=run).expand(batch=texts)
        release: Any = stage(run)
        checked = check(run, release)
        published = publish.override(outlets=[index_asset(index)])(index, run, release, rebuild)
        asked = AskPerson(index=index, task_id="ask", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
        prepared >> texts >> embedded >> release >> checked >> published
        [checked, published] >> asked
        [published, asked] >> end()
    return dag


# tasks


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
def publish(index: str, run: int, release: int, rebuild: bool) -> dict[str, Any]:
    from penstock import runs, steps
    from penstock.promotion import registry

    with opened() as platform:
        report = steps.publish(platform, run, release)
        if rebuild:  # for another embedder it takes the champion out of service
            registry.follow(platform, index)
    if report.state != runs.PUBLISHED:
        raise AirflowSkipException(report.message)  # skipped, so no asset event: nothing went live
    return announced(index, release, run)


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
