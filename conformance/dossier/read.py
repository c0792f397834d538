"""Open a dossier for reading: its three sources. Does not verify; see ``verify.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.dossier.seal import DossierError
from conformance.dossier.snapshot import Catalogue
from conformance.model import Outcome
from conformance.result import RunResult
from conformance.strict_json import parse_json
from conformance.view import segment
from protocols.record import Record, read_history
from protocols.wire.base import Label

__all__ = ["Dossier", "read_dossier", "records_of"]


@dataclass(frozen=True, slots=True)
class Dossier:
    """Result, history and texts of a run; ``lock`` is how to name its plan lock on a command line."""

    result: RunResult
    records: tuple[Record, ...]
    catalogue: Catalogue
    lock: str = "plan.lock.json"


def records_of(records: Sequence[Record], outcome: Outcome) -> tuple[Record, ...]:
    """The records of that check on that target; only those between its first and last are looked at."""
    if outcome.first_record < 0:
        return ()
    return segment(records[outcome.first_record : outcome.last_record + 1], outcome.check_id, outcome.target)


def read_dossier(folder: Path) -> Dossier:
    """The dossier in *folder*. Raises :class:`DossierError` naming the file that cannot be read."""
    name = ""
    try:
        name = "result.json"
        result = RunResult.from_json(parse_json((folder / name).read_text(encoding="utf-8")))
        name = "catalogue.json"
        catalogue = Catalogue.from_json(parse_json((folder / name).read_text(encoding="utf-8")))
        name = "history.jsonl"
        records = read_history(folder / name)
    except (OSError, ValueError) as error:
        what = Label(f"无法读取：{error}", f"cannot be read: {error}")
        command = f"onecard dossier verify {folder}"
        remedy = Label(f"用 {command} 查明原因", f"run {command} to find out why")
        raise DossierError(str(folder / name), what, remedy) from error
    return Dossier(result, tuple(records), catalogue, str(folder / "plan.lock.json"))
