"""Card reader: the magnetic stripe. Tracks 1, 2 and 3, alone and together, blank and damaged (spec/devices.md 4.2)."""

from __future__ import annotations

from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import Exchange, ReaderView
from conformance.suites.card_reader_acts import command, eject, move, put_in
from conformance.suites.card_reader_words import ReaderCheck, card_seen
from protocols.wire.base import Label
from protocols.wire.card_reader import Op, Place, Request
from protocols.wire.crt310_tracks import TRACK_CHOICES, TRACK_ERRORS, Track, parse_tracks

CRT310 = ("crt310",)
BOTH = ("insert", "remove")
ASCII = b"\x30"
BLANK = 0xE5


async def read_tracks(t: ReaderTester, choice: int) -> None:
    """Step ``tracks.<choice>``: the tracks that *choice* stands for."""
    with t.step(f"tracks.{choice:02X}"):
        await command(t, Request(Op.TRACKS, data=ASCII + bytes((choice,))))


def tracks_of(v: ReaderView, exchange: Exchange, choice: int) -> dict[int, Track]:
    """Track number to its result. The number of results must be that of the tracks asked for."""
    numbers = TRACK_CHOICES[choice]
    found = parse_tracks(exchange.reply.data)
    v.must(
        len(found) == len(numbers),
        f"应有 {len(numbers)} 个磁道结果",
        f"{len(numbers)} track results expected",
        exchange,
    )
    return dict(zip(numbers, found, strict=False))


def plausible(number: int, data: bytes) -> bool:
    """Characters that the track can hold: letters on track 1, digits and = on tracks 2 and 3 (spec/cards.md 3.5)."""
    text = data.strip(b"%;?")
    if number == 1:
        return bool(text) and all(0x20 <= byte <= 0x5F for byte in text)
    return bool(text) and all(0x30 <= byte <= 0x3F for byte in text)


class Tracks(ReaderCheck):
    """DG-WXC-23, DG-CXC-08: tracks that are mixed up, cut, or differ alone and together would break it."""

    id = "reader.stripe.tracks"
    title = Label("可读一、二、三磁道，单独与组合一致", "tracks 1, 2, 3 alone and together")
    clauses = ("DG-WXC-23", "DG-CXC-08")
    variants, needs, hand = CRT310, ("reader.magnetic",), BOTH
    kills = ("reader.track-mix-up",)
    source = "spec/devices.md 4.2 (45 30), spec/cards.md 3.5"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t, "magstripe")
        await move(t, Place.RF)
        for choice in TRACK_CHOICES:
            await read_tracks(t, choice)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not card_seen(v):
            return
        alone: dict[int, Track] = {}
        for choice in TRACK_CHOICES:
            exchange = v.step(f"tracks.{choice:02X}").first
            if not v.succeeded(exchange, "读磁道", "read the stripe"):
                continue
            for number, track in tracks_of(v, exchange, choice).items():
                known = alone.setdefault(number, track)
                v.must(track == known, f"磁道 {number} 每次相同", f"track {number} is the same each time", exchange)
        if 1 in alone and 2 in alone:
            v.must(alone[1] != alone[2], "磁道 1 与磁道 2 不同", "tracks 1 and 2 differ", v.step("tracks.34"))
        for number in (1, 2):
            track = alone.get(number, Track(error=BLANK))
            good = not track.error and track.readable and plausible(number, track.data)
            v.must(
                good, f"磁道 {number} 内容合规", f"track {number} holds what it can hold", v.step(f"tracks.3{number}")
            )


class BlankTrack(ReaderCheck):
    """DG-WXC-23: calling a blank track read, with nothing in it, would break it."""

    id = "reader.stripe.blank"
    title = Label("空白磁道报空白", "a blank track is reported as blank")
    clauses = ("DG-WXC-23",)
    variants, needs, hand = CRT310, ("reader.magnetic",), BOTH
    control = "tracks.32"
    kills = ("reader.blank-track-ok",)
    source = "spec/devices.md 4.2 (E5)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t, "magstripe")
        await move(t, Place.RF)
        for choice in (0x32, 0x33):
            await read_tracks(t, choice)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not card_seen(v):
            return
        full, exchange = v.step("tracks.32").first, v.step("tracks.33").first
        v.succeeded(full, "读第二磁道", "read track 2")
        if not exchange.reply.ok:
            v.refused(exchange, (), "读空白磁道", "reading a blank track")
            return
        track = tracks_of(v, exchange, 0x33).get(3, Track())
        name = TRACK_ERRORS.get(track.error, Label("无错误", "no error"))
        said = bool(track.error) or not track.readable or plausible(3, track.data)
        v.must(said, f"第三磁道：{name.zh}", f"track 3 is empty, but its result is {name.en}", exchange)
