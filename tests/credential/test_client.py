"""The client of the decoding platform: every fault ends in an answer or a clear word."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from protocols.clock import LoopClock, run_virtual
from protocols.wire.base import WireError
from protocols.wire.credential import (
    CredentialKind,
    read_decode_reply,
)
from protocols.wire.http import HttpReply, HttpRequest
from reference_impl.backend.channels.credential_client import (
    CredentialClient,
    CredentialRefused,
    CredentialUnavailable,
)
from reference_impl.backend.transport import NoAnswer
from simulators.peer.credential_codes import credential_code
from simulators.peer.delivery import deliver
from simulators.peer.faults import PEER_FAULTS, FaultSwitch, PeerFault

from .credential_bench import KINDS, MINUTE, MORNING, TYPED, Bench


class Network:
    def __init__(self, bench: Bench, switch: FaultSwitch, clock: LoopClock) -> None:
        self.bench, self.switch, self.clock = bench, switch, clock
        self.sent = 0

    async def exchange(self, peer: str, request: HttpRequest, limit_s: float) -> HttpReply:
        assert peer == "credential"
        self.sent += 1
        try:
            async with asyncio.timeout(limit_s):
                reply, _ = await deliver(self.bench.peer, self.switch, request, self.clock)
        except TimeoutError:
            raise NoAnswer from None
        if reply is None:
            raise NoAnswer
        return reply


class TestClient:
    def run(self, code: str, fault: str = "", bench: Bench | None = None, **more: Any) -> Any:
        async def main() -> Any:
            network = Network(
                bench or Bench(), FaultSwitch([PeerFault(fault)] if fault else []), LoopClock(MORNING + 5)
            )
            client = CredentialClient(network)
            return await client.decode(code, institution="H44190000001", terminal_id="KSK-00001", **more)

        return run_virtual(main())

    @KINDS
    def test_who_has_shown_it(self, kind: CredentialKind) -> None:
        found = self.run(credential_code(kind, 1, MINUTE), expected=kind)
        assert (found.kind, found.name, found.id_number) == (kind, "测试甲", "44190019900101001X")
        assert bool(found.token) is (kind is CredentialKind.E_CREDENTIAL)
        assert "测试甲" not in repr(found)
        assert "4419001990" not in repr(found)

    @pytest.mark.parametrize("code", [TYPED[:-1], "opc" + TYPED[3:], "４２４" + TYPED[3:], "", "x" * 200])
    def test_what_is_no_code_is_not_even_sent(self, code: str) -> None:
        for expected, number in ((None, 0), (CredentialKind.E_CREDENTIAL, 500159)):
            with pytest.raises(CredentialRefused) as caught:
                self.run(code, expected=expected)
            assert caught.value.code == number
            assert not code or code not in str(caught.value)

    def test_another_kind_than_the_citizen_chose(self) -> None:
        with pytest.raises(CredentialRefused) as caught:
            self.run(credential_code("health_code", 1, MINUTE), expected=CredentialKind.E_CREDENTIAL)
        assert "电子健康码" in caught.value.text.zh

    def test_a_used_and_an_expired_code(self) -> None:
        bench = Bench()
        code = bench.code()
        self.run(code, bench=bench)
        for each, number in ((code, 500161), (bench.code(minute=MINUTE - 5), 500160)):
            with pytest.raises(CredentialRefused) as caught:
                self.run(each, bench=bench)
            assert caught.value.code == number
            assert caught.value.text.zh
            assert each not in str(caught.value)

    @pytest.mark.parametrize("fault", [each for each in PEER_FAULTS if each != "file-not-ready"])
    @KINDS
    def test_every_fault_ends_in_an_answer_or_a_clear_word(self, kind: CredentialKind, fault: str) -> None:
        wanted: dict[str, Any] = {
            "refuse": CredentialRefused,
            "sign-in-expired": CredentialRefused,
            "duplicate": CredentialRefused,  # the second delivery finds the code used
            "clock-skew": CredentialRefused,
        }
        code = credential_code(kind, 1, MINUTE)
        with pytest.raises(wanted.get(fault, CredentialUnavailable)) as caught:
            self.run(code, fault)
        for secret in (code, "测试甲", "44190019900101001X"):
            assert secret not in str(caught.value)

    def test_an_answer_about_another_code_is_not_taken_for_this_citizen(self) -> None:
        with pytest.raises(CredentialUnavailable, match="another code"):
            self.run(credential_code("e_credential", 1, MINUTE), "wrong-reference")

    def test_error_statuses_of_http(self) -> None:
        class Broken:
            async def exchange(self, peer: str, request: HttpRequest, limit_s: float) -> HttpReply:
                return HttpReply(502, {}, b"bad gateway")

        async def main() -> None:
            with pytest.raises(CredentialUnavailable, match="502"):
                await CredentialClient(Broken()).decode(TYPED, institution="H44190000001", terminal_id="K")

        run_virtual(main())

    @pytest.mark.parametrize(
        "body",
        [
            b'{"code":0,"message":"ok"}',
            b'{"code":"0","data":{}}',
            b'{"code":0,"data":{"userName":"a","idNo":"1"}}',
            b'{"code":0,"data":{"userName":"","idNo":"44190019900101001X"}}',
            b'{"code":true}',
        ],
    )
    def test_answers_that_say_nothing(self, body: bytes) -> None:
        with pytest.raises(WireError) as caught:
            read_decode_reply(body)
        assert "44190019900101001X" not in str(caught.value)
