"""A card by somebody else: one file, plain sockets, nothing of this project. Run: foreign_card.py PORT [MANNER].

MANNER: ``plain`` answers; ``empty`` answers every APDU with a frame of length zero; ``short`` with one byte;
``leave`` closes the connection in the middle of a command.
"""

import socket
import struct
import sys

ATR = bytes.fromhex("3B6D00000080318065B0831148C883009000")
EF = bytes(range(32))


def answer(apdu: bytes) -> bytes:
    if len(apdu) < 4:
        return b"\x67\x00"
    if apdu[1] == 0xA4:
        return b"\x90\x00" if apdu[5:] == b"\x3f\x00" else b"\x6a\x82"
    if apdu[1] == 0xB0:
        return EF[: apdu[4]] + b"\x90\x00"
    return b"\x6d\x00"


def main() -> None:
    port, manner = int(sys.argv[1]), [*sys.argv, "plain"][2]
    line = socket.create_connection(("127.0.0.1", port))
    stream = line.makefile("rb")
    while len(head := stream.read(2)) == 2:
        message = stream.read(struct.unpack(">H", head)[0])
        if message == b"\x04":
            reply = ATR
        elif message in (b"\x00", b"\x01", b"\x02"):
            continue
        elif manner == "leave":
            return
        else:
            reply = {"empty": b"", "short": b"\x90"}.get(manner, answer(message))
        line.sendall(struct.pack(">H", len(reply)) + reply)


main()
