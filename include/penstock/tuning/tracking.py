"""What MLflow is told of a training: recipe, data hash, code, seed, curves, figures, and the model's card.

It has to answer before a training begins. Where it is gone later, training goes on: curves wait in memory, and at the
end the run is told all of it. If it still does not answer then, the training ends with a ``TransientError``, its
checkpoints stay, and running it again has only the end left to do: no model is kept that is not in MLflow.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog

from penstock import mlflow_store
from penstock.errors import TransientError

log = structlog.get_logger()
POINTS_AT_ONCE = 1000
"""What MLflow takes in one call, metrics; of parameters it takes 100."""
LONGEST_PARAMETER = 500


class Run:
    """One run of MLflow. ``url`` is the tracking server, ``id`` the run's there."""

    def __init__(self, client: Any, url: str, id_: str) -> None:
        self._client, self.url, self.id = client, url, id_
        self._waiting: list[Any] = []
        self._reached = True

    def curve(self, step: int, values: Mapping[str, float]) -> None:
        """Points of the curves; they wait where MLflow does not answer, and then nobody asks it again until the end."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._waiting += [Metric(name, float(value), now, step) for name, value in values.items()]
        if self._reached and any(name.endswith("eval_loss") for name in values):
            try:
                self._flush()
            except TransientError as error:
                self._reached = False
                log.warning("MLflow is gone; the training goes on", error=str(error))

    def ended(self, figures: Mapping[str, Any], card: str, tags: Mapping[str, str]) -> None:
        """Tell all that is left. Raises ``TransientError`` where MLflow does not answer."""
        self.curve(0, {})
        self._flush()
        with translated(self.url):
            for name, value in flat(figures):
                self._client.log_metric(self.id, name, value)
            for key, tag in tags.items():
                self._client.set_tag(self.id, key, tag)
            self._client.log_text(self.id, card, "model_card.md")
            self._client.set_terminated(self.id)

    def failed(self) -> None:
        """Mark the run, if MLflow answers: whoever calls has an error of its own to raise."""
        try:
            with translated(self.url):
                self._client.set_terminated(self.id, "FAILED")
        except TransientError as error:
            log.warning("MLflow does not know that the training failed", error=str(error))

    def _flush(self) -> None:
        with translated(self.url):
            while self._waiting:
                self._client.log_batch(self.id, metrics=self._waiting[:POINTS_AT_ONCE])
                del self._waiting[:POINTS_AT_ONCE]


def begin(url: str, index: str, name: str, params: Mapping[str, Any], kept: Path) -> Run:
    """A run of the experiment ``penstock-INDEX``: the one whose id is in the file ``kept`` goes on, else a new one.

    Raises ``TransientError`` where MLflow does not answer.
    """
    client = _client(url)
    with translated(url):
        experiment = client.get_experiment_by_name(f"penstock-{index}")
        where = {"artifact_location": str(beside(url))} if url.startswith("sqlite:///") else {}
        id_ = experiment.experiment_id if experiment else client.create_experiment(f"penstock-{index}", **where)
        begun = kept.read_text() if kept.exists() else ""
        if any(one.info.run_id == begun for one in client.search_runs([id_])):
            client.update_run(begun, status="RUNNING")
            return Run(client, url, begun)
        run = client.create_run(id_, run_name=name, tags={"index": index})
        for key, value in flat_params(params):
            client.log_param(run.info.run_id, key, value)
    kept.write_text(run.info.run_id)
    return Run(client, url, run.info.run_id)


def _client(url: str) -> Any:
    if url.startswith("sqlite:///"):
        beside(url).mkdir(parents=True, exist_ok=True)
    with translated(url):
        return mlflow_store.client(url, tries=2, timeout_s=20)


def beside(url: str) -> Path:
    """The folder of the artefacts of a tracking store that is a file."""
    return Path(url.removeprefix("sqlite:///")).absolute().parent / "mlflow-artifacts"


@contextmanager
def translated(url: str) -> Iterator[None]:
    failures = mlflow_store.failures()
    try:
        yield
    except failures as error:
        what = mlflow_store.told(url, error)
        raise TransientError(
            f"MLflow at {mlflow_store.named(url)} does not do what it is asked: {what}; look at the server, or name "
            "another in store.tracking, then train again: it goes on where it stopped"
        ) from error


def flat(figures: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, float]]:
    """The numbers of nested figures, by names that MLflow takes.

    >>> dict(flat({"mix": 0.5, "before": {"nDCG@10": 0.6}, "held": True}))
    {'mix': 0.5, 'before/nDCG at 10': 0.6, 'held': 1.0}
    """
    for name, value in figures.items():
        full = f"{above}{name.replace('@', ' at ')}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{full}/")
        elif isinstance(value, int | float):
            yield full, float(value)


def flat_params(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, str(value)[:LONGEST_PARAMETER]) for name, value in params.items() if value is not None]


def code_version() -> str:
    """The package's version, and in a working copy the commit that is checked out."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return version("penstock")
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True, text=True, check=False
    )
    return f"{version('penstock')} {done.stdout.strip()}".strip()
