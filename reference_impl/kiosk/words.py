"""What can happen to a kiosk (events), what it can do about it (works), and why it may have to say sorry (problems).

Plain frozen values without any input or output. A PIN travels in one event and one work only, and neither shows it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from protocols.driver.social_security import CardHolder, CardIdentity
from protocols.wire.base import Label
from protocols.wire.card_reader import Media
from protocols.wire.platform.models import Credential
from reference_impl.kiosk.business.words import BusinessEvent, Settled
from reference_impl.kiosk.business.works import BusinessWork, Settle

__all__ = [
    "PROBLEM_LABELS",
    "Authenticate",
    "Authenticated",
    "CaptureCard",
    "Captured",
    "CloseEntry",
    "Confirmed",
    "CountTries",
    "CredentialShown",
    "Declined",
    "EntryClosed",
    "EntryOpened",
    "Event",
    "Failed",
    "Finished",
    "HolderRead",
    "IdentityRead",
    "LookFailed",
    "NoPinOnCard",
    "OpenEntry",
    "PinAccepted",
    "PinEntered",
    "PinMalformed",
    "PinRejected",
    "Problem",
    "ReadCard",
    "ReadHolder",
    "ReaderReady",
    "Recover",
    "ReturnCard",
    "Returned",
    "Seen",
    "Settle",
    "Settled",
    "Stop",
    "Tick",
    "TriesCounted",
    "VerifyPin",
    "Work",
]


class Problem(StrEnum):
    """Why a card comes back without its holder having been shown, or why the kiosk is out of service."""

    WRONG_CARD = "wrong_card"
    NOT_SOCIAL_SECURITY = "not_social_security"
    MUTE_CARD = "mute_card"
    CARD_REFUSED = "card_refused"
    CARD_GONE = "card_gone"
    NO_PSAM = "no_psam"
    AUTHENTICATION = "authentication"
    PIN_LOCKED = "pin_locked"
    CANCELLED = "cancelled"
    TIME_OUT = "time_out"
    READER_SILENT = "reader_silent"
    READER_FAULT = "reader_fault"
    STOPPING = "stopping"
    NOT_RECOGNISED = "not_recognised"
    PLATFORM_SILENT = "platform_silent"
    PLATFORM_REFUSED = "platform_refused"
    OUTBOX = "outbox"
    PIN_PAD = "pin_pad"
    KIOSK_FAULT = "kiosk_fault"


PROBLEM_LABELS: dict[Problem, Label] = {
    Problem.WRONG_CARD: Label("此卡的尺寸不符", "This card has the wrong size"),
    Problem.NOT_SOCIAL_SECURITY: Label("这不是社会保障卡", "This is not a social security card"),
    Problem.MUTE_CARD: Label("读不到卡片芯片，请检查卡面方向", "No answer from the chip: turn the card round"),
    Problem.CARD_REFUSED: Label("卡片拒绝了本次操作，请到柜台咨询", "The card refused: ask at the counter"),
    Problem.CARD_GONE: Label("卡片在操作中被取走", "The card was taken away too early"),
    Problem.NO_PSAM: Label("本机安全模块不可用，无法读取此卡", "The security module of this kiosk does not work"),
    Problem.AUTHENTICATION: Label("卡片认证未通过，请到柜台咨询", "The card is not verified: ask at the counter"),
    Problem.PIN_LOCKED: Label("密码已锁定，请到柜台重置", "The PIN is locked: have it reset at the counter"),
    Problem.CANCELLED: Label("操作已取消", "Cancelled"),
    Problem.TIME_OUT: Label("等待时间过长，操作已结束", "Nothing was entered for too long"),
    Problem.READER_SILENT: Label("读卡器没有应答", "The card reader does not answer"),
    Problem.READER_FAULT: Label("读卡器故障", "The card reader has a fault"),
    Problem.STOPPING: Label("本机即将停止服务", "This kiosk is about to stop"),
    Problem.NOT_RECOGNISED: Label(
        "平台未能识别您的身份，请到柜台咨询", "The platform does not know you: ask at the counter"
    ),
    Problem.PLATFORM_SILENT: Label("业务平台没有应答", "The platform does not answer"),
    Problem.PLATFORM_REFUSED: Label("业务平台拒绝了本机", "The platform refuses this kiosk"),
    Problem.PIN_PAD: Label("密码键盘故障", "The PIN pad has a fault"),
    Problem.KIOSK_FAULT: Label("本机故障，业务已中止", "This kiosk has a fault: business was stopped"),
    Problem.OUTBOX: Label("本机存储故障", "The storage of this kiosk has a fault"),
}


# What the kiosk does: one at a time, each ends with one event.


@dataclass(frozen=True, slots=True)
class Recover:
    """Open the line if need be, bring the reader into a known state, say where the card is."""


@dataclass(frozen=True, slots=True)
class OpenEntry:
    """Let a card in."""


@dataclass(frozen=True, slots=True)
class CloseEntry:
    """Let no card in any more."""


@dataclass(frozen=True, slots=True)
class ReadCard:
    """Shut the entry, bring the card to the contacts, read its identity."""


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Card and kiosk prove themselves to each other through the PSAM."""


