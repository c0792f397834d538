"""Driver of the social security card: how a kiosk reads one, through any :class:`CardPort` (spec/cards.md 1, 6).

Pure conversation: no input or output but the port. The order of calls is that of the national reader interface
(cards.md 1.9): power, select SSSE, algorithm, internal authentication through the PSAM, on 3.0 external authentication
with RKSSSE, then read. The PSAM's side is in ``psam.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.driver.card_channel import CardChannel, CardRefused, PinLocked, PinWrong
from protocols.driver.psam import IRK, RKSSSE, Psam
from protocols.link.base import CardPort, LinkError
from protocols.wire.apdu import Command
from protocols.wire.atr import Atr, parse_atr
from protocols.wire.base import Label, WireError
from protocols.wire.social_security import (
    AID_OF,
    RKSSSE_ID,
    SSSE_NAME,
    Algorithm,
    Fci,
    Item,
    algorithm_of,
    decode_text,
    file_of,
    parse_fci,
    version_of,
)

__all__ = [
    "AuthenticationFailed",
    "CardHolder",
    "CardIdentity",
    "CardRefused",
    "MedicalData",
    "NotSocialSecurityCard",
    "PinLocked",
    "PinWrong",
    "Psam",
    "SocialSecurityCard",
]

NO_DATA = (0x6A82, 0x6A83)
"""A file or record that this card does not have: an empty field, not an error."""
MAX_READ = 255


class NotSocialSecurityCard(LinkError):
    """The card answered, but it is another one, or one that breaks the format of what identifies it."""

    def __init__(self, label: Label) -> None:
        super().__init__(label.en)
        self.label = label


class AuthenticationFailed(LinkError):
    """The card's cryptogram is not the PSAM's: a forged card, or keys that do not belong together."""

    def __init__(self) -> None:
        self.label = Label("卡片内部认证失败", "the card did not authenticate itself")
        super().__init__(self.label.en)


@dataclass(frozen=True, slots=True)
class CardIdentity:
    """What EF05 and the ATR tell: free to read on every card. Dates are ``YYYYMMDD``, empty when absent."""

    version: str
    identification_code: str
    area: str
    card_class: str
    organisation: str
    issued_on: str
    valid_until: str
    card_number: str
    algorithm: Algorithm
    historical: bytes
    contactless: bool

    @property
    def needs_authentication(self) -> bool:
        """True where the holder's file opens only after EXTERNAL AUTHENTICATE: from 3.0 on."""
        return self.version >= "3"


@dataclass(frozen=True, slots=True)
class CardHolder:
    """What EF06 tells. ``sex`` is ``1``, ``2`` or ``9``; ``born_on`` is ``YYYYMMDD``."""

    id_number: str
    name: str
    sex: str
    ethnic_group: str
    birthplace: str
    born_on: str


@dataclass(frozen=True, slots=True)
class MedicalData:
    """Records of DF04 EF05 as text by tag; a record that the card lacks is not in it."""

    values: dict[int, str] = field(default_factory=dict[int, str])

    @property
    def online(self) -> bool | None:
        """Whether the card settles online (tag 8F: ``1`` online, ``2`` offline); None when it does not say."""
        return {"1": True, "2": False}.get(self.values.get(0x8F, ""))


