"""The command line of the reference kiosk: what it says, and what makes no sense."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import protocols.wire
from protocols.link.base import LinkError, LinkUrl, schemes
from protocols.wire.card_reader import CardReaderDialect
from protocols.wire.pin_pad import PinPadDialect
from reference_impl.kiosk.business.menu import Method, Service, Terms
from reference_impl.kiosk.platform_http import origin_of
from reference_impl.kiosk.receipt import WIDTHS
from reference_impl.kiosk.state import Policy

__all__ = ["dialects", "pad_dialects", "parse", "terms_of"]

DESCRIPTION = (
    "Reads a social security card, verifies its PIN and shows its holder; with a platform (--backend) it also takes payments, "
    "registers and refunds. What the citizen enters comes from the keyboard, or from standard input: one line for each question. "
    "读社保卡、验证密码、显示持卡人；有平台（--backend）时可缴费、挂号、退费。"
)
DEVICE_SCHEMES_OUT = ("pcsc", "vpcd", "pty")

LIMITS = (
    ("pin", "PIN entry of the card"),
    ("confirm", "the question before the last try"),
    ("holder", "showing the holder"),
    ("take", "taking the card, which is captured afterwards"),
    ("fault", "the pause before the reader is tried again"),
    ("settle", "how often undecided business is asked about"),
)
BUSINESS_LIMITS = (
    ("menu", "the menu"),
    ("choose", "a page on which something is chosen"),
    ("quote", "the quote"),
    ("code", "showing a payment code"),
    ("paying", "waiting for the outcome of a payment"),
    ("result", "showing the result"),
)


def dialects() -> dict[str, CardReaderDialect]:
    """Every card reader dialect that the protocols know, by name."""
    return _dialects_of("card_reader")


def pad_dialects() -> dict[str, PinPadDialect]:
    """Every PIN pad dialect that the protocols know, by name."""
    return _dialects_of("pin_pad")


def _dialects_of(device_class: str) -> dict[str, Any]:
    """Dialects of devices are modules of protocols.wire itself; the packages below it are services, and not loaded here."""
    names = [each.name for each in pkgutil.iter_modules(protocols.wire.__path__) if not each.ispkg]
    modules = [importlib.import_module(f"protocols.wire.{name}") for name in names]
    found = [module.DIALECT for module in modules if hasattr(module, "DIALECT")]
    return {each.name: each for each in found if each.device_class == device_class}


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line. Ends the process with code 2 and a remedy when it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m reference_impl.kiosk", description=DESCRIPTION)
    _add_card(parser)
    _add_business(parser)
    options = parser.parse_args(arguments)
    _check_card(parser, options)
    _check_business(parser, options)
    return options


def _add_card(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--reader", metavar="URL", help="link of a motorised reader, e.g. serial:///dev/ttyUSB0?baud=9600")
    add("--dialect", choices=sorted(dialects()), default="crt591", help="what that reader speaks")
    add("--psam-socket", type=int, metavar="N", help="SAM socket of that reader with the PSAM, from 1")
    add("--pcsc", metavar="NAME", help="PC/SC reader for the card, instead of --reader")
    add("--psam-pcsc", metavar="NAME", help="PC/SC reader with the PSAM")
    add("--lang", choices=("zh", "en"), default="zh", help="language that comes first on the screen")
    add("--once", action="store_true", help="end after one citizen")
    add("--json", action="store_true", help="one JSON object a line instead of the screen")
    add("--pages", action="store_true", help="with --json: each line holds the page as the citizen sees it")
    for name, what in LIMITS:
        _add_limit(parser, name, what, getattr(Policy(), f"{name}_s"))


def _add_business(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("business 业务", "everything here needs --backend").add_argument
    add("--backend", metavar="URL", help="the platform, http://HOST:PORT 平台地址")
    add("--terminal", metavar="ID", help="number of this terminal 终端号")
    add("--key-file", metavar="FILE", help="this terminal's private key; made by --enrol 终端私钥文件")
    add("--enrol", metavar="CODE", help="enrol this terminal under its one-time code 用一次性代码注册终端")
    add("--outbox", metavar="FILE", help="journal of open business, survives a loss of power 未结业务日志")
    add("--headless", action="store_true", help="no card reader: citizens show codes, lines say what they do 无读卡器")
    add("--identity", choices=("scan",), default="scan", help="how citizens of a headless kiosk say who they are")
    add("--epp", metavar="URL", help="link of the PIN pad 密码键盘链路")
    add("--epp-dialect", choices=sorted(pad_dialects()), default="epp-b", help="what that PIN pad speaks")
    add("--bank-reader", metavar="URL", help="link of a motorised reader for bank cards alone 银行卡读卡器链路")
    add("--bank-dialect", choices=sorted(dialects()), default="crt310", help="what that reader speaks")
    add("--scanner", metavar="URL", help="link of a scanner that sends lines 扫码器链路")
    add("--printer", metavar="URL", help="link of an ESC/POS printer 凭条打印机链路")
    add("--receipts", metavar="DIR", help="folder for slips, instead of --printer 凭条目录")
    add("--columns", type=int, choices=WIDTHS, default=WIDTHS[0], help="columns of a slip 凭条列数")
    add("--services", metavar="LIST", default=",".join(Service), help="menu, in its order 菜单项")
    add("--methods", metavar="LIST", default=",".join(Terms().methods), help="ways to pay 支付方式")
    for name, what in BUSINESS_LIMITS:
        _add_limit(parser, name, what, getattr(Terms(), f"{name}_s"))


def _add_limit(parser: argparse.ArgumentParser, name: str, what: str, default: float) -> None:
    parser.add_argument(f"--{name}-s", type=float, default=default, metavar="S", help=f"{what}: limit, {default:g} s")


def _check_card(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.headless:
        if options.reader is not None or options.pcsc is not None:
            parser.error("--headless has no place for a card: leave out --reader and --pcsc, or --headless")
    elif (options.reader is None) == (options.pcsc is None):
        parser.error("name one place for the card: --reader URL or --pcsc NAME")
    if options.psam_socket is not None and (options.reader is None or options.psam_socket < 1):
        parser.error("--psam-socket counts the SAM sockets of the --reader, from 1")
    if options.pages and not options.json:
        parser.error("--pages goes with --json: without it the screen itself is shown")
    if options.psam_socket is not None and options.psam_pcsc is not None:
        parser.error("there is one PSAM: --psam-socket or --psam-pcsc")
    if options.reader is not None:
        _check_link(parser, "--reader", options.reader)


def _check_link(parser: argparse.ArgumentParser, name: str, url: str) -> None:
    try:
        scheme = LinkUrl.parse(url).scheme
    except LinkError as error:
        parser.error(str(error))
    if scheme not in schemes() or scheme in DEVICE_SCHEMES_OUT:
        parser.error(f"{name} {url}: a device stands behind serial:// or tcp://")


def _check_business(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    needing = ("terminal", "key_file", "enrol", "outbox", "epp", "bank_reader", "scanner", "printer", "receipts")
    given = [f"--{name.replace('_', '-')}" for name in needing if getattr(options, name) is not None]
    if options.backend is None:
        if given or options.headless:
            parser.error(f"{', '.join(given) or '--headless'}: business needs a platform, name it with --backend URL")
        return
    missing = [name for name in ("--terminal", "--key-file", "--outbox") if name not in given]
    if missing:
        parser.error(f"--backend needs {', '.join(missing)} too")
    try:
        options.backend = origin_of(options.backend)
    except ValueError as error:
        parser.error(f"--backend {error}")
    for name in ("epp", "bank_reader", "scanner", "printer"):
        if getattr(options, name) is not None:
            _check_link(parser, f"--{name.replace('_', '-')}", getattr(options, name))
    if options.printer is not None and options.receipts is not None:
        parser.error("slips go to one place: --printer or --receipts")
    options.services = _words(parser, "--services", options.services, list(Service))
    options.methods = _words(parser, "--methods", options.methods, list(Terms().methods))


def _words(parser: argparse.ArgumentParser, name: str, text: str, known: Sequence[str]) -> tuple[str, ...]:
    words = tuple(each.strip() for each in text.split(",") if each.strip())
    unknown = [each for each in words if each not in known]
    if unknown or not words:
        parser.error(f"{name} {text}: choose among {', '.join(known)}")
    return words


def terms_of(options: argparse.Namespace, *, bank_cards: bool) -> Terms:
    """The terms of business. Without a PIN pad and a source of bank cards nobody pays by bank card."""
    methods = tuple(Method(each) for each in options.methods if bank_cards or each != Method.BANK_CARD)
    limits = {f"{name}_s": getattr(options, f"{name}_s") for name, _ in BUSINESS_LIMITS}
    assert set(limits) <= {each.name for each in fields(Terms)}, "every limit of the command line is one of the terms"
    return Terms(services=tuple(Service(each) for each in options.services), methods=methods, **limits)
