"""A non-blocking file descriptor as a byte stream on the running event loop, without threads."""

from __future__ import annotations

import asyncio
import errno
import os
import select
from collections.abc import Callable

from protocols.link.base import LinkClosed, LinkTimeout
from protocols.link.inbox import Inbox, closed_here

__all__ = ["FdStream"]

READ_BYTES = 8192
GONE = frozenset({errno.EIO, errno.ENXIO, errno.ENODEV, errno.EBADF, errno.EPIPE})


class FdStream:
    """Reads ahead into an :class:`Inbox`; ``decode`` may strip what the line itself adds to a chunk.

    ``name`` is used in messages. The descriptor stays the caller's: :meth:`detach` only lets go of it.
    """

    def __init__(self, fd: int, name: str, decode: Callable[[bytes], bytes] = lambda chunk: chunk) -> None:
        self._fd, self._name, self._decode = fd, name, decode
        self._loop = asyncio.get_running_loop()
        self._inbox = Inbox(self._unwatch, self._watch)
        self._sending = asyncio.Lock()
        self._detached = False
        os.set_blocking(fd, False)
        self._watch()

    def _watch(self) -> None:
        self._loop.add_reader(self._fd, self._on_readable)

    def _unwatch(self) -> None:
        self._loop.remove_reader(self._fd)

    def _on_readable(self) -> None:
        try:
            chunk = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._hang_up(f"{self._name} went away: {error.strerror}")
            return
        if chunk:
            data = self._decode(chunk)
            if data:
                self._inbox.put(data)
        elif self._hung_up():
            self._hang_up(f"{self._name} went away: the line hung up")
        # A tty with VMIN 0 reads nothing when another call emptied it first: not the end.

    def _hung_up(self) -> bool:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0))

    def _hang_up(self, why: str) -> None:
        self._loop.remove_reader(self._fd)
        self._inbox.end(LinkClosed(why))

    async def receive(self) -> bytes:
        return await self._inbox.get()

    async def send(self, data: bytes, limit_s: float) -> None:
        """Write all of *data*. Raises LinkTimeout when the line takes nothing for *limit_s*, LinkClosed when gone."""
        async with self._sending:
            rest = memoryview(data)
            while rest:
                if self._detached:
                    raise closed_here()
                try:
                    rest = rest[os.write(self._fd, rest) :]
                except BlockingIOError:
                    await self._writable(limit_s, len(rest))
                except OSError as error:
                    if error.errno not in GONE:
                        raise
                    raise LinkClosed(f"{self._name} went away: {error.strerror}") from error

    async def _writable(self, limit_s: float, left: int) -> None:
        ready = self._loop.create_future()
        self._loop.add_writer(self._fd, lambda: ready.done() or ready.set_result(None))
        try:
            async with asyncio.timeout(limit_s):
                await ready
        except TimeoutError:
            raise LinkTimeout(f"{self._name} took no bytes for {limit_s:g} s ({left} left): nobody reads it") from None
        finally:
            self._loop.remove_writer(self._fd)

    def detach(self) -> None:
        """Stop watching the descriptor; ``receive`` and ``send`` raise LinkClosed from now on."""
        if not self._detached:
            self._detached = True
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            self._inbox.end(closed_here())
