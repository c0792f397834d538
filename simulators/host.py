"""Joins a pure device to a link under a clock: the only place where a simulated device meets the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from protocols.clock import Clock
from protocols.link.base import Link, LinkClosed, LinkError
from simulators.device.base import Device, Physical

__all__ = ["DeviceHost"]

SAME_INSTANT_ROUNDS = 1000
"""A device that keeps asking for the instant that is now would stop the clock: that is a defect of the device."""


class DeviceHost:
    """Runs *device* behind *link*: bytes in, timers, physical events, bytes out. Start it on a running loop.

    ``on_violation`` hears what the device says its peer did against the protocol. A device that raises ends the host:
    :meth:`wait` and :meth:`aclose` raise what it raised.
    """

    def __init__(
        self,
        device: Device,
        link: Link,
        clock: Clock,
        on_violation: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.device, self.link, self.clock = device, link, clock
        self._on_violation = on_violation
        self._now = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due: float | None = None
        self._outbox: list[bytes] = []
        self._flushing = False
        self._flush_task: asyncio.Task[None] | None = None
        self._rounds = 0
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pump: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to serve. What the device wants to say at power-up is sent at once."""
        if self._pump is not None:
            raise LinkError("this device is already being served")
        self._loop = asyncio.get_running_loop()
        self._now = self.clock.now()
        self._pump = self._loop.create_task(self._serve(), name=f"host of {type(self.device).__name__}")
        self._settle()

    @property
    def running(self) -> bool:
        """True until the link has closed, the device has failed, or :meth:`aclose` was called."""
        return self._pump is not None and not self._pump.done()

    def apply(self, event: Physical) -> None:
        """Something physical happens now. Raises ValueError for an action that the device does not know."""
        self.device.apply(event, self._tick())
        self._settle()

    async def wait(self) -> None:
        """Until the link has closed. Raises what the device raised, if it failed."""
        if self._pump is not None:
            await asyncio.wait({self._pump})
        if self._failure is not None:
            raise self._failure

    async def aclose(self) -> None:
        """Stop serving and close the link. Raises what the device raised, if it failed."""
        self._cancel_timer()
        for task in (self._pump, self._flush_task):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait({task})
        await self.link.aclose()
        if self._failure is not None:
            raise self._failure

    async def __aenter__(self) -> DeviceHost:
        self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def _tick(self) -> float:
        """The time for the device: the clock's, but never earlier than it was told before."""
        self._now = max(self._now, self.clock.now())
        return self._now

    async def _serve(self) -> None:
        try:
            while True:
                data = await self.link.receive()
                self.device.receive(data, self._tick())
                self._collect()
                if self._outbox and not self._flushing:
                    await self._flush()
        except LinkClosed:
            pass
        except Exception as error:  # kept for wait() and aclose(): a device's defect must be seen
            self._fail(error)
        finally:
            self._cancel_timer()

    def _settle(self) -> None:
        """After an event outside the pump: note what changed, and send without waiting."""
        self._collect()
        if self._outbox and not self._flushing and self._loop is not None:
            self._flush_task = self._loop.create_task(self._flush())

    def _collect(self) -> None:
        data = self.device.take()
        if data:
            self._outbox.append(data)
        for text in self.device.violations():
            self._on_violation(text)
        due = self.device.deadline()
        if due != self._timer_due or self._timer is None:
            self._schedule(due)

    def _schedule(self, due: float | None) -> None:
        self._cancel_timer()
        self._timer_due = due
        if due is not None and self._loop is not None:
            self._timer = self._loop.call_later(max(due - self.clock.now(), 0.0), self._on_due, due)

    def _on_due(self, due: float) -> None:
        self._timer = None
        self._rounds = self._rounds + 1 if due <= self._now else 0
        if self._rounds > SAME_INSTANT_ROUNDS:
            self._fail(RuntimeError(f"{type(self.device).__name__} asks for {due:g} s again and again"))
            return
        # A timer fires at its instant, give or take rounding: the device sees the instant that it asked for.
        self._now = max(self._tick(), due)
        try:
            self.device.advance(self._now)
            self._settle()
        except Exception as error:
            self._fail(error)

    async def _flush(self) -> None:
        self._flushing = True
        try:
            while self._outbox:
                await self.link.send(self._outbox.pop(0))
        except LinkClosed:
            self._outbox.clear()
        except LinkError as error:
            self._fail(error)
        finally:
            self._flushing = False

    def _fail(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error
        self._cancel_timer()
        if self._pump is not None and not self._pump.done() and self._pump is not asyncio.current_task(self._loop):
            self._pump.cancel()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
