"""What Locust loads: one user that is the whole fleet. Start it through ``loadtest.service``, never in a process of another.

Locust gives the process, its command line and its events, so that whoever knows it finds their way; the schedule, the
client and the verdict are ours (measured-load 2, 3, 5: a user a kiosk phase-locks the fleet and hides every stall).
"""

from __future__ import annotations

from typing import Any

import gevent
from locust import User, task

from loadtest.generator import generate
from loadtest.latency import CallRow

__all__ = ["FleetUser"]


class FleetUser(User):
    """The fleet. ``--users 1``: a second one would be a second city on the same terminals."""

    fixed_count = 1

    @task
    def city(self) -> None:
        """The whole load; then Locust ends."""
        fire: Any = self.environment.events.request.fire

        def told(row: CallRow) -> None:
            failed = None if row.status and not row.code else RuntimeError(row.code or "never answered")
            fire(
                request_type="WAIT" if row.waits else "CALL",
                name=row.call,
                response_time=row.latency_s * 1000,
                response_length=0,
                exception=failed,
                context={},
            )

        generate(told)
        runner: Any = self.environment.runner
        gevent.spawn(runner.quit)  # from another task: this one ends by it
        gevent.sleep(60)
