"""A whole call and its answer, as bytes. A call is ``SELFCALL``, an answer ``SELFBACK``; both go over one address by POST.

A call is proven by the header ``x-self-sign``: hexadecimal HMAC-SHA256 of the body under the shared secret. The body holds the
institution, the time (China) and a sequence number that is never used twice, which the answer repeats.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

from protocols.clock import civil
from protocols.wire.base import WireError
from protocols.wire.his.fields import Ask, Told, read, write
from protocols.wire.his.operations import OPERATIONS, Operation
from protocols.wire.his.refusals import Refused
from protocols.wire.his_xml.codec import Field, decode, encode, moment, parse, text
from protocols.wire.his_xml.tables import CODES, SUCCESS, TYPES, operation_of
from protocols.wire.http import HttpReply, HttpRequest

__all__ = [
    "ADDRESS",
    "SIGN_HEADER",
    "XML_TYPE",
    "Call",
    "call_request",
    "peek_word",
    "read_answer",
    "read_call",
    "refusal_answer",
    "sign",
    "success_answer",
]

ADDRESS = "/selfservice/call"
SIGN_HEADER = "x-self-sign"
XML_TYPE = "application/xml; charset=utf-8"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_CALL: tuple[Field, ...] = (
    text("word", "TYPE"),
    text("institution", "UNIT"),
    text("nonce", "SEQNO"),
    moment("at", "CALLTIME"),
    text("key", "ONCE"),
)
_ANSWER: tuple[Field, ...] = (text("word", "TYPE"), text("nonce", "SEQNO"), text("code", "CODE"), text("note", "NOTE"))
_DATA = "DATA"
_BACK = {number: code for code, number in CODES.items()}
_WORD = re.compile(rb"<TYPE>([A-Z]{1,16})</TYPE>")


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was read so far; ``data`` is judged by :meth:`message`. ``at`` is a time as the neutral messages write it."""

    word: str
    institution: str
    nonce: str
    at: str
    key: str
    data: Element | None

    @property
    def operation(self) -> Operation:
        """Raises :class:`Refused` for a word that the vendor does not know."""
        found = operation_of(self.word)
        if found is None:
            raise Refused("no-such-operation", "TYPE")
        return found

    def message(self) -> Ask:
        """Raises :class:`Refused` naming the element that is wrong."""
        operation = self.operation
        try:
            values = decode(TYPES[operation].request, self.data, strict=True) if self.data is not None else {}
            return read(OPERATIONS[operation].request, values)
        except WireError as error:
            raise Refused("malformed", error.why) from None


def sign(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def peek_word(body: bytes) -> str:
    """The operation's word without reading the rest: by this name faults find a call. Empty where there is none."""
    found = _WORD.search(body[:512])
    return found[1].decode() if found else ""


# A client's side.


def call_request(
    operation: Operation, message: Ask, *, secret: str, institution: str, key: str, nonce: str, now: float
) -> HttpRequest:
    """The signed call. Raises :class:`WireError` for a character that XML cannot carry."""
    kind = TYPES[operation]
    at = civil(int(now)).isoformat(timespec="seconds")
    head = encode(_CALL, {"word": kind.word, "institution": institution, "nonce": nonce, "at": at, "key": key})
    data = encode(kind.request, write(message))
    body = f"{_HEAD}<SELFCALL>{head}<{_DATA}>{data}</{_DATA}></SELFCALL>".encode()
    return HttpRequest("POST", ADDRESS, {"content-type": XML_TYPE, SIGN_HEADER: sign(body, secret)}, body)


def read_answer(operation: Operation, reply: HttpReply, nonce: str) -> Told:
    """What the HIS says. Raises :class:`Refused` for a refusal, :class:`WireError` for what is no answer to that call."""
    if reply.status != 200:
        raise WireError(f"HTTP {reply.status}")
    kind = TYPES[operation]
    head, data = _opened(parse(reply.body), "SELFBACK", _ANSWER, strict=False)
    if head.get("nonce") != nonce or head.get("word") != kind.word:
        raise WireError("the answer belongs to another call")
    code = head.get("code", "")
    if code != SUCCESS:
        if code not in _BACK:
            raise WireError("CODE: none of this interface")
        raise Refused(_BACK[code])
    values = decode(kind.reply, data, strict=False) if data is not None else {}
    return read(OPERATIONS[operation].reply, _with_lists(kind.reply, values))


def _with_lists(fields: tuple[Field, ...], values: dict[str, Any]) -> dict[str, Any]:
    """The vendor leaves an empty list out altogether."""
    return {**{each.neutral: [] for each in fields if each.row}, **values}


# The HIS's side.


def read_call(body: bytes) -> Call:
    """Raises :class:`Refused`."""
    try:
        head, data = _opened(parse(body), "SELFCALL", _CALL, strict=True)
    except WireError as error:
        raise Refused("malformed", error.why) from None
    missing = [each.name for each in _CALL if each.neutral not in head and each.neutral != "key"]
    if missing:
        raise Refused("malformed", f"{missing[0]} is missing")
    return Call(head["word"], head["institution"], head["nonce"], head["at"], head.get("key", ""), data)


def _opened(
    root: Element, name: str, fields: tuple[Field, ...], *, strict: bool
) -> tuple[dict[str, Any], Element | None]:
    if root.tag != name:
        raise WireError(f"the root element is not {name}")
    found = [child for child in root if child.tag == _DATA]
    if len(found) > 1:
        raise WireError(f"{_DATA}: stands twice")
    for child in found:
        root.remove(child)
    return decode(fields, root, strict=strict), found[0] if found else None


def success_answer(operation: Operation, message: Told, nonce: str) -> HttpReply:
    kind = TYPES[operation]
    data = encode(kind.reply, {name: each for name, each in write(message).items() if each != []})
    return _answer(kind.word, nonce, SUCCESS, "成功", data)


def refusal_answer(word: str, refused: Refused, nonce: str) -> HttpReply:
    return _answer(word, nonce, CODES[refused.code], refused.message, "")


def _answer(word: str, nonce: str, code: str, note: str, data: str) -> HttpReply:
    head = encode(_ANSWER, {"word": word, "nonce": nonce, "code": code, "note": note})
    body = f"{_HEAD}<SELFBACK>{head}<{_DATA}>{data}</{_DATA}></SELFBACK>".encode()
    return HttpReply(200, {"content-type": XML_TYPE}, body)
