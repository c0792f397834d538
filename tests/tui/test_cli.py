"""The commands: help in both languages, one JSON document, exit codes, and errors that say what to do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from conformance.service import Certified
from tui.cli import build_app


def _commands(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, each in node.commands.items():
        if hasattr(each, "commands"):
            yield from _commands(each, (*path, name))
        else:
            yield (*path, name), each


COMMANDS = list(_commands(get_command(build_app())))


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=lambda v: " ".join(v) if isinstance(v, tuple) else "")
def test_every_command_helps_in_both_languages_and_speaks_json(path: tuple[str, ...], command: Any) -> None:
    zh, _, en = (command.help or "").partition("\n\n")
    assert re.search(r"[\u4e00-\u9fff]", zh)
    assert en
    assert en.isascii()
    options = {option for param in command.params for option in param.opts}
    assert {"--json", "--lang"} <= options


def test_the_commands_of_the_issue_are_there() -> None:
    names = {" ".join(path) for path, _ in COMMANDS}
    wanted = "certify run doctor matrix mutants checks explain trace decode device card pics clauses schema gates tui version"
    assert set(wanted.split()) <= names
    groups = "plan review|plan lock|dossier verify|dossier show|dossier list|bench list|bench show|bench check|bench up"
    assert set(groups.split("|")) <= names


def test_run_writes_a_dossier_that_verifies(
    onecard: Any, in_process_plan: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    out = tmp_path / "d"
    code, document = onecard.json(
        "run", str(in_process_plan), "--check", "card.atr.*", "--target", "card-3", "--no-matrix", "--out", str(out)
    )
    assert code == document["exit_code"] == 0
    assert document["verification"]["ok"] is True
    assert {each["target"] for each in document["outcomes"]} == {"card-3"}
    assert {each["target"] for each in document["not_run"]} >= {"card-1", "reader-591"}
    again, told = onecard.json("dossier", "verify", str(out), "--key", document["fingerprint"])
    assert again == 0
    assert told["pinned"] is True
    again, told = onecard.json("dossier", "verify", str(out))
    assert again == 0
    assert told["own"] is True
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    stranger = onecard("dossier", "verify", str(out), "--lang", "en")
    assert stranger.exit_code == 3
    assert "unchanged and consistent; signer UNKNOWN" in stranger.stdout
    assert onecard("dossier", "verify", str(out), "--key", document["fingerprint"]).exit_code == 0
    assert onecard("dossier", "verify", str(out), "--key", "0" * 64).exit_code == 2


def test_a_changed_byte_is_found(onecard: Any, made: Certified, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(made.folder, copy)
    history = copy / "history.jsonl"
    raw = bytearray(history.read_bytes())
    raw[len(raw) // 2] ^= 1
    history.write_bytes(raw)
    result = onecard("dossier", "verify", str(copy), "--lang", "en")
    assert result.exit_code == 2
    assert "NOT valid" in result.stdout
    assert "history.jsonl" in result.stdout


def test_explain_gives_the_command_that_repeats_it(onecard: Any, made: Certified) -> None:
    outcome = made.result.outcomes[0]
    code, told = onecard.json("explain", outcome.check_id, "--target", outcome.target, "--dossier", str(made.folder))
    assert code == 0
    assert told["verdict"] == outcome.verdict.value
    assert told["command"].startswith(f"onecard run --check {outcome.check_id}")


def test_explain_without_a_dossier_says_what_to_do(onecard: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    result = onecard("explain", "card.atr.form")
    assert result.exit_code == 2
    assert "onecard certify" in result.stderr


def test_trace_of_one_check(onecard: Any, made: Certified) -> None:
    outcome = made.result.outcomes[0]
    code, lines = onecard.json("trace", str(made.folder), "--check", outcome.check_id)
    assert code == 0
    assert [each["seq"] for each in lines] == list(range(outcome.first_record, outcome.last_record + 1))


def test_dossier_list_and_show(onecard: Any, made: Certified) -> None:
    _, found = onecard.json("dossier", "list", str(made.folder.parent))
    assert [each["run_id"] for each in found] == [made.result.run_id]
    shown = onecard("dossier", "show", str(made.folder), "--lang", "en")
    assert made.result.outcomes[0].key in shown.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run",), "onecard certify"),
        (("run", "nowhere.yaml"), "nowhere.yaml:1"),
        (("bench", "show", "nowhere.yaml"), "nowhere.yaml:1"),
        (("clauses", "nowhere"), "dongguan-cabinet-xc"),
        (("checks", "reader.nothing"), "reader."),
        (("decode", "crt591", "F2 0"), "not hexadecimal"),
        (("decode", "morse", "F2"), "crt591"),
        (("device", "crt591", "--fault", "no-such"), "onecard mutants --list"),
        (("device", "crt999"), "crt310"),
        (("dossier", "show", "nowhere"), "dossier verify"),
        (("dossier", "verify", ".", "--key", "xyz"), "64"),
    ],
)
def test_a_mistake_is_one_clear_message(onecard: Any, words: tuple[str, ...], told: str) -> None:
    result = onecard(*words, "--lang", "en")
    assert result.exit_code == 2
    assert told in result.stderr
    assert "Traceback" not in result.stderr
    code, document = onecard.json(*words)
    assert code == document["exit_code"] == 2
    assert document["errors"]


def test_an_unknown_key_names_its_line(onecard: Any, tmp_path: Path) -> None:
    file = tmp_path / "b.yaml"
    file.write_text("bench: b\nunder_test: device.card\nslotz: {}\n", encoding="utf-8")
    result = onecard("bench", "check", str(file))
    assert result.exit_code == 2
    assert f"{file}:3" in result.stderr
    assert "slots" in result.stderr


def test_an_unknown_target_names_the_known_ones(onecard: Any, in_process_plan: Path) -> None:
    result = onecard("run", str(in_process_plan), "--target", "printer")
    assert result.exit_code == 2
    assert "reader-591" in result.stderr


def test_a_taken_folder_is_refused(onecard: Any, in_process_plan: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear", encoding="utf-8")
    result = onecard("run", str(in_process_plan), "--check", "card.atr.*", "--out", str(tmp_path / "mine"))
    assert result.exit_code == 2
    assert (tmp_path / "mine" / "letter.txt").read_text(encoding="utf-8") == "dear"


def test_plan_lock_can_be_run_again(onecard: Any, in_process_plan: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    lock = tmp_path / "p.lock.json"
    code, document = onecard.json("plan", "lock", str(in_process_plan), "-o", str(lock))
    assert code == 0
    assert len(document["sha256"]) == 64
    code, ran = onecard.json(
        "run",
        "--plan",
        str(lock),
        "--check",
        "card.atr.form",
        "--target",
        "card-1",
        "--no-matrix",
        "--out",
        str(tmp_path / "o"),
    )
    assert code == 0
    assert [each["check"] for each in ran["outcomes"]] == ["card.atr.form"]


def test_matrix_lists_what_nobody_tests(onecard: Any, made: Certified) -> None:
    _, bare = onecard.json("matrix")
    assert all(each["reason"]["zh"] and each["reason"]["en"] for each in bare["untested"])
    _, with_evidence = onecard.json("matrix", "--dossier", str(made.folder))
    seen = [each["verdict"] for row in with_evidence["tested"] for each in row["evidence"]]
    assert "pass" in seen


def test_pics_lists_every_item(onecard: Any, in_process_plan: Path) -> None:
    result = onecard("pics", str(in_process_plan))
    assert "reader.bin_capacity: 50" in result.stdout
    _, items = onecard.json("pics", str(in_process_plan))
    assert {each["id"] for each in items["card-3"]} >= {"card.generation", "card.pin"}


def test_decode_names_a_control_byte_and_a_broken_frame(onecard: Any) -> None:
    result = onecard("decode", "crt591", "06 F2 00 00 03 43 30 30 03 00", "--lang", "en")
    assert "ACK" in result.stdout
    assert "wrong checksum" in result.stdout


def test_languages(onecard: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("ONECARD_LANG", "en")
    assert "in all" in onecard("mutants", "--list").stdout
    assert "共" in onecard("mutants", "--list", "--lang", "zh").stdout
    assert onecard("version", "--lang", "fr").exit_code == 2
