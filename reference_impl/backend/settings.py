"""What an operator sets: one YAML or JSON file, then the environment, then the command line, each over the one before.

In the environment ``ONECARD_BACKEND_`` + the path in capitals, two underscores between its parts:
``ONECARD_BACKEND_LISTEN__PORT=8600``. Unknown names are errors everywhere: a misspelt limit must not be silently absent.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

__all__ = [
    "PREFIX",
    "DailyRun",
    "Limits",
    "Listen",
    "Peers",
    "Policies",
    "Settings",
    "SettingsError",
    "Times",
    "load_settings",
]

PREFIX = "ONECARD_BACKEND_"

HttpUrl = Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$", max_length=200)]
TcpUrl = Annotated[str, Field(pattern=r"^tcp://[^\s/?#@:]+:[0-9]{1,5}$", max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=10_000_000)]
Count = Annotated[int, Field(gt=0, le=100_000_000)]


class SettingsError(ValueError):
    """Settings that cannot be used: which file or variable, which setting, why, and what to write."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Listen(Section):
    """Where the backend answers. Port 0 chooses a free one. Terminals of other machines need a TLS proxy in front."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8600


class Peers(Section):
    """Where the other systems are; empty: not connected, and what needs them is refused. ``bank_files`` is where the bank
    puts its day bills."""

    his: HttpUrl | None = None
    insurance: HttpUrl | None = None
    qr: HttpUrl | None = None
    credential: HttpUrl | None = None
    notify: HttpUrl | None = None
    bank: TcpUrl | None = None
    bank_files: HttpUrl | None = None

    @property
    def over_http(self) -> dict[str, str]:
        """The addresses that are set, by the names under which channels ask for them."""
        names = ("his", "insurance", "qr", "credential", "notify", "bank_files")
        return {name.replace("_", "-"): url for name in names if (url := getattr(self, name)) is not None}


class Limits(Section):
    """``requests``: served at once, more are answered 503; ``terminal_rate`` a second and terminal, in bursts of
    ``terminal_burst``; ``nonces`` remembered against replay; ``sessions`` whose tokens stay deciphered."""

    body_bytes: Count = 1 << 20
    body_s: Seconds = 30.0
    requests: Count = 4_000
    terminal_rate: Count = 200
    terminal_burst: Count = 400
    nonces: Count = 1_000_000
    sessions: Count = 20_000
    login_at_once: Count = 2
    login_waiting: Count = 50
    login_failures: Count = 5


class Times(Section):
    """All in seconds: how long a session, a code, a command or a lock lasts; the period of heartbeats."""

    terminal_session_s: Seconds = 14_400.0
    user_session_s: Seconds = 1_800.0
    enrolment_code_s: Seconds = 86_400.0
    command_s: Seconds = 600.0
    login_lock_s: Seconds = 900.0
    heartbeat_s: Seconds = 30.0
    shutdown_s: Seconds = 10.0


class Policies(Section):
    """The policy of settlement: how long a quote waits for the citizen, how often an undo may be refused and how long the first
    pause after that is, and from which minute of the day the bank's batches are closed (1350 is 22:30, half an hour before the bank's
    day ends)."""

    citizen_s: Seconds = 300.0
    undo_tries: Count = 3
    undo_pause_s: Seconds = 5.0
    batch_minute: Annotated[int, Field(ge=0, lt=1_440)] = 1_350


class DailyRun(Section):
    """When the books of the day before are compared (``10:30`` in China: channels make their bills until 10:00), how long until a
    day that lacks a file is tried again, and how many days a backend that was stopped makes up for."""

    at: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "10:30"
    retry_s: Seconds = 600.0
    catch_up_days: Annotated[int, Field(ge=1, le=31)] = 7


class Settings(Section):
    """``database`` may hold a password and is never shown. ``keys_file`` holds the backend's own secrets; it is made at
    the first start. ``credentials_file`` holds those that other systems gave us; without it no payment is taken."""

    database: SecretStr = SecretStr("sqlite:///var/backend.db")
    keys_file: Path = Path("var/backend.keys")
    credentials_file: Path | None = None
    listen: Listen = Listen()
    peers: Peers = Peers()
    limits: Limits = Limits()
    times: Times = Times()
    policy: Policies = Policies()
    reconciliation: DailyRun = DailyRun()
    log_level: Literal["debug", "info", "warning", "error"] = "info"


def load_settings(
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """Settings from *file*, then *environment*, then *overrides* (dotted paths). Raises :class:`SettingsError`."""
    tree: dict[str, Any] = {} if file is None else _read(file)
    origin = {} if file is None else {".".join(path): str(file) for path in _paths(tree)}
    for name, text in (environment or {}).items():
        if name.startswith(PREFIX):
            path = name.removeprefix(PREFIX).lower().split("__")
            _put(tree, path, _scalar(text), name)
            origin[".".join(path)] = name
    for dotted, value in (overrides or {}).items():
        _put(tree, dotted.split("."), value, "command line")
        origin[dotted] = "command line"
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(each, origin, file) for each in error.errors())) from None


class _UniqueKeys(yaml.SafeLoader):
    """YAML in which a key that is written twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{name} is written twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


def _read(file: Path) -> dict[str, Any]:
    try:
        tree = yaml.load(file.read_text(encoding="utf-8"), _UniqueKeys)  # noqa: S506 a safe loader
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}: name a file that can be read") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file}: not UTF-8: save it in that encoding") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise SettingsError(f"{file}{line}: {getattr(error, 'problem', None) or 'no YAML'}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise SettingsError(f"{file}: settings are names with values, such as `database: sqlite:///var/backend.db`")
    return tree


def _paths(tree: Mapping[str, Any]) -> list[list[str]]:
    found: list[list[str]] = []
    for name, value in tree.items():
        inner = _paths(value) if isinstance(value, dict) else []
        found += [[str(name), *path] for path in inner] or [[str(name)]]
    return found


def _scalar(text: str) -> object:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return value if isinstance(value, (int, float, bool)) else text


def _put(tree: dict[str, Any], path: list[str], value: object, where: str) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
        if not isinstance(tree, dict):
            raise SettingsError(f"{where}: {name} is a value, not a section")
    tree[path[-1]] = value


def _explain(error: Any, origin: Mapping[str, str], file: Path | None) -> str:
    path = ".".join(str(part) for part in error["loc"])
    where = origin.get(path) or (str(file) if file else "settings")
    if error["type"] == "extra_forbidden":
        section: Any = Settings
        for part in error["loc"][:-1]:
            section = section.model_fields[part].annotation
        return f"{where}: {path}: there is no such setting; known here: {', '.join(section.model_fields)}"
    return f"{where}: {path}: {error['msg']}"
