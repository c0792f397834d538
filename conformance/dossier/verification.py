"""What a verifier finds: problems, each with file, place, text and remedy, and notes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from conformance.result import Overall, RunStatus
from conformance.strict_json import to_plain
from protocols.wire.base import Label

__all__ = ["Problem", "Verification"]

RESTORE = Label("向签发方索取原始档案", "ask the issuer for the original dossier")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. ``where``: line, offset or path inside ``file``; may be empty."""

    file: str
    where: str
    what: Label
    remedy: Label = RESTORE

    def render(self, language: str = "zh") -> str:
        at = f"{self.file}:{self.where}" if self.where else self.file
        if language.startswith("zh"):
            return f"{at}: {self.what.zh}（{self.remedy.zh}）"
        return f"{at}: {self.what.en} ({self.remedy.en})"


@dataclass(slots=True)
class Verification:
    """What the verifier found. ``ok`` only when nothing at all is wrong and the run was complete."""

    path: str
    problems: list[Problem] = field(default_factory=list[Problem])
    notes: list[Label] = field(default_factory=list[Label])
    run_id: str = ""
    status: RunStatus | None = None
    overall: Overall | None = None
    fingerprint: str = ""
    pinned: bool = False
    files: int = 0
    records: int = 0
    recomputed: int = 0

    @property
    def ok(self) -> bool:
        return not self.problems

    def problem(self, file: str, where: str, zh: str, en: str, remedy: Label = RESTORE) -> None:
        self.problems.append(Problem(file, where, Label(zh, en), remedy))

    def note(self, zh: str, en: str) -> None:
        self.notes.append(Label(zh, en))

    def to_json(self) -> dict[str, Any]:
        return {"ok": self.ok, **to_plain(self)}

    def render(self, language: str = "zh") -> str:
        """Text for a terminal."""
        head = self._headline()[language]
        rows = [head, *(f"  - {each.render(language)}" for each in self.problems)]
        rows += [f"  * {each[language]}" for each in self.notes]
        return "\n".join(rows)

    def _headline(self) -> Label:
        if not self.ok:
            count = len(self.problems)
            return Label(f"档案无效：{count} 个问题", f"dossier NOT valid: {count} problems")
        return Label(
            f"档案有效：{self.files} 个文件、{self.records} 条记录未被改动，{self.recomputed} 个结论由历史重算并一致",
            f"dossier valid: {self.files} files and {self.records} records unchanged, "
            f"{self.recomputed} verdicts recomputed from the history and equal",
        )
