"""The money side of the backend, put together: channels, engine, and what terminals ask of them.

Both the process and the simulation of money build it here; they differ in the store, the two transports, the clock and the entropy
that they hand in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from protocols.clock import Clock
from reference_impl.backend.banking.batch import BatchSource
from reference_impl.backend.banking.host import BankSettings
from reference_impl.backend.banking.security_module import SecurityModule
from reference_impl.backend.banking.terminals import BankPlace, BankTerminals
from reference_impl.backend.bills.service import BillService
from reference_impl.backend.channels.bank import BankChannel
from reference_impl.backend.channels.credential_client import CredentialClient
from reference_impl.backend.channels.his import HisChannel
from reference_impl.backend.channels.his_client import HisClient
from reference_impl.backend.channels.his_vendors import HisVendor
from reference_impl.backend.channels.insurance import InsuranceChannel
from reference_impl.backend.channels.insurance_client import InsuranceSettings
from reference_impl.backend.channels.insurance_queries import InsuranceQueries
from reference_impl.backend.channels.qr import QrChannel
from reference_impl.backend.channels.qr_calls import QrMessages
from reference_impl.backend.identity.service import IdentityService
from reference_impl.backend.identity.visitors import Visitors
from reference_impl.backend.registration.service import RegistrationService
from reference_impl.backend.settlement.channel import Channel
from reference_impl.backend.settlement.desk import SettlementDesk
from reference_impl.backend.settlement.engine import Engine
from reference_impl.backend.settlement.rules import Rules
from reference_impl.backend.settlement.trade_store import TradeStore
from reference_impl.backend.transport import FrameTransport, HttpTransport

__all__ = ["Business", "Links", "Means", "open_business"]


@dataclass(frozen=True, slots=True)
class Links:
    """How the other systems are spoken to: their dialects and our credentials with them."""

    his: HisVendor
    insurance: InsuranceSettings
    bank: BankSettings
    bank_keys: SecurityModule
    qr: tuple[QrMessages, ...]


@dataclass(frozen=True, slots=True)
class Means:
    """What everything runs on. *places* tells the bank terminal of a kiosk, *bank_rows* are those of the table of bank
    terminals, *batch* reads what a bank batch holds, *epoch* and *numbers* are those of this process as the one writer."""

    store: TradeStore
    http: HttpTransport
    frames: FrameTransport
    clock: Clock
    entropy: Callable[[int], bytes]
    epoch: int
    numbers: Callable[[str], str]
    places: Callable[[str], BankPlace | None]
    batch: BatchSource
    bank_rows: Sequence[Sequence[Any]] = ()


@dataclass(frozen=True, slots=True)
class Business:
    """Start it with ``engine.recover()``, end it with ``engine.aclose()``."""

    engine: Engine
    bank: BankChannel
    his: HisClient
    insurance: InsuranceQueries
    identity: IdentityService
    bills: BillService
    registration: RegistrationService
    desk: SettlementDesk


def open_business(
    links: Links, means: Means, rules: Rules, alter: Callable[[dict[str, Channel]], None] = lambda channels: None
) -> Business:
    """Nothing is sent yet. *alter* may replace channels before the engine has them: mutants of the simulation do."""
    his = HisChannel(HisClient(links.his, means.http, means.clock, means.entropy))
    insurance = InsuranceChannel(means.http, means.clock, links.insurance, means.entropy, means.epoch)
    terminals = BankTerminals(means.places, means.bank_rows)
    bank = BankChannel(
        links.bank,
        terminals,
        links.bank_keys,
        means.frames,
        means.http,
        means.store.commit,
        means.clock,
        means.batch,
    )
    channels: dict[str, Channel] = {"his": his, "insurance": insurance, "bank": bank}
    for messages in links.qr:
        channel = QrChannel(messages, means.http, means.clock, means.entropy)
        channels[channel.name] = channel
    alter(channels)
    engine = Engine(means.store, channels, rules, means.clock, means.numbers)
    visitors = Visitors(means.clock, means.entropy)
    queries = InsuranceQueries(insurance.client)
    bills = BillService(visitors, his.client)
    registration = RegistrationService(visitors, his.client, means.clock)
    return Business(
        engine=engine,
        bank=bank,
        his=his.client,
        insurance=queries,
        identity=IdentityService(visitors, his.client, queries, CredentialClient(means.http), means.clock),
        bills=bills,
        registration=registration,
        desk=SettlementDesk(engine, visitors, bills, registration, his.client, bank.pin_key, means.clock),
    )
