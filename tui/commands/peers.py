"""``onecard peer NAME``: one simulated service that stands alone, for programs of your own; ``onecard peer all``: all."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command

from tui.command import command, option_help
from tui.console import Console
from tui.lines import until_signalled

__all__ = ["register"]

ALL = "all"

PortOption = Annotated[
    int, typer.Option("--port", min=0, max=65535, help=option_help("端口，0 为自选", "port; 0 chooses one"))
]
JournalOption = Annotated[
    Path | None,
    typer.Option("--journal", metavar="DIR", help=option_help("账簿保存目录，重启后仍在", "keeps its books there")),
]
FaultOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        metavar="ID[:MESSAGE][,after=N][,times=N]",
        help=option_help("故障开关，可重复", "a fault; repeatable"),
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help=option_help("设置，可重复", "a setting; repeatable")),
]
TemperOption = Annotated[
    str, typer.Option("--temper", metavar="strict|realistic|hostile", help=option_help("脾气", "temper"))
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help=option_help("随机种子", "seed"))]
ControlOption = Annotated[
    int | None,
    typer.Option("--control-port", min=0, max=65535, help=option_help("控制接口端口", "port of the control face")),
]


class _PeerGroup(TyperGroup):
    """Subcommands made from the peers that exist; they are looked up only when somebody asks for them."""

    def list_commands(self, ctx: Any) -> list[str]:
        from scenarios.peers import peer_rows

        return [*(each.name for each in peer_rows()), ALL]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return _commands().get(cmd_name)


def register(app: typer.Typer) -> None:
    """Add the group."""
    peers = typer.Typer(
        help="对端：独立运行一个仿真服务。\n\nPeers: one simulated service that stands alone.",
        short_help="对端：独立运行一个仿真服务。 / Peers: one simulated service that stands alone.",
        no_args_is_help=True,
        rich_markup_mode=None,
        add_completion=False,
        cls=_PeerGroup,
    )

    @peers.callback()
    def _group() -> None:
        return None

    app.add_typer(peers, name="peer")


def _commands() -> dict[str, Any]:
    from scenarios.peers import peer_rows

    rows = peer_rows()
    names = [each.name for each in rows]
    found = {each.name: _one((each.name,), each.label.zh, each.label.en, _epilog(each)) for each in rows}
    # Two faces of one service are alternatives: where both exist, the plain one stands for it.
    plain = tuple(name for name in names if not any(name.startswith(f"{other}_") for other in names))
    found[ALL] = _one(plain, "全部对端，各占一个端口。", "All peers, each on a port of its own.", "")
    return found


def _epilog(row: Any) -> str:
    from scenarios.peers import fault_rows

    settings = "; ".join(f"{each.name}={each.default} {each.label.zh} / {each.label.en}" for each in row.settings)
    faults = "; ".join(f"{name} {label.zh} / {label.en}" for name, label in fault_rows().items())
    return f"设置 / settings: {settings or '-'}\n\n故障 / faults: {faults}"


def _one(names: tuple[str, ...], zh: str, en: str, epilog: str) -> Any:
    application = typer.Typer(rich_markup_mode=None, add_completion=False)

    @command(application, ALL if len(names) > 1 else names[0], zh, en, epilog=epilog)
    def stand(
        console: Console,
        port: PortOption = 0,
        journal: JournalOption = None,
        fault: FaultOption = None,
        set_: SetOption = None,
        temper: TemperOption = "strict",
        seed: SeedOption = 1,
        control_port: ControlOption = None,
    ) -> None:
        ports = {names[0]: port} if len(names) == 1 else {}
        asyncio.run(
            _serve(
                console,
                names,
                ports=ports,
                control_port=0 if control_port is None and len(names) > 1 else control_port,
                journal=journal,
                faults=fault or [],
                settings=set_ or [],
                temper=temper,
                seed=seed,
            )
        )

    return cast("Any", get_command(application))


async def _serve(console: Console, names: tuple[str, ...], **given: Any) -> None:
    from scenarios.peers import Exchange, stand_peers

    def heard(exchange: Exchange) -> None:
        if exchange.handling.fault:
            console.say(
                console.text(f"{exchange.peer} {exchange.address}: 故障", f"{exchange.peer} {exchange.address}: fault")
                + f" {exchange.handling.fault}",
                style="yellow",
            )

    with until_signalled() as signalled:
        async with stand_peers(names, on_exchange=heard, **given) as standing:
            for place in standing.places:
                prefix = f"{place.name}  " if len(standing.places) > 1 else ""
                console.say(prefix + place.url)
                if place.files:
                    console.say(f"{place.name}-files  {place.files}")
            if standing.control:
                console.say(f"control  {standing.control}")
            console.document({"places": standing.places, "control": standing.control})
            await _until(console, signalled, standing.violations)


async def _until(console: Console, signalled: asyncio.Event, violations: Any) -> None:
    """Until the signal; what clients do wrong is said as it comes."""
    while not signalled.is_set():
        try:
            async with asyncio.timeout(1.0):
                await signalled.wait()
        except TimeoutError:
            pass
        for name, text in violations():
            head = console.text("客户端违反协议：", "the client broke the protocol: ")
            console.say(f"{name}: {head}{text}", style="yellow")
