"""Answer to reset: parsing, the checks of ISO/IEC 7816-3, and what the social security card adds.

Sources: spec/cards.md 1.1 (social security card), 3.1 (checks), 3.3 (contactless ATR that a PC/SC reader makes).
A parser of a test harness must not stop at the first fault: every finding is returned as a label.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from protocols.wire.base import Label, Node, WireError

__all__ = [
    "Atr",
    "atr_tree",
    "build_contactless_atr",
    "parse_atr",
    "social_security_problems",
    "terminal_problems",
]

SHORTEST, LONGEST = 2, 33


@dataclass(frozen=True, slots=True)
class Atr:
    """A parsed ATR. ``interface`` the interface bytes by name (``TA1`` ..), in order; ``protocols`` the numbers that
    TDi announce, ``(0,)`` when there is no TD1; ``tck`` None when absent; ``rest`` what follows the end."""

    raw: bytes
    interface: tuple[tuple[str, int], ...] = ()
    protocols: tuple[int, ...] = (0,)
    historical: bytes = b""
    tck: int | None = None
    rest: bytes = b""

    @property
    def ts(self) -> int:
        return self.raw[0] if self.raw else 0

    def byte(self, name: str) -> int | None:
        """Interface byte by name (``TB1``); None when absent."""
        return dict(self.interface).get(name)

    @property
    def contactless(self) -> bool:
        """True for the form that a PC/SC reader makes of a contactless card: ``3B 8n 80 01`` historical bytes TCK."""
        return self.raw[2:4] == b"\x80\x01" and self.raw[:1] == b"\x3b" and self.raw[1] & 0xF0 == 0x80

    @property
    def area(self) -> str:
        """First four digits of the issuing area code, T8-T9 of a social security card; empty when not digits."""
        digits = self.historical[7:9].hex()
        return digits if len(digits) == 4 and digits.isdigit() else ""

    @property
    def level3_factor(self) -> bytes:
        """Historical bytes 6 to 13: the card's own diversification factor (spec/cards.md 1.6)."""
        return self.historical[5:13]


_TOO_SHORT = Label("复位应答被截断", "the ATR is cut off")


def _interface_bytes(raw: bytes) -> tuple[list[tuple[str, int]], list[int], int]:
    """Interface bytes, announced protocols, offset of the first historical byte. Raises WireError when cut off."""
    present, group, at = raw[1] >> 4, 1, 2
    interface: list[tuple[str, int]] = []
    protocols: list[int] = []
    while present:
        following = 0
        for bit, name in enumerate("ABCD"):
            if not present & (1 << bit):
                continue
            if at >= len(raw):
                raise WireError("interface byte missing", at)
            interface.append((f"T{name}{group}", raw[at]))
            if name == "D":
                following = raw[at] >> 4
                protocols.append(raw[at] & 0x0F)
            at += 1
        present, group = following, group + 1
    return interface, protocols or [0], at


def parse_atr(raw: bytes) -> tuple[Atr, list[Label]]:
    """The ATR and what is wrong with it by ISO/IEC 7816-3; no problems means a valid ATR."""
    problems: list[Label] = []
    if not SHORTEST <= len(raw) <= LONGEST:
        problems.append(Label(f"长度 {len(raw)} 不在 2 到 33 字节之间", f"length {len(raw)} is not 2 to 33 bytes"))
    if raw[:1] not in (b"\x3b", b"\x3f"):
        problems.append(Label("TS 不是 3B 或 3F", "TS is neither 3B nor 3F"))
    if len(raw) < SHORTEST:
        return Atr(raw), problems
    try:
        interface, protocols, at = _interface_bytes(raw)
    except WireError:
        return Atr(raw), [*problems, _TOO_SHORT]
    end = at + (raw[1] & 0x0F)
    needs_tck = any(protocol != 0 for protocol in protocols)
    tck = raw[end] if needs_tck and len(raw) > end else None
    rest = raw[end + 1 :] if needs_tck else raw[end:]
    if len(raw) < end:
        problems.append(_TOO_SHORT)
    elif needs_tck and tck is None:
        problems.append(Label("缺少校验字节 TCK", "the check byte TCK is missing"))
    elif needs_tck and reduce(int.__xor__, raw[1 : end + 1]):
        problems.append(Label("校验字节 TCK 错误", "the check byte TCK is wrong"))
    if rest and not needs_tck:
        problems.append(Label("只有 T=0 时不应有 TCK 或多余字节", "a T=0 ATR has a TCK or bytes behind its end"))
    elif rest:
        problems.append(Label("末尾有多余字节", "bytes behind the end"))
    return Atr(raw, tuple(interface), tuple(protocols), raw[at:end], tck, rest), problems


