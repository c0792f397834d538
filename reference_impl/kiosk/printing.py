"""The seam to the receipt printer, and where slips go until a printer device is driven: a link, or a folder."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from protocols.link.base import Link, LinkError
from reference_impl.kiosk.business.works import PrintSlip
from reference_impl.kiosk.receipt import Slip, layout, slip_of

__all__ = ["FolderOutput", "LinkOutput", "Printer", "PrinterFailed", "SlipOutput", "SlipPrinter", "load_library"]


class PrinterFailed(Exception):
    """The slip did not come out; the text says what to look at."""


class Printer(Protocol):
    async def print(self, work: PrintSlip) -> None:
        """Returns when the slip is out, as far as that can be known. Raises :class:`PrinterFailed`."""
        ...

    async def aclose(self) -> None: ...


class SlipOutput(Protocol):
    async def put(self, slip: Slip, columns: int) -> None:
        """Raises :class:`PrinterFailed`."""
        ...

    async def aclose(self) -> None: ...


class SlipPrinter:
    """Makes slips of *terminal_id* and puts them out, *columns* wide. *now* is Unix time."""

    def __init__(self, output: SlipOutput, terminal_id: str, now: Callable[[], float], columns: int = 42) -> None:
        self._output, self._terminal_id, self._now, self._columns = output, terminal_id, now, columns

    async def print(self, work: PrintSlip) -> None:
        slip = slip_of(work.kind, self._terminal_id, self._now(), work.trade, work.receipt, work.check_in)
        await self._output.put(slip, self._columns)

    async def aclose(self) -> None:
        await self._output.aclose()


def load_library() -> None:
    """The printer library takes a second to load: a kiosk starts without it, and has it before the first slip is due."""
    importlib.import_module("reference_impl.kiosk.receipt_escpos")


def _bytes_of(slip: Slip, columns: int) -> bytes:
    from reference_impl.kiosk.receipt_escpos import escpos_bytes

    return escpos_bytes(slip, columns)


class LinkOutput:
    """ESC/POS bytes to whatever stands behind a link."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def put(self, slip: Slip, columns: int) -> None:
        try:
            await self._link.send(_bytes_of(slip, columns))
        except LinkError as error:
            raise PrinterFailed(str(error)) from error

    async def aclose(self) -> None:
        await self._link.aclose()


class FolderOutput:
    """Two files a slip in *folder*: ``000001-payment.txt`` as it reads, ``.escpos`` as it is printed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    async def put(self, slip: Slip, columns: int) -> None:
        text = "\n".join(line.text.rstrip() for line in layout(slip, columns)) + "\n"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._count = max(self._count, *(_number(each) for each in self._folder.iterdir()), 0) + 1
            name = f"{self._count:06d}-{slip.kind}"
            (self._folder / f"{name}.txt").write_text(text, encoding="utf-8")
            (self._folder / f"{name}.escpos").write_bytes(_bytes_of(slip, columns))
        except OSError as error:
            raise PrinterFailed(f"slips in {self._folder}: {error.strerror}") from error

    async def aclose(self) -> None:
        return None


def _number(path: Path) -> int:
    head = path.name.partition("-")[0]
    return int(head) if head.isdecimal() else 0
