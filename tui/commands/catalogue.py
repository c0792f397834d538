"""``onecard matrix``, ``checks``, ``clauses`` and ``pics``: what is tested, why, and what must be declared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from protocols.wire.base import Label
from tui.command import command, option_help
from tui.console import Console, UserError

if TYPE_CHECKING:
    from conformance.service import Check

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the four commands."""
    _register_matrix(app)
    _register_checks(app)
    _register_clauses(app)
    _register_pics(app)


def _register_matrix(app: typer.Typer) -> None:
    @command(
        app,
        "matrix",
        "矩阵：条款 -> 检查项 -> 证据，以及无人测试的条款和原因。",
        "The matrix: clause, check, evidence; and the clauses that nobody tests, with the reason.",
    )
    def matrix(
        console: Console,
        dossier: Annotated[
            Path | None,
            typer.Option("--dossier", metavar="DIR", help=option_help("附上这份档案的证据", "with its evidence")),
        ] = None,
        all_: Annotated[
            bool, typer.Option("--tested", help=option_help("只列被测条款", "only the clauses that are tested"))
        ] = False,
    ) -> None:
        from conformance.service import clause_matrix, read_dossier

        found = clause_matrix(read_dossier(dossier).result if dossier else None)
        _show_tested(console, found.tested)
        if not all_:
            console.say()
            console.say(console.text("无人测试的条款", "clauses that nobody tests"), style="bold")
            heads = [console.text("条款", "clause"), console.text("方法", "method"), console.text("原因", "reason")]
            rows = [[each.clause_id, "".join(each.methods), console.of(each.reason)] for each in found.untested]
            console.table(heads, rows)
        console.say()
        console.say(
            console.text(
                f"条款 {len(found.rows)} 条：被测 {len(found.tested)}，未测 {len(found.untested)}",
                f"{len(found.rows)} clauses: {len(found.tested)} tested, {len(found.untested)} not tested",
            ),
            style="bold",
        )
        console.document(
            {
                "tested": [_row_json(each) for each in found.tested],
                "untested": [
                    {"clause": e.clause_id, "text": e.text, "methods": e.methods, "reason": e.reason}
                    for e in found.untested
                ],
            }
        )


def _row_json(row: Any) -> dict[str, Any]:
    return {
        "clause": row.clause_id,
        "text": row.text,
        "limit": row.limit,
        "methods": row.methods,
        "group": row.group,
        "evidence": row.evidence,
    }


def _show_tested(console: Console, rows: Any) -> None:
    from conformance.service import VERDICT_LABELS

    heads = [
        console.text(*pair)
        for pair in (
            ("条款", "clause"),
            ("检查项", "check"),
            ("结论", "verdict"),
            ("记录", "records"),
            ("内容", "text"),
        )
    ]
    table: list[list[Any]] = []
    for row in rows:
        first = True
        for each in row.evidence:
            name = f"{each.check_id}[{each.target}]" if each.target else each.check_id
            word: Any = (
                "-" if each.verdict is None else console.verdict(each.verdict, console.of(VERDICT_LABELS[each.verdict]))
            )
            records = f"#{each.records[0]}-{each.records[1]}" if each.records else "-"
            table.append([row.clause_id if first else "", name, word, records, console.of(row.text) if first else ""])
            first = False
    console.table(heads, table)


def _register_checks(app: typer.Typer) -> None:
    @command(app, "checks", "列出检查项，或查看一项。", "List the checks, or show one.")
    def checks(
        console: Console,
        check_id: Annotated[str | None, typer.Argument(metavar="[ID]", help=option_help("编号", "id"))] = None,
    ) -> None:
        from conformance.service import discover_checks

        found = discover_checks()
        if check_id is None:
            heads = [console.text("编号", "id"), console.text("条款", "clauses"), console.text("标题", "title")]
            console.table(heads, [[each.id, " ".join(each.clauses), console.of(each.title)] for each in found])
            console.say(console.text(f"共 {len(found)} 项", f"{len(found)} in all"))
            console.document([_check_json(each) for each in found])
            return
        one = next((each for each in found if each.id == check_id), None)
        if one is None:
            near = [each.id for each in found if check_id in each.id or each.id.split(".")[0] == check_id.split(".")[0]]
            raise UserError(
                Label(f"没有检查项 {check_id!r}", f"no check {check_id!r}"),
                Label(f"相近的有：{', '.join(near[:6])}", f"near it: {', '.join(near[:6])}")
                if near
                else Label("onecard checks 列出全部", "onecard checks lists all"),
            )
        for key, value in _check_json(one).items():
            shown = console.of(value) if isinstance(value, Label) else value
            console.say(f"{key:<12} {', '.join(map(str, shown)) if isinstance(shown, (tuple, list)) else shown}")
        console.document(_check_json(one))


def _check_json(check: Check) -> dict[str, Any]:
    from conformance.service import rule_of

    return {
        "id": check.id,
        "title": check.title,
        "clauses": check.clauses,
        "class": check.device_class,
        "rule": rule_of(check),
        "kills": check.kills,
        "needs": check.needs,
        "variants": check.variants,
        "hand": check.hand,
        "damage": dict(check.damage),
        "control": check.control,
        "claims_time": check.claims_time,
        "source": check.source,
    }


def _register_clauses(app: typer.Typer) -> None:
    @command(
        app, "clauses", "条款目录，全部或一种终端的。", "The clause catalogue, all of it or of one terminal profile."
    )
    def clauses(
        console: Console,
        profile: Annotated[
            str | None, typer.Argument(metavar="[PROFILE]", help=option_help("终端类型", "terminal profile"))
        ] = None,
    ) -> None:
        from conformance.service import catalogue
        from scenarios.service import load_profile

        if profile is not None:
            load_profile(profile)  # an unknown name is answered with the known ones
        found = [each for each in catalogue().values() if profile is None or profile in each.profiles]
        heads = [
            console.text(*pair)
            for pair in (("条款", "clause"), ("方法", "method"), ("限值", "limit"), ("内容", "text"))
        ]
        console.table(
            heads,
            [[e.id, "".join(e.methods), console.of(e.limit) if e.limit else "", console.of(e.text)] for e in found],
        )
        console.say(console.text(f"共 {len(found)} 条", f"{len(found)} in all"))
        console.document(found)


def _register_pics(app: typer.Typer) -> None:
    @command(
        app,
        "pics",
        "PICS 模板：台架或计划中每个被测槽位必须声明的各项。",
        "A PICS template: every item that the slots under test must declare. Paste it into the plan.",
    )
    def pics(
        console: Console,
        path: Annotated[Path, typer.Argument(metavar="BENCH|PLAN", help=option_help("台架或计划", "bench or plan"))],
    ) -> None:
        from tui.pics import pics_template, slots_of

        slots, declared = slots_of(path)
        console.say(pics_template(slots, declared, console.language))
        from scenarios.service import device_class_profile

        console.document(
            {
                slot: [
                    {
                        "id": item.id,
                        "type": item.type,
                        "label": item.label,
                        "choices": item.choices,
                        "declared": declared.get(slot, {}).get(item.id),
                    }
                    for item in device_class_profile(device_class).pics_items
                ]
                for slot, device_class in slots.items()
            }
        )
