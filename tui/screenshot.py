"""``python -m tui.screenshot OUT.svg|OUT.png``: a picture of the screens, for the README.

Textual's SVG counts characters where it should count cells, so Chinese is squeezed to half its width: every
``textLength`` is written anew here. A PNG is drawn by Chromium, which has the fonts.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.cells import cell_len
from textual.pilot import Pilot

from tui.actions import MODES
from tui.app import OnecardApp

__all__ = ["main", "take", "with_cell_widths"]

CELL_PIXELS = 12.2
_TEXT = re.compile(r'(<text [^>]*?textLength=")([0-9.]+)("[^>]*>)(.*?)(</text>)', re.DOTALL)
_VIEW_BOX = re.compile(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"')
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-device-scale-factor=1.5",
)
CHROMIUM_LIMIT_S = 60.0
FONTS = '"DejaVu Sans Mono", "Noto Sans Mono CJK SC", "Noto Sans CJK SC", monospace'


def with_cell_widths(svg: str) -> str:
    """*svg* with every text as wide as its cells, in fonts that have Chinese."""

    def mend(found: re.Match[str]) -> str:
        width = CELL_PIXELS * cell_len(html.unescape(found[4]))
        return f"{found[1]}{width:g}{found[3]}{found[4]}{found[5]}"

    mended = _TEXT.sub(mend, svg)
    return re.sub(r"font-family: Fira Code[^;]*;", f"font-family: {FONTS};", mended)


async def take(mode: str, dossier: Path | None, size: tuple[int, int], language: str = "zh", keys: str = "") -> str:
    """The SVG of *mode* at *size* (columns, rows), after the comma-separated *keys* were pressed."""
    app = OnecardApp("en" if language == "en" else "zh", dossier=dossier)
    async with app.run_test(size=size) as pilot:
        await _settled(pilot)
        app.show_mode(mode)
        await _settled(pilot)
        for key in filter(None, keys.split(",")):
            await pilot.press(key)
            await _settled(pilot)
        return with_cell_widths(app.export_screenshot(title="onecard tui"))


async def _settled(pilot: Pilot[None]) -> None:
    """Until no thread of the application is working and everything is drawn."""
    working = [each for each in pilot.app.workers if each.group in ("read", "doctor", "explain", "verify")]
    if working:  # an empty list would mean all of them
        await pilot.app.workers.wait_for_complete(working)
    await pilot.pause()
    await pilot.pause()


def _png(svg: str, out: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("chromium is not installed: write an .svg instead")
    found = _VIEW_BOX.search(svg)
    width, height = (round(float(each)) for each in (found.groups() if found else ("1400", "900")))
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(
            f'<meta charset="utf-8"><style>body{{margin:0}}svg{{display:block;width:{width}px}}</style>{svg}',
            encoding="utf-8",
        )
        shot = Path(folder) / "shot.png"
        subprocess.run(  # noqa: S603  # the browser that is installed here, with our own page
            [
                browser,
                *CHROMIUM_FLAGS,
                f"--user-data-dir={folder}/profile",
                f"--window-size={width},{height}",
                f"--screenshot={shot}",
                page.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=CHROMIUM_LIMIT_S,
        )
        shutil.copyfile(shot, out)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tui.screenshot", description="A picture of the screens.")
    parser.add_argument("out", type=Path, metavar="OUT.svg|OUT.png")
    parser.add_argument("--mode", choices=MODES, default="conformance")
    parser.add_argument("--dossier", type=Path)
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")
    parser.add_argument("--size", default="120x36", metavar="COLUMNSxROWS")
    parser.add_argument("--keys", default="", help="keys to press first, separated by commas")
    given = parser.parse_args()
    columns, _, rows = given.size.partition("x")
    svg = asyncio.run(take(given.mode, given.dossier, (int(columns), int(rows)), given.lang, given.keys))
    if given.out.suffix == ".png":
        _png(svg, given.out)
    else:
        given.out.write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
