"""A bench of raw frames for the PIN pad: the characters between 02 and 03, a finger on the keys, time by hand."""

from __future__ import annotations

from functools import reduce

from reader_bench import Bench

from simulators.device.base import Physical
from simulators.device.pin_pad import build_pin_pad

__all__ = ["GOLDEN", "PadBench", "characters"]

GOLDEN = ("013130", "0346003075", "0346013074", "0346041051", "0346050545")
"""Reset and parameters of spec/devices.md 1.2, golden dialogue."""

TMK = "1232000123456789ABCDEFFEDCBA987654321020"
TPK = "133300409B3A7B883A100F73B4ABA2BB791C50E7B0"


def characters(text: str) -> str:
    """Length, *text* (hexadecimal) and check byte: for commands that the document does not print as a whole frame."""
    body = bytes.fromhex(text)
    logical = bytes((len(body) if len(body) < 256 else 0,)) + body
    return (logical + bytes((reduce(int.__xor__, logical),))).hex().upper()


class PadBench(Bench):
    """``say`` a frame by its characters, ``ask`` by CMD DATA, ``key`` and ``keys`` press."""

    def __init__(self, **options: object) -> None:
        super().__init__(build_pin_pad(**options))  # type: ignore[arg-type]

    def say(self, hexed: str, seconds: float = 3.0) -> str:
        """What the pad answers, as characters; raw bytes outside of frames stay as they are."""
        self.device.receive(b"\x02" + hexed.encode() + b"\x03", self.now)
        return self.shown(self.wait(seconds))

    def ask(self, text: str, seconds: float = 3.0) -> str:
        """Status and data, in hexadecimal, of the answer to ``CMD DATA``; empty when there is none."""
        answer = self.say(characters(text), seconds)
        assert answer == "" or answer == characters(answer[2:-2]), answer
        return answer[2:-2]

    @staticmethod
    def shown(raw: bytes) -> str:
        return raw.replace(b"\x02", b"").replace(b"\x03", b"").decode("latin-1")

    def key(self, action: str) -> bytes:
        """Do something to the pad; what it says about it at once."""
        word, _, argument = action.partition(" ")
        self.device.apply(Physical(word, argument=argument), self.now)
        return self.device.take()

    def keys(self, digits: str, then: str = "") -> bytes:
        out = self.key(f"type {digits}") if digits else b""
        return out + (self.key(f"press {then}") if then else b"")

    def golden(self) -> PadBench:
        """Initialised, keys loaded and activated, as in the golden dialogue."""
        for frame in GOLDEN:
            assert self.say(frame) == "010405"
        assert self.say(TMK) == "050408D7B4FB91"
        assert self.say(TPK) == "0504D2B91CC5B3"
        assert self.say("0343004000") == "010405"
        return self

    def entry(self, digits: str = "", then: str = "", most: int = 6, limit_s: int = 60) -> bytes:
        """PIN entry is open, and *digits* are typed."""
        assert self.say("0D3436373839303132333435363739") == "010405"
        assert self.say("02450344") == "010405"
        assert self.ask(f"35{most:02X}010100{limit_s:02X}") == "04"
        return self.keys(digits, then)
