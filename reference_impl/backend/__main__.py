"""``python -m reference_impl.backend``: the command line of the reference backend."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
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
from reference_impl.backend.settings import Settings, SettingsError, load_settings
from reference_impl.backend.storage.errors import DatabaseUrlError, StoreUnavailable, WriterBusy

__all__ = ["main", "parse"]

DESCRIPTION = "一卡通台架参考后台 / the reference backend of Onecard HIL"
EXIT_OK, EXIT_REFUSED, EXIT_USAGE, EXIT_FAILED = 0, 1, 2, 3
BACKLOG = 4_096
"""Connections that wait to be accepted: every kiosk of a city may come in the same second."""

KEPT_S = 75
"""Longer than any client keeps a connection: a request on one that we have just closed would get no answer."""

_LOG = structlog.get_logger("backend")
_KNOWN = (KeysError, SettingsError, StoreUnavailable, WriterBusy, DatabaseUrlError, ProblemError, OSError)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line. Ends the process with code 2 when it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m reference_impl.backend", description=DESCRIPTION)
    parser.add_argument(
        "command",
        nargs="?",
        default="serve",
        choices=("serve", "administrator", "provision", "verify-audit", "openapi"),
        help="serve: 提供服务 / answer requests (default); administrator: 建立或恢复管理员 / make or restore an administrator; "
        "provision: 批量建立机构与终端 / make institutions and terminals; "
        "verify-audit: 校验审计链 / verify the audit trail; openapi: 输出接口文档 / print the OpenAPI document",
    )
    parser.add_argument("--settings", type=Path, metavar="FILE", help="YAML 或 JSON 设置 / settings as YAML or JSON")
    parser.add_argument("--database", metavar="URL", help="数据库 / database: sqlite:///FILE or postgresql://...")
    parser.add_argument("--keys-file", metavar="FILE", help="密钥文件，首次启动时生成 / keys, made at the first start")
    parser.add_argument("--host", help="监听地址 / address to listen on")
    parser.add_argument("--port", type=int, help="端口，0 为自动 / port, 0 to choose a free one")
    parser.add_argument(
        "--ready-file", type=Path, metavar="FILE", help="就绪后写入地址 / written with the URL when ready"
    )
    parser.add_argument(
        "--no-wait", action="store_true", help="已有后台运行时不等待 / do not stand by for a running backend"
    )
    parser.add_argument("--user", default="admin", help="管理员用户名 / login name of the administrator (admin)")
    parser.add_argument(
        "--password-file",
        metavar="FILE",
        help="管理员密码，- 为标准输入；不给则随机生成 / the administrator's password, - for standard input; made up without it",
    )
    parser.add_argument(
        "--first-administrator",
        action="store_true",
        help="serve: 没有用户时先建立管理员 / make the administrator first when there is no user (with --password-file)",
    )
    parser.add_argument(
        "--plan",
        type=Path,
        metavar="FILE",
        help="serve, provision: 机构与终端清单 / institutions and terminals as JSON",
    )
    parser.add_argument(
        "--codes", type=Path, metavar="FILE", help="serve, provision: 写入登记码 / gets the enrolment codes (mode 600)"
    )
    options = parser.parse_args(arguments)
    if (options.plan is None) != (options.codes is None) or (options.command == "provision" and options.plan is None):
        parser.error("--plan and --codes go together, and provision needs both")
    if options.first_administrator and not options.password_file:
        parser.error("--first-administrator needs --password-file: nobody would read a password that was made up")
    return options


def settings_of(options: argparse.Namespace) -> Settings:
    """Raises SettingsError."""
    overrides = {
        "database": options.database,
        "keys_file": options.keys_file,
        "listen.host": options.host,
        "listen.port": options.port,
    }
    given = {name: value for name, value in overrides.items() if value is not None}
    return load_settings(options.settings, os.environ, given)


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
    async with daily_runs(services, reconciling):
        await asyncio.wait({serving, *services.failures}, return_when=asyncio.FIRST_COMPLETED)
    broken = [each for each in services.failures if each.done()]
    for each in broken:
        _LOG.critical("this process must end", exc_info=each.exception())
    end()
    await serving
    _LOG.info("stopped", audit_seq=services.trail.seq, audit_digest=services.trail.head)
    return EXIT_FAILED if broken else EXIT_OK


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


def main(arguments: Sequence[str] | None = None) -> int:
    """0 at a normal end, 1 when the database, the keys or a check refuse, 2 for settings that make no sense, 3 when the
    process had to stop (another one has taken over, the database failed)."""
    options = parse(arguments)
    try:
        settings = settings_of(options)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(run(options, settings))
    except _KNOWN as error:
        sys.stderr.write(f"{error.detail if isinstance(error, ProblemError) else error}\n")
        return EXIT_USAGE if isinstance(error, DatabaseUrlError) else EXIT_REFUSED


if __name__ == "__main__":
    sys.exit(main())
