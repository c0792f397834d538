"""``onecard endure``: real processes killed at random while money moves, and the books afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from protocols.wire.base import Label
from tui.command import command, option_help
from tui.console import EXIT_FAILED, Console

if TYPE_CHECKING:
    from scenarios.endurance.service import EnduranceNews, EnduranceResult

__all__ = ["register"]

SAY_EVERY_S = 5.0
STEPS: dict[str, Label] = {
    "starting": Label("启动", "starting"),
    "killing": Label("随机杀进程", "killing"),
    "settling": Label("等待全部定案", "settling"),
    "judging": Label("核对各方账簿", "judging"),
    "done": Label("完成", "done"),
}
PARTY_LABELS: dict[str, Label] = {
    "backend": Label("后台", "backend"),
    "kiosk": Label("自助机", "kiosk"),
    "his": Label("HIS", "HIS"),
    "insurance": Label("医保", "insurance"),
    "bank": Label("银行", "bank"),
    "qr": Label("扫码网关", "QR gateway"),
    "credential": Label("凭证", "credentials"),
}


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "endure",
        "断电耐久：真实进程在交易中被随机 SIGKILL，之后逐笔核对四方账簿。",
        "Endurance: real processes die of SIGKILL at random while money moves; then every book is compared. Exit code 1: money was "
        "lost, doubled or left open.",
    )
    def endure_(
        console: Console,
        kills: Annotated[int, typer.Option("--kills", min=0, max=100_000, help=option_help("次数", "how many"))] = 50,
        database: Annotated[
            str, typer.Option("--database", metavar="sqlite|postgresql", help=option_help("数据库", "database"))
        ] = "sqlite",
        kiosks: Annotated[int, typer.Option("--kiosks", min=1, max=50, help=option_help("自助机数", "kiosks"))] = 6,
        seed: Annotated[int, typer.Option("--seed", min=0, help=option_help("随机种子", "seed"))] = 1,
        pause_s: Annotated[
            float, typer.Option("--pause", min=0.01, max=60, help=option_help("最短间隔（秒）", "shortest pause (s)"))
        ] = 0.4,
        keep: Annotated[
            Path | None, typer.Option("--keep", metavar="DIR", help=option_help("保留现场", "keep everything there"))
        ] = None,
    ) -> int:
        from scenarios.endurance.service import DATABASES, EnduranceWish, endure, findings_of

        if database not in DATABASES:
            raise typer.BadParameter(f"--database: {' | '.join(DATABASES)}")
        if keep is not None and keep.exists() and any(keep.iterdir()):
            raise typer.BadParameter(console.text(f"{keep} 不为空", f"{keep} is not empty"))
        wish = EnduranceWish(kills, database, kiosks, seed, pause_s)
        result = endure(wish, _progress(console), keep=keep)
        found = findings_of(result, _judged)
        unseen = _not_checked(result.note)
        _show(console, result, found, unseen)
        console.document(_document(result, found, unseen))
        return EXIT_FAILED if found else 0


def _judged(note: Mapping[str, Any]) -> list[str]:
    from conformance.oracles.money import judge_money
    from conformance.oracles.money_facts import MoneyFacts

    return [f"{each.oracle}: {each.subject}: {each.text}" for each in judge_money(MoneyFacts.of_note(note))]


def _not_checked(note: Mapping[str, Any]) -> tuple[Label, ...]:
    from conformance.oracles.money import not_checked
    from conformance.oracles.money_facts import MoneyFacts

    return not_checked(MoneyFacts.of_note(note))


def _progress(console: Console) -> Callable[[EnduranceNews], None]:
    told = {"at": 0.0, "step": ""}

    def tell(news: EnduranceNews) -> None:
        now = time.monotonic()
        if news.step == told["step"] and now - float(told["at"]) < SAY_EVERY_S:
            return
        told.update(at=now, step=news.step)
        console.say(
            f"{news.t_s:6.1f} s  {console.of(STEPS[news.step])}  "
            + console.text(
                f"SIGKILL {news.kills}/{news.of}，服务 {news.visits}，支付成功 {news.paid}，未定案 {news.undecided}",
                f"SIGKILL {news.kills}/{news.of}, visits {news.visits}, paid {news.paid}, undecided {news.undecided}",
            )
        )

    return tell


def _show(console: Console, result: EnduranceResult, found: list[str], unseen: tuple[Label, ...]) -> None:
    struck = ", ".join(f"{console.of(PARTY_LABELS[name])} {n}" for name, n in sorted(result.struck.items()))
    trades, states = len(result.note["trades"]), _states(result)
    console.say(
        console.text(
            f"SIGKILL：{struck}；其中 {result.midway} 次正有人办理",
            f"SIGKILL: {struck}; {result.midway} of them while somebody was served",
        )
    )
    console.say(
        console.text(
            f"交易 {trades} 笔（{states}），最后一次之后 {result.recovered_s:.1f} s 全部定案，共 {result.took_s:.0f} s",
            f"{trades} trades ({states}); all were decided {result.recovered_s:.1f} s after the last one; {result.took_s:.0f} s in all",
        )
    )
    for each in found[:20]:
        console.say(f"  - {each}", style="red")
    if len(found) > 20:
        console.say(console.text(f"  … 共 {len(found)} 项", f"  ... {len(found)} in all"), style="red")
    for each in unseen:
        console.say(f"  ? {console.of(each)}: {console.text('未核对', 'not checked')}", style="yellow")
    verdict = (
        console.text("不通过：账目有误或未定案", "failed: money is wrong or undecided")
        if found
        else console.text(
            "通过：无丢失、无重复、账簿一致、无需人工",
            "passed: nothing lost, nothing doubled, books equal, nobody needed",
        )
    )
    console.say(verdict, style="bold red" if found else "bold green")


def _states(result: EnduranceResult) -> str:
    counts: dict[str, int] = {}
    for each in result.note["trades"]:
        counts[each["state"]] = counts.get(each["state"], 0) + 1
    return ", ".join(f"{name} {n}" for name, n in sorted(counts.items()))


def _document(result: EnduranceResult, found: list[str], unseen: tuple[Label, ...]) -> dict[str, Any]:
    return {
        "passed": not found,
        "findings": found,
        "not_checked": [each.en for each in unseen],
        "kills": dict(result.struck),
        "midway": result.midway,
        "visits": result.visits,
        "told": dict(result.told),
        "trades": len(result.note["trades"]),
        "recovered_s": round(result.recovered_s, 2),
        "took_s": round(result.took_s, 2),
    }
