"""Peers on real sockets, the backend's application over them in this process, and the kiosk's own client in front."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from fastapi import FastAPI
from platform_bench import ADMIN, CHEAP, PASSWORD, User, exchange

from protocols.clock import Clock, UnixClock
from protocols.seeded import SeededChoice
from protocols.wire.http import HttpReply, HttpRequest
from protocols.wire.platform.models import Credential
from reference_impl.backend.app import build_app
from reference_impl.backend.banking.ceremony import seal_components
from reference_impl.backend.bootstrap import administrator
from reference_impl.backend.keys import Keys
from reference_impl.backend.provisioning import Plan, provision
from reference_impl.backend.running import running
from reference_impl.backend.services import Services
from reference_impl.backend.settings import load_settings
from reference_impl.kiosk.platform_client import PlatformClient
from scenarios.backend import backend_peers, credentials, plan
from scenarios.peers import Standing, stand_peers
from simulators.peer.bank_keys import TEST_FLEET_KEY
from simulators.peer.city import City, Resident

PEERS = ("his", "insurance", "bank", "qr", "credential", "notify")
HIS_OF = {"json": "his", "xml": "his_xml"}
TOWN_HALL = City()


@dataclass
class InProcess:
    """The kiosk's seam to HTTP, without a socket."""

    app: FastAPI
    lost: int = 0

    async def exchange(self, request: HttpRequest, limit_s: float) -> HttpReply:
        reply = await exchange(self.app, request)
        return HttpReply(reply.status, dict(reply.headers), reply.body)

    async def aclose(self) -> None: ...


@dataclass
class Business:
    services: Services
    app: FastAPI
    peers: Standing
    admin: User
    codes: dict[str, str]
    clock: Clock

    async def client(self, number: int = 1, **more: Any) -> PlatformClient:
        """Kiosk *number*, enrolled."""
        terminal_id = f"KSK-{number:05d}"
        client = PlatformClient(
            InProcess(self.app), terminal_id, bytes([number]) * 32, self.clock, SeededChoice(number, "client"), **more
        )
        await client.enrol(self.codes[terminal_id])
        return client


def resident(number: int) -> Resident:
    found = TOWN_HALL.resident(number)
    assert found is not None
    return found


def card_of(number: int) -> Credential:
    """The social security card of resident *number*."""
    person = resident(number).person
    return Credential(
        kind="social_security_card",
        id_number=person.id_number,
        card_number=person.card_number,
        card_sn=person.serial,
        name=person.name,
    )


def write_credentials(folder: Path, **more: Any) -> Path:
    file = folder / "credentials.yaml"
    file.write_text(yaml.safe_dump(credentials(**more)), encoding="utf-8")
    file.chmod(0o600)
    halves = folder / "components"
    first = bytes(range(16))
    halves.write_text(
        f"{first.hex()}\n{bytes(a ^ b for a, b in zip(first, bytes.fromhex(TEST_FLEET_KEY), strict=True)).hex()}\n"
    )
    with halves.open() as typed:
        seal_components(typed, folder / "bank.keys", folder / "bank.local")
    return file


@asynccontextmanager
async def connected(folder: Path, his_vendor: str = "json") -> AsyncIterator[dict[str, Any]]:
    """Standing peers, and the settings that lead a backend to them."""
    async with standing(folder, his_vendor) as (_, settings):
        yield settings


@asynccontextmanager
async def standing(folder: Path, his_vendor: str, **more: Any) -> AsyncIterator[tuple[Standing, dict[str, Any]]]:
    names = [HIS_OF.get(his_vendor, each) if each == "his" else each for each in PEERS]
    async with stand_peers(names, control_port=0, **more) as peers:
        places = {"his" if each.name == "his_xml" else each.name: each.url for each in peers.places}
        files = {each.name: each.files for each in peers.places if each.files}
        found = {f"peers.{name}": url for name, url in backend_peers(places, files).items()}
        yield peers, {**found, "credentials_file": str(write_credentials(folder, his_vendor=his_vendor))}


@asynccontextmanager
async def business_on(
    url: str, folder: Path, his_vendor: str = "json", clock: Clock | None = None, **more: Any
) -> AsyncIterator[Business]:
    """Three kiosks at three clinics, waiting to be enrolled."""
    clock = clock or UnixClock()
    async with standing(folder, his_vendor, clock=clock, **more) as (peers, settings):
        loaded = load_settings(overrides={"database": url, **settings})
        async with running(loaded, Keys.made(), clock, hasher=CHEAP) as services:
            app = build_app(services)
            terminals = [TOWN_HALL.terminal(number) for number in (1, 2, 3)]
            wanted = Plan.model_validate(plan(TOWN_HALL, [each for each in terminals if each is not None]))
            codes = await provision(services, wanted)
            await administrator(services, ADMIN, PASSWORD)
            admin = User(app, ADMIN, PASSWORD)
            assert (await admin.login()).status == 201
            yield Business(services, app, peers, admin, codes, clock)
