"""``report.html``: one file, no script, nothing loaded from elsewhere, the same bytes for the same run.

The words are in ``templates/``; what they are filled with is made in ``report_model.py`` and ``pictures.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from jinja2 import DictLoader, Environment, StrictUndefined

from conformance.dossier.pictures import bench_picture, counts_bar, kill_pictures
from conformance.dossier.read import Dossier
from conformance.dossier.report_model import CHECKS_OF_VERDICT, SYMBOLS, Report, verdict_class, verdict_words
from conformance.dossier.snapshot import Catalogue
from conformance.result import RunResult
from protocols.record import Record

__all__ = ["MAX_REPORT_BYTES", "render_report"]

MAX_REPORT_BYTES = 3_000_000

_FRAMES = ((24, 6), (12, 3), (6, 0), (0, 0))
"""Records shown of a check that did not pass and of one that did; the first pair that keeps the page small enough."""


def render_report(result: RunResult, records: Sequence[Record], catalogue: Catalogue, fingerprint: str) -> str:
    """The whole page. Below :data:`MAX_REPORT_BYTES`, by showing fewer records of each check when it must."""
    dossier = Dossier(result, tuple(records), catalogue)
    pictures = {
        "bar": counts_bar(result),
        "bench_picture": bench_picture(result.bench),
        "kills": kill_pictures(result.kill_matrix),
    }
    text = ""
    for wrong, passed in _FRAMES:
        report = Report(dossier, fingerprint, frames_wrong=wrong, frames_passed=passed)
        text = _environment().get_template("report.html.j2").render(r=report, result=result, **pictures)
        if len(text.encode()) <= MAX_REPORT_BYTES:
            break
    return text


@cache
def _environment() -> Environment:
    # Read through importlib.resources, so that templates are found in a wheel and in a zip alike.
    folder = files("conformance.dossier") / "templates"
    texts = {
        each.name: each.read_text(encoding="utf-8") for each in folder.iterdir() if each.name.endswith((".j2", ".css"))
    }
    environment = Environment(
        loader=DictLoader(texts), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(
        symbols=SYMBOLS,
        verdict_class=verdict_class,
        verdict_words=verdict_words,
        checks_of_verdict=CHECKS_OF_VERDICT,
    )
    return environment