@dataclass(frozen=True, slots=True)
class CountTries:
    """Ask how many PIN tries are left, without using one."""


@dataclass(frozen=True, slots=True)
class VerifyPin:
    """Use one PIN try."""

    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReadHolder:
    """Read whose card it is."""


@dataclass(frozen=True, slots=True)
class ReturnCard:
    """Power the chip off and bring the card to the mouth. ``forcibly``: initialise the reader before."""

    forcibly: bool = False


@dataclass(frozen=True, slots=True)
class CaptureCard:
    """Take the forgotten card into the retain bin."""


Work = (
    Recover
    | OpenEntry
    | CloseEntry
    | ReadCard
    | Authenticate
    | CountTries
    | VerifyPin
    | ReadHolder
    | ReturnCard
    | CaptureCard
    | BusinessWork
)


# What happens.


@dataclass(frozen=True, slots=True)
class ReaderReady:
    """:class:`Recover` is done; the card is at *media*."""

    media: Media


@dataclass(frozen=True, slots=True)
class EntryOpened:
    pass


@dataclass(frozen=True, slots=True)
class EntryClosed:
    pass


@dataclass(frozen=True, slots=True)
class Seen:
    """A look at the reader: the card is at *media*."""

    media: Media


@dataclass(frozen=True, slots=True)
class LookFailed:
    """A look at the reader got no answer."""


@dataclass(frozen=True, slots=True)
class IdentityRead:
    identity: CardIdentity = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authenticated:
    pass


@dataclass(frozen=True, slots=True)
class TriesCounted:
    """*tries_left* of the PIN; None where the card does not tell."""

    tries_left: int | None


@dataclass(frozen=True, slots=True)
class NoPinOnCard:
    """The card asks for no PIN."""


@dataclass(frozen=True, slots=True)
class PinEntered:
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PinMalformed:
    """What was entered can be no PIN: the card is not asked."""


@dataclass(frozen=True, slots=True)
class PinAccepted:
    pass


@dataclass(frozen=True, slots=True)
class PinRejected:
    """Wrong PIN; *tries_left* are left, 0 when it is locked now."""

    tries_left: int


@dataclass(frozen=True, slots=True)
class HolderRead:
    holder: CardHolder = field(repr=False)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The citizen wants to use a try that may be the last one."""


@dataclass(frozen=True, slots=True)
class Declined:
    """The citizen gives up."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The citizen has seen enough."""


@dataclass(frozen=True, slots=True)
class Returned:
    """:class:`ReturnCard` is done; the card is at *media*: the mouth, or nowhere."""

    media: Media


@dataclass(frozen=True, slots=True)
class Captured:
    pass


@dataclass(frozen=True, slots=True)
class Failed:
    """A work did not succeed. ``detail`` says more, without anything personal."""

    problem: Problem
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CredentialShown:
    """A citizen without a card in the reader has shown who they are: a code, or a resident ID card."""

    credential: Credential = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tick:
    """The state's deadline has come."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Somebody wants the kiosk to end: SIGTERM, Ctrl-C."""


Event = (
    ReaderReady
    | EntryOpened
    | EntryClosed
    | Seen
    | LookFailed
    | IdentityRead
    | Authenticated
    | TriesCounted
    | NoPinOnCard
    | PinEntered
    | PinMalformed
    | PinAccepted
    | PinRejected
    | HolderRead
    | Confirmed
    | Declined
    | Finished
    | Returned
    | Captured
    | Failed
    | CredentialShown
    | Tick
    | Stop
    | BusinessEvent
)
