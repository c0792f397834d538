"""A private pcscd and cards behind it: the real daemon, the real driver, real processes."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from protocols.clock import RealClock
from protocols.link.base import LinkClosed, LinkError, LinkTimeout
from protocols.link.pcsc import PcscCardPort, list_readers, open_card_port, wait_card
from protocols.link.pcsc_session import choose_reader
from protocols.link.vpcd import VpcdCard
from scenarios.pcscd import PcscdError, PortInUseError, PrivatePcscd, missing, port_in_use

LIMIT_S = 10.0
ROOT = Path(__file__).parents[2]
FOREIGN = Path(__file__).with_name("foreign_card.py")
GET_CHALLENGE = bytes.fromhex("0084000008")


class Chip:
    """A T=0 chip that says which one it is and counts its resets."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.events: list[str] = []
        self.mute = False

    def power_on(self) -> bytes:
        self.events.append("on")
        return b"" if self.mute else bytes.fromhex("3B6D00000081534D43866044190000") + self.number.to_bytes(2, "big")

    def reset(self) -> bytes:
        self.events.append("reset")
        return bytes.fromhex("3B6D00000081534D43866044190000") + self.number.to_bytes(2, "big")

    def power_off(self) -> None:
        self.events.append("off")

    def transmit(self, apdu: bytes) -> bytes:
        if apdu == b"mute":
            return b""
        return self.number.to_bytes(8, "big") + b"\x90\x00" if apdu == GET_CHALLENGE else b"\x61\x1e"


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def until(condition, limit_s: float = LIMIT_S) -> bool:
    for _ in range(int(limit_s / 0.01)):
        if condition():
            return True
        select.select([], [], [], 0.01)
    return False


def traces(pcscd: PrivatePcscd) -> tuple[int, Path, list[int]]:
    return pcscd.pid, pcscd.folder, pcscd.ports


def is_gone(pid: int, folder: Path, ports: list[int]) -> bool:
    return not alive(pid) and not folder.exists() and not any(port_in_use(port) for port in ports)


@pytest.fixture
def pcscd():
    with PrivatePcscd(2) as running:
        yield running


async def seat(pcscd: PrivatePcscd, index: int, chip: Chip) -> tuple[VpcdCard, PcscCardPort]:
    slot = pcscd.slots[index]
    card = VpcdCard(chip)
    card.start(slot.host, slot.port)
    await wait_card(slot.reader, True, RealClock(), socket=pcscd.socket)
    return card, PcscCardPort(slot.reader, socket=pcscd.socket)


# Without a daemon.


@pytest.mark.parametrize(
    ("cards", "options"), [(0, {}), (17, {}), (2, {"ports": [21000, 21010]}), (1, {"name": 'a"b'})]
)
def test_impossible_wishes_are_refused_before_anything_starts(cards: int, options: dict):
    with pytest.raises(PcscdError):
        PrivatePcscd(cards, **options)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("scenarios.pcscd_launcher.PCSCD", Path("/no/pcscd"))
    monkeypatch.setattr("scenarios.pcscd_launcher.DRIVER", Path("/no/driver"))
    monkeypatch.setattr("scenarios.pcscd_launcher.RUN", Path("/no/run"))
    monkeypatch.setattr("scenarios.pcscd.LIBRARY_FOLDERS", ())
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    lacks = missing()
    assert lacks[:3] == ["pcscd", "vsmartcard-vpcd", "libpcsclite1"]
    assert "root" in lacks[-1]
    with pytest.raises(PcscdError, match="lacks: pcscd, vsmartcard-vpcd"):
        PrivatePcscd(1).start_blocking()


def test_a_port_in_use_is_seen():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert port_in_use(port)
    assert not port_in_use(port)


def test_a_reader_is_chosen_by_name_or_by_a_part_that_fits_one():
    readers = ["Onecard A 00 00", "Onecard A 00 01"]
    assert choose_reader("", readers) == readers[0]
    assert choose_reader("00 01", readers) == readers[1]
    assert choose_reader(readers[0], readers) == readers[0]
    with pytest.raises(LinkError, match="fits several"):
        choose_reader("Onecard", readers)
    with pytest.raises(LinkError, match="pcscd has: Onecard A 00 00, Onecard A 00 01"):
        choose_reader("Gemalto", readers)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("pcsc://R?speed=1", "unknown option 'speed'"),
        ("pcsc://R?limit_s=long", "limit_s"),
        ("pcsc://R?exclusive=maybe", "exclusive=maybe"),
        ("tcp://R", "no card port"),
    ],
)
def test_each_wrong_link_says_what_is_wrong(text: str, why: str):
    with pytest.raises(LinkError, match=why):
        open_card_port(text)


