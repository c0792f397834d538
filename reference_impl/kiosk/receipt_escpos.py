"""A slip as the bytes of an ESC/POS printer, made by python-escpos; text in GBK (spec/devices.md 5.1)."""

from __future__ import annotations

from escpos.constants import QR_ECLEVEL_M
from escpos.printer import Dummy

from reference_impl.kiosk.receipt import LineStyle, Slip, layout

__all__ = ["escpos_bytes"]

CHINESE_ON, CHINESE_OFF = b"\x1c&", b"\x1c."
QR_DOT = 6


def escpos_bytes(slip: Slip, columns: int) -> bytes:
    """Initialise, Chinese mode, the lines, the code by the printer's own command, cut."""
    printer = Dummy()
    printer.hw("INIT")
    printer._raw(CHINESE_ON)
    for line in layout(slip, columns):
        head, strong = line.style is LineStyle.HEAD, line.style in (LineStyle.HEAD, LineStyle.STRONG)
        # Columns are filled by the layout: the printer's own alignment stays left, so both agree on the width.
        printer.set(align="left", bold=strong, double_height=head, double_width=False, normal_textsize=not head)
        printer._raw(line.text.rstrip().encode("gbk") + b"\n")
    if slip.qr:
        printer.set(align="center", bold=False, normal_textsize=True)
        printer.qr(slip.qr, ec=QR_ECLEVEL_M, size=QR_DOT, native=True)
        printer._raw(b"\n")
    printer._raw(CHINESE_OFF)
    printer.cut()
    return bytes(printer.output)
