"""The seam to codes that a citizen shows: payment codes and credentials, each one line of text."""

from __future__ import annotations

from typing import Protocol

from protocols.link.base import Link

__all__ = ["CodeSource", "LinkCodes"]

MAX_CODE_CHARACTERS = 512


class CodeSource(Protocol):
    async def next(self) -> str:
        """The next code that is shown from now on; codes from before do not count. May be cancelled.

        Raises LinkError and its kinds.
        """
        ...

    async def aclose(self) -> None: ...


class LinkCodes:
    """Lines from a link, ended by CR, LF or both: what a scanner in its plain serial mode sends. What is no printable text
    or longer than a code can be is dropped."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._bytes = bytearray()

    async def next(self) -> str:
        # What stands here was scanned before the question, all but the line that is still coming in.
        self._bytes = bytearray(self._bytes.replace(b"\r", b"\n").rpartition(b"\n")[2])
        while True:
            line = self._line()
            if line is None:
                self._bytes += await self._link.receive()
                self._bytes = self._bytes[-2 * MAX_CODE_CHARACTERS :]
            elif 0 < len(line) <= MAX_CODE_CHARACTERS and line.isprintable():
                return line

    def _line(self) -> str | None:
        head, separator, rest = bytes(self._bytes.replace(b"\r", b"\n")).partition(b"\n")
        if not separator:
            return None
        self._bytes = bytearray(rest)
        return head.decode("utf-8", "replace").strip()

    async def aclose(self) -> None:
        await self._link.aclose()
