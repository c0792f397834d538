"""The reference backend beside simulated peers: its files written, its city provisioned, its process started, killed, ended.

Everything it is given is the bench's own and public: test credentials of the simulated peers, synthetic institutions and
terminals. The backend is a program; nothing of it is imported here.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from scenarios.build import BenchError
from scenarios.program import ROOT, ForeignProgram
from simulators.peer.bank_keys import TEST_FLEET_KEY
from simulators.peer.city import DIVISION, City, Terminal
from simulators.peer.qr_keys import WECHAT_KEY, gateway_key, merchant_key, private_text, public_text

__all__ = [
    "CITY_NAME",
    "BackendProcess",
    "backend_peers",
    "credentials",
    "plan",
    "stand_backend",
    "write_backend_files",
]

CITY_NAME = "模拟市医保一卡通平台"
READY_LIMIT_S = 60.0
END_LIMIT_S = 15.0


def credentials(*, his_vendor: str = "json", limit_s: float = 60.0, cut_over: str = "23:00") -> dict[str, Any]:
    """The backend's file of credentials for simulated peers with their default settings. *limit_s*: how long bank and insurance
    are waited for."""
    return {
        "his": {"vendor": his_vendor, "secret": "HIS-TEST-SECRET"},
        "insurance": {"paasid": "onecard", "secret": "TIF-TEST-SECRET", "limit_s": limit_s},
        "qr": {
            "wechat_appid": "wx0000000000000001",
            "wechat_mch_id": "1900000001",
            "wechat_key": WECHAT_KEY,
            "wechat_serial": "SIM0000000000000000000000000000000000001",
            "alipay_app_id": "2021000000000001",
            "unionpay_mer_id": "898441900000001",
            "merchant_private_key": private_text(merchant_key()),
            "gateway_public_key": public_text(gateway_key()),
        },
        "bank": {
            "key_file": "bank.keys",
            "local_key_file": "bank.local",
            "limit_s": limit_s,
            "cut_over": cut_over,
        },
        "notify": {"appid": "wx0000000000000001", "secret": "SIM-APP-SECRET", "sms_key": "SIM-SMS-KEY"},
    }


def plan(city: City, terminals: Iterable[Terminal]) -> dict[str, Any]:
    """Institutions and terminals for ``provision``: the city, the towns and clinics of *terminals*, and these."""
    chosen = list(terminals)
    clinics = {each.institution.number: each.institution for each in chosen}
    towns = sorted({each.town for each in clinics.values()})
    return {
        "institutions": [
            {"code": DIVISION, "parent": None, "kind": "city", "name": CITY_NAME},
            *({"code": _town(n), "parent": DIVISION, "kind": "town", "name": f"模拟镇街{n:02d}"} for n in towns),
            *(
                {"code": each.code, "parent": _town(each.town), "kind": "clinic", "name": each.name}
                for _, each in sorted(clinics.items())
            ),
        ],
        "terminals": [
            {
                "terminal_id": each.terminal_id,
                "institution": each.institution.code,
                "name": f"{each.number}号自助机",
                "bank_terminal": each.bank_terminal,
                "merchant": each.merchant,
            }
            for each in chosen
        ],
    }


def _town(number: int) -> str:
    return f"{DIVISION}{number:03d}"


def backend_peers(places: Mapping[str, str], files: Mapping[str, str]) -> dict[str, str]:
    """The setting ``peers`` from the addresses of standing peers and of their day files, by name."""
    known = ("his", "insurance", "qr", "credential", "notify", "bank")
    found = {name: places[name] for name in known if places.get(name)}
    return found | ({"bank_files": files["bank"]} if files.get("bank") else {})


class BackendProcess:
    """``python -m reference_impl.backend`` over the files in *folder*. ``url`` once it has started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.pid = 0
        self.starts = 0
        self._said: asyncio.Queue[str] = asyncio.Queue()
        self._program: ForeignProgram | None = None

    @property
    def log(self) -> Path:
        return self.folder / "backend.log"

    async def start(self, *arguments: str, limit_s: float = READY_LIMIT_S) -> None:
        """Until it answers. After the first time it comes back to the same port. Raises :class:`BenchError`."""
        port = self.url.rpartition(":")[2] or "0"
        words = ["serve", "--settings", str(self.folder / "settings.yaml"), "--port", port, *arguments]
        self._program = program = ForeignProgram(
            ["{python}", "-m", "reference_impl.backend", *words],
            self.folder,
            filled_in={},
            on_line=self._said.put_nowait,
            errors=self.log,
            ends_with_us=True,
            end_wait_s=END_LIMIT_S,
        )
        self.starts += 1
        await program.start()
        ended = asyncio.create_task(program.wait())
        try:
            async with asyncio.timeout(limit_s):
                await self._ready(ended)
        except TimeoutError:
            await self.aclose()
            raise BenchError(f"backend: not ready within {limit_s:g} s: {self.last_words()}") from None
        finally:
            ended.cancel()

    async def _ready(self, ended: asyncio.Task[int]) -> None:
        while True:
            hearing = asyncio.create_task(self._said.get())
            await asyncio.wait({hearing, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not hearing.done():
                hearing.cancel()
                raise BenchError(f"backend ended with code {ended.result()}: {self.last_words()}")
            try:
                said = json.loads(hearing.result())
            except ValueError:
                continue
            if said.get("ready"):
                self.url, self.pid = said["url"], said["pid"]
                return

    def last_words(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        return " / ".join(lines[-3:])[-600:] or "it said nothing"

    @property
    def running(self) -> bool:
        return self._program is not None and not self._program.ended

    async def kill(self) -> None:
        """SIGKILL."""
        if self._program is not None:
            await self._program.kill()

    async def aclose(self) -> None:
        """As an operator ends it: SIGTERM, and what is under way is finished."""
        if self._program is not None:
            await self._program.stop()


@asynccontextmanager
async def stand_backend(
    folder: Path,
    peers: Mapping[str, str],
    terminals: Sequence[Terminal],
    *,
    database: str = "",
    city: City | None = None,
    his_vendor: str = "json",
    settings: Mapping[str, Any] | None = None,
) -> AsyncIterator[tuple[BackendProcess, Mapping[str, str]]]:
    """The backend over *peers* (see :func:`backend_peers`), with *terminals* waiting to be enrolled, and their codes.

    *folder* gets its files; *database* is SQLite there unless told otherwise; *settings* go over its other settings. The backend is
    ended afterwards; its files stay. Raises :class:`BenchError`.
    """
    await write_backend_files(
        folder, peers, terminals, database=database, city=city, his_vendor=his_vendor, settings=settings
    )
    backend = BackendProcess(folder)
    try:
        await backend.start("--plan", str(folder / "plan.json"), "--codes", str(folder / "codes.json"))
        yield backend, json.loads((folder / "codes.json").read_text())
    finally:
        await backend.aclose()


async def write_backend_files(
    folder: Path,
    peers: Mapping[str, str],
    terminals: Sequence[Terminal],
    *,
    database: str = "",
    city: City | None = None,
    his_vendor: str = "json",
    limit_s: float = 60.0,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Settings, credentials, plan and bank keys in *folder*, see :func:`stand_backend`. Keys that are there stay."""
    _make(folder)
    tree: dict[str, Any] = {
        "database": database or f"sqlite:///{folder / 'backend.db'}",
        "keys_file": str(folder / "backend.keys"),
        "credentials_file": str(folder / "credentials.yaml"),
        "peers": dict(peers),
        "log_level": "warning",
        **(settings or {}),
    }
    _secret(folder / "settings.yaml", yaml.safe_dump(tree))
    _secret(folder / "credentials.yaml", yaml.safe_dump(credentials(his_vendor=his_vendor, limit_s=limit_s)))
    _secret(folder / "plan.json", json.dumps(plan(city or City(), terminals), ensure_ascii=False))
    if not _there(folder / "bank.keys"):
        await _bank_keys(folder)


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


def _there(file: Path) -> bool:
    return file.exists()


async def _bank_keys(folder: Path) -> None:
    """The key ceremony, with the published test key in two components."""
    first = bytes(range(16))
    second = bytes(a ^ b for a, b in zip(first, bytes.fromhex(TEST_FLEET_KEY), strict=True))
    path = os.pathsep.join(each for each in (str(ROOT), os.environ.get("PYTHONPATH", "")) if each)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "reference_impl.backend.banking.ceremony",
        "--key-file",
        str(folder / "bank.keys"),
        "--local-key-file",
        str(folder / "bank.local"),
        env={**os.environ, "PYTHONPATH": path},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, words = await process.communicate(f"{first.hex()}\n{second.hex()}\n".encode())
    if process.returncode:
        raise BenchError(f"key ceremony: {words.decode(errors='replace').strip()[-300:]}")


def _secret(file: Path, text: str) -> None:
    draft = file.with_name(f".{file.name}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    draft.replace(file)