def test_a_link_names_reader_socket_and_limit():
    port = open_card_port("pcsc://Onecard A 00%2000?socket=/x/y&limit_s=0.5&exclusive=yes")
    assert (port.reader, port._socket, port._limit_s, port._exclusive) == ("Onecard A 00 00", "/x/y", 0.5, True)


async def test_no_daemon_is_said_with_the_remedy(tmp_path: Path):
    port = PcscCardPort(socket=str(tmp_path / "nobody"))
    with pytest.raises(LinkError, match="start it"):
        await port.power_on()
    await port.aclose()


async def test_a_missing_pyscard_is_said_with_the_remedy(monkeypatch: pytest.MonkeyPatch):
    from protocols.link import pcsc_session

    monkeypatch.setitem(sys.modules, "smartcard.scard", None)
    pcsc_session._library.cache_clear()
    port = PcscCardPort()
    with pytest.raises(LinkError, match="pip install 'onecard-hil"):
        await port.power_on()
    await port.aclose()
    pcsc_session._library.cache_clear()


# The stack.


@pytest.mark.pcsc
async def test_a_card_through_the_whole_stack(pcscd: PrivatePcscd):
    chip = Chip(7)
    card, port = await seat(pcscd, 1, chip)
    atr = await port.power_on()
    assert atr == bytes.fromhex("3B6D00000081534D438660441900000007")
    assert await port.transmit(GET_CHALLENGE) == bytes.fromhex("00000000000000079000")
    assert await port.transmit(bytes.fromhex("00A40400023F00")) == b"\x61\x1e"  # 61xx comes through untouched
    assert port.transmit_blocking(GET_CHALLENGE) == bytes.fromhex("00000000000000079000")
    assert list_readers(pcscd.socket) == pcscd.readers
    await port.aclose()
    card.stop()


@pytest.mark.pcsc
async def test_cold_and_warm_reset_reach_the_chip_as_such(pcscd: PrivatePcscd):
    chip = Chip()
    card, port = await seat(pcscd, 0, chip)
    await port.power_on()
    chip.events.clear()
    await port.power_on(warm=True)
    assert chip.events == ["reset"]
    chip.events.clear()
    await port.power_on()
    assert chip.events == ["off", "on"]
    chip.events.clear()
    await port.power_off()
    assert until(lambda: chip.events == ["off"])
    with pytest.raises(LinkClosed, match="power it on"):
        await port.transmit(GET_CHALLENGE)
    await port.power_on()
    assert len(await port.transmit(GET_CHALLENGE)) == 10
    await port.aclose()
    card.stop()


@pytest.mark.pcsc
async def test_sixteen_cards_on_one_daemon():
    async with PrivatePcscd(16) as pcscd:
        assert len(set(pcscd.readers)) == len(set(pcscd.ports)) == 16
        assert max(pcscd.ports) < 32_768  # the kernel's ephemeral range begins there
        seated = await asyncio.gather(*(seat(pcscd, index, Chip(index)) for index in range(16)))
        atrs = await asyncio.gather(*(port.power_on() for _, port in seated))
        assert [atr[-1] for atr in atrs] == list(range(16))
        answers = await asyncio.gather(*(port.transmit(GET_CHALLENGE) for _, port in seated))
        assert [answer[7] for answer in answers] == list(range(16))
        for card, port in seated:
            await port.aclose()
            card.stop()
        left = traces(pcscd)
    assert is_gone(*left)


@pytest.mark.pcsc
async def test_removal_and_reinsertion_are_seen(pcscd: PrivatePcscd):
    clock, reader = RealClock(), pcscd.readers[0]
    card, port = await seat(pcscd, 0, Chip(1))
    await port.power_on()
    card.remove()
    with pytest.raises(LinkClosed):
        await port.transmit(GET_CHALLENGE)
    await wait_card(reader, False, clock, socket=pcscd.socket)
    with pytest.raises(LinkClosed, match="no card"):
        await port.power_on()
    card.insert(Chip(2))
    await wait_card(reader, True, clock, socket=pcscd.socket)
    assert (await port.power_on())[-1] == 2
    await port.aclose()
    card.stop()


@pytest.mark.pcsc
async def test_a_mute_card_is_a_limit_and_not_a_hang(pcscd: PrivatePcscd):
    chip = Chip()
    chip.mute = True
    card, port = await seat(pcscd, 0, chip)
    with pytest.raises(LinkTimeout, match="does not answer to reset"):
        await port.power_on()
    assert not port.broken
    card.stop()
    await wait_card(pcscd.readers[0], False, RealClock(), socket=pcscd.socket)
    second, _ = await seat(pcscd, 0, Chip())
    await port.power_on()
    with pytest.raises(LinkClosed, match="went away"):
        await port.transmit(b"mute")
    await port.aclose()
    second.stop()


