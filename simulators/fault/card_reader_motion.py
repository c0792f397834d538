"""Card readers whose mechanics, or whose words about them, are wrong."""

from __future__ import annotations

from protocols.wire.card_reader import Error, Media, Place, Reply, Request
from simulators.card.body import CardBody
from simulators.device.card_reader_logic import ReaderLogic
from simulators.device.card_reader_mechanics import ReaderMechanics
from simulators.device.card_reader_rules import Outcome
from simulators.fault.card_reader_mutant import CRT591, reader_mutant

__all__ = ["MUTANTS"]


class EjectNoop(ReaderMechanics):
    def arrive(self, place: Place, counts: bool = True) -> None:
        super().arrive(Place.STAY if place is Place.EJECT else place, counts)


class StatusSticks(ReaderMechanics):
    """After the motion to ``place`` the status still shows the card inside, until another card comes."""

    place = Place.EJECT
    stuck = False

    def arrive(self, place: Place, counts: bool = True) -> None:
        super().arrive(place, counts)
        self.stuck = place is self.place

    def accept(self, card: CardBody) -> None:
        super().accept(card)
        self.stuck = False

    def reported_media(self) -> Media:
        return Media.INSIDE if self.stuck else super().reported_media()


class CaptureStatusSticks(StatusSticks):
    place = Place.CAPTURE


class CaptureUncounted(ReaderMechanics):
    def capture(self, counts: bool) -> None:
        super().capture(counts=False)


class BinFullIgnored(ReaderMechanics):
    def bin_is_full(self) -> bool:
        return False


class BinFullUnreported(ReaderMechanics):
    def reported_bin_full(self) -> bool:
        return False


class EntryOffIgnored(ReaderMechanics):
    def set_entry(self, enabled: bool, magnetic_only: bool = False) -> None:
        super().set_entry(True, magnetic_only)


class EntryOnIgnored(ReaderMechanics):
    def set_entry(self, enabled: bool, magnetic_only: bool = False) -> None:
        super().set_entry(False, magnetic_only)


class InsertionUnreported(ReaderMechanics):
    unseen = False

    def accept(self, card: CardBody) -> None:
        super().accept(card)
        self.unseen = True

    def arrive(self, place: Place, counts: bool = True) -> None:
        super().arrive(place, counts)
        self.unseen = False

    def reported_media(self) -> Media:
        return Media.NONE if self.unseen else super().reported_media()


class RemovalUnreported(ReaderMechanics):
    ghost = False

    def remove(self) -> bool:
        self.ghost = self.ghost or self.media is Media.GATE
        return super().remove()

    def accept(self, card: CardBody) -> None:
        super().accept(card)
        self.ghost = False

    def reported_media(self) -> Media:
        return Media.GATE if self.ghost and self.media is Media.NONE else super().reported_media()


class JamAsSuccess(ReaderMechanics):
    def end(self, counts: bool = True) -> Error | None:
        error = super().end(counts)
        return None if error is Error.JAM else error


class JamForEver(ReaderMechanics):
    def clear_jam(self) -> bool:
        self.jam_armed = False
        return False


class JamPositionNone(ReaderMechanics):
    def reported_media(self) -> Media:
        return Media.NONE if self.jammed else super().reported_media()


class LengthBlind(ReaderMechanics):
    """Takes a card of the wrong length as a good one."""

    blind_to = "long"

    def accept(self, card: CardBody) -> None:
        super().accept(card)
        if card.length == self.blind_to:
            self.media = Media.INSIDE


class ShortBlind(LengthBlind):
    blind_to = "short"


class LengthSwapped(ReaderMechanics):
    def accept(self, card: CardBody) -> None:
        super().accept(card)
        self.media = {Media.LONG: Media.SHORT, Media.SHORT: Media.LONG}.get(self.media, self.media)


class PullUnnoticed(ReaderMechanics):
    ghost: Media | None = None

    def pull(self) -> bool:
        self.ghost = self.media if self.media.in_reader else None
        super().pull()
        self.moved_by_hand = False
        return False

    def reported_media(self) -> Media:
        return self.ghost or super().reported_media()

    def accept(self, card: CardBody) -> None:
        super().accept(card)
        self.ghost = None


