"""The card's side of the vpcd protocol, against a driver played by the test over real sockets: no pcscd needed."""

from __future__ import annotations

import socket
import threading

import pytest

from protocols.clock import RealClock
from protocols.link.base import LinkError, open_link
from protocols.link.vpcd import MUTE_ATR, FrameSocket, VpcdCard

ATR = bytes.fromhex("3B6D00000081534D438660441900000001")  # spec/cards.md 4
LIMIT_S = 5.0


class Chip:
    """Answers the spec's example exchange; keeps what happened to it."""

    def __init__(self, atr: bytes = ATR) -> None:
        self.atr = atr
        self.events: list[str] = []
        self.answers: dict[bytes, bytes] = {bytes.fromhex("00A404000F73782E73682EC9E7BBE1B1A3D5CFCF"): b"\x61\x1e"}

    def power_on(self) -> bytes:
        self.events.append("on")
        return self.atr

    def reset(self) -> bytes:
        self.events.append("reset")
        return self.atr

    def power_off(self) -> None:
        self.events.append("off")

    def transmit(self, apdu: bytes) -> bytes:
        if apdu == b"die!":
            raise ArithmeticError("torn")
        return self.answers.get(apdu, b"\x6d\x00")


class Driver:
    """The reader's side: listens, speaks first. One accepted connection at a time."""

    def __init__(self, port: int = 0) -> None:
        self.server = socket.create_server(("127.0.0.1", port), reuse_port=False)
        self.server.settimeout(LIMIT_S)
        self.port = self.server.getsockname()[1]
        self.line: socket.socket | None = None

    def accept(self) -> Driver:
        self.line, _ = self.server.accept()
        self.line.settimeout(LIMIT_S)
        return self

    def say(self, text: str) -> None:
        assert self.line is not None
        self.line.sendall(bytes.fromhex(text))

    def hear(self) -> str:
        assert self.line is not None
        head = self.line.recv(2, socket.MSG_WAITALL)
        return (head + self.line.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)).hex().upper() if head else ""

    def close(self) -> None:
        if self.line is not None:
            self.line.close()
        self.server.close()


@pytest.fixture
def driver():
    made = Driver()
    yield made
    made.close()


@pytest.fixture
def served(driver: Driver):
    card = VpcdCard(Chip())
    card.start("127.0.0.1", driver.port)
    driver.accept()
    assert card.wait_connected(LIMIT_S)
    yield card
    card.stop()


def test_the_exchange_of_the_spec_byte_for_byte(driver: Driver, served: VpcdCard):
    # spec/cards.md 4, rows "frame" and "examples"
    driver.say("0001 04")
    assert driver.hear() == "00113B6D00000081534D438660441900000001"
    driver.say("0001 01")
    driver.say("0014 00A404000F73782E73682EC9E7BBE1B1A3D5CFCF")
    assert driver.hear() == "0002611E"


def test_controls_are_not_answered_and_reach_the_chip_in_order(driver: Driver, served: VpcdCard):
    for control in ("04", "01", "02", "00", "01"):
        driver.say("0001" + control)
        if control == "04":
            driver.hear()
    driver.say("0004 00000000")
    assert driver.hear() == "00026D00"
    # The first question for the ATR comes before any power: the chip is powered for it and put to rest again.
    assert served.chip.events == ["on", "off", "on", "reset", "off", "on"]


def test_frames_may_come_in_any_pieces(driver: Driver, served: VpcdCard):
    for byte in bytes.fromhex("00040000000000040000000000010400"):
        driver.say(f"{byte:02X}")
    driver.say("04 00000000")
    assert [driver.hear() for _ in range(4)] == ["00026D00", "00026D00", "0011" + ATR.hex().upper(), "00026D00"]


def test_extended_answers_pass(driver: Driver, served: VpcdCard):
    served.chip.answers[b"long"] = bytes(65_535)
    driver.say("0004" + b"long".hex())
    assert driver.hear() == "FFFF" + "00" * 65_535
    served.chip.answers[b"long"] = bytes(65_536)
    driver.say("0004" + b"long".hex())
    assert driver.hear() == ""
    assert served.wait_connected(LIMIT_S, connected=False)
    assert "65536 bytes" in served.left


def test_a_frame_of_length_zero_is_answered_without_the_chip(driver: Driver, served: VpcdCard):
    driver.say("0000")
    assert driver.hear() == "00026700"


def test_a_mute_chip_is_never_a_frame_of_length_zero(driver: Driver, served: VpcdCard):
    served.chip.answers[b"mute"] = b""
    driver.say("0004" + b"mute".hex())
    assert driver.hear() == ""
    assert served.wait_connected(LIMIT_S, connected=False)
    assert served.left == "the chip is mute"


def test_a_mute_chip_may_answer_6f00_instead(driver: Driver):
    chip = Chip()
    chip.answers[b"mute"] = b""
    card = VpcdCard(chip, mute="6F00")
    card.start("127.0.0.1", driver.port)
    driver.accept().say("0004" + b"mute".hex())
    assert driver.hear() == "00026F00"
    card.stop()


