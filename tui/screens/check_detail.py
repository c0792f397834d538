"""What the screen says of one check: title, clauses, verdicts on each target, findings, rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from protocols.wire.base import Label
from tui.characters import steady
from tui.console import STYLES
from tui.language import Language
from tui.locale import text
from tui.run_state import SYMBOLS, RunState

if TYPE_CHECKING:
    from conformance.service import Check, Outcome

__all__ = ["check_detail", "group_detail"]

HEAD = "bold cyan"


def check_detail(check: Check, state: RunState, language: Language) -> Text:
    """Everything about *check* that is known now."""
    from conformance.service import catalogue, rule_of

    out = Text()
    out.append(steady(check.title[language]) + "\n", style="bold")
    out.append(f"{check.id}\n", style="dim")
    _verdicts(out, check, state, language)
    out.append(f"\n{text(language, 'conf.clauses')}\n", style=HEAD)
    clauses = catalogue()
    for clause_id in check.clauses:
        clause = clauses.get(clause_id)
        limit = f" ({clause.limit[language]})" if clause and clause.limit else ""
        out.append(f"{clause_id}  ", style="bold")
        out.append(steady((clause.text[language] if clause else "") + limit) + "\n")
    out.append(f"\n{text(language, 'conf.rule')}\n", style=HEAD)
    out.append(steady(rule_of(check)[language]) + "\n")
    if check.kills:
        out.append(f"\n{text(language, 'conf.kills')}\n", style=HEAD)
        out.append("\n".join(check.kills) + "\n")
    if check.source:
        out.append(f"\n{text(language, 'conf.source')}\n", style=HEAD)
        out.append(steady(check.source) + "\n")
    return out


def _verdicts(out: Text, check: Check, state: RunState, language: Language) -> None:
    from conformance.service import VERDICT_LABELS

    known = state.verdicts.get(check.id, {})
    if not known:
        return
    out.append(f"\n{text(language, 'conf.verdicts')}\n", style=HEAD)
    labels: dict[str, Label] = {each.value: label for each, label in VERDICT_LABELS.items()}
    for target, verdict in known.items():
        word = labels[verdict][language] if verdict in labels else text(language, "conf.running")
        out.append(f"[{SYMBOLS[verdict]}] {word}  ", style=STYLES.get(verdict, "cyan"))
        out.append(f"{target}\n")
        outcome = state.outcomes.get((check.id, target))
        if outcome is not None:
            _why(out, outcome, language)


def _why(out: Text, outcome: Outcome, language: Language) -> None:
    from conformance.service import BLAME_LABELS

    if outcome.cause:
        out.append(f"    {steady(outcome.cause[language])}\n", style="yellow")
    if outcome.verdict == "pass":
        return
    if outcome.blame:
        out.append(f"    -> {BLAME_LABELS[outcome.blame][language]}\n", style="yellow")
    for finding in outcome.findings:
        if finding.kind != "observed":
            where = f"  #{', #'.join(map(str, finding.records))}" if finding.records else ""
            out.append(f"    {steady(finding.message[language])}{where}\n")


def group_detail(name: str, checks: tuple[Check, ...], state: RunState, language: Language) -> Text:
    """A suite or a clause: its checks with their verdicts."""
    from conformance.service import catalogue

    out = Text()
    out.append(f"{name}\n", style="bold")
    clause = catalogue().get(name)
    if clause is not None:
        out.append(steady(clause.text[language]) + "\n")
        if clause.limit:
            out.append(steady(clause.limit[language]) + "\n", style="yellow")
    out.append(text(language, "conf.checks", count=len(checks)) + "\n\n", style="dim")
    for check in checks:
        verdict = state.of(check.id)
        out.append(f"[{SYMBOLS[verdict]}] ", style=STYLES.get(verdict, "cyan"))
        out.append(f"{steady(check.title[language])}\n")
    return out
