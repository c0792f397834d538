"""Gates: commands in the docs, leaks in the newest dossier."""

from __future__ import annotations

from pathlib import Path

from conformance.service import Certified
from scenarios.service import bench_secrets
from tui.gates import commands_in, docs_gate, leak_gate, unknown_in

PAGE = """Run `onecard certify` first.

```sh
$ onecard run plan.yaml --check 'reader.*'
cat x | onecard bench up FILE
make test
```
onecard is a word here, not a command.
"""


def test_commands_are_found_in_marks_and_in_blocks() -> None:
    found = list(commands_in(PAGE))
    assert found == [
        (1, "onecard certify"),
        (4, "onecard run plan.yaml --check 'reader.*'"),
        (5, "onecard bench up FILE"),
    ]


def test_what_does_not_exist_is_named() -> None:
    assert unknown_in("onecard certify --out dossiers/x") == ""
    assert unknown_in("onecard bench up FILE") == ""
    assert unknown_in("onecard peer bank --fault drop-request:0400") == ""
    assert unknown_in("onecard certifi") == "onecard certifi"
    assert unknown_in("onecard bench fly") == "onecard bench fly"
    assert unknown_in("onecard peer pub") == "onecard peer pub"
    assert unknown_in("onecard peer bank --colour") == "onecard peer bank --colour"
    assert unknown_in("onecard run --colour") == "onecard run --colour"


def test_the_docs_name_only_commands_that_exist() -> None:
    found = docs_gate()
    assert found.open, found.text.en


def test_a_false_command_closes_the_gate(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("`onecard dance`\n", encoding="utf-8")
    found = docs_gate(tmp_path)
    assert not found.open
    assert "README.md:1: onecard dance" in found.text.en


def test_without_a_dossier_the_leak_gate_is_closed(tmp_path: Path) -> None:
    assert not leak_gate(tmp_path).open


def test_a_dossier_without_secrets_passes_and_a_secret_closes_the_gate(made: Certified) -> None:
    assert leak_gate(made.folder.parent).open
    _, secret = max(bench_secrets(made.result.bench.seed), key=lambda each: len(each[1]))
    leaked = made.folder / "leak.bin"
    leaked.write_bytes(b"\x00" + secret)
    try:
        found = leak_gate(made.folder.parent)
    finally:
        leaked.unlink()
    assert not found.open
    assert "leak.bin@1" in found.text.en


def test_a_key_of_the_pixit_file_closes_the_gate(made: Certified, tmp_path: Path) -> None:
    pixit = tmp_path / "pixit.yaml"
    pixit.write_text('card-3: {card.root_key: "0123456789ABCDEFFEDCBA9876543210"}\n', encoding="utf-8")
    assert leak_gate(made.folder.parent, pixit).open
    leaked = made.folder / "leak.txt"
    leaked.write_text("0123456789abcdeffedcba9876543210", encoding="utf-8")
    try:
        found = leak_gate(made.folder.parent, pixit)
    finally:
        leaked.unlink()
    assert not found.open
    assert "leak.txt@0" in found.text.en
