"""The reference backend as a process: one command carried out, from the opened database to its end."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
import uvicorn
import uvloop

from protocols.clock import UnixClock
from reference_impl.backend.app import build_app
from reference_impl.backend.audit.questions import verified
from reference_impl.backend.bootstrap import administrator
from reference_impl.backend.keys import KeysError, load_keys
from reference_impl.backend.logs import configure_logs
from reference_impl.backend.problems import ProblemError
from reference_impl.backend.provisioning import provision, read_plan, write_codes
from reference_impl.backend.reconciliation.opening import daily_runs, opened
from reference_impl.backend.running import running
from reference_impl.backend.services import Services
from reference_impl.backend.settings import Settings, SettingsError
from reference_impl.backend.storage.errors import DatabaseUrlError, StoreUnavailable, WriterBusy

__all__ = ["carry_out"]

EXIT_OK, EXIT_REFUSED, EXIT_USAGE, EXIT_FAILED = 0, 1, 2, 3
COLLECTED = (200_000, 20, 50)
"""New objects before the garbage collector looks at them, and how often it looks at older ones."""

BACKLOG = 4_096
"""Connections that wait to be accepted: every kiosk of a city may come in the same second."""

KEPT_S = 75
"""Longer than any client keeps a connection: a request on one that we have just closed would get no answer."""

_LOG = structlog.get_logger("backend")
_KNOWN = (KeysError, SettingsError, StoreUnavailable, WriterBusy, DatabaseUrlError, ProblemError, OSError)


def say(**report: Any) -> None:
    sys.stdout.write(json.dumps(report, ensure_ascii=False) + "\n")
    sys.stdout.flush()


class Server(uvicorn.Server):
    """Signals are ours: the store is closed after the last reply, and only then the process ends."""

    def install_signal_handlers(self) -> None: ...

    def capture_signals(self) -> Any:
        return contextlib.nullcontext()


async def run(options: argparse.Namespace, settings: Settings) -> int:
    """One command, from the opened database to its end."""
    clock = UnixClock()
    configure_logs(clock, settings.log_level)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_stray)
    task = asyncio.current_task()
    assert task is not None
    stop = _on_signals(loop, task.cancel)
    keys = load_keys(settings.keys_file)

    def standing_by() -> None:
        _LOG.warning("another backend writes to this database: standing by")

    wait = options.command == "serve" and not options.no_wait
    try:
        async with running(settings, keys, clock, wait=wait, on_standby=standing_by) as services:
            _LOG.info("audit head", seq=services.trail.seq, digest=services.trail.head)
            match options.command:
                case "administrator":
                    return await _make_administrator(services, options)
                case "provision":
                    return await _provision(services, options)
                case "verify-audit":
                    return await _verify_audit(services)
                case "openapi":
                    say(**build_app(services).openapi())
                    return EXIT_OK
                case _:
                    if options.first_administrator and not services.directory.users:
                        await administrator(services, options.user, _password(options))
                    if options.plan is not None:
                        await _provision(services, options)
                    return await _serve(services, options, stop)
    except asyncio.CancelledError:
        _LOG.info("stopped before it was ready")
        return EXIT_OK


Stopper = list[Callable[[], object]]


def _on_signals(loop: asyncio.AbstractEventLoop, first: Callable[[], object]) -> Stopper:
    """The last of the list is called on SIGTERM and SIGINT."""
    stop: Stopper = [first]
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: stop[-1]())
    return stop


async def _serve(services: Services, options: argparse.Namespace, stop: Stopper) -> int:
    settings = services.settings
    door = socket.create_server((settings.listen.host, settings.listen.port), backlog=BACKLOG)
    app = build_app(services)
    app.state.reconciling = reconciling = await opened(services)
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEPT_S,
        timeout_graceful_shutdown=round(settings.times.shutdown_s),
    )
    server = Server(config)

    def end() -> None:
        server.should_exit = True

    stop.append(end)
    serving = asyncio.create_task(server.serve(sockets=[door]))
    while not server.started and not serving.done():  # noqa: ASYNC110 uvicorn has no event for it
        await asyncio.sleep(0.005)
    host, port = door.getsockname()[:2]
    report = {"ready": True, "url": f"http://{host}:{port}", "pid": os.getpid(), "epoch": services.store.epoch}
    _LOG.info("ready", url=report["url"], epoch=services.store.epoch)
    if options.ready_file is not None:
        _write_whole(options.ready_file, json.dumps(report) + "\n")
    say(**report)
    _collect_seldom()
    async with daily_runs(services, reconciling):
        await asyncio.wait({serving, *services.failures}, return_when=asyncio.FIRST_COMPLETED)
    broken = [each for each in services.failures if each.done()]
    for each in broken:
        _LOG.critical("this process must end", exc_info=each.exception())
    end()
    await serving
    _LOG.info("stopped", audit_seq=services.trail.seq, audit_digest=services.trail.head)
    return EXIT_FAILED if broken else EXIT_OK


def _collect_seldom() -> None:
    """What stands now stays. Looking through it again and again was a quarter of the time of a busy second, in pauses that every
    terminal had to wait for."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED)


def _write_whole(file: Path, text: str) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)


def _password(options: argparse.Namespace) -> str:
    if not options.password_file:
        return ""
    if options.password_file == "-":
        return sys.stdin.readline().rstrip("\n")
    return Path(options.password_file).read_text(encoding="utf-8").rstrip("\n")


async def _make_administrator(services: Services, options: argparse.Namespace) -> int:
    given = _password(options)
    user, password = await administrator(services, options.user, given)
    say(user_id=user.user_id, institution=user.institution, **({} if given else {"first_password": password}))
    return EXIT_OK


async def _provision(services: Services, options: argparse.Namespace) -> int:
    plan = read_plan(options.plan)
    codes = await provision(services, plan)
    write_codes(options.codes, codes)
    say(institutions=len(plan.institutions), terminals=len(plan.terminals), new_codes=len(codes))
    return EXIT_OK


async def _verify_audit(services: Services) -> int:
    entries, head, broken = await verified(services.store.engine, services.keys)
    say(entries=entries, head=head, broken_at=broken or 0)
    return EXIT_OK if broken is None else EXIT_REFUSED


def _stray(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An exception that nobody awaited: its words, and the repr of its task, may hold anything."""
    _LOG.error("stray exception", exc_info=context.get("exception"))


def carry_out(options: argparse.Namespace, settings: Settings) -> int:
    """Gives the exit code, see :func:`reference_impl.backend.__main__.main`."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(run(options, settings))
    except _KNOWN as error:
        sys.stderr.write(f"{error.detail if isinstance(error, ProblemError) else error}\n")
        return EXIT_USAGE if isinstance(error, DatabaseUrlError) else EXIT_REFUSED
