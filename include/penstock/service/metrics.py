"""What Prometheus reads at ``/metrics``. No label holds what a reader wrote: each has few values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from penstock import manifest
from penstock.errors import PenstockError
from penstock.platform import Platform
from penstock.retrieval.trace import Stage

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
        r.register(LiveReleases(platform))

    def asked(self, route: str, method: str, status: int, seconds: float) -> None:
        self._requests.labels(route, method, status).inc()
        self._seconds.labels(route).observe(seconds)

    def went_through(self, stages: Iterable[Stage]) -> None:
        for stage in stages:
            self._stages.labels(stage.name).observe(stage.ms / 1000)

    def page(self) -> bytes:
        return generate_latest(self.registry)


class LiveReleases(Collector):
    """Asked of the catalog when it is read: another process may have published."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def collect(self) -> Iterator[GaugeMetricFamily]:
        live = GaugeMetricFamily("penstock_live_release", "Number of the live release; 0: none yet", labels=["index"])
        up = GaugeMetricFamily("penstock_catalog_up", "1 where the catalog answers")
        try:
            with self._platform.catalog.read() as connection:
                for index in self._platform.settings.indexes:
                    live.add_metric([index], manifest.pointer(connection, index)[0] or 0)
            up.add_metric([], 1)
        except PenstockError:
            up.add_metric([], 0)
        yield from (live, up)
