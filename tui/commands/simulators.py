"""``onecard device`` and ``onecard card``: one simulator that stands alone, for programs of your own."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from tui.command import command, option_help
from tui.console import Console
from tui.standing import serve

__all__ = ["register"]

FaultOption = Annotated[
    str, typer.Option("--fault", metavar="ID", help=option_help("故障编号，见 mutants --list", "as this mutant"))
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help=option_help("随机种子", "seed"))]
HandOption = Annotated[
    bool,
    typer.Option(
        "--hand-stdin",
        help=option_help("标准输入每行一个动作，输入结束即退出", "one action a line; ends with the input"),
    ),
]


def register(app: typer.Typer) -> None:
    """Add the two commands."""

    @command(
        app,
        "device",
        "独立运行一台仿真设备（读卡器、加密键盘）；第一行打印链路 URL。",
        "A simulated device (card reader, PIN pad) that stands alone; its first line is the link URL.",
        epilog="例 / example: onecard device epp-b --link tcp://127.0.0.1:4001 --hand-stdin",
    )
    def device(
        console: Console,
        dialect: Annotated[str, typer.Argument(metavar="crt591|crt310|epp-b", help=option_help("协议", "dialect"))],
        link: Annotated[str, typer.Option("--link", metavar="URL", help="pty:// | tcp://127.0.0.1:PORT")] = "pty://",
        fault: FaultOption = "",
        timing: Annotated[
            str, typer.Option("--timing", metavar="default|brisk", help=option_help("动作快慢", "how fast it moves"))
        ] = "default",
        mode: Annotated[
            str, typer.Option("--mode", metavar="strict|realistic|hostile", help=option_help("脾气", "temper"))
        ] = "strict",
        seed: SeedOption = 1,
        hand_stdin: HandOption = False,
    ) -> None:
        from scenarios.service import stand_device

        def violated(text: str) -> None:
            console.say(console.text("主机违反协议：", "the host broke the protocol: ") + text, style="yellow")

        standing = stand_device(dialect, link, fault=fault, timing=timing, mode=mode, seed=seed, on_violation=violated)
        asyncio.run(serve(console, standing, hand=hand_stdin, url_first=True, end_with_input=hand_stdin))

    @command(
        app,
        "card",
        "独立运行一张仿真社保卡，接到 vpcd 驱动。",
        "A simulated social security card that connects to the vpcd driver.",
        epilog="例 / example: onecard card 3.0 --port 35963",
    )
    def card(
        console: Console,
        generation: Annotated[str, typer.Argument(metavar="1.0|2.0|3.0", help=option_help("卡代际", "generation"))],
        host: Annotated[str, typer.Option("--host", help=option_help("驱动主机", "host of the driver"))] = "127.0.0.1",
        port: Annotated[
            int, typer.Option("--port", min=1, max=65535, help=option_help("驱动端口", "port of the driver"))
        ] = 35963,
        fault: FaultOption = "",
        seed: SeedOption = 1,
        hand_stdin: HandOption = False,
    ) -> None:
        from scenarios.service import stand_card

        standing = stand_card(generation, host, port, fault=fault, seed=seed)
        asyncio.run(serve(console, standing, hand=hand_stdin, url_first=True, end_with_input=hand_stdin))
