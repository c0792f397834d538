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
    """One thing that is wrong. ``where``: line, offset or path inside ``file``; may be empty.

    ``gap``: nothing contradicts the dossier here, but what it says could not be made again.
    """

    file: str
    where: str
    what: Label
    remedy: Label = RESTORE
    gap: bool = False

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
    own: bool = False
    """Signed with the key of this installation."""
    files: int = 0
    records: int = 0
    recomputed: int = 0

    @property
    def ok(self) -> bool:
        return not self.problems

    def problem(self, file: str, where: str, zh: str, en: str, remedy: Label = RESTORE) -> None:
        self.problems.append(Problem(file, where, Label(zh, en), remedy))

    def gap(self, file: str, where: str, zh: str, en: str, remedy: Label) -> None:
        """Like :meth:`problem`, for what is not known rather than wrong."""
        self.problems.append(Problem(file, where, Label(zh, en), remedy, gap=True))

    @property
    def signer_known(self) -> bool:
        """The fingerprint was given from elsewhere, or is this installation's own."""
        return self.pinned or self.own

    @property
    def exit_code(self) -> int:
        """0: holds, and the signer is known; 2: something is wrong; 3: what is known does not suffice to say."""
        if any(not each.gap for each in self.problems):
            return 2
        return 0 if self.ok and self.signer_known else 3

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
        if self.exit_code == 2:
            count = len(self.problems)
            return Label(f"档案无效：{count} 个问题", f"dossier NOT valid: {count} problems")
        if not self.ok:
            count = len(self.problems)
            return Label(
                f"档案未被改动，但不能全部核对：{count} 处无法重算",
                f"dossier unchanged, but NOT verified in full: {count} places cannot be recomputed here",
            )
        what = Label(
            f"{self.files} 个文件、{self.records} 条记录未被改动，{self.recomputed} 个结论由历史重算并一致",
            f"{self.files} files and {self.records} records unchanged, "
            f"{self.recomputed} verdicts recomputed from the history and equal",
        )
        if self.signer_known:
            return Label(f"档案有效：{what.zh}", f"dossier valid: {what.en}")
        return Label(
            f"档案未改动且前后一致，但签发者未知：{what.zh}；用 --key 给出签发方另行提供的指纹",
            f"dossier unchanged and consistent; signer UNKNOWN: {what.en}; give the issuer's fingerprint with --key",
        )
