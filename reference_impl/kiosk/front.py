"""Everything of a kiosk that business needs besides the card: who answers, and the desk that does the work."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Protocol

from protocols.link.base import LinkError
from protocols.wire.credential import kind_of
from protocols.wire.platform.models import Credential
from reference_impl.kiosk.business.session import Session
from reference_impl.kiosk.business.words import BusinessEvent
from reference_impl.kiosk.business.works import BusinessWork
from reference_impl.kiosk.codes import CodeSource
from reference_impl.kiosk.desk import Desk
from reference_impl.kiosk.words import CredentialShown

__all__ = ["BusinessCitizen", "BusinessFront"]


class BusinessCitizen(Protocol):
    """Whoever answers the pages of business. Both may be cancelled; what was entered too early stays for its page."""

    def answer(self, session: Session) -> Coroutine[object, object, BusinessEvent]: ...

    def log_in(self) -> Coroutine[object, object, CredentialShown]: ...


class BusinessFront:
    """The runtime's Front: a citizen, a desk, and the scanner while nobody is served."""

    def __init__(self, citizen: BusinessCitizen, desk: Desk) -> None:
        self._citizen, self._desk = citizen, desk

    async def perform(self, work: BusinessWork) -> BusinessEvent:
        return await self._desk.perform(work)

    async def answer(self, session: Session) -> BusinessEvent:
        return await self._citizen.answer(session)

    async def log_in(self) -> CredentialShown:
        """By what is entered, or by a code at the scanner whose form says what it is."""
        asked = [asyncio.create_task(self._citizen.log_in())]
        if self._desk.codes is not None:
            asked.append(asyncio.create_task(_scanned(self._desk.codes)))
        try:
            done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for each in asked:
                each.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    async def aclose(self) -> None:
        await self._desk.aclose()


async def _scanned(codes: CodeSource) -> CredentialShown:
    while True:
        try:
            code = await codes.next()
        except LinkError:
            return await asyncio.get_running_loop().create_future()  # no scanner: cards and entries still do
        try:
            return CredentialShown(Credential(kind=kind_of(code).value, code=code))
        except ValueError:
            continue  # a payment code, a parcel label: nobody's credential
