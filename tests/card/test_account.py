"""The offline account over whole transactions, refusals and torn cards (spec/cards.md 1.7, 1.8)."""

from __future__ import annotations

import pytest
from psec.des import encrypt_tdes_cbc, encrypt_tdes_ecb

from simulators.card.base import PowerLost
from simulators.card.bodies import make_body
from simulators.card.social_security import SocialSecurityCard, build_card

from .helpers_card import SELECT_SSSE, ask, exact, send

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

CARD_KEY = bytes.fromhex("1C52B695B390473C68BC34BF32B0BA42")
TERMINAL, TIME = "441900000001", "20261122093000"


def mac(session: bytes, data: str) -> str:
    raw = bytes.fromhex(data)
    return encrypt_tdes_cbc(session * 2, bytes(8), raw + b"\x80" + bytes(-(len(raw) + 1) % 8))[-8:-4].hex().upper()


def enter(card: SocialSecurityCard, *, pin: bool = True) -> SocialSecurityCard:
    card.power_on()
    ask(card, SELECT_SSSE)
    ask(card, "00A4000002DF04")
    if pin:
        send(card, "0020000003123456")
    return card


def account() -> SocialSecurityCard:
    return enter(build_card("2.0"))


def init(card: SocialSecurityCard, fen: int, self_paid: int = 0, pool: int = 0) -> str:
    return ask(card, f"B02801011301{fen:08X}{self_paid:08X}{pool:08X}{TERMINAL}")


def debit(card: SocialSecurityCard, begun: str, fen: int, self_paid: int = 0, pool: int = 0, time: str = TIME) -> str:
    session = encrypt_tdes_ecb(CARD_KEY, bytes.fromhex(begun[36:44] + begun[28:32] + "0007"))
    code = mac(session, f"{fen:08X}{self_paid:08X}{pool:08X}32{TERMINAL}{time}")
    return ask(card, f"B02C01000F00000007{time}{code}")


def pay(card: SocialSecurityCard, fen: int, self_paid: int = 0, pool: int = 0, time: str = TIME) -> str:
    return debit(card, init(card, fen, self_paid, pool), fen, self_paid, pool, time)


def balance(card: SocialSecurityCard) -> int:
    return int(send(card, "B026000104")[:8], 16)


def test_purchase_moves_balance_sequence_sums_and_log() -> None:
    card = account()
    assert len(pay(card, 100, 20, 300)) == 20
    assert balance(card) == 9900
    assert send(card, "B026000206") == "0000001420269000"
    assert send(card, "B026000306") == "0000012C20269000"
    assert send(card, "00B201441C") == "000132" + TERMINAL + TIME + "00000064000000140000012C9000"
    assert init(card, 1)[28:32] == "0002"
    assert pay(card, 50).endswith("9000")
    assert send(card, "00B201441C").startswith("000232")
    assert send(card, "00B202441C").startswith("000132")
    assert send(card, "00B203441C") == "6A83"


def test_sums_start_anew_in_the_next_medical_year() -> None:
    card = account()
    pay(card, 1, 10, 0)
    pay(card, 1, 5, 0, "20270101000000")
    assert send(card, "B026000206") == "0000000520279000"


def test_the_log_keeps_the_newest_thirty() -> None:
    card = account()
    for _ in range(32):
        assert pay(card, 1).endswith("9000")
    assert send(card, "00B201441C").startswith("002032")
    assert send(card, "00B21E441C").startswith("000332")
    assert send(card, "00B21F441C") == "6A83"


def test_refusals() -> None:
    card = account()
    assert init(card, 10_001) == "9401"
    assert send(card, f"B02801011302{1:08X}{0:08X}{0:08X}{TERMINAL}") == "9403"
    assert send(card, f"B02801021301{1:08X}{0:08X}{0:08X}{TERMINAL}") == "6A86"
    assert send(card, f"B02C01000F00000007{TIME}00000000") == "6901"
    begun = init(card, 1)
    assert begun.endswith("9000")
    assert send(card, f"B02C01000F00000007{TIME}00000000") == "9302"
    assert debit(card, begun, 1) == "6901"
    begun = init(card, 1)
    send(card, "B026000104")
    assert debit(card, begun, 1) == "6901"
    begun = init(card, 1)
    assert debit(card, begun, 1).endswith("9000")
    assert debit(card, begun, 1) == "6901"
    assert balance(card) == 9999
    assert send(card, f"B02A00000B{TIME}00000000") == "6901"
    ask(card, SELECT_SSSE)
    assert send(card, "B026000104") == "6985"