def test_a_chip_without_an_atr_stays_in_the_reader(driver: Driver):
    card = VpcdCard(Chip(atr=b""))
    card.start("127.0.0.1", driver.port)
    driver.accept().say("000104")
    assert driver.hear() == "0001" + MUTE_ATR.hex().upper()
    assert card.connected
    card.stop()


def test_a_dying_chip_leaves_and_can_be_inserted_again(driver: Driver, served: VpcdCard):
    driver.say("0004" + b"die!".hex())
    assert driver.hear() == ""
    assert served.wait_connected(LIMIT_S, connected=False)
    assert served.left == "ArithmeticError: torn"
    assert served.chip.events[-1] == "off"
    served.insert(Chip())
    driver.accept().say("000400000000")
    assert driver.hear() == "00026D00"
    assert served.left == ""


def test_remove_and_insert(driver: Driver, served: VpcdCard):
    with pytest.raises(LinkError, match="already"):
        served.insert()
    served.remove()
    assert not served.connected
    assert driver.hear() == ""
    served.remove()
    served.insert()
    driver.accept().say("000104")
    assert driver.hear() == "0011" + ATR.hex().upper()


def test_a_card_may_start_outside_the_reader(driver: Driver):
    card = VpcdCard(Chip())
    card.start("127.0.0.1", driver.port, inserted=False)
    assert not card.wait_connected(0.05)
    card.insert()
    driver.accept()
    assert card.wait_connected(LIMIT_S)
    with pytest.raises(LinkError, match="already started"):
        card.start("127.0.0.1", driver.port)
    card.stop()


def test_the_card_survives_a_restart_of_the_driver():
    first = Driver()
    card = VpcdCard(Chip())
    card.start("127.0.0.1", first.port)
    first.accept()
    assert card.wait_connected(LIMIT_S)
    first.close()
    assert card.wait_connected(LIMIT_S, connected=False)
    second = Driver(first.port)
    second.accept().say("000104")
    assert second.hear() == "0011" + ATR.hex().upper()
    card.stop()
    second.close()


def test_reconnecting_is_bounded():
    gone = Driver()
    gone.close()
    card = VpcdCard(Chip(), reconnect_s=0.05)
    card.start("127.0.0.1", gone.port)
    with card._state:
        assert card._state.wait_for(lambda: bool(card.left), LIMIT_S)
    assert f"no reader driver at 127.0.0.1:{gone.port}" in card.left
    card.stop()


def test_no_thread_stays_behind(driver: Driver):
    before = threading.active_count()
    for inserted in (True, False):
        card = VpcdCard(Chip())
        card.start("127.0.0.1", driver.port, inserted=inserted)
        card.stop()
        card.stop()
    assert threading.active_count() == before


def test_chip_code_that_never_returns_is_reported(driver: Driver, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("protocols.link.vpcd.JOIN_LIMIT_S", 0.05)
    entered, release = threading.Event(), threading.Event()

    class Endless(Chip):
        def transmit(self, apdu: bytes) -> bytes:
            entered.set()
            release.wait(LIMIT_S)
            return b"\x90\x00"

    chip = Endless()
    card = VpcdCard(chip)
    card.start("127.0.0.1", driver.port)
    driver.accept().say("000400000000")
    assert entered.wait(LIMIT_S)
    with pytest.raises(LinkError, match="has not returned"):
        card.stop()
    release.set()


def test_what_happens_is_told(driver: Driver):
    heard: list[tuple[str, bytes, bytes]] = []
    card = VpcdCard(Chip(), on_event=lambda *event: heard.append(event))
    card.start("127.0.0.1", driver.port)
    driver.accept().say("000101")
    driver.say("000400B00000")
    driver.hear()
    card.stop()
    assert heard == [
        ("connect", b"", b""),
        ("on", b"", ATR),
        ("apdu", bytes.fromhex("00B00000"), b"\x6d\x00"),
        ("disconnect", b"", b""),
    ]


def test_quickack_is_armed_again_before_every_receive():
    class Spy:
        def __init__(self) -> None:
            self.calls: list[str] = []
            self.chunks = [b"\x00\x01", b"\x04", b""]

        def setsockopt(self, level: int, option: int, value: int) -> None:
            assert (level, option, value) == (socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            self.calls.append("arm")

        def recv(self, size: int) -> bytes:
            self.calls.append("recv")
            return self.chunks.pop(0)

    for quickack, expected in ((True, ["arm", "recv"] * 3), (False, ["recv"] * 3)):
        spy = Spy()
        line = FrameSocket(spy, quickack)  # type: ignore[arg-type]
        assert line.receive() == b"\x04"
        assert line.receive() is None
        assert spy.calls == expected


async def test_a_vpcd_link_is_for_cards():
    with pytest.raises(LinkError, match="slot of class card"):
        await open_link("vpcd://127.0.0.1:35963", RealClock())
