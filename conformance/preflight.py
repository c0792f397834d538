"""``doctor``: what is looked at before any verdict. Most failures that users meet are configuration."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from conformance.result import NO_TEXT, PreflightResult
from conformance.roles.discovery import LineTester
from conformance.suites.card_conversation import (
    FEWEST_TRIES,
    QUERY_PIN,
    SELECT_SSSE,
    names_ssse,
    packed_pin,
    tries_left,
)
from protocols.driver.line_port import NoReply
from protocols.link.base import CardPort, LinkError
from protocols.wire.base import Label
from scenarios.models import Bench, Slot
from scenarios.pcscd import missing
from scenarios.profiles import device_class_profile
from simulators.device.classes import device_classes

__all__ = ["environment", "look_at_card", "look_at_device"]


def environment(bench: Bench | None = None) -> list[PreflightResult]:
    """What this machine offers: packages, rights, folders. With a bench: only what that bench needs must be there."""
    schemes = {slot.scheme for slot in bench.slots.values()} if bench else {"vpcd", "pty"}
    results: list[PreflightResult] = []
    if schemes & {"vpcd", "pcsc"}:
        results += _pcsc(schemes)
    if "pty" in schemes:
        results.append(_pty())
    for name, slot in bench.slots.items() if bench else ():
        if slot.scheme == "serial" and not _made_by_its_hand(slot):
            results.append(_serial(name, slot.link))
    return results


def _made_by_its_hand(slot: Slot) -> bool:
    """A port that is not there yet and that the hand's program may make: somebody's pty (docs/bench.md)."""
    return slot.hand.by == "program" and not Path(_serial_path(slot.link)).exists()


def _pcsc(schemes: set[str]) -> list[PreflightResult]:
    found: list[PreflightResult] = []
    have_pyscard = importlib.util.find_spec("smartcard") is not None
    text = Label("Python PC/SC 库 pyscard", "the Python PC/SC library pyscard")
    remedy = Label(
        "apt install libpcsclite-dev gcc pkg-config 后重新 make certify",
        "apt install libpcsclite-dev gcc pkg-config, then make certify again",
    )
    found.append(PreflightResult("pyscard", have_pyscard, text, NO_TEXT if have_pyscard else remedy))
    if "vpcd" in schemes:
        lacks = missing()
        text = Label("私有 pcscd 与 vpcd 驱动", "a private pcscd and the vpcd driver")
        what = "; ".join(lacks)
        remedy = Label(f"缺少：{what}", f"missing: {what}") if lacks else NO_TEXT
        found.append(PreflightResult("pcscd", not lacks, text, remedy))
    return found


def _pty() -> PreflightResult:
    good = Path("/dev/ptmx").exists() and os.access("/dev/ptmx", os.R_OK | os.W_OK)
    remedy = Label("挂载 devpts（/dev/pts）", "mount devpts on /dev/pts")
    return PreflightResult(
        "pty", good, Label("伪终端 /dev/ptmx", "pseudo terminals (/dev/ptmx)"), NO_TEXT if good else remedy
    )


def _serial_path(link: str) -> str:
    return link.removeprefix("serial://").partition("?")[0]


def _serial(name: str, link: str) -> PreflightResult:
    path = _serial_path(link)
    good = os.access(path, os.R_OK | os.W_OK)
    text = Label(f"{name} 的串口 {path}", f"serial port {path} of {name}")
    remedy = Label(
        f"检查接线与权限：{path} 不存在或不可读写", f"check cable and rights: {path} is missing or not accessible"
    )
    return PreflightResult(f"serial.{name}", good, text, NO_TEXT if good else remedy)


async def look_at_device(tester: LineTester) -> PreflightResult:
    """Does the device answer in its dialect at all?"""
    dialect = tester.dialect
    name = f"{device_classes()[dialect.device_class].slot}.{tester.slot}"
    title = device_class_profile(dialect.device_class).title
    text = Label(
        f"{title.zh} {tester.slot} 按 {dialect.name} 应答", f"{title.en} {tester.slot} answers as {dialect.name}"
    )
    try:
        await tester.open()
        described = await tester.first_word()
    except NoReply as error:
        if (
            error.stage == "reply" and getattr(dialect.rules, "host_ack", None) is not None
        ):  # its ACK came: cable, speed and dialect are right, the answer itself is not
            remedy = Label(
                f"设备应答了 ACK，但 {error.waited_s:g} 秒内没有完好的结果：见跟踪记录，应为设备的缺陷",
                f"the device acknowledged, but no whole answer came in {error.waited_s:g} s: see the trace, a defect of the device",
            )
            return PreflightResult(name, False, text, remedy)
        remedy = Label(
            f"无应答（{error.stage}，{error.waited_s:g} 秒）：检查电源、接线、波特率和协议 dialect",
            f"no {error.stage} in {error.waited_s:g} s: check power, cable, baud rate and dialect",
        )
        return PreflightResult(name, False, text, remedy)
    except LinkError as error:
        return PreflightResult(name, False, text, Label(str(error), str(error)))
    return PreflightResult(name, True, Label(f"{text.zh}：{described}", f"{text.en}: {described}"))


async def look_at_card(name: str, port: CardPort, pin: str = "") -> PreflightResult:
    """Is there a card that answers to reset, and is *pin* its PIN? It is presented once, and only where the card is a
    social security card with tries to spare: a wrong declaration must not cost one with every check.
    """
    text = Label(f"卡 {name} 应答复位", f"card {name} answers to reset")
    try:
        atr = await port.power_on()
    except LinkError as error:
        return PreflightResult(
            f"card.{name}", False, text, Label(f"没有卡或无应答：{error}", f"no card, or mute: {error}")
        )
    if pin and (refusal := await _pin_refusal(port, pin)) is not None:
        return PreflightResult(f"card.{name}", False, Label(f"卡 {name} 的密码", f"the PIN of card {name}"), refusal)
    return PreflightResult(
        f"card.{name}", True, Label(f"{text.zh}：{atr.hex().upper()}", f"{text.en}: {atr.hex().upper()}")
    )


async def _pin_refusal(port: CardPort, pin: str) -> Label | None:
    """What to mend when the card says that *pin* is wrong; None when it accepts it or nothing can be said here."""
    try:
        fci = await _whole_answer(port, SELECT_SSSE)
        if not names_ssse(fci[:-2]):
            return None
        tries = tries_left(int.from_bytes((await port.transmit(QUERY_PIN))[-2:]))
        if tries is None or tries < FEWEST_TRIES:
            return None  # each check that needs the PIN asks the same, and says so
        packed = packed_pin(pin)
        answer = await port.transmit(bytes((0x00, 0x20, 0x00, 0x00, len(packed))) + packed)
    except LinkError:
        return None
    left = tries_left(int.from_bytes(answer[-2:]))
    if left is None:
        return None
    return Label(
        f"卡拒绝 PIXIT 的 card.pin，还剩 {left} 次：改正计划中的 card.pin 后再运行，勿反复重试",
        f"the card refuses card.pin of the PIXIT, {left} tries left: correct card.pin in the plan before any other run",
    )


async def _whole_answer(port: CardPort, command: bytes) -> bytes:
    answer = await port.transmit(command)
    if len(answer) == 2 and answer[0] == 0x61:
        return await port.transmit(bytes((0x00, 0xC0, 0x00, 0x00, answer[1])))
    return answer


def failures(results: Sequence[PreflightResult]) -> list[PreflightResult]:
    """Those that are not in order."""
    return [each for each in results if not each.ok]


def have_tool(name: str) -> bool:
    """True when the program *name* can be started."""
    return shutil.which(name) is not None
