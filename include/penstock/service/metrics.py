"""What Prometheus reads at ``/metrics``. No label holds what a reader wrote: each has few values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from penstock import manifest
from penstock.errors import PenstockError
from penstock.platform import Platform
from penstock.retrieval.trace import Stage
from penstock.service.patience import InOneThread

SECONDS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)


class Metrics:
    """One registry of its own for each service, so that two in one process do not mix."""

    def __init__(self, platform: Platform) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self._requests = Counter(
            "penstock_requests", "Requests that were answered", ["route", "method", "status"], registry=r
        )
        self._seconds = Histogram(
            "penstock_request_seconds", "From head to end of a request", ["route"], buckets=SECONDS, registry=r
        )
        self._stages = Histogram(
            "penstock_stage_seconds", "A stage of searching or answering", ["stage"], buckets=SECONDS, registry=r
        )
        self.under_way = Gauge("penstock_requests_under_way", "Requests that are worked on now", registry=r)
        self.refused = Counter("penstock_refusals", "Answers that said: not in the index", ["index"], registry=r)
        self.broken_off = Counter("penstock_answers_broken_off", "Answers without an end", ["index"], registry=r)
        self.not_recorded = Counter(
            "penstock_interactions_not_recorded", "Readers answered with no interaction kept", ["index"], registry=r
        )
        self._live = LiveReleases(platform)
        r.register(self._live)

    def asked(self, route: str, method: str, status: int, seconds: float) -> None:
        self._requests.labels(route, method, status).inc()
        self._seconds.labels(route).observe(seconds)

    def went_through(self, stages: Iterable[Stage]) -> None:
        for stage in stages:
            self._stages.labels(stage.name).observe(stage.ms / 1000)

    async def page(self) -> bytes:
        await self._live.look()
        return generate_latest(self.registry)


class LiveReleases(Collector):
    """Asked of the catalog before each reading: another process may have published."""

    def __init__(self, platform: Platform) -> None:
        self._platform, self._read = platform, InOneThread(self._numbers)
        self._found: Mapping[str, int] | None = None

    async def look(self) -> None:
        """Find out what is live; a catalog that hangs is as far away as one that refuses."""
        try:
            self._found = await self._read.result()
        except (PenstockError, TimeoutError):
            self._found = None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        live = GaugeMetricFamily("penstock_live_release", "Number of the live release; 0: none yet", labels=["index"])
        for index, number in (self._found or {}).items():
            live.add_metric([index], number)
        up = GaugeMetricFamily("penstock_catalog_up", "1 where the catalog answers")
        up.add_metric([], int(self._found is not None))
        yield from (live, up)

    def _numbers(self) -> dict[str, int]:
        with self._platform.catalog.read() as connection:
            return {one: manifest.pointer(connection, one)[0] or 0 for one in self._platform.settings.indexes}