def social_security_problems(atr: Atr) -> list[Label]:
    """What breaks the rules of the social security card (spec/cards.md 1.1), beyond those of :func:`parse_atr`."""
    problems: list[Label] = []
    if len(atr.historical) != 13:
        count = len(atr.historical)
        problems.append(Label(f"历史字节为 {count} 个，应为 13 个", f"{count} historical bytes instead of 13"))
    elif atr.historical[0] != 0:
        problems.append(Label("历史字节 T1 不是 00", "historical byte T1 is not 00"))
    if atr.contactless:
        return problems
    if atr.ts != 0x3B:
        problems.append(Label("TS 不是 3B（正向约定）", "TS is not 3B (direct convention)"))
    if atr.protocols != (0,):
        problems.append(Label("声明了 T=0 以外的协议", "announces a protocol other than T=0"))
    if atr.byte("TB1") not in (None, 0) or (len(atr.raw) > 1 and atr.raw[1] >> 4 not in (2, 3, 6, 7)):
        problems.append(
            Label("TB1 应为 00，T0 高半字节应为 2、3、6 或 7", "TB1 must be 00 and T0 open with 2, 3, 6 or 7")
        )
    if not atr.area:
        problems.append(Label("T8-T9 不是发卡地区代码", "T8-T9 is not an issuing area code"))
    return problems


def terminal_problems(atr: Atr) -> list[Label]:
    """Why a terminal need not accept this ATR: TA1 01 or 11, TD1 T=0 or T=1, TC2 0A (spec/cards.md 3.1)."""
    problems: list[Label] = []
    if atr.byte("TA1") not in (None, 0x01, 0x11):
        problems.append(Label("TA1 不是 01 或 11", "TA1 is neither 01 nor 11"))
    if (atr.byte("TD1") or 0) & 0x0F > 1:
        problems.append(Label("TD1 的协议不是 T=0 或 T=1", "TD1 announces neither T=0 nor T=1"))
    if atr.byte("TC2") not in (None, 0x0A):
        problems.append(Label("TC2 不是 0A", "TC2 is not 0A"))
    return problems


def build_contactless_atr(historical: bytes) -> bytes:
    """The ATR that a PC/SC reader makes of an ISO 14443-4 card. Raises WireError above 15 historical bytes."""
    if len(historical) > 15:
        raise WireError(f"{len(historical)} historical bytes; an ATR has at most 15")
    body = bytes((0x80 | len(historical), 0x80, 0x01)) + historical
    return b"\x3b" + body + bytes((reduce(int.__xor__, body),))


def atr_tree(raw: bytes) -> Node:
    """Labelled tree of an ATR; problems become nodes of their own. Never raises."""
    atr, problems = parse_atr(raw)
    nodes = [
        Node("ts", Label("起始字节 TS", "initial byte TS"), raw[:1]),
        Node("t0", Label("格式字节 T0", "T0"), raw[1:2]),
    ]
    nodes += [Node(name.lower(), Label(f"接口字节 {name}", name), bytes((value,))) for name, value in atr.interface]
    if atr.historical:
        nodes.append(Node("historical", Label("历史字节", "historical bytes"), atr.historical))
    if atr.tck is not None:
        nodes.append(Node("tck", Label("校验字节 TCK", "TCK"), bytes((atr.tck,))))
    nodes += [Node("problem", Label(f"问题：{each.zh}", f"problem: {each.en}")) for each in problems]
    protocols = "、".join(f"T={number}" for number in atr.protocols)
    return Node("atr", Label("复位应答 ATR", "answer to reset"), raw, protocols, children=tuple(nodes))