class PowerForgetsCard(ReaderMechanics):
    """The card is still inside after a power cut, but the reader says none until it moves one."""

    forgotten = False

    def power_off(self) -> None:
        super().power_off()
        self.forgotten = True

    def arrive(self, place: Place, counts: bool = True) -> None:
        super().arrive(place, counts)
        self.forgotten = self.forgotten and place is Place.STAY

    def accept(self, card: CardBody) -> None:
        super().accept(card)
        self.forgotten = False

    def reported_media(self) -> Media:
        return Media.NONE if self.forgotten else super().reported_media()


class PowerRuleIgnored(ReaderMechanics):
    """Captures the card where the rule keeps it, keeps it where the rule gives it back."""

    def power_on(self) -> Place | None:
        if self.options.powerdown == "kept" and self.card is not None:
            return Place.CAPTURE
        return None


class IcStopsShort(ReaderMechanics):
    def arrive(self, place: Place, counts: bool = True) -> None:
        super().arrive(Place.RF if place is Place.IC else place, counts)


class HoldPullsIn(ReaderMechanics):
    def arrive(self, place: Place, counts: bool = True) -> None:
        super().arrive(Place.INSIDE if place is Place.GATE else place, counts)


class CaptureEjects(ReaderMechanics):
    def arrive(self, place: Place, counts: bool = True) -> None:
        super().arrive(Place.EJECT if place is Place.CAPTURE else place, counts)


class NoCardMoves(ReaderMechanics):
    def begin(self, place: Place) -> Error | None:
        if self.card is None:
            self.target = Place.STAY
            return None
        return super().begin(place)


class ReadyAfterPower(ReaderLogic):
    def power_off(self) -> None:
        super().power_off()
        self.initialised = True


class InitialiseStays(ReaderLogic):
    """Initialise leaves the card where it is, whatever it was told."""

    def initialise(self, request: Request) -> Outcome:
        return super().initialise(Request(request.op, Place.STAY))


class InitialiseKeepsEntry(ReaderLogic):
    def initialise(self, request: Request) -> Outcome:
        entry = self.mechanics.entry
        outcome = super().initialise(request)
        self.mechanics.set_entry(entry)
        return outcome


class InitialiseCaptures(ReaderLogic):
    """Takes a card away although it was told to leave it."""

    def initialise(self, request: Request) -> Outcome:
        return super().initialise(Request(request.op, Place.CAPTURE))


class InitialiseMute(ReaderLogic):
    def version(self) -> bytes:
        return b""


class StatusFrozen(ReaderLogic):
    """Answers every status as it answered the first."""

    first: Reply | None = None

    def status(self, request: Request) -> Outcome:
        if self.first is None:
            self.first = self.ok()
        return self.first


class StatusCharactersSwapped(ReaderLogic):
    """st1 where st2 belongs, and the other way round."""

    def ok(self, data: bytes = b"", protocol: int | None = None) -> Reply:
        good = super().ok(data, protocol)
        return Reply(None, "", good.media, int(bool(good.bin_full)), bool(good.stacker), protocol, data)


_STATUS = "DG-CXC-08: the status after every movement is true"
_POWER = "DG-CXC-12: after a power failure the state is true and no card is lost"
_FAULT = "DG-CXC-12: jam, long, short and pulled card are reported"
_ENTRY = "DG-CXC-09: entry control"

_m = reader_mutant