@pytest.mark.pcsc
@pytest.mark.parametrize("apdu", [b"\x00", b"\x01", b"\x02", b"\x04", b"", bytes(65_536)])
async def test_apdus_that_would_hang_are_refused_before_they_are_sent(pcscd: PrivatePcscd, apdu: bytes):
    card, port = await seat(pcscd, 0, Chip())
    await port.power_on()
    with pytest.raises(LinkError, match=r"never answered|cannot be sent"):
        await port.transmit(apdu)
    assert len(await port.transmit(GET_CHALLENGE)) == 10
    await port.aclose()
    card.stop()


def foreign(pcscd: PrivatePcscd, manner: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-I", str(FOREIGN), str(pcscd.ports[0]), manner])


@pytest.mark.pcsc
async def test_a_card_by_somebody_else(pcscd: PrivatePcscd):
    program = foreign(pcscd, "plain")
    await wait_card(pcscd.readers[0], True, RealClock(), socket=pcscd.socket)
    port = PcscCardPort(pcscd.readers[0], socket=pcscd.socket)
    assert await port.power_on() == bytes.fromhex("3B6D00000080318065B0831148C883009000")
    assert await port.transmit(bytes.fromhex("00A40000023F00")) == b"\x90\x00"
    assert await port.transmit(bytes.fromhex("00B0000004")) == bytes.fromhex("000102039000")
    assert await port.transmit(b"\x77") == b"\x67\x00"  # other one-byte APDUs pass
    program.kill()
    program.wait()
    await wait_card(pcscd.readers[0], False, RealClock(), socket=pcscd.socket)
    await port.aclose()


@pytest.mark.pcsc
async def test_bad_cards_end_with_an_answer_or_an_error(pcscd: PrivatePcscd):
    clock = RealClock()
    for manner in ("short", "leave"):
        program = foreign(pcscd, manner)
        await wait_card(pcscd.readers[0], True, clock, socket=pcscd.socket)
        port = PcscCardPort(pcscd.readers[0], socket=pcscd.socket)
        await port.power_on()
        if manner == "short":
            assert await port.transmit(GET_CHALLENGE) == b"\x90"
        else:
            with pytest.raises(LinkClosed, match="middle of a command"):
                await port.transmit(GET_CHALLENGE)
        await port.aclose()
        program.kill()
        program.wait()
        await wait_card(pcscd.readers[0], False, clock, socket=pcscd.socket)


@pytest.mark.pcsc
async def test_an_exchange_that_hangs_ends_and_a_restart_heals(pcscd: PrivatePcscd):
    program = foreign(pcscd, "empty")
    clock, reader = RealClock(), pcscd.readers[0]
    await wait_card(reader, True, clock, socket=pcscd.socket)
    port = PcscCardPort(reader, socket=pcscd.socket, limit_s=0.3)
    await port.power_on()
    with pytest.raises(LinkTimeout, match=r"APDU 0084000008: no end within 0\.3 s"):
        await port.transmit(GET_CHALLENGE)
    assert port.broken
    for use in (port.power_on, port.power_off):
        with pytest.raises(LinkError, match="restart pcscd, then reopen"):
            await use()
    before = traces(pcscd)
    await pcscd.restart()
    assert traces(pcscd)[1:] == before[1:]
    assert not alive(before[0])
    program.kill()
    program.wait()
    await port.reopen()
    card, _ = await seat(pcscd, 0, Chip(3))
    assert (await port.power_on())[-1] == 3
    assert len(await port.transmit(GET_CHALLENGE)) == 10
    await port.aclose()
    card.stop()
    assert until(lambda: not any(thread.name.startswith("pcsc ") for thread in threading.enumerate()))


@pytest.mark.pcsc
async def test_our_card_comes_back_by_itself_after_a_restart(pcscd: PrivatePcscd):
    card, port = await seat(pcscd, 1, Chip(4))
    await port.power_on()
    await pcscd.restart()
    with pytest.raises(LinkClosed):
        await port.transmit(GET_CHALLENGE)
    await wait_card(pcscd.readers[1], True, RealClock(), socket=pcscd.socket)
    assert (await port.power_on())[-1] == 4
    await port.aclose()
    card.stop()


@pytest.mark.pcsc
async def test_a_cancelled_exchange_leaves_the_port_usable(pcscd: PrivatePcscd):
    card, port = await seat(pcscd, 0, Chip())
    await port.power_on()
    for _ in range(20):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await port.transmit(GET_CHALLENGE)
    assert len(await port.transmit(GET_CHALLENGE)) == 10
    assert not port.broken
    await port.aclose()
    card.stop()


@pytest.mark.pcsc
async def test_two_daemons_at_once_in_one_process():
    async with PrivatePcscd(1, name="Alpha") as alpha, PrivatePcscd(3, name="Beta") as beta:
        assert list_readers(alpha.socket) == ["Alpha A 00 00", "Alpha A 00 01"]
        assert len(list_readers(beta.socket)) == 4
        first, port_a = await seat(alpha, 0, Chip(1))
        second, port_b = await seat(beta, 2, Chip(2))
        assert (await port_a.power_on())[-1] == 1
        assert (await port_b.power_on())[-1] == 2
        assert (await port_a.transmit(GET_CHALLENGE))[7] == 1
        assert (await port_b.transmit(GET_CHALLENGE))[7] == 2
        for closing in (port_a, port_b):
            await closing.aclose()
        first.stop()
        second.stop()


@pytest.mark.pcsc
def test_the_environment_of_this_process_is_left_alone(pcscd: PrivatePcscd, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", pcscd.socket)
    assert list_readers() == pcscd.readers
    assert os.environ["PCSCLITE_CSOCK_NAME"] == pcscd.socket
    assert pcscd.environment() == {"PCSCLITE_CSOCK_NAME": pcscd.socket}


# Coming and going.


@pytest.mark.pcsc
def test_nothing_is_left_after_success_or_failure():
    with PrivatePcscd(2) as pcscd:
        left = list(traces(pcscd))
        assert alive(left[0])
        with pytest.raises(PcscdError, match="already running"):
            pcscd.start_blocking()
    assert is_gone(*left)
    pcscd.stop_blocking()

    def fail_inside() -> None:
        with pcscd:
            left[:] = traces(pcscd)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert is_gone(*left)


@pytest.mark.pcsc
def test_a_port_in_use_is_named_and_nothing_is_left():
    with PrivatePcscd(1) as other:
        taken = other.ports[0]
        with pytest.raises(PortInUseError, match=f"port {taken} is in use") as refused:
            PrivatePcscd(1, ports=[taken]).start_blocking()
        assert refused.value.port == taken
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", taken + 1))
        stranger.listen()
        with pytest.raises(PortInUseError, match=f"port {taken + 1} is in use"):
            PrivatePcscd(1, ports=[taken]).start_blocking()
    with PrivatePcscd(3, ports=[taken, 0]) as pcscd:
        assert pcscd.ports[:2] == [taken, taken + 1]
        assert [name[-1] for name in pcscd.readers] == ["0", "1", "0"]


@pytest.mark.pcsc
def test_a_daemon_that_dies_is_reported(pcscd: PrivatePcscd):
    os.kill(pcscd.pid, signal.SIGKILL)
    assert until(lambda: not alive(pcscd.pid))
    assert until(lambda: not pcscd.folder.exists())
    with pytest.raises(PcscdError, match="ended by itself"):
        pcscd.restart_blocking()
    assert not pcscd.folder.exists()


PARENT = """
import sys
from scenarios.pcscd import PrivatePcscd
from protocols.link.pcsc import list_readers
with PrivatePcscd(2) as pcscd:
    print(pcscd.pid, pcscd.folder, *pcscd.ports, len(list_readers(pcscd.socket)), flush=True)
    sys.stdin.read()
"""


def parent() -> tuple[subprocess.Popen, int, Path, list[int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    pid, folder, first, second, count = process.stdout.readline().split()
    assert count == b"2"
    return process, int(pid), Path(folder.decode()), [int(first), int(second)]


@pytest.mark.pcsc
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_parent_leaves_no_daemon_and_no_folder(number: signal.Signals):
    process, *left = parent()
    assert alive(left[0])
    assert left[1].exists()
    process.send_signal(number)
    process.communicate()
    assert until(lambda: is_gone(*left))


@pytest.mark.pcsc
def test_a_killed_keeper_takes_its_daemon_with_it():
    pcscd = PrivatePcscd(1)
    pcscd.start_blocking()
    left = traces(pcscd)
    assert pcscd._keeper is not None
    pcscd._keeper.kill()
    assert until(lambda: not alive(left[0]))
    with pytest.raises(PcscdError, match="was it killed"):
        pcscd.restart_blocking()
    pcscd.stop_blocking()
    assert is_gone(*left)


@pytest.mark.pcsc
def test_two_processes_have_their_own_daemons():
    first, second = parent(), parent()
    assert first[1] != second[1]
    assert not set(first[3]) & set(second[3])
    first[0].communicate(b"")
    assert until(lambda: is_gone(*first[1:]))
    assert alive(second[1])
    second[0].communicate(b"")
    assert until(lambda: is_gone(*second[1:]))
