"""A PIXIT key never stands in a dossier; whoever has it can verify in full, whoever lacks it is told so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.dossier.verify import verify_dossier
from conformance.pixit_secrets import (
    SecretNeeded,
    key_check_value,
    secret_literals,
    secret_values,
    shown_pixit,
    with_secrets,
)
from conformance.service import Certified, PlanError, certify, load
from protocols.wire.privacy import find_leaks

PLAN = Path(__file__).resolve().parents[2] / "scenarios" / "plans" / "in-process.yaml"
ROOT_KEY, PIN = "0123456789ABCDEFFEDCBA9876543210", "123456"
PIXIT = {"card.root_key": ROOT_KEY, "card.pin": PIN}
DEFAULT = "404142434445464748494A4B4C4D4E4F"


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    root = tmp_path_factory.mktemp("pixit")
    resolved = load(PLAN, {"select": ("card.internal_auth.*", "card.atr.*"), "pixit": {"card-3": PIXIT}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(root))
        return certify(resolved, root / "d", with_matrix=False)


def verify(certified: Certified, secrets: Any = None) -> Any:
    return verify_dossier(certified.folder, secrets=secrets, suite_hash=certified.result.suite_hash)


def test_the_key_is_in_no_file(certified: Certified) -> None:
    literals = secret_literals("card", PIXIT)
    files = [each for each in certified.folder.rglob("*") if each.is_file()]
    assert len(literals) == 1
    assert [each.name for each in files if find_leaks(each.read_bytes(), literals)] == []
    assert '"card.root_key_kcv"' in (certified.folder / "pixit.json").read_text(encoding="utf-8")


def test_with_the_key_everything_is_recomputed(certified: Certified) -> None:
    found = verify(certified, {"card-3": {"card.root_key": ROOT_KEY}})
    assert found.problems == []
    assert found.recomputed == len(certified.result.outcomes)


@pytest.mark.parametrize("given", [None, {"card-3": {"card.root_key": DEFAULT}}])
def test_without_the_key_nothing_is_called_equal(certified: Certified, given: Any) -> None:
    found = verify(certified, given)
    assert not found.ok
    assert found.exit_code == 3
    assert {each.gap for each in found.problems} == {True}
    assert any("card.internal_auth" in each.where for each in found.problems)
    assert "card.root_key" in found.render("zh")


def test_a_lock_that_withholds_a_key_cannot_be_run(certified: Certified) -> None:
    with pytest.raises(PlanError, match=r"card\.root_key"):
        load(certified.folder / "plan.lock.json")


def test_published_values_are_no_secrets() -> None:
    assert secret_values("card", {"card.root_key": DEFAULT, "card.pin": PIN}) == {}
    assert shown_pixit("card", {"card.root_key": DEFAULT, "card.pin": PIN}, {}) == {"card.root_key": DEFAULT}


@pytest.mark.parametrize(
    ("algorithm", "wanted"),
    [("sm4", "sm4"), ("3des", "3des")],
)
def test_a_key_check_value_is_the_cipher_over_zeros(algorithm: str, wanted: str) -> None:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from cryptography.hazmat.primitives.ciphers import Cipher, modes
    from cryptography.hazmat.primitives.ciphers.algorithms import SM4

    key = bytes.fromhex(ROOT_KEY)
    cipher = Cipher(SM4(key), modes.ECB()) if wanted == "sm4" else Cipher(TripleDES(key + key[:8]), modes.ECB())
    block = cipher.encryptor().update(bytes(16))
    assert key_check_value(ROOT_KEY, {"card.algorithm": algorithm}) == block[:3].hex().upper()


def test_only_the_question_for_the_key_needs_the_key() -> None:
    facts = {"pixit": {"card.root_key_kcv": key_check_value(ROOT_KEY, {}), "card.other": "1"}}
    blind = with_secrets(facts, {})["pixit"]
    assert blind.get("card.other") == "1"
    assert blind.get("card.absent", "2") == "2"
    with pytest.raises(SecretNeeded):
        blind.get("card.root_key", DEFAULT)
    with pytest.raises(SecretNeeded):
        with_secrets(facts, {"card.root_key": DEFAULT})
    assert with_secrets(facts, {"card.root_key": ROOT_KEY})["pixit"]["card.root_key"] == ROOT_KEY
