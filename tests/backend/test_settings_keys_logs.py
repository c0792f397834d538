"""Settings, keys and logs: what is wrong is named with its place; what is secret or personal is never shown."""

from __future__ import annotations

import io
import json
import logging
import os
import stat
from pathlib import Path

import pytest
import structlog

from reference_impl.backend.keys import DataVault, Keys, KeysError, load_keys
from reference_impl.backend.logs import configure_logs, masked
from reference_impl.backend.rates import Rates
from reference_impl.backend.settings import Settings, SettingsError, load_settings
from reference_impl.backend.terminals.replay import MemoryFull, Nonces

# Settings.


def test_the_defaults_serve_loopback_alone() -> None:
    settings = load_settings()
    assert settings == Settings()
    assert settings.listen.host == "127.0.0.1"
    assert settings.database.get_secret_value().startswith("sqlite:///")


def test_the_command_line_is_over_the_environment_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "backend.yaml"
    file.write_text("database: sqlite:///a.db\nlisten: {host: 10.0.0.1, port: 1}\npeers:\n  bank: tcp://bank:8583\n")
    environment = {
        "ONECARD_BACKEND_LISTEN__PORT": "2",
        "ONECARD_BACKEND_DATABASE": "postgresql://u:geheim@h/d",
        "HOME": "/x",
    }
    settings = load_settings(file, environment, {"listen.port": 3})
    assert (settings.listen.host, settings.listen.port) == ("10.0.0.1", 3)
    assert settings.peers.bank == "tcp://bank:8583"
    assert settings.database.get_secret_value() == "postgresql://u:geheim@h/d"
    assert "geheim" not in repr(settings)
    assert "geheim" not in settings.model_dump_json()


def test_json_is_as_good_as_yaml(tmp_path: Path) -> None:
    file = tmp_path / "backend.json"
    file.write_text(json.dumps({"limits": {"requests": 7}, "log_level": "debug"}))
    assert load_settings(file).limits.requests == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("listen: {prot: 1}", ["backend.yaml", "listen.prot", "no such setting", "host, port"]),
        ("databas: x", ["backend.yaml", "databas", "no such setting", "keys_file"]),
        ("listen: {port: 70000}", ["backend.yaml", "listen.port", "65535"]),
        ("limits: {requests: many}", ["limits.requests", "integer"]),
        ("peers: {his: ftp://x}", ["peers.his", "https?"]),
        ("peers: {bank: http://x:1}", ["peers.bank", "tcp"]),
        ("log_level: loud", ["log_level", "debug"]),
        ("listen: 5", ["listen"]),
        ("listen: {port: 1}\nlisten: {port: 2}", ["backend.yaml:2", "twice"]),
        ("listen: {port: 1", ["backend.yaml:"]),
        ("- a\n- b", ["backend.yaml", "names with values"]),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, words: list[str]) -> None:
    file = tmp_path / "backend.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    for word in words:
        assert word in str(caught.value)


def test_a_wrong_variable_is_named_and_a_missing_file_too(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"ONECARD_BACKEND_LISTEN__PORT: listen\.port"):
        load_settings(None, {"ONECARD_BACKEND_LISTEN__PORT": "x"})
    with pytest.raises(SettingsError, match=r"absent\.yaml: No such file"):
        load_settings(tmp_path / "absent.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"database: caf\xe9")
    with pytest.raises(SettingsError, match="UTF-8"):
        load_settings(tmp_path / "latin.yaml")


def test_a_password_in_a_wrong_url_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(None, {"ONECARD_BACKEND_DATABASE__URL": "postgresql://u:geheim@h/d"})
    assert "geheim" not in str(caught.value)


# Keys.


def test_keys_are_made_once_for_one_user_alone(tmp_path: Path) -> None:
    file = tmp_path / "var" / "backend.keys"
    made = load_keys(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_keys(file) == made
    assert len({made.terminal_token, made.user_token, made.data, made.person, made.trail}) == 5
    assert [each.name for each in file.parent.iterdir()] == ["backend.keys"]


def test_keys_are_never_shown() -> None:
    keys = Keys.made()
    assert repr(keys) == "Keys()"
    assert keys.data.hex() not in keys.stamp
    assert keys.stamp != Keys.made().stamp
    assert len(keys.stamp) == 32


def test_a_file_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "backend.keys"
    load_keys(file)
    file.chmod(0o640)
    with pytest.raises(KeysError, match="chmod 600"):
        load_keys(file)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 2}', '{"version": 1, "data": "00"}', "geheim"])
def test_a_file_that_holds_no_keys_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    file = tmp_path / "backend.keys"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(KeysError, match="backup") as caught:
        load_keys(file)
    assert file.read_text() == text
    assert "geheim" not in str(caught.value)


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeysError, match=r"file/backend\.keys"):
        load_keys(tmp_path / "file" / "backend.keys")


