"""What the backend counts, for Prometheus. Labels are routes and codes, never anything that belongs to a person."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["METRICS_TYPE", "Metrics"]

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """One registry a backend, so that two of them may live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "onecard_requests", "Requests by route and status", ("method", "route", "status"), registry=self.registry
        )
        self.duration_s = Histogram(
            "onecard_request_seconds", "Time to the reply", ("route",), buckets=_BUCKETS, registry=self.registry
        )
        self._served: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.refused = Counter(
            "onecard_terminal_refusals", "Requests of terminals turned away", ("code",), registry=self.registry
        )

    def served(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request. Looking a child up by its labels costs more than counting: it is kept."""
        found = self._served.get((method, route, status))
        if found is None:
            counter, histogram = self.requests.labels(method, route, str(status)), self.duration_s.labels(route)
            found = self._served[method, route, status] = (counter, histogram)
        found[0].inc()
        found[1].observe(seconds)

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A number that is asked for when somebody looks."""
        Gauge(f"onecard_{name}", text, registry=self.registry).set_function(value)

    def text(self) -> bytes:
        return generate_latest(self.registry)
