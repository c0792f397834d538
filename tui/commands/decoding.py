"""``onecard decode``: bytes of a trace, a log or a manual as a labelled tree."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from protocols.wire.base import Label
from tui.command import command, option_help
from tui.console import Console, UserError
from tui.decoding import decode_bytes, dialect_names

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "decode",
        "解码：把十六进制字节按协议译成带标签的树。",
        "Decode hexadecimal bytes of a dialect to a labelled tree.",
        epilog="例 / example: onecard decode apdu 00A404000F",
    )
    def decode(
        console: Console,
        dialect: Annotated[
            str, typer.Argument(metavar="DIALECT", help="crt591 | crt310 | epp-b | apdu | response | atr | tlv")
        ],
        hex_: Annotated[
            list[str], typer.Argument(metavar="HEX", help=option_help("十六进制，可带空格", "may have spaces"))
        ],
        from_device: Annotated[
            bool, typer.Option("--from-device", help=option_help("设备发出的帧", "sent by the device"))
        ] = False,
    ) -> None:
        text = re.sub(r"[\s:,]|0x", "", "".join(hex_))
        try:
            raw = bytes.fromhex(text)
        except ValueError as error:
            raise UserError(
                Label(f"不是十六进制：{error}", f"not hexadecimal: {error}"),
                Label("两个十六进制数字一个字节，如 F2 00 03", "two hexadecimal digits a byte, such as F2 00 03"),
            ) from error
        if dialect not in dialect_names():
            listed = ", ".join(dialect_names())
            raise UserError(
                Label(f"没有协议 {dialect!r}", f"no dialect {dialect!r}"),
                Label(f"可选：{listed}", f"use one of {listed}"),
            )
        nodes = decode_bytes(dialect, raw, to_device=not from_device)
        for each in nodes:
            console.say(each.render(console.language))
        console.document(nodes)
