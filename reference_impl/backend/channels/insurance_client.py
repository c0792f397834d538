"""One call to the insurance platform: numbered, signed in, proven to the gateway, and heard strictly.

Whatever cannot be read, does not belong to the request, or is no HTTP 200 counts as silence: the platform may have done it. Only
infcode -1 is a refusal (spec/services.md 1.7).
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from protocols.clock import Clock
from protocols.wire.base import WireError
from protocols.wire.http import HttpReply, HttpRequest
from protocols.wire.insurance.authentication import tif_headers
from protocols.wire.insurance.envelope import SUCCESS, Request, read_reply, to_bytes
from protocols.wire.insurance.fields import Part, read, write
from protocols.wire.insurance.labels import PRIVATE_FIELDS
from protocols.wire.insurance.message_id import civil_text, day_of, parse_refmsgid
from protocols.wire.insurance.person_messages import SignIn, SignInInput, SignInOutput
from protocols.wire.insurance.refusals import REASONS, SIGN_IN_CODES, reason_code
from protocols.wire.insurance.transactions import transaction
from reference_impl.backend.channels.insurance_numbers import MessageNumbers
from reference_impl.backend.settlement.channel import Heard
from reference_impl.backend.transport import HttpTransport, NoAnswer, NotSent

__all__ = ["Answer", "InsuranceClient", "InsuranceSettings", "Party"]

P = TypeVar("P", bound=Part)

REFERENCES_KEPT = 10_000
SIGN_INS_TRIED = 2
_DIGITS = re.compile(r"[0-9]{6,}[0-9Xx]?")


@dataclass(frozen=True, slots=True)
class InsuranceSettings:
    """How this platform is known to the gateway. ``limit_s``: how long a reply is waited for; none is public for Guangdong
    (spec/services.md 9, U2)."""

    paasid: str
    secret: str = field(repr=False)
    base: str = "/fsi/api/"
    area: str = "441900"
    receiver: str = "SIM"
    version: str = "V1.0"
    software: str = "onecard"
    mac: str = "02-00-00-00-00-01"
    ip: str = "127.0.0.1"
    limit_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Party:
    """For whom and from where: the institution (fixmedins_code), the operator, which at a kiosk is the terminal, and the place
    of insurance once a person is named."""

    institution: str
    institution_name: str
    opter: str
    opter_name: str = ""
    opter_type: str = "2"
    insuplc: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """``output`` under the model of the transaction; ``octets`` a file. ``reason`` is free of personal data."""

    heard: Heard
    code: str = ""
    reason: str = ""
    output: Part | None = None
    octets: bytes = b""

    @property
    def done(self) -> bool:
        return self.heard is Heard.DONE

    def of(self, model: type[P]) -> P:
        """The output of an answer that is done."""
        assert isinstance(self.output, model), "the client has read it under the model of the transaction"
        return self.output


class InsuranceClient:
    """*random_bytes* gives nonces, never the same twice; *epoch* is that of the one writer (see MessageNumbers)."""

    def __init__(
        self,
        transport: HttpTransport,
        clock: Clock,
        settings: InsuranceSettings,
        random_bytes: Callable[[int], bytes],
        epoch: int,
    ) -> None:
        self.clock, self.settings, self.numbers = clock, settings, MessageNumbers(epoch)
        self._transport, self._random = transport, random_bytes
        self._sign_ins: dict[tuple[str, str], tuple[str, str]] = {}
        self._signing: dict[tuple[str, str], asyncio.Lock] = {}
        self._references: OrderedDict[str, None] = OrderedDict()

    def number(self, party: Party) -> str:
        """The next msgid of the institution."""
        return self.numbers.next(party.institution, self.clock.now())

    async def call(self, infno: str, party: Party, body: Part, msgid: str = "") -> Answer:
        """Send *body* as transaction *infno*, under *msgid* or a new number. Never raises for what a platform can do.

        ``unsent`` also where nobody could be signed in. A sign-in that has expired is made anew, and the same message sent again:
        it was refused, so it was not carried out.
        """
        answer = Answer(Heard.UNSENT, "sign-in-failed")
        for _ in range(SIGN_INS_TRIED):
            sign_in = await self._signed_in(party)
            if isinstance(sign_in, Answer):
                return answer if answer.heard is Heard.REFUSED else sign_in
            answer = await self._exchange(infno, party, body, msgid or self.number(party), sign_in)
            if answer.heard is not Heard.REFUSED or answer.code not in SIGN_IN_CODES:
                return answer
            self._forget(party, sign_in)
        return answer

    # The sign-in: once for each operator and day.

    async def _signed_in(self, party: Party) -> str | Answer:
        key = (party.institution, party.opter)
        async with self._signing.setdefault(key, asyncio.Lock()):
            today = day_of(self.clock.now())
            held = self._sign_ins.get(key)
            if held is not None and held[0] == today:
                return held[1]
            body = SignInInput(sign_in=SignIn(opter_no=party.opter, mac=self.settings.mac, ip=self.settings.ip))
            answer = await self._exchange("9001", party, body, self.number(party), "")
            if not answer.done:
                return Answer(Heard.UNSENT, "sign-in-failed", answer.reason or answer.code)
            sign_no = answer.of(SignInOutput).signinoutb.sign_no
            self._sign_ins[key] = (today, sign_no)
            return sign_no

    def _forget(self, party: Party, sign_no: str) -> None:
        """Unless somebody else has signed in anew meanwhile."""
        key = (party.institution, party.opter)
        if self._sign_ins.get(key, ("", ""))[1] == sign_no:
            del self._sign_ins[key]

    # One exchange.

    async def _exchange(self, infno: str, party: Party, body: Part, msgid: str, sign_no: str) -> Answer:
        now = self.clock.now()
        plain = write(body, sparse=True)
        request = self._request(infno, party, plain, msgid, sign_no, now)
        settings = self.settings
        headers = tif_headers(settings.paasid, settings.secret, int(now), self._random(16).hex())
        headers["content-type"] = "application/json; charset=utf-8"
        http = HttpRequest("POST", f"{settings.base}{infno}", headers, to_bytes(request))
        try:
            reply = await self._transport.exchange("insurance", http, settings.limit_s)
        except NotSent as error:
            return Answer(Heard.UNSENT, reason=str(error))
        except NoAnswer as error:
            return Answer(Heard.SILENCE, reason=str(error))
        return self._heard(infno, reply, plain)

    def _request(
        self, infno: str, party: Party, plain: Mapping[str, Any], msgid: str, sign_no: str, now: float
    ) -> Request:
        settings = self.settings
        return Request(
            infno=infno,
            msgid=msgid,
            mdtrtarea_admvs=settings.area,
            insuplc_admdvs=party.insuplc,
            recer_sys_code=settings.receiver,
            infver=settings.version,
            opter_type=party.opter_type,
            opter=party.opter,
            opter_name=party.opter_name or party.opter,
            inf_time=civil_text(now),
            fixmedins_code=party.institution,
            fixmedins_name=party.institution_name or party.institution,
            sign_no=sign_no,
            fixmedins_soft_fcty=settings.software,
            input=dict(plain),
        )

    def _heard(self, infno: str, reply: HttpReply, plain: Mapping[str, Any]) -> Answer:
        known = transaction(infno)
        if reply.status != 200:
            return Answer(Heard.SILENCE, reason=f"HTTP {reply.status}")
        if known.octets and reply.headers.get("content-type", "").startswith("application/octet-stream"):
            return Answer(Heard.DONE, octets=reply.body)
        try:
            envelope = read_reply(reply.body)
            self._new_reference(envelope.inf_refmsgid)
            if envelope.infcode != SUCCESS:
                code = reason_code(envelope.err_msg)
                return Answer(Heard.REFUSED, code, _reason(code, envelope.err_msg, plain))
            if known.octets:
                raise WireError("a file was asked for")
            output = read(known.reply, envelope.output) if known.reply is not None else None
        except WireError as error:
            return Answer(Heard.SILENCE, reason=f"the reply cannot be taken: {error.why}")
        return Answer(Heard.DONE, output=output)

    def _new_reference(self, reference: str) -> None:
        """Raises :class:`WireError` for the number of a reply that was heard before: it belongs to another request."""
        if parse_refmsgid(reference).owner != self.settings.area or reference in self._references:
            raise WireError("the reply belongs to another request")
        self._references[reference] = None
        if len(self._references) > REFERENCES_KEPT:
            self._references.popitem(last=False)


def _reason(code: str, err_msg: str, plain: Mapping[str, Any]) -> str:
    """The platform's words without what is personal: our own words where it used our codes, else its text with every number and
    everything private that we had sent taken out."""
    if code in REASONS and err_msg.startswith("["):
        return str(REASONS[code])
    text = err_msg
    for private in _private(plain):
        text = text.replace(private, "***")
    return _DIGITS.sub("***", text)[:100]


def _private(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, each in cast("Mapping[str, Any]", value).items():
            yield from _private(each, key)
    elif isinstance(value, list):
        for each in cast("list[Any]", value):
            yield from _private(each, name)
    elif isinstance(value, str) and value and (name in PRIVATE_FIELDS or name == "psn_no"):
        yield value