def test_two_that_start_at_once_get_the_same_keys(tmp_path: Path) -> None:
    file = tmp_path / "backend.keys"
    made: list[Keys] = []

    def entropy(count: int) -> bytes:
        if not made:  # another process is faster, just now
            made.append(Keys.made())
            made.append(load_keys(file, os.urandom))
        return os.urandom(count)

    assert load_keys(file, entropy) == made[1]


def test_sealed_data_open_where_they_belong_and_nowhere_else() -> None:
    vault = DataVault(Keys.made().data)
    sealed = vault.seal("测试".encode(), "attempt:1")
    assert vault.open(sealed, "attempt:1").decode() == "测试"
    assert "测试".encode() not in sealed
    assert sealed != vault.seal("测试".encode(), "attempt:1")
    tampered = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for wrong, context in (
        (sealed, "attempt:2"),
        (tampered, "attempt:1"),
        (sealed[:11], "attempt:1"),
        (b"", "attempt:1"),
    ):
        with pytest.raises(KeysError):
            vault.open(wrong, context)
    with pytest.raises(KeysError):
        DataVault(Keys.made().data).open(sealed, "attempt:1")


# Logs.


class StillClock:
    kind = "virtual"

    def now(self) -> float:
        return 1_795_752_000.5

    async def sleep_until(self, t: float) -> None: ...


def lines_of(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def stream() -> io.StringIO:
    """What is logged. Handlers and configuration are put back by the autouse fixture of this folder."""
    text = io.StringIO()
    configure_logs(StillClock(), "info", text)
    return text


def test_a_line_is_json_with_the_time_in_china(stream: io.StringIO) -> None:
    structlog.get_logger("backend").info("ready", url="http://127.0.0.1:1", epoch=3)
    logging.getLogger("uvicorn.error").warning("of a library: %s", "word")
    structlog.get_logger("backend").debug("not wanted")
    ours, theirs = lines_of(stream)
    assert ours == {
        "event": "ready",
        "url": "http://127.0.0.1:1",
        "epoch": 3,
        "level": "info",
        "logger": "backend",
        "at": "2026-11-27T12:00:00.500+08:00",
    }
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("of a library: word", "warning", "uvicorn.error")


def test_an_exception_is_told_by_type_and_place(stream: io.StringIO) -> None:
    try:
        raise ValueError("张三 441900194001010029")
    except ValueError as error:
        structlog.get_logger("backend").exception("broke")
        structlog.get_logger("backend").error("broke", exc_info=error)
        logging.getLogger("library").exception("broke")
    for line in lines_of(stream):
        assert line["error"] == "ValueError"
        assert "test_settings_keys_logs.py" in str(line["where"])
    assert "张三" not in stream.getvalue()
    assert "441900" not in stream.getvalue()


def test_long_numbers_are_masked_wherever_they_are(stream: io.StringIO) -> None:
    values = {"a": "id 44190019400101002X.", "b": ["6299990000000000012"], "c": {"d": "10000000001"}}
    structlog.get_logger("backend").info("card 6299990000000000012", **values)
    assert not any(number in stream.getvalue() for number in ("44190019", "62999900", "10000000001"))
    assert masked("trade DG2026112700001000001") == "trade DG2026112700001000001"
    assert masked("1795752000.5") == "1795752000.5"


# Rates and nonces.


def test_rates_give_a_burst_and_then_so_many_a_second() -> None:
    rates = Rates(2, 3)
    assert [rates.take("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert rates.take("b", 0.0)
    assert [rates.take("a", 1.0) for _ in range(3)] == [True, True, False]
    assert [rates.take("a", 100.0) for _ in range(4)] == [True, True, True, False]


def test_a_nonce_is_remembered_for_as_long_as_its_request_could_come_again() -> None:
    nonces = Nonces(10, 300)
    assert nonces.take("a", 1_000, 1_000)
    assert not nonces.take("a", 1_000, 1_300)
    for step in range(9):
        assert nonces.take(f"b{step}", 1_100, 1_100)
    with pytest.raises(MemoryFull):
        nonces.take("c", 1_200, 1_200)
    assert len(nonces) == 10
    assert nonces.take("c", 1_400, 1_400)  # the first has left the window with its whole minute
    assert not nonces.take("b1", 1_100, 1_400)
    assert nonces.take("d", 5_000, 5_000)
    assert len(nonces) == 1