class SocialSecurityCard:
    """A social security card of any generation. Calls raise :class:`CardRefused` with the status word's label,
    LinkTimeout or LinkClosed of the port, and what else each says."""

    def __init__(self, port: CardPort) -> None:
        self.channel = CardChannel(port)
        self.atr: Atr | None = None
        self.fci: Fci | None = None
        self.identity: CardIdentity | None = None

    async def open(self) -> Fci:
        """Cold reset and SELECT of SSSE. Raises :class:`NotSocialSecurityCard`."""
        self.atr, _ = parse_atr(await self.channel.port.power_on())
        return await self.select_environment()

    async def select_environment(self) -> Fci:
        """SELECT SSSE by name. Raises :class:`NotSocialSecurityCard` when the card has none or names another."""
        try:
            answer = await self.channel.demand(Command(0x00, 0xA4, 0x04, 0x00, SSSE_NAME))
            fci = parse_fci(answer.data)
        except (CardRefused, WireError) as error:
            raise NotSocialSecurityCard(Label("不是社会保障卡", "not a social security card")) from error
        if fci.name != SSSE_NAME:
            raise NotSocialSecurityCard(Label("所选应用不是社会保障系统环境", "the card selected another application"))
        self.fci = fci
        return fci

    async def read_identity(self) -> CardIdentity:
        """EF05 record by record. Raises :class:`NotSocialSecurityCard` when the algorithm cannot be told."""
        values = await self._read_file("SSSE", 0x05)
        code = values.get(0x01, "")
        assert self.fci is not None, "open() comes first"
        assert self.atr is not None, "open() comes first"
        try:
            algorithm = algorithm_of(self.fci, code[:6])
        except WireError as error:
            raise NotSocialSecurityCard(Label("卡片算法标识未知", "unknown algorithm of the card")) from error
        self.identity = CardIdentity(
            version=version_of(values.get(0x03, "").encode()),
            identification_code=code,
            area=code[:6],
            card_class=values.get(0x02, ""),
            organisation=values.get(0x04, ""),
            issued_on=values.get(0x05, ""),
            valid_until=values.get(0x06, ""),
            card_number=values.get(0x07, ""),
            algorithm=algorithm,
            historical=self.atr.historical,
            contactless=self.atr.contactless,
        )
        return self.identity

    async def authenticate(self, psam: Psam) -> None:
        """The card proves itself to the PSAM, and on 3.0 the kiosk proves itself to the card.

        Raises :class:`AuthenticationFailed` when the card's answer is wrong.
        """
        await self.internal_authentication(psam)
        if self._known().needs_authentication:
            await self.external_authentication(psam)

    async def internal_authentication(self, psam: Psam) -> None:
        """INTERNAL AUTHENTICATE with IRK; both challenges are the PSAM's."""
        known = self._known()
        factor, data = await psam.challenge(), await psam.challenge()
        answer = await self.channel.demand(Command(0x00, 0x88, 0x00, 0x00, factor + data))
        wanted = await psam.authentication_data(IRK, known.algorithm, known.area, known.historical, factor, data)
        if answer.data != wanted:
            raise AuthenticationFailed

    async def external_authentication(self, psam: Psam, key_id: int = RKSSSE_ID) -> None:
        """EXTERNAL AUTHENTICATE in SSSE, RKSSSE unless told otherwise: opens the holder's file of a 3.0 card."""
        known = self._known()
        factor = (await self.channel.demand(Command(0x00, 0x84, le=8))).data
        data = await psam.challenge()
        proof = await psam.authentication_data(RKSSSE, known.algorithm, known.area, known.historical, factor, data)
        await self.channel.demand(Command(0x00, 0x82, 0x00, key_id, proof + data))

    async def read_holder(self) -> CardHolder:
        """EF06. On a 3.0 card :meth:`authenticate` comes first, else CardRefused with 6982."""
        values = await self._read_file("SSSE", 0x06)
        return CardHolder(
            id_number=values.get(0x08, ""),
            name=values.get(0x09, "") + values.get(0x4E, ""),
            sex=values.get(0x0A, ""),
            ethnic_group=values.get(0x0B, ""),
            birthplace=values.get(0x0C, ""),
            born_on=values.get(0x0D, ""),
        )

    async def pin_tries_left(self) -> int | None:
        """Tries of the PIN without using one; None when no PIN is set, 0 when it is locked."""
        answer = await self.channel.ask(Command(0x00, 0x20))
        if answer.ok:
            return None
        if answer.sw == 0x6983:
            return 0
        if answer.tries_left is None:
            raise CardRefused(Command(0x00, 0x20).t0(), answer.sw)
        return answer.tries_left

    async def verify_pin(self, digits: str) -> None:
        """VERIFY. Raises :class:`PinWrong` with the tries left, :class:`PinLocked` when none are.

        *digits* are 4 to 16 decimal digits; anything else is a ValueError before the card is asked.
        """
        if not (digits.isascii() and digits.isdecimal() and 4 <= len(digits) <= 16):
            raise ValueError("a PIN has 4 to 16 decimal digits")
        packed = bytes.fromhex(digits + "F" * (len(digits) % 2))
        command = Command(0x00, 0x20, data=packed)
        answer = await self.channel.ask(command)
        if answer.tries_left:
            raise PinWrong(command.t0(), answer.sw, answer.tries_left)
        if answer.sw in (0x6983, 0x63C0):
            raise PinLocked(command.t0(), answer.sw)
        if not answer.ok:
            raise CardRefused(command.t0(), answer.sw)

    async def select_application(self, name: str) -> None:
        """SELECT ``DF01`` .. ``DF07`` by AID."""
        await self.channel.demand(Command(0x00, 0xA4, 0x04, 0x00, AID_OF[name]))

    async def read_medical(self) -> MedicalData:
        """DF04 EF05. After :meth:`verify_pin`, or CardRefused with 6982; leaves DF04 selected."""
        await self.select_application("DF04")
        return MedicalData(await self._read_file("DF04", 0x05))

    async def close(self) -> None:
        """Power off: on every path, also after an error, so that no right stays on the card."""
        await self.channel.port.power_off()

    def _known(self) -> CardIdentity:
        assert self.identity is not None, "read_identity() comes first"
        return self.identity

    async def _read_file(self, df: str, ef: int) -> dict[int, str]:
        """Text of every record of a file of the map that the card has."""
        file = file_of(df, ef)
        assert file is not None, "the map holds every file that this driver reads"
        await self.channel.demand(Command(0x00, 0xA4, 0x02, 0x00, file.fid.to_bytes(2, "big")))
        found: dict[int, str] = {}
        for item in file.items:
            value = await self._read_record(item)
            if value is not None:
                found[item.tag] = decode_text(item, value)
        return found

    async def _read_record(self, item: Item) -> bytes | None:
        """Value of the record of that tag in the current file; None when the card does not have it."""
        command = Command(0x00, 0xB2, item.tag, 0x00, le=min((item.length or 0) + 2, MAX_READ))
        answer = await self.channel.ask(command)
        if answer.sw in NO_DATA:
            return None
        if not answer.ok:
            raise CardRefused(command.t0(), answer.sw)
        if len(answer.data) < 2 or answer.data[0] != item.tag or answer.data[1] != len(answer.data) - 2:
            raise NotSocialSecurityCard(
                Label(f"记录 {item.tag:02X} 的格式错误", f"record {item.tag:02X} has not its form")
            )
        return answer.data[2:]
