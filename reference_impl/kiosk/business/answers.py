"""What an entry means on the page on which it is made. Pure.

A harness sends lines that name their page (``bills 1,2``), so that a line which comes at the wrong moment is noticed instead
of answering another question; a citizen types the rest alone. Options are chosen by their number on the screen or by id.
"""

from __future__ import annotations

from protocols.wire.platform.models import Credential
from reference_impl.kiosk.business.menu import QR_METHODS, SCANNED_CREDENTIALS, Terms
from reference_impl.kiosk.business.options import Option, options_of
from reference_impl.kiosk.business.session import Session, Stage
from reference_impl.kiosk.business.words import (
    Accept,
    Back,
    BusinessEvent,
    Cancel,
    CardRead,
    Choose,
    CodeScanned,
    Misread,
    ShowDetail,
    TurnPage,
)
from reference_impl.kiosk.business.works import BankCard
from reference_impl.kiosk.words import CredentialShown

__all__ = ["LOGIN", "WORD_OF", "bank_card_of", "credential_of", "meaning_of_entry", "meaning_of_line"]

WORD_OF: dict[Stage, str] = {
    Stage.RECORD: "record",
    Stage.MENU: "menu",
    Stage.HOLDER: "confirm",
    Stage.BILLS: "bills",
    Stage.PAYER: "payer",
    Stage.ACCOUNT: "account",
    Stage.REOPEN: "again",
    Stage.QUOTE: "quote",
    Stage.METHOD: "method",
    Stage.CARD: "card",
    Stage.CODE: "scan",
    Stage.CONFIRM: "confirm",
    Stage.RESULT: "result",
    Stage.DEPARTMENT: "department",
    Stage.DOCTOR: "doctor",
    Stage.DATE: "date",
    Stage.SLOT: "slot",
    Stage.APPOINTMENT: "appointment",
    Stage.REFUND_NO: "trade",
    Stage.REFUND_CONFIRM: "refund",
}
"""The word with which a line for that page begins."""

LOGIN = "login"
ANYWHERE: dict[str, BusinessEvent] = {
    "back": Back(),
    "cancel": Cancel(),
    "next": TurnPage(1),
    "prev": TurnPage(-1),
}
ACCEPTING = frozenset({Stage.QUOTE, Stage.CONFIRM, Stage.HOLDER, Stage.RESULT})
YES = frozenset({"", "ok", "yes", "y", "是", "确认"})
NO = frozenset({"no", "n", "否"})


def meaning_of_line(session: Session, text: str, terms: Terms) -> BusinessEvent | None:
    """What the line *text* means on the page of *session*; None where it belongs to another page."""
    word, _, rest = text.strip().partition(" ")
    word = word.lower()
    if word in ANYWHERE and not rest:
        return ANYWHERE[word]
    if word == "detail" and session.stage is Stage.BILLS:
        return _detail(session, rest.strip(), terms)
    if word == WORD_OF.get(session.stage):
        return meaning_of_entry(session, rest.strip(), terms)
    if word == "confirm" and not rest and session.stage in ACCEPTING:
        return Accept()
    return None


def meaning_of_entry(session: Session, text: str, terms: Terms) -> BusinessEvent:
    """What *text* alone means on the page of *session*. :class:`Misread` where it means nothing."""
    stage = session.stage
    if stage in (Stage.QUOTE, Stage.CONFIRM, Stage.HOLDER):
        return Accept() if text.lower() in YES else Back() if text.lower() in NO else Misread()
    if stage is Stage.CODE:
        return CodeScanned(text) if text else Misread()
    if stage is Stage.CARD:
        card = bank_card_of(text)
        return CardRead(card) if card is not None else Misread()
    if stage is Stage.REFUND_NO:
        return Choose((text,)) if text else Misread()
    if stage is Stage.RESULT and not text:
        return Accept()
    if stage is Stage.DETAIL:
        return Back()
    if stage is Stage.BILLS and text.startswith(("d", "?")):
        return _detail(session, text[1:].strip(), terms)
    options = options_of(session, terms)
    chosen = tuple(_id_of(part.strip(), options) for part in text.replace("，", ",").split(","))
    return Misread() if not options or None in chosen else Choose(tuple(each for each in chosen if each is not None))


def _detail(session: Session, text: str, terms: Terms) -> BusinessEvent:
    found = _id_of(text, options_of(session, terms))
    return ShowDetail(found) if found is not None else Misread()


def _id_of(text: str, options: tuple[Option, ...]) -> str | None:
    """An id, the number on the screen, or yes and no where the page asks that. Ids come first: they may be digits."""
    if any(each.id == text for each in options):
        return text
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= len(options):
        return options[int(text) - 1].id
    answers = {"y": "yes", "是": "yes", "n": "no", "否": "no"}
    short = answers.get(text.lower(), "")
    return short if any(each.id == short for each in options) else None


def bank_card_of(text: str) -> BankCard | None:
    """A card from its track 2 equivalent, ``PAN=YYMM...`` or with ``D``, sentinels or not. None for anything else."""
    track = text.strip().strip(";?").replace("=", "D").upper()
    pan, separator, rest = track.partition("D")
    digits = track.replace("D", "", 1)
    if not separator or not digits.isascii() or not digits.isdecimal():
        return None
    if not 12 <= len(pan) <= 19 or len(rest) < 4 or len(track) > 37:
        return None
    return BankCard(pan=pan, expiry=rest[:4], track2=track)


def credential_of(text: str) -> CredentialShown | None:
    """``login KIND CODE`` of a code, ``login resident_id NUMBER NAME`` of a card. None where it is none of these."""
    word, _, rest = text.strip().partition(" ")
    kind, _, value = rest.strip().partition(" ")
    value = value.strip()
    if word.lower() != LOGIN or not value:
        return None
    try:
        if kind == "resident_id":
            number, _, name = value.partition(" ")
            shown = Credential(kind=kind, id_number=number.upper(), name=name.strip())
            return CredentialShown(shown) if len(number) == 18 else None
        for known in SCANNED_CREDENTIALS:
            if kind == known:
                return CredentialShown(Credential(kind=known, code=value))  # type: ignore[arg-type]
    except ValueError:
        return None
    return None


assert all(each.value not in ANYWHERE for each in QR_METHODS), "a word that is good anywhere names no option"
