#!/usr/bin/env python3
"""A plain ISO 7816 card of another make: no social security card. It connects to the vpcd driver at HOST PORT."""

from __future__ import annotations

import argparse
import contextlib
import secrets
import socket
import struct
import sys

ATR = bytes.fromhex("3B6800005245464341524431")  # T=0, historical bytes "REFCARD1"
AID = bytes.fromhex("F0524546434152443031")


class Card:
    """SELECT of its own application, GET CHALLENGE, 6D00."""

    def __init__(self) -> None:
        self.left = b""

    def apdu(self, c: bytes) -> bytes:
        left, self.left = self.left, b""
        if len(c) < 4:
            return b"\x67\x00"
        if c[0] != 0x00:
            return b"\x6e\x00"
        if c[1] == 0xC0:
            return left + b"\x90\x00" if left else b"\x69\x85"
        if c[1] == 0xA4:
            if c[2] == 4 and len(c) > 5 and c[5 : 5 + c[4]] == AID:
                self.left = bytes((0x6F, len(AID) + 2, 0x84, len(AID))) + AID
                return bytes((0x61, len(self.left)))
            return b"\x6a\x82"
        if c[1] == 0x84:
            return secrets.token_bytes(c[4]) + b"\x90\x00" if len(c) == 5 and c[4] else b"\x67\x00"
        return b"\x6d\x00"


def _exactly(link: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        with contextlib.suppress(OSError, AttributeError):
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        more = link.recv(count - len(data))
        if not more:
            sys.exit(0)
        data += more
    return data


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("host")
    ask.add_argument("port", type=int)
    ask.add_argument("--hang", action="store_true", help="an empty answer to every fifth command")
    ask.add_argument("--one-byte", action="store_true", help="the first byte of every answer only")
    ask.add_argument("--always-9000", action="store_true")
    ask.add_argument("--echo", action="store_true", help="every command comes back, with 9000")
    ask.add_argument("--close-after", type=int, default=0, metavar="N", help="hang up in the N-th command")
    given = ask.parse_args()
    link = socket.create_connection((given.host, given.port), timeout=10)
    link.settimeout(None)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    card, count = Card(), 0
    while True:
        (length,) = struct.unpack(">H", _exactly(link, 2))
        command = _exactly(link, length)
        if length == 1 and command[0] in (0, 1, 2, 4):
            if command[0] == 4:
                link.sendall(struct.pack(">H", len(ATR)) + ATR)
            else:
                card = Card()
            continue
        count += 1
        answer = card.apdu(command)
        if given.always_9000:
            answer = b"\x90\x00"
        if given.echo:
            answer = command + b"\x90\x00"
        if given.one_byte:
            answer = answer[:1]
        if given.hang and count % 5 == 0:
            answer = b""
        if given.close_after and count >= given.close_after:
            return
        link.sendall(struct.pack(">H", len(answer)) + answer)


if __name__ == "__main__":
    with contextlib.suppress(OSError, KeyboardInterrupt):
        main()
