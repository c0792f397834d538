"""Finding dossiers on disk and making their traces readable, for commands and screens alike."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protocols.record import Record
from protocols.wire.base import Label
from tui.console import UserError

if TYPE_CHECKING:
    from conformance.service import Dossier, TraceLine

__all__ = ["DossierCard", "find_dossiers", "latest_dossier", "read_lines", "short_path", "trace_lines"]

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class DossierCard:
    """What a list shows of a dossier: read from its manifest, not verified. ``written`` is local time."""

    path: Path
    run_id: str
    overall: str
    status: str
    written: str


def short_path(path: Path) -> str:
    """*path* from the working folder where it lies below it, else as it is."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def find_dossiers(folder: Path = Path("dossiers")) -> list[DossierCard]:
    """Every dossier in *folder*, the newest first. What is no dossier is passed over."""
    from protocols.clock import wall_datetime

    found: list[tuple[float, DossierCard]] = []
    zone = wall_datetime().astimezone().tzinfo
    for manifest in folder.glob(f"*/{MANIFEST}"):
        try:
            raw = json.loads(manifest.read_text(encoding="utf-8"))
            stamp = manifest.stat().st_mtime
        except (OSError, ValueError):
            continue
        if not isinstance(raw, dict) or not str(raw.get("format", "")).startswith("onecard-dossier/"):
            continue
        written = type(wall_datetime()).fromtimestamp(stamp, zone).strftime("%Y-%m-%d %H:%M:%S")
        card = DossierCard(
            manifest.parent,
            str(raw.get("run_id", "")),
            str(raw.get("overall", "")),
            str(raw.get("status", "")),
            written,
        )
        found.append((stamp, card))
    return [card for _, card in sorted(found, key=lambda each: each[0], reverse=True)]


def latest_dossier(folder: Path = Path("dossiers")) -> Path:
    """The newest whole dossier in *folder*. Raises UserError when there is none."""
    for each in find_dossiers(folder):
        if (each.path / "result.json").is_file():
            return each.path
    raise UserError(
        Label("没有档案", "there is no dossier"),
        Label("先运行 onecard certify，或用 --dossier 指定", "run onecard certify first, or name one with --dossier"),
        str(folder),
    )


def trace_lines(dossier: Dossier) -> Iterator[TraceLine]:
    """Every record of *dossier*, decoded in the dialect of its slot."""
    return read_lines(dossier.records, {each.slot: each.dialect for each in dossier.result.bench.slots})


def read_lines(records: Iterable[Record], dialects: Mapping[str, str] | None = None) -> Iterator[TraceLine]:
    """*records* decoded. Slots that *dialects* does not name take theirs from the begin marks of their checks."""
    from conformance.service import show_record

    known: dict[str, str] = dict(dialects or {})
    for record in records:
        facts: Any = record.note.get("facts") if record.kind == "check" else None
        if isinstance(facts, Mapping) and facts.get("dialect"):
            known[record.slot] = str(facts["dialect"])
        yield show_record(record, known.get(record.slot, ""))