MUTANTS = (
    _m("eject-noop", "退卡应答成功但卡不动", "acknowledges eject, the card stays", _STATUS, mechanics=EjectNoop),
    _m("eject-status-sticks", "退卡后状态仍为机内", "status still inside after eject", _STATUS, mechanics=StatusSticks),
    _m(
        "capture-status-sticks",
        "吞卡后状态仍为机内",
        "status still inside after capture",
        _STATUS,
        mechanics=CaptureStatusSticks,
    ),
    _m(
        "capture-uncounted",
        "吞卡不计数",
        "captures are not counted",
        "DG-CXC-09: capture counts",
        CRT591,
        mechanics=CaptureUncounted,
    ),
    _m("capture-ejects", "吞卡命令把卡退出", "capture ejects the card", _STATUS, CRT591, mechanics=CaptureEjects),
    _m(
        "bin-full-ignored",
        "回收箱满仍吞卡",
        "captures into a full bin",
        "DG-CXC-09: a full retain bin is reported",
        mechanics=BinFullIgnored,
    ),
    _m(
        "bin-full-unreported",
        "状态不报回收箱满",
        "status never says that the bin is full",
        "DG-CXC-09: a full retain bin is reported",
        CRT591,
        mechanics=BinFullUnreported,
    ),
    _m("entry-off-ignored", "禁止进卡后仍进卡", "takes cards while entry is off", _ENTRY, mechanics=EntryOffIgnored),
    _m("entry-on-ignored", "允许进卡后仍不进卡", "never takes a card", _ENTRY, mechanics=EntryOnIgnored),
    _m("insertion-unreported", "进卡后状态仍为无卡", "does not see the card", _STATUS, mechanics=InsertionUnreported),
    _m(
        "removal-unreported",
        "门口的卡被取走后仍报有卡",
        "does not see that the card at the gate was taken",
        _STATUS,
        mechanics=RemovalUnreported,
    ),
    _m("jam-as-success", "卡堵塞仍应答成功", "reports success on a jam", _FAULT, mechanics=JamAsSuccess),
    _m("jam-for-ever", "清除后仍报堵塞", "stays jammed after it was cleared", _FAULT, mechanics=JamForEver),
    _m(
        "jam-position-none",
        "堵塞时状态报无卡",
        "says that no card is inside while jammed",
        _FAULT,
        mechanics=JamPositionNone,
    ),
    _m("long-accepted", "接受过长的卡", "takes a long card as good", _FAULT, mechanics=LengthBlind),
    _m("short-accepted", "接受过短的卡", "takes a short card as good", _FAULT, mechanics=ShortBlind),
    _m("length-swapped", "过长与过短的代码互换", "swaps the codes of long and short", _FAULT, mechanics=LengthSwapped),
    _m("pull-unnoticed", "卡被拔出而不察觉", "does not notice a pulled card", _FAULT, mechanics=PullUnnoticed),
    _m(
        "power-forgets-card",
        "断电后把机内的卡报为无卡",
        "says none after a power failure while a card is inside",
        _POWER,
        mechanics=PowerForgetsCard,
    ),
    _m(
        "power-rule-ignored",
        "不按断电规则处理机内的卡",
        "ignores the power-down rule",
        _POWER,
        mechanics=PowerRuleIgnored,
    ),
    _m(
        "ready-after-power",
        "上电后不需初始化即可用",
        "is ready after power-on without initialise",
        _POWER,
        CRT591,
        logic=ReadyAfterPower,
    ),
    _m(
        "ic-stops-short",
        "到 IC 位命令停在射频位",
        "stops at the RF position on the way to IC",
        _STATUS,
        mechanics=IcStopsShort,
    ),
    _m("hold-pulls-in", "夹卡命令把卡吸入", "hold at the gate pulls the card in", _STATUS, mechanics=HoldPullsIn),
    _m("no-card-moves", "无卡时移动也应答成功", "moves without a card with success", _STATUS, mechanics=NoCardMoves),
    _m(
        "initialise-stays",
        "初始化不移动卡",
        "initialise ignores where to send the card",
        _STATUS,
        logic=InitialiseStays,
    ),
    _m("initialise-captures", "初始化擅自吞卡", "initialise takes the card away", _STATUS, logic=InitialiseCaptures),
    _m("initialise-keeps-entry", "初始化不关闭进卡", "initialise leaves entry on", _ENTRY, logic=InitialiseKeepsEntry),
    _m(
        "initialise-mute",
        "初始化应答不带版本",
        "the answer to initialise has no version",
        "DG-WXC-14: the reader names itself",
        logic=InitialiseMute,
    ),
    _m("status-frozen", "状态始终为首次的值", "repeats its first status for ever", _STATUS, logic=StatusFrozen),
    _m(
        "status-swapped",
        "st1 与 st2 互换",
        "swaps the status characters of stacker and bin",
        "spec/devices.md 4.1: st0 st1 st2",
        CRT591,
        logic=StatusCharactersSwapped,
    ),
)
