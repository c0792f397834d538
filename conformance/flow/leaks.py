"""Whether a secret stands in anything that a flow has left: every file of its dossier, searched in every form.

A search that cannot find what was planted for it proves nothing: each form is planted alone, and one secret in a copy of every file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from conformance.dossier.write import HISTORY
from conformance.flow.dossier import EVIDENCE, is_flow_dossier
from conformance.flow.judge import judge_flow
from protocols.record import read_history
from scenarios.flow.lock import flow_of_lock
from scenarios.flow.secrets import secrets_of_flow

__all__ = ["FlowLeaks", "flow_leaks", "newest_flow"]


@dataclass(frozen=True, slots=True)
class FlowLeaks:
    """``found`` says file, offset, class and form of each leak; ``blind`` what was planted and not found; ``forms`` how many
    secrets in how many forms were looked for; ``bytes`` what was searched on the wire while it ran, by place."""

    files: int
    forms: int
    found: tuple[str, ...]
    blind: tuple[str, ...]
    wire_bytes: int

    @property
    def open(self) -> bool:
        """Nothing leaked, and the search would have seen it."""
        return not self.found and not self.blind and bool(self.files and self.forms and self.wire_bytes)


def newest_flow(dossiers: Path) -> Path | None:
    """The newest dossier of a flow below *dossiers* whose history has an end."""
    found = [each.parent for each in dossiers.glob("*/manifest.json") if is_flow_dossier(each.parent)]
    whole = [each for each in found if (each / "verdict.json").is_file()]
    return max(whole, key=lambda each: (each / "verdict.json").stat().st_mtime, default=None)


def flow_leaks(folder: Path) -> FlowLeaks:
    """Search the dossier in *folder*. Raises HistoryError, ValueError for one that is broken."""
    records = read_history(folder / HISTORY)
    secrets = secrets_of_flow(flow_of_lock(records[0].note["flow"]))
    plants = list(secrets.plants())
    blind = [f"{privacy.value}/{form}" for privacy, form, data in plants if not secrets.find(data)]
    found = [f"{each.subject} {each.text.en}" for each in judge_flow(records).findings if each.kind == "leak"]
    files = [each for each in sorted(folder.rglob("*")) if each.is_file()]
    control = plants[0][2]
    for file in files:
        name = file.relative_to(folder).as_posix()
        place = f"file {file.name}" if file.parent.name == EVIDENCE else ""
        content = file.read_bytes()
        leaks = secrets.find(content, place)
        found += [f"{name}@{leak.at} {leak.privacy.value}/{leak.form}" for leak in leaks]
        half = len(content) // 2
        if len(secrets.find(content[:half] + control + content[half:], place)) <= len(leaks):
            blind.append(f"{name}: a planted secret")
    search = next((each.note for each in reversed(records) if each.kind == "search"), {})
    wire = {name: size for name, size in dict(search.get("bytes", {})).items() if not str(name).startswith("file ")}
    return FlowLeaks(len(files), len(plants), tuple(found), tuple(blind), sum(int(size) for size in wire.values()))
