"""The DAG that asks a person about one refused release, and the task that opens it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from penstock.orchestration import wiring
from penstock.orchestration.assets import announced, index_asset
from penstock.orchestration.opening import external_name, opened


def approval_dag(index: str, doc: str | None = None) -> DAG:
    """Ask a person about one refused release: it waits here, and holds neither lease nor a run of the line."""
    params = {"release": Param(None, type=["null", "integer"], title="Release", description="a release that waits")}
    with wiring.dag(
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


# tasks


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
    from penstock.promotion import registry

    number = get_current_context()["params"]["release"]
    who = Who(answer["responded_by_user"]["name"], via="airflow")
    approved = ApprovalOperator.APPROVE in answer["chosen_options"]
    why = str((answer["params_input"] or {}).get("reason") or "")
    with opened() as platform:
        decided = steps.decide(platform, index, number, approved, who, why)
        registry.follow(platform, index)
        return decided


@task
def announce(index: str, decided: Mapping[str, Any]) -> dict[str, Any]:
    from penstock import steps

    if not decided["published"]:
        raise AirflowSkipException(decided["message"])
    number = get_current_context()["params"]["release"]
    with opened() as platform:
        return announced(index, number, steps.run_of(platform, index, number))


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
