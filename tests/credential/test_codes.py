"""Codes and tokens of citizens: forms typed from spec/cards.md 7."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.wire.base import WireError
from protocols.wire.credential import (
    KIND_LABELS,
    REFUSALS,
    TRANS_TYPES,
    CredentialKind,
    kind_of,
)
from simulators.peer.city import City
from simulators.peer.credential_codes import credential_code, ec_token, read_code, read_token

from .credential_bench import CALLS, KINDS, MINUTE, MORNING, TYPED


class TestForms:
    def test_the_typed_code(self) -> None:
        assert kind_of(TYPED) is CredentialKind.E_CREDENTIAL
        resident = City().by_e_credential(TYPED)
        assert resident is not None
        assert (resident.number, resident.e_credential) == (1, TYPED)

    def test_the_static_code_is_the_one_that_a_resident_carries(self) -> None:
        assert credential_code(CredentialKind.E_CREDENTIAL, 1, 0) == TYPED

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            ("0123456789ABCDEF" * 4 + ":1", CredentialKind.HEALTH),
            ("0123456789ABCDEF" * 4 + ":0", CredentialKind.HEALTH),
            ("SSC:" + "0123456789ABCDEF" * 2, CredentialKind.SOCIAL_SECURITY),
            ("CZM:" + "0123456789ABCDEF" * 2, CredentialKind.CITIZEN),
        ],
    )
    def test_the_other_forms(self, code: str, kind: CredentialKind) -> None:
        assert kind_of(code) is kind

    @pytest.mark.parametrize(
        ("code", "why"),
        [
            ("", "neither"),
            (TYPED[:-1], "this one has 27"),
            (TYPED + "0", "this one has 29"),
            ("425" + TYPED[3:], "neither"),
            ("opc" + TYPED[3:], "opc"),
            ("OPC" + TYPED[3:], "opc"),
            (TYPED[:-4] + "0001", "28"),
            ("４２４" + TYPED[3:], "another width"),
            (TYPED[:-1] + "０", "another width"),
            (TYPED + "\r", "neither"),
            (" " + TYPED, "neither"),
            ("0123456789abcdef" * 4 + ":1", "neither"),
            ("0123456789ABCDEF" * 4 + ":2", "neither"),
            ("0123456789ABCDEF" * 4, "neither"),
            ("SSC:" + "0" * 31, "neither"),
            ("134567890123456789", "neither"),
        ],
    )
    def test_what_is_no_code_is_refused_without_being_repeated(self, code: str, why: str) -> None:
        with pytest.raises(WireError, match=why) as caught:
            kind_of(code)
        assert not code or code not in str(caught.value)

    def test_prefixes_can_be_set(self) -> None:
        code = "X1-" + "0" * 32
        assert kind_of(code, {"X1-": CredentialKind.CITIZEN}) is CredentialKind.CITIZEN
        with pytest.raises(WireError):
            kind_of("CZM:" + "0" * 32, {})

    @KINDS
    def test_a_code_leads_back_to_its_holder(self, kind: CredentialKind) -> None:
        for number in (1, 2, 26_000_000, 99_999_999):
            for minute in (0, 1, MINUTE, 99_999_999):
                code = credential_code(kind, number, minute)
                assert kind_of(code) is kind
                assert read_code(code) is not None
                shown = read_code(code)
                assert shown is not None
                assert (shown.kind, shown.number, shown.minute) == (kind, number, minute)

    @KINDS
    def test_a_code_changes_every_minute(self, kind: CredentialKind) -> None:
        assert credential_code(kind, 1, MINUTE) != credential_code(kind, 1, MINUTE + 1)
        assert credential_code(kind, 1, MINUTE) == credential_code(kind, 1, MINUTE)

    @KINDS
    def test_a_code_that_was_made_up_is_nobodys(self, kind: CredentialKind) -> None:
        """Somebody else's number in one's own code: the check digits do not fit (one in a hundred would, of 28 digits)."""
        right = credential_code(kind, 1, MINUTE)
        other = credential_code(kind, 2, MINUTE)
        mixed = (
            other[: len(other) - 10] + right[len(right) - 10 :]
            if kind is CredentialKind.E_CREDENTIAL
            else right[:-3] + other[-3:]
        )
        assert mixed in (right, other) or read_code(mixed) is None

    @pytest.mark.parametrize(("number", "minute"), [(0, 1), (100_000_000, 1), (1, -1), (1, 100_000_000)])
    def test_what_has_no_code(self, number: int, minute: int) -> None:
        with pytest.raises(ValueError):
            credential_code("health_code", number, minute)

    def test_an_unknown_kind(self) -> None:
        with pytest.raises(ValueError):
            credential_code("library_card", 1, 1)

    def test_labels(self) -> None:
        assert all(label.zh and label.en for label in (*KIND_LABELS.values(), *REFUSALS.values()))
        assert set(CALLS.values()) <= set(TRANS_TYPES)

    @given(st.text(max_size=80))
    def test_no_text_makes_it_fall_over(self, text: str) -> None:
        assert read_code(text) is None


class TestToken:
    def test_shape(self) -> None:
        token = ec_token(7, MORNING)
        assert len(token) == 38
        assert token.startswith("441900ec0000000000000007")

    def test_good_for_300_seconds(self) -> None:
        token = ec_token(7, MORNING)
        assert read_token(token, MORNING) == 7
        assert read_token(token, MORNING + 300) == 7
        assert read_token(token, MORNING + 301) is None
        assert read_token(token, MORNING - 3600) is None

    def test_a_token_that_was_made_up_is_nobodys(self) -> None:
        token = ec_token(7, MORNING)
        assert read_token(token.replace("0000007", "0000008"), MORNING) is None
        for text in ("", "441900ec", token[:-1], token + "0", token[:-1] + ("0" if token[-1] != "0" else "1")):
            assert read_token(text, MORNING) is None
