#!/usr/bin/env python3
"""A motorised card reader of another make, written from the documents alone; it shares no line with this project.

It speaks the F2/BCC protocol on TCP (``--port``) or on a pseudo-terminal (``--pty``, ``--link``). Its hand is its standard
input: ``insert 1.0|2.0|3.0``, ``remove``, ``poweroff``, ``poweron``, ``jam``, ``short-circuit``. Other words are ignored, and
it never answers. ``--reading`` chooses one of two sets of readings of what the documents leave open, ``--set topic=value``
a single one, ``--fault`` makes it a faulty product.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sys
import tty
from pathlib import Path

STX, ETX, ACK, NAK, EOT = 0xF2, 0x03, 0x06, 0x15, 0x04

READINGS: dict[str, dict[str, str]] = {
    "default": {
        "accept": "rf",  # where an accepted card stops: gate, ic, rf
        "eject": "leaves",  # leaves, held
        "no-card": "02",  # error of a move without a card (no stacker is fitted)
        "counts": "later",  # initialise 34 35 37 count later captures, or this one
        "entry": "stays",  # stays, once
        "busy": "ignore",  # a command while the card moves: ignore, nak, queue
        "repeat": "again",  # the host resends: again, recognised
        "resends": "3",
        "eot": "completes",  # completes, stops
        "limit": "data",  # 512 bytes of data, or of text
        "sensors": "10",
        "truncated": "silence",  # silence, nak
        "instead-of-ack": "accept",  # a command instead of an ACK: accept, refuse
        "chip-absent": "61",
        "chip-elsewhere": "61",
        "powered-move": "release",  # release, 05
        "t0": "pass",  # 61xx and 6Cxx: pass, resolve
        "st1": "0",
        "jam": "stays",  # initialise: stays, clears
        "power": "kept",  # the card after a loss of power: kept, ejected
        "algorithm": "03",
        "read-all": "6C",  # READ RECORD all with Le FF: 6C, data
        "challenge": "6700",
    },
    "other": {
        "accept": "gate",
        "eject": "held",
        "no-card": "02",
        "counts": "this",
        "entry": "once",
        "busy": "nak",
        "repeat": "recognised",
        "resends": "2",
        "eot": "stops",
        "limit": "text",
        "sensors": "5",
        "truncated": "nak",
        "instead-of-ack": "refuse",
        "chip-absent": "63",
        "chip-elsewhere": "43",
        "powered-move": "05",
        "t0": "resolve",
        "st1": "2",
        "jam": "clears",
        "power": "ejected",
        "algorithm": "01",
        "read-all": "data",
        "challenge": "6C08",
    },
}

FAULTS = {
    "lies-after-eject": "the card leaves, the status goes on saying that it is inside",
    "eject-noop": "eject is answered with success and moves nothing",
    "no-bcc-check": "frames with a wrong BCC are obeyed",
    "wrong-bcc-answers": "the BCC of every answer is wrong",
    "answers-before-ack": "the answer is sent before the ACK",
    "no-ack": "commands are answered without an ACK",
    "no-init-needed": "works before initialise, and after a loss of power",
    "forgets-card-on-power-loss": "the card inside is not known any more after a loss of power",
    "ignores-entry-off": "takes a card although the entry is switched off",
    "init-leaves-entry-on": "initialise does not switch the entry off",
    "short-circuit-unreported": "a card with shorted contacts is 'no answer', error 63",
    "short-circuit-latches": "after a short circuit no other card is activated until power is cut",
    "atr-truncated": "the last byte of the ATR is missing",
    "apdu-truncated-128": "answers of cards are cut at 128 bytes",
    "apdu-truncated-32": "answers of cards are cut at 32 bytes",
    "status-word-lost": "the status word of a card is not passed on when there is data",
    "capture-reported-but-kept": "capture is answered with success and st0 0, the card stays inside",
    "capture-not-counted": "captured cards are not counted",
    "jam-unreported": "a jam is answered with success",
    "nak-deaf": "a NAK is taken for an ACK: the answer is not sent again",
    "no-resend": "an answer is not sent again when the ACK does not come",
    "sticky-parser": "after a truncated frame the parser waits for its end for ever",
    "chip-on-after-eject": "the chip counts as powered after the card has left",
    "off-is-noop": "51 31 is answered with success and the chip stays on",
    "eot-ignored": "EOT is not answered",
    "unknown-command-accepted": "every unknown command is answered with success",
    "gate-noop": "'hold at gate' is answered with success and moves nothing",
    "sam-socket-ignored": "every SAM socket is socket 1",
    "warm-reset-keeps-state": "a warm reset does not reset the card",
}


def _tlv(tag: int, value: bytes) -> bytes:
    return bytes((tag, len(value))) + value


def _citizen_number(first17: str) -> bytes:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return (first17 + "10X98765432"[sum(int(d) * w for d, w in zip(first17, weights, strict=True)) % 11]).encode()


class SocialSecurityCard:
    """SSSE with EF05 and EF06 of a synthetic person, T=0."""

    NAME = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")
    AID = bytes.fromhex("D156000005")
    DFS = {0xDF01: 0, 0xDF02: 1, 0xDF03: 2, 0xDF04: 3, 0xDF07: 4}

    def __init__(self, generation: str, reading: dict[str, str]) -> None:
        self.generation, self.reading, self.shorted = generation, reading, False
        digit = int(generation[0])
        self.atr = bytes.fromhex("3B6D0000" + "0077524B33" + "5A20" + "4403") + bytes((digit, 0, 0x10, 0x20 + digit))
        area = bytes.fromhex("440305")
        self.files: dict[int, list[bytes]] = {
            0xEF05: [
                _tlv(1, area + self.AID + bytes((0, 0x99, 0x90, digit)) + b"\xff" * 4),
                _tlv(2, b"3"),
                _tlv(3, f"{digit}.00".encode()),
                _tlv(4, bytes.fromhex("9156000002") + area + area + b"\x01"),
                _tlv(5, bytes.fromhex("20210415")),
                _tlv(6, bytes.fromhex("20310414")),
                _tlv(7, f"B0009990{digit}".encode()),
            ],
            0xEF06: [
                _tlv(8, _citizen_number("44030519850315002")),
                _tlv(9, "样本乙".encode("gbk").ljust(30, b"\0")),
                _tlv(0x0A, b"2"),
                _tlv(0x0B, b"\x01"),
                _tlv(0x0C, area),
                _tlv(0x0D, bytes.fromhex("19850315")),
            ],
        }
        if digit >= 2:
            self.files[0xEF06].append(_tlv(0x4E, b"\0" * 20))
        self.reset()

    def reset(self) -> None:
        self.df = 0x3F00
        self.ef = 0
        self.left = b""
        self.last = b""

    def apdu(self, c: bytes) -> bytes:
        left, self.left = self.left, b""
        if len(c) < 4:
            return b"\x67\x00"
        cla, ins, p1, p2 = c[:4]
        p3 = c[4] if len(c) > 4 else 0
        if cla not in (0x00, 0x80, 0x84, 0x04):
            return b"\x6e\x00"
        if cla == 0 and ins == 0xC0:
            if not left:
                return b"\x69\x85"
            if p3 != len(left):
                self.left = left
                return bytes((0x6C, len(left)))
            return left + b"\x90\x00"
        if cla == 0 and ins == 0xA4:
            if len(c) < 5 + p3:
                return b"\x67\x00"
            return self._select(p1, p2, c[5 : 5 + p3])
        if cla == 0 and ins == 0xB2:
            return self._read_record(p1, p2, p3)
        if cla == 0 and ins == 0x84:
            if p1 or p2:
                return b"\x6a\x86"
            if p3 not in (8, 16):
                return bytes.fromhex(self.reading["challenge"])
            return secrets.token_bytes(p3) + b"\x90\x00"
        if cla == 0 and ins == 0xB0:
            return b"\x69\x82" if self.ef in (0xEF07, 0xEF08) else b"\x69\x86"
        if cla == 0 and ins == 0x82:
            return b"\x63\x00"
        return b"\x6d\x00"

    def _fci(self, fci: bytes) -> bytes:
        self.left = fci
        return bytes((0x61, len(fci)))

    def _select(self, p1: int, p2: int, data: bytes) -> bytes:
        if p1 == 4:
            if p2 == 2:
                return b"\x6a\x82"
            if p2:
                return b"\x6a\x86"
            if len(data) >= 5 and self.NAME.startswith(data):
                self.df, self.ef = 0x5555, 0
                tail = "88011E"
                if self.generation == "3.0":
                    tail += "9F0C038601" + self.reading["algorithm"]
                return self._fci(_tlv(0x6F, _tlv(0x84, self.NAME) + _tlv(0xA5, bytes.fromhex(tail))))
            for df, number in self.DFS.items():
                if data == self.AID + bytes((number,)):
                    self.df, self.ef = df, 0
                    return self._fci(_tlv(0x6F, _tlv(0x84, data)))
            return b"\x6a\x82"
        if p1 not in (0, 1, 2) or p2:
            return b"\x6a\x86"
        if len(data) != 2:
            return b"\x67\x00"
        what = int.from_bytes(data, "big")
        if what == 0x3F00 and p1 == 0:
            self.df, self.ef = 0x3F00, 0
            return self._fci(_tlv(0x6F, _tlv(0x84, b"1PAY.SYS.DDF01")))
        if what in self.DFS and p1 != 2 and self.df != 0x3F00:
            self.df, self.ef = what, 0
            return self._fci(_tlv(0x6F, _tlv(0x84, self.AID + bytes((self.DFS[what],)))))
        known = set(self.files) | ({0xEF07, 0xEF08} if self.generation != "1.0" else set())
        if what in known and self.df == 0x5555 and p1 != 1:
            self.ef = what
            return b"\x90\x00"
        return b"\x6a\x82"

    def _read_record(self, p1: int, p2: int, le: int) -> bytes:
        sfi, mode = p2 >> 3, p2 & 7
        if sfi:
            if self.df != 0x5555 or 0xEF00 + sfi not in self.files:
                return b"\x6a\x82"
            self.ef = 0xEF00 + sfi
        records = self.files.get(self.ef)
        if records is None:
            return b"\x69\x86" if not self.ef else b"\x69\x81"
        if self.ef == 0xEF06 and self.generation == "3.0":
            return b"\x69\x82"
        if mode == 4:
            found = records[p1 - 1 : p1] if p1 else []
        elif mode == 5:
            found = records[p1 - 1 :] if p1 else []
        elif mode == 0:
            found = [each for each in records if each[0] == p1][:1]
        else:
            return b"\x6a\x86"
        data = b"".join(found)
        if not data:
            return b"\x6a\x83"
        if le != len(data) and not (mode == 5 and le == 0xFF and self.reading["read-all"] == "data"):
            return bytes((0x6C, len(data)))
        return data + b"\x90\x00"


class Psam:
    """A PSAM: MF, public information in SFI 15h, terminal number in SFI 16h, challenge."""

    def __init__(self, number: int) -> None:
        self.atr = bytes.fromhex("3B690000" + "53414D0000440300") + bytes((number,))
        self.number = number
        self.shorted = False

    def reset(self) -> None:
        pass

    def apdu(self, c: bytes) -> bytes:
        if len(c) < 4:
            return b"\x67\x00"
        p3 = c[4] if len(c) > 4 else 0
        if c[0] not in (0x00, 0x80):
            return b"\x6e\x00"
        if c[:2] == b"\x00\xa4":
            return b"\x90\x00" if c[5:7] == b"\x3f\x00" else b"\x6a\x82"
        if c[:2] == b"\x00\x84":
            return secrets.token_bytes(p3) + b"\x90\x00" if p3 in (4, 8) else b"\x67\x00"
        if c[:2] == b"\x00\xb0" and c[2] in (0x95, 0x96):
            data = (
                bytes((0,) * 9 + (self.number, 1, 0, 0, 0)) if c[2] == 0x95 else bytes((0x44, 3, 5, 0, 0, self.number))
            )
            return data + b"\x90\x00" if p3 == len(data) else bytes((0x6C, len(data)))
        return b"\x6d\x00"


class Contact:
    """One contact interface: the card in it, and whether it is powered."""

    def __init__(self) -> None:
        self.card: SocialSecurityCard | Psam | None = None
        self.on = False


class CommandError(Exception):
    """A negative answer: two digits."""


class Reader:
    """The reader. Bytes come in through :meth:`feed` and go out through ``self.send``."""

    CAPACITY = 50

    def __init__(self, reading: dict[str, str], fault: str, fast: bool) -> None:
        self.reading, self.fault = reading, fault
        self.motion_s, self.eject_s, self.reset_s, self.apdu_s, self.boot_s = (
            (0.03, 0.03, 0.005, 0.001, 0.05) if fast else (1.5, 0.6, 0.1, 0.02, 0.8)
        )
        self.send = lambda data: None
        self.on_power = lambda on: None
        self.powered = True
        self.place = "none"  # none, mouth, ic, rf: where the card is
        self.card: SocialSecurityCard | None = None
        self.sams = [Contact(), Contact()]
        for number, each in enumerate(self.sams, 1):
            each.card = Psam(number)
        self.sam = 0
        self.counter = 0
        self.counting = False
        self.jam_next = False
        self._cold_start()

    def _cold_start(self) -> None:
        self.ready = self.fault == "no-init-needed"
        self.entry = self.jammed = False
        self.chip = False
        self.latched = False
        self.lie = False
        self.warm_card: SocialSecurityCard | None = None
        self.buffer = bytearray()
        self.gap: asyncio.TimerHandle | None = None
        self.discard_until_gap = False
        self.job: asyncio.Task[None] | None = None
        self.job_silent = self.job_moves = False
        self.moving: asyncio.Task[None] | None = None
        self.waiting = b""
        self.waiting_for = b""
        self.tries = 0
        self.timer: asyncio.TimerHandle | None = None
        self.queue: list[bytes] = []
        for each in self.sams:
            each.on = False

    # the hand

    def hand(self, line: str) -> None:
        words = line.split()
        if words[:1] == ["insert"] and len(words) == 2 and words[1] in ("1.0", "2.0", "3.0"):
            self._insert(SocialSecurityCard(words[1], self.reading))
        elif words == ["short-circuit"]:
            if self.card:
                self.card.shorted = True
            else:
                card = SocialSecurityCard("3.0", self.reading)
                card.shorted = True
                self._insert(card)
        elif words == ["remove"]:
            if self.place == "mouth" and not self._turning():
                self._gone()
                self.jammed = False
        elif words == ["jam"]:
            self.jam_next = True
        elif words == ["poweroff"]:
            self._power_off()
        elif words == ["poweron"]:
            if not self.powered:
                asyncio.get_running_loop().call_later(self.boot_s, self._power_on)

    def _insert(self, card: SocialSecurityCard) -> None:
        allowed = self.entry or self.fault == "ignores-entry-off"
        if not self.powered or self.card or not allowed or self._turning() or not self.ready:
            return
        self.card, self.place = card, "mouth"
        self.lie = False

        async def take() -> None:
            await asyncio.sleep(self.motion_s)
            if self.jam_next:
                self.jam_next, self.jammed = False, True
            else:
                self.place = {"gate": "mouth"}.get(self.reading["accept"], self.reading["accept"])
            if self.reading["entry"] == "once":
                self.entry = False
            self.moving = None
            self._next()

        self.moving = asyncio.create_task(take())

    def _turning(self) -> bool:
        """The motor runs: for a card that comes in, or for a command."""
        return self.moving is not None or (self.job is not None and self.job_moves)

    def _gone(self) -> None:
        self.card, self.place = None, "none"
        if self.fault != "chip-on-after-eject":
            self.chip = False

    def _power_off(self) -> None:
        if not self.powered:
            return
        self.powered = False
        for each in (self.timer, self.gap):
            if each:
                each.cancel()
        for task in (self.job, self.moving):
            if task:
                task.cancel()
        self._cold_start()
        if self.fault == "forgets-card-on-power-loss":
            self.card, self.place = None, "none"
        self.on_power(False)

    def _power_on(self) -> None:
        self.powered = True
        if self.card and self.reading["power"] == "ejected":
            self.place = "mouth"
        self.on_power(True)

    # bytes

    def feed(self, data: bytes) -> None:
        if not self.powered:
            return
        loop = asyncio.get_running_loop()
        if self.gap:
            self.gap.cancel()
        self.gap = loop.call_later(0.1, self._quiet)
        if self.discard_until_gap:
            return
        self.buffer += data
        self._parse()

    def _quiet(self) -> None:
        """No byte for a while: what is in the buffer is not going to become a frame."""
        self.gap = None
        self.discard_until_gap = False
        if self.buffer and self.fault != "sticky-parser":
            self.buffer.clear()
            if self.reading["truncated"] == "nak":
                self._put(bytes((NAK,)))

    def _put(self, data: bytes) -> None:
        if self.powered:
            self.send(data)

    def _broken(self) -> None:
        """What stands at the start of the buffer is no frame."""
        if self.fault == "sticky-parser":
            self.buffer.clear()
            return
        if self.reading["truncated"] == "nak":
            self.buffer.clear()
            self.discard_until_gap = True
            self._put(bytes((NAK,)))
            return
        del self.buffer[0]

    def _parse(self) -> None:
        longest = 515 if self.reading["limit"] == "data" else 512
        while self.buffer:
            first = self.buffer[0]
            if first != STX:
                del self.buffer[0]
                if first == ACK:
                    self._host_ack()
                elif first == NAK:
                    self._host_nak()
                elif first == EOT:
                    self._host_eot()
                continue
            if len(self.buffer) < 4:
                return
            length = self.buffer[2] << 8 | self.buffer[3]
            if (not 3 <= length <= longest or self.buffer[1] > 15) and self.fault != "sticky-parser":
                self._broken()
                continue
            if len(self.buffer) < length + 6:
                return
            frame = bytes(self.buffer[: length + 6])
            if frame[-2] != ETX:
                self._broken()
                continue
            del self.buffer[: length + 6]
            bcc = 0
            for each in frame[:-1]:
                bcc ^= each
            if bcc != frame[-1] and self.fault != "no-bcc-check":
                self._put(bytes((NAK,)))
                continue
            if frame[1] == 0:
                self._command(frame)

    # the conversation

    def _command(self, frame: bytes) -> None:
        if self.job or self.moving:
            if self.reading["busy"] == "nak":
                self._put(bytes((NAK,)))
            elif self.reading["busy"] == "queue":
                self._put(bytes((ACK,)))
                self.queue.append(frame)
            return
        if self.waiting:
            if frame == self.waiting_for and self.reading["repeat"] == "recognised":
                self._put(bytes((ACK,)))
                self._answer(self.waiting, self.waiting_for)
                return
            if self.reading["instead-of-ack"] == "refuse":
                self._put(bytes((NAK,)))
                return
            self._host_ack()
        if self.fault not in ("answers-before-ack", "no-ack"):
            self._put(bytes((ACK,)))
        self._start(frame)

    def _start(self, frame: bytes) -> None:
        self.job_silent = False
        self.job_moves = frame[5] in (0x30, 0x32)
        self.job = asyncio.create_task(self._run(frame))

    def _next(self) -> None:
        if self.queue and not self.job and not self.moving:
            self._start(self.queue.pop(0))

    async def _run(self, frame: bytes) -> None:
        text = frame[4:-2]
        if text[0] != 0x43 or len(text) < 3:
            answer = b"\x4e" + (text[1:3] + b"00")[:2] + b"00"
        else:
            try:
                data = await self._obey(text[1], text[2], text[3:])
                answer = b"\x50" + text[1:3] + self._state() + data
            except CommandError as error:
                answer = b"\x4e" + text[1:3] + str(error).encode()
        self.job = None
        if not self.job_silent:
            out = bytes((STX, 0)) + len(answer).to_bytes(2, "big") + answer + bytes((ETX,))
            bcc = 0
            for each in out:
                bcc ^= each
            out += bytes((bcc ^ (0x55 if self.fault == "wrong-bcc-answers" else 0),))
            self.tries = 0
            self._answer(out, frame)
            if self.fault == "answers-before-ack":
                self._put(bytes((ACK,)))
        self._next()

    def _answer(self, out: bytes, frame: bytes) -> None:
        self.waiting, self.waiting_for = out, frame
        self._put(out)
        if self.timer:
            self.timer.cancel()
        self.timer = asyncio.get_running_loop().call_later(0.3, self._no_ack)

    def _no_ack(self) -> None:
        self.timer = None
        self.tries += 1
        if self.waiting and self.tries <= int(self.reading["resends"]) and self.fault != "no-resend":
            self._answer(self.waiting, self.waiting_for)
        else:
            self.waiting = b""

    def _host_ack(self) -> None:
        self.waiting = b""
        if self.timer:
            self.timer.cancel()
            self.timer = None

    def _host_nak(self) -> None:
        if self.fault == "nak-deaf":
            self._host_ack()
        elif self.waiting:
            if self.timer:
                self.timer.cancel()
            self._no_ack()

    def _host_eot(self) -> None:
        if self.fault == "eot-ignored":
            return
        self._host_ack()
        if self.job:
            self.job_silent = True
            if self.reading["eot"] == "stops":
                self.job.cancel()
                self.job = None
        self._put(bytes((EOT,)))

    # commands

    def _state(self) -> bytes:
        st0 = {"none": b"0", "mouth": b"1", "ic": b"2", "rf": b"2"}[self.place]
        if self.lie:
            st0 = b"2"
        return st0 + self.reading["st1"].encode() + (b"1" if self.counter >= self.CAPACITY else b"0")

    async def _obey(self, cm: int, pm: int, data: bytes) -> bytes:
        if cm == 0x30:
            return await self._initialise(pm)
        if not self.ready:
            raise CommandError("B0")
        if cm == 0x31:
            if pm == 0x30:
                return b""
            if pm == 0x31:
                here = (self.place == "mouth", self.place == "ic", self.place == "rf", self.jammed, self.entry)
                return bytes(0x30 + each for each in here).ljust(int(self.reading["sensors"]), b"0")
            raise CommandError("01")
        if cm == 0x32:
            return await self._move(pm)
        if cm == 0x33:
            if pm not in (0x30, 0x31):
                raise CommandError("01")
            self.entry = pm == 0x30
            return b""
        if cm == 0x50:
            if pm == 0x31:
                raise CommandError("03")
            if pm != 0x30:
                raise CommandError("01")
            if self.place != "ic":
                raise CommandError("43" if self.card else "02")
            return b"00" if self.card and self.card.shorted else b"10"
        if cm == 0x51:
            return await self._chip(pm, data)
        if cm == 0x52:
            return await self._sam(pm, data)
        if cm in (0x53, 0x54, 0x60, 0xA6):
            raise CommandError("03")
        if cm == 0xA2:
            return b"RK20250917"
        if cm == 0xA3:
            return b"M10200"
        if cm == 0xA4:
            return b"RK591C V2.13"
        if cm == 0xA5:
            if pm == 0x30:
                return f"{min(self.counter, 999):03d}".encode()
            if pm == 0x31:
                if len(data) != 3 or not data.isdigit():
                    raise CommandError("04")
                self.counter = int(data)
                return b""
            raise CommandError("01")
        if self.fault == "unknown-command-accepted":
            return b""
        raise CommandError("00")

    async def _motion(self, to: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self.jam_next and self.card:
            self.jam_next, self.jammed = False, True
        if self.jammed:
            if self.fault == "jam-unreported":
                return
            raise CommandError("10")
        if to == "out":
            self._gone()
        else:
            self.place = to

    async def _initialise(self, pm: int) -> bytes:
        if pm not in (0x30, 0x31, 0x33, 0x34, 0x35, 0x37):
            raise CommandError("01")
        if self.jammed and self.reading["jam"] == "clears":
            self.jammed = False
        elif self.jammed and self.fault != "jam-unreported":
            await asyncio.sleep(self.motion_s)
            raise CommandError("10")
        self.chip = self.chip and self.fault == "chip-on-after-eject"
        if self.fault != "init-leaves-entry-on":
            self.entry = False
        self.sam = 0
        for each in self.sams:
            each.on = False
        counted = pm >= 0x34 if self.reading["counts"] == "this" else self.counting
        self.counting = pm >= 0x34
        what = pm & 3
        if self.card and what == 0:
            await self._motion("mouth", self.motion_s)
        elif self.card and what == 1:
            await self._capture(counted)
        else:
            await asyncio.sleep(self.motion_s / 3)
        self.ready = True
        return b"CRT-591-M001"

    async def _capture(self, counted: bool) -> None:
        if self.counter >= self.CAPACITY:
            raise CommandError("A1")
        if self.fault == "capture-reported-but-kept":
            await asyncio.sleep(self.motion_s)
            return
        await self._motion("out", self.motion_s)
        if self.card is None and counted and self.fault != "capture-not-counted":
            self.counter += 1

    async def _move(self, pm: int) -> bytes:
        if pm not in (0x30, 0x31, 0x32, 0x33, 0x39):
            raise CommandError("01")
        if not self.card:
            raise CommandError(self.reading["no-card"] if pm in (0x31, 0x32, 0x30) else "02")
        if self.chip and not (pm == 0x31 and self.place == "ic"):
            if self.reading["powered-move"] == "05":
                raise CommandError("05")
            if self.fault != "chip-on-after-eject":
                self.chip = False
        if pm == 0x30:
            if self.fault == "gate-noop":
                await asyncio.sleep(self.motion_s)
            else:
                await self._motion("mouth", self.motion_s)
        elif pm == 0x31:
            await self._motion("ic", self.motion_s)
        elif pm == 0x32:
            await self._motion("rf", self.motion_s)
        elif pm == 0x33:
            await self._capture(True)
        elif self.fault == "eject-noop":
            await asyncio.sleep(self.eject_s)
        else:
            await self._motion("mouth" if self.reading["eject"] == "held" else "out", self.eject_s)
            self.lie = self.fault == "lies-after-eject"
        return b""

    def _vcc(self, data: bytes) -> None:
        if data and data not in (b"0", b"3", b"5"):
            raise CommandError("04")

    async def _chip(self, pm: int, data: bytes) -> bytes:
        if pm in (0x30, 0x38):
            self._vcc(data)
            if not self.card:
                raise CommandError(self.reading["chip-absent"])
            if self.place != "ic":
                raise CommandError(self.reading["chip-elsewhere"])
            if pm == 0x38 and not self.chip:
                raise CommandError("65")
            await asyncio.sleep(self.reset_s)
            if self.card.shorted or self.latched:
                self.chip = False
                if self.fault == "short-circuit-latches":
                    self.latched = True
                raise CommandError("63" if self.fault == "short-circuit-unreported" else "60")
            self.chip = True
            if not (pm == 0x38 and self.fault == "warm-reset-keeps-state"):
                self.card.reset()
            return b"0" + (self.card.atr[:-1] if self.fault == "atr-truncated" else self.card.atr)
        if pm == 0x31:
            if self.fault != "off-is-noop":
                self.chip = False
            return b""
        if pm == 0x32:
            return b"1" if self.chip else b"0"
        if pm == 0x34:
            raise CommandError("62" if self.chip else "65")
        if pm in (0x33, 0x39):
            if not self.chip:
                raise CommandError("65")
            if not self.card or self.place != "ic":
                if self.fault == "chip-on-after-eject":
                    return b"\x90\x00"
                raise CommandError("64")
            if self.card.shorted:
                raise CommandError("64")
            return await self._apdu(self.card, data)
        raise CommandError("01")

    async def _apdu(self, card: SocialSecurityCard | Psam, data: bytes) -> bytes:
        if not 4 <= len(data) <= 261:
            raise CommandError("04")
        await asyncio.sleep(self.apdu_s)
        if len(data) > 5 and len(data) == 6 + data[4]:
            data = data[:-1]  # T=0 carries case 4 as case 3
        answer = card.apdu(data)
        if self.reading["t0"] == "resolve":
            if len(answer) == 2 and answer[0] == 0x6C:
                answer = card.apdu(data[:4] + answer[1:])
            if len(answer) == 2 and answer[0] == 0x61:
                answer = card.apdu(b"\x00\xc0\x00\x00" + answer[1:])
        for limit in (32, 128):
            if self.fault == f"apdu-truncated-{limit}" and len(answer) > limit + 2:
                answer = answer[:limit] + answer[-2:]
        if self.fault == "status-word-lost" and len(answer) > 2:
            answer = answer[:-2]
        return answer

    async def _sam(self, pm: int, data: bytes) -> bytes:
        if pm == 0x40:
            if len(data) != 1 or not 0x30 <= data[0] <= 0x34:
                raise CommandError("04")
            if data[0] - 0x30 >= len(self.sams):
                raise CommandError("03")
            if self.fault != "sam-socket-ignored":
                self.sam = data[0] - 0x30
            return b""
        socket = self.sams[self.sam]
        assert socket.card is not None
        if pm in (0x30, 0x38):
            self._vcc(data)
            if pm == 0x38 and not socket.on:
                raise CommandError("65")
            await asyncio.sleep(self.reset_s)
            socket.on = True
            socket.card.reset()
            return b"0" + socket.card.atr
        if pm == 0x31:
            socket.on = False
            return b""
        if pm == 0x32:
            return b"1" if socket.on else b"0"
        if pm == 0x34:
            raise CommandError("62" if socket.on else "65")
        if pm in (0x33, 0x39):
            if not socket.on:
                raise CommandError("65")
            return await self._apdu(socket.card, data)
        raise CommandError("01")


async def serve_tcp(reader: Reader, port: int, silent: bool) -> None:
    """One host at a time; a second connection takes the place of the first."""
    writers: list[asyncio.StreamWriter] = []
    server: asyncio.Server | None = None

    async def talk(incoming: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for each in writers:
            each.close()
        writers[:] = [writer]
        reader.send = writer.write
        try:
            while data := await incoming.read(4096):
                reader.feed(data)
        except OSError:
            pass
        finally:
            writer.close()
            if writers == [writer]:
                writers.clear()
                reader.send = lambda data: None

    async def listen() -> None:
        nonlocal server
        server = await asyncio.start_server(talk, "127.0.0.1", port)

    def on_power(on: bool) -> None:
        if silent:
            return
        if on:
            tasks.append(asyncio.create_task(listen()))
        else:
            if server:
                server.close()
            for each in writers:
                each.close()

    tasks: list[asyncio.Task[None]] = []
    reader.on_power = on_power
    await listen()


def serve_pty(reader: Reader, link: str) -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    name = os.ttyname(slave)
    if link:
        path = Path(link)
        path.unlink(missing_ok=True)
        path.symlink_to(name)
    print(name, flush=True)

    def send(data: bytes) -> None:
        try:
            os.write(master, data)
        except OSError:
            pass

    def readable() -> None:
        try:
            reader.feed(os.read(master, 4096))
        except OSError:
            pass

    reader.send = send
    asyncio.get_running_loop().add_reader(master, readable)


async def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--port", type=int)
    ask.add_argument("--pty", action="store_true")
    ask.add_argument("--link", default="")
    ask.add_argument("--speed", choices=("real", "fast"), default="real")
    ask.add_argument("--reading", choices=tuple(READINGS), default="default")
    ask.add_argument("--set", action="append", default=[], metavar="TOPIC=VALUE")
    ask.add_argument("--off", choices=("drop", "silent"), default="drop")
    ask.add_argument("--fault", choices=tuple(FAULTS), default="")
    given = ask.parse_args()
    reading = dict(READINGS[given.reading])
    for each in given.set:
        topic, _, value = each.partition("=")
        if topic not in reading:
            ask.error(f"unknown topic {topic}; known: {', '.join(reading)}")
        reading[topic] = value
    reader = Reader(reading, given.fault, given.speed == "fast")
    if given.port:
        await serve_tcp(reader, given.port, given.off == "silent")
    else:
        serve_pty(reader, given.link)
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        reader.hand(line.decode(errors="replace").strip())


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