def test_load_needs_its_mac_and_counts_apart_from_purchases() -> None:
    card = account()
    begun = ask(card, f"B02800010B01{500:08X}{TERMINAL}")
    session = encrypt_tdes_ecb(CARD_KEY, bytes.fromhex(begun[16:24] + begun[8:12] + "8000"))
    assert begun[24:32] == mac(session, begun[:8] + f"{500:08X}31{TERMINAL}")
    assert send(card, f"B02A00000B{TIME}00000000") == "9302"
    begun = ask(card, f"B02800010B01{500:08X}{TERMINAL}")
    session = encrypt_tdes_ecb(CARD_KEY, bytes.fromhex(begun[16:24] + begun[8:12] + "8000"))
    code = mac(session, f"{500:08X}31{TERMINAL}{TIME}")
    assert ask(card, f"B02A00000B{TIME}{code}").endswith("9000")
    assert balance(card) == 10_500
    assert send(card, "00B201441C").startswith("000131")
    assert init(card, 1)[28:32] == "0001"


@pytest.mark.parametrize("writes", range(1, 12))
def test_a_torn_purchase_is_whole_or_nothing(writes: int) -> None:
    card = account()
    pay(card, 1)
    begun = init(card, 100, 20, 30)
    card.tear_after(writes)
    try:
        answer = debit(card, begun, 100, 20, 30)
    except PowerLost:
        answer = ""
    card.memory.keep_power()
    enter(card)
    money, log = balance(card), send(card, "00B201441C")
    sums, sequence = send(card, "B026000206")[:8], init(card, 1)[28:32]
    proof = ask(card, "B02E0002020002")
    if answer:
        assert (money, log[:6], sums, sequence, proof) == (9899, "000232", "00000014", "0003", answer)
    else:
        assert (money, log[:6], sums, sequence, proof) == (9999, "000132", "00000000", "0002", "9406")


def test_proof_recovers_the_answer_that_was_lost() -> None:
    card = account()
    begun = init(card, 100)
    answer = debit(card, begun, 100)
    enter(card, pin=False)
    assert ask(card, "B02E0002020001") == answer
    assert ask(card, "B02E0002020002") == "9406"
    assert ask(card, "B02E0001020001") == "9406"
    assert ask(card, "B02E0003020001") == "6A86"


def test_start_day_needs_its_key() -> None:
    card = account()
    assert exact(card, "B056010000") == "01019000"
    assert send(card, "B0560000020401") == "6982"
    card.force_random([bytes.fromhex("0102030405060708")])
    send(card, "0084000008")
    assert send(card, "0082008510D6C0097A79F08B6F1112131415161718") == "9000"
    assert send(card, "B0560000020401") == "9000"
    pay(card, 1, 7, 0, "20260331000000")
    assert send(card, "B026000206") == "0000000720269000"


def test_a_used_up_counter_is_told() -> None:
    card = account()
    card.memory.personalise({"account/sequence/2": (0x10000).to_bytes(4, "big")})
    assert init(card, 1) == "9402"


def test_both_faces_of_a_card_share_the_money() -> None:
    body = make_body("3.0-3des")
    assert isinstance(body.chip, SocialSecurityCard)
    assert isinstance(body.rf, SocialSecurityCard)
    pay(enter(body.chip), 100)
    face = body.rf
    face.power_on()
    assert send(face, SELECT_SSSE).endswith("9000")
    assert send(face, "00A4000002DF04").endswith("9000")
    assert send(face, "B026000104") == "000026AC9000"
