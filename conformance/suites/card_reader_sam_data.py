"""Card reader: each SAM socket reaches a PSAM of its own, its bytes are right, and nothing else ends its session."""

from __future__ import annotations

from itertools import combinations

from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import ReaderView
from conformance.suites.card_reader_acts import SELECT_SSSE, activate, eject, put_in, transmit
from conformance.suites.card_reader_sam import MOST_SOCKETS, sam, sam_reset
from conformance.suites.card_reader_vouched import atr_is_known, known_sam
from conformance.suites.card_reader_words import ReaderCheck, card_seen, first_talk, needed_talks, pics
from protocols.wire.base import Label
from protocols.wire.card_reader import Op

PUBLIC_INFORMATION = bytes.fromhex("00B095000E")
CHALLENGE = bytes.fromhex("0084000008")
SELECT_PUBLIC = bytes.fromhex("00A40000020015")
READ_SELECTED = bytes.fromhex("00B000000E")


class SamEachOwn(ReaderCheck):
    """DG-W20-14, DG-WXC-24, DG-CXC-17: two sockets that lead to one PSAM, or answers that are not the PSAM's, would break it.

    The public information of each declared socket holds the serial number of its PSAM; challenges never repeat.
    """

    id = "reader.sam.each-own"
    title = Label("每个卡座通向各自的 PSAM，数据正确", "each socket reaches its own PSAM, with the right data")
    clauses = ("DG-W20-14", "DG-WXC-24", "DG-CXC-17")
    needs = ("reader.sam_sockets>=2",)
    kills = (
        "reader.sam-2-is-1",
        "reader.sam-34-are-12",
        "reader.sam-all-one",
        "reader.sam-data-zero",
        "reader.sam-answers-cached",
        "reader.sam-4-dead",
    )
    source = "spec/cards.md 6 (SFI 15h), spec/devices.md 4.1 (52), 4.2 (3D)"

    async def drive(self, t: ReaderTester) -> None:
        fitted = int((t.facts.get("pics") or {}).get("reader.sam_sockets", MOST_SOCKETS))
        for socket in range(1, fitted + 1):
            with t.step(f"sam.{socket}"):
                await sam(t, socket, Op.CHIP_ON)
            with t.step(f"public.{socket}"):
                await sam(t, socket, Op.CHIP_APDU, PUBLIC_INFORMATION)
            with t.step(f"challenge.{socket}"):
                await sam(t, socket, Op.CHIP_APDU, CHALLENGE)
                await sam(t, socket, Op.CHIP_APDU, CHALLENGE)

    def judge(self, v: ReaderView) -> None:
        fitted = int(pics(v, "sam_sockets", MOST_SOCKETS))
        found: dict[int, tuple[bytes, bytes]] = {}
        for socket in range(1, fitted + 1):
            step = v.step(f"sam.{socket}")
            known = known_sam(v.facts, socket)
            zh, en = f"SAM 卡座 {socket} 复位", f"reset of SAM socket {socket}"
            if not sam_reset(v, step, zh, en, vouched=bool(known)):
                continue
            public = first_talk(v.step(f"public.{socket}"))
            atr_is_known(v, known, step.only(Op.CHIP_ON))
            if known:
                v.must(
                    public.done and public.data.hex() == known["public"],
                    f"卡座 {socket} 的终端公共信息正确",
                    f"the public information of socket {socket} is right",
                    public.exchange,
                )
            found[socket] = step.only(Op.CHIP_ON).reply.data, public.data if public.done else b""
        self.apart(v, found)
        self.fresh(v, list(found))

    def apart(self, v: ReaderView, found: dict[int, tuple[bytes, bytes]]) -> None:
        for one, other in combinations(found, 2):
            (atr, public), (other_atr, other_public) = found[one], found[other]
            about = v.step(f"public.{one}"), v.step(f"public.{other}")
            if atr == other_atr and not (public and other_public):
                v.unsure(
                    f"无法区分卡座 {one} 与卡座 {other} 的 PSAM",
                    f"nothing tells the PSAM of socket {one} from that of socket {other}",
                    *about,
                )
                continue
            v.must(
                (atr, public) != (other_atr, other_public),
                f"卡座 {one} 与卡座 {other} 是不同的 PSAM",
                f"sockets {one} and {other} hold different PSAMs",
                *about,
            )

    def fresh(self, v: ReaderView, sockets: list[int]) -> None:
        for socket in sockets:
            first, again = needed_talks(v.step(f"challenge.{socket}"), 2)[:2]
            if first.done and again.done:
                v.must(
                    first.data != again.data,
                    f"卡座 {socket} 的随机数不重复",
                    f"socket {socket} gives no challenge twice",
                    first.exchange,
                    again.exchange,
                )


class SamKeepsSession(ReaderCheck):
    """DG-W20-14, DG-CXC-17: a socket that loses its session to another socket, or to the user's card, would break it.

    Socket 1 selects a file; socket 2 is reset, a citizen's card comes and goes; socket 1 reads on without selecting.
    """

    id = "reader.sam.keeps-session"
    title = Label("PSAM 会话不受其他卡座和用户卡影响", "a PSAM's session outlives other sockets and the user's card")
    clauses = ("DG-W20-14", "DG-CXC-17")
    hand = ("insert", "remove")
    needs = ("reader.sam_sockets>=2", "reader.contact")
    control = "before"
    kills = (
        "reader.sam-shared-power",
        "reader.sam-dies-on-eject",
    )
    source = "spec/devices.md 4.1 (51, 52), spec/cards.md 6"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("sam"):
            await sam(t, 1, Op.CHIP_ON)
        with t.step("select"):
            await sam(t, 1, Op.CHIP_APDU, SELECT_PUBLIC)
        with t.step("before"):
            await sam(t, 1, Op.CHIP_APDU, READ_SELECTED)
        with t.step("other"):
            await sam(t, 2, Op.CHIP_ON)
        with t.step("after.other"):
            await sam(t, 1, Op.CHIP_APDU, READ_SELECTED)
        await put_in(t)
        await activate(t)
        with t.step("user"):
            await transmit(t, SELECT_SSSE)
        with t.step("after.user"):
            await sam(t, 1, Op.CHIP_APDU, READ_SELECTED)
        await eject(t)
        with t.step("after.eject"):
            await sam(t, 1, Op.CHIP_APDU, READ_SELECTED)

    def judge(self, v: ReaderView) -> None:
        known = known_sam(v.facts, 1)
        if not sam_reset(v, v.step("sam"), "卡座 1 复位", "reset of socket 1", vouched=bool(known)):
            return
        before = first_talk(v.step("before"))
        if known and not v.must(before.done, "卡座 1 读出所选文件", "socket 1 reads its file", before.exchange):
            return
        if not v.must(before.exchange.reply.ok, "卡座 1 应答", "socket 1 answers", before.exchange):
            return
        for name, zh, en in (
            ("after.other", "卡座 2 复位后", "after a reset of socket 2"),
            ("after.user", "用户卡上电后", "after the user's card was powered"),
            ("after.eject", "用户卡弹出后", "after the user's card was ejected"),
        ):
            step = v.step(name)
            if not v.succeeded(step.exchanges[-1], f"{zh}，卡座 1 仍应答", f"{en}, socket 1 still answers"):
                continue
            talk = first_talk(step)
            v.must(
                (talk.sw, talk.data) == (before.sw, before.data),
                f"{zh}，卡座 1 的会话未变",
                f"{en}, the session of socket 1 is as it was",
                before.exchange,
                talk.exchange,
            )
        card_seen(v)
