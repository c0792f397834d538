"""Reconciliation over HTTP: who may run, see and handle what; files from a folder; reports and exports. DG-FIN-REC-01..04,
DG-FIN-SYS-01."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from platform_bench import CLINIC, CLINIC_2, TOWN, Bench, HandClock, User, bench_on

from reference_impl.backend.keys import Keys
from reference_impl.backend.reconciliation.opening import opened
from reference_impl.backend.reconciliation.sources import FolderSource
from reference_impl.backend.settlement.ledger import postings
from reference_impl.backend.settlement.model import Act, Attempt, AttemptState, Leg, Trade, TradeKind
from reference_impl.backend.settlement.rows import attempt_write, trade_write

BASE = "/v1/admin/reconciliation"
HEADER = "reference,kind,original,state,trade_no,amount_fen,fee_fen,institution,channel,day,at\n"
EIGHT = 1_795_305_600  # 2026-11-22 08:00 in China
DAY = "2026-11-22"


class Desk:
    """A bench with a folder of day files and two trades that were paid by bank card."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench, self.folder = bench, folder / DAY

    def put(self, name: str, text: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text, encoding="utf-8")

    def put_equal(self) -> None:
        self.put(
            "channel.bank.all.bill",
            "H|1|2026-11-22|*|1795369200\n"
            f"D|pay|10000001/000001/000012|1250|083015|1122|898441900000001|{CLINIC}|261122000012|\n"
            f"D|pay|10000002/000001/000012|700|083015|1122|898441900000001|{CLINIC_2}|261122000013|\n"
            "T|2|2|1950|0|0\n",
        )
        row = "{no},pay,,done,{no},{fen},,{place},,2026-11-22,1795307415\n"
        rows = row.format(no="DG1", fen=1250, place=CLINIC) + row.format(no="DG2", fen=700, place=CLINIC_2)
        self.put("his.all.all.csv", HEADER + rows)

    def put_different(self) -> None:
        """The bank has another amount for the first; the HIS lacks the second."""
        self.put_equal()
        bill = (self.folder / "channel.bank.all.bill").read_text()
        self.put("channel.bank.all.bill", bill.replace("|1250|", "|1300|").replace("|1950|", "|2000|"))
        his = (self.folder / "his.all.all.csv").read_text()
        self.put("his.all.all.csv", "".join(line for line in his.splitlines(keepends=True) if "DG2" not in line))

    async def run(self, user: User | None = None, **body: Any) -> Any:
        return await (user or self.bench.admin).call("POST", f"{BASE}/runs", {"day": DAY, **body})

    async def differences(self, user: User | None = None, query: str = "") -> Any:
        reply = await (user or self.bench.admin).call("GET", f"{BASE}/differences{query}")
        assert reply.status == 200, reply.body
        return reply.json


def _paid(number: str, terminal: str, institution: str, fen: int) -> Trade:
    def attempt(seq: int, leg: Leg, channel: str, reference: str) -> Attempt:
        at = float(EIGHT + 1_800 + seq)
        return Attempt(
            f"{number}-{seq}", number, seq, leg, Act.DO, channel, "", reference, fen, at,
            state=AttemptState.SUCCESS, updated_at=at,
        )  # fmt: skip

    attempts = (
        attempt(1, Leg.CASH, "bank", f"{terminal}/000001/000012"),
        attempt(2, Leg.COMMIT, "his", number),
    )
    return Trade(
        number, TradeKind.BILL, number, "", "KSK-00001", institution, "P1", fen, float(EIGHT), 0.0, "20261122",
        attempts=attempts,
    )  # fmt: skip


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    keys_file = str(tmp_path / "backend.keys")
    async with bench_on(database_url, HandClock(), Keys.made(), keys_file=keys_file) as bench:
        for trade in (_paid("DG1", "10000001", CLINIC, 1250), _paid("DG2", "10000002", CLINIC_2, 700)):
            booked = [each for a in trade.attempts for each in postings(trade, a, a.created_at, "20261122")]
            await bench.services.store.commit([trade_write(trade), *map(attempt_write, trade.attempts), *booked])
        bench.app.state.reconciling = await opened(bench.services, FolderSource(tmp_path / "files"))
        yield Desk(bench, tmp_path / "files")


async def test_a_day_that_agrees(desk: Desk) -> None:
    desk.put_equal()
    reply = await desk.run()
    assert reply.status == 201, reply.body
    run = reply.json["run"]
    assert (run["run_id"], run["state"], run["compared"], run["found"]) == ("R20261122-001", "valid", 2, 0)
    assert [(each["name"], each["rows"]) for each in run["files"]] == [
        ("2026-11-22/channel.bank.all.bill", 2),
        ("2026-11-22/his.all.all.csv", 2),
    ]
    assert (await desk.differences())["items"] == []
    (audited,) = await desk.bench.audited(action="reconciliation.run")
    assert (audited["actor"], audited["object"], audited["outcome"]) == ("admin", DAY, "allowed")


async def test_differences_with_cause_and_what_may_be_done(desk: Desk) -> None:
    desk.put_different()
    assert (await desk.run()).json["run"]["found"] == 2
    page = await desk.differences()
    assert "长款" in page["definition"]["zh"]
    assert [(each["code"], each["gap_fen"], each["trade_no"], each["automatic"]) for each in page["items"]] == [
        ("AMOUNT_MISMATCH", 50, "DG1", False),
        ("HIS_MISSING", -700, "DG2", True),
    ]
    missing = page["items"][1]
    assert "trade_check" in missing["advice"]["zh"]
    assert missing["cause"]["en"]
    assert missing["sides"]["channel"]["reference"] == "10000002/000001/000012"
    first = await desk.differences(query="?limit=1")
    assert first["next"] == first["items"][0]["difference_id"]
    rest = await desk.differences(query=f"?limit=1&after={first['next']}")
    assert [each["code"] for each in rest["items"]] == ["HIS_MISSING"]
    assert rest["next"] == ""
    assert len((await desk.differences(query="?code=HIS_MISSING&state=open"))["items"]) == 1


async def test_a_missing_or_bad_file_is_named_and_changes_nothing(desk: Desk) -> None:
    reply = await desk.run()
    assert (reply.status, reply.code) == (409, "day-files-missing")
    assert f"channel bank {CLINIC}" in reply.json["detail"]
    desk.put_equal()
    desk.put("his.all.all.csv", HEADER + "DG1,pay,,done,DG1,-5,,H44190000001,,2026-11-22,1795307415\n")
    reply = await desk.run()
    assert (reply.status, reply.code, reply.json["where"]) == (409, "bad-day-file", "2026-11-22/his.all.all.csv:2")
    desk.put("notes.txt", "x")
    assert (await desk.run()).json["where"] == "2026-11-22/notes.txt"
    listed = await desk.bench.admin.call("GET", f"{BASE}/runs?first_day={DAY}&last_day={DAY}")
    assert listed.json["items"] == []


@pytest.mark.parametrize("day", ["2026-02-30", "22.11.2026", "1999-01-01", "", "2026-11-22T00:00"])
async def test_what_is_no_day(desk: Desk, day: str) -> None:
    reply = await desk.bench.admin.call("POST", f"{BASE}/runs", {"day": day})
    assert (reply.status, reply.json["where"]) == (422, "body.day")


async def test_handling_by_name_with_a_reason(desk: Desk) -> None:
    desk.put_different()
    await desk.run()
    found = (await desk.differences())["items"][1]
    address = f"{BASE}/differences/{found['difference_id']}"
    body = {"action": "refund", "reason": "已原路退回", "version": found["version"]}
    reply = await desk.bench.admin.call("POST", f"{address}/handlings", body)
    assert reply.status == 200, reply.body
    assert (reply.json["difference"]["state"], reply.json["difference"]["handled_by"]) == ("closed", "admin")
    assert [each["action"] for each in reply.json["handlings"]] == ["refund"]
    again = await desk.bench.admin.call("POST", f"{address}/handlings", body)
    assert (again.status, again.code) == (409, "changed-meanwhile")
    body["version"] = reply.json["difference"]["version"]
    assert (await desk.bench.admin.call("POST", f"{address}/handlings", body)).code == "not-open"
    empty = await desk.bench.admin.call("POST", f"{address}/handlings", {**body, "reason": " "})
    assert (empty.status, empty.json["where"]) == (422, "body.reason")
    (audited,) = await desk.bench.audited(action="difference.handled", limit=1)
    assert audited["details"] == {"action": "refund"}
    assert (await desk.bench.admin.call("GET", address)).json == reply.json


async def test_an_institution_sees_and_handles_its_own(desk: Desk) -> None:
    desk.put_different()
    await desk.run()
    await _role(desk.bench)
    clerk = await desk.bench.user("li.clerk", TOWN, "clerk")
    items = (await desk.differences(clerk))["items"]
    assert [each["institution"] for each in items] == [CLINIC]
    every = (await desk.differences())["items"]
    foreign = every[1]["difference_id"]
    body = {"action": "accept", "reason": "x", "version": 1}
    reply = await clerk.call("POST", f"{BASE}/differences/{foreign}/handlings", body)
    assert (reply.status, reply.code) == (404, "not-found")
    refused = await clerk.call("GET", f"{BASE}/differences?institution={CLINIC_2}")
    assert (refused.status, refused.code) == (403, "foreign-institution")
    run = await clerk.call("GET", f"{BASE}/runs/R20261122-001")
    assert (run.status, run.code) == (404, "not-found")
    assert (await clerk.call("POST", f"{BASE}/runs", {"day": DAY})).code == "forbidden"
    report = (await clerk.call("GET", f"{BASE}/reports/{DAY}")).json
    assert CLINIC_2 not in report["places"]
    assert report["runs"] == []
    mine = await clerk.call(
        "POST", f"{BASE}/differences/{items[0]['difference_id']}/handlings", {**body, "version": items[0]["version"]}
    )
    assert mine.json["difference"]["handled_by"] == "li.clerk"


async def _role(bench: Bench) -> None:
    permissions = ["reconciliation:read", "reconciliation:handle"]
    role = {"name_zh": "对账员", "name_en": "clerk", "permissions": permissions}
    made = await bench.admin.call("PUT", "/v1/admin/roles/clerk", role)
    assert made.status == 200, made.body


async def test_the_report_and_its_exports(desk: Desk) -> None:
    desk.put_different()
    await desk.run()
    report = (await desk.bench.admin.call("GET", f"{BASE}/reports/{DAY}")).json
    assert "短款" in report["definition"]["zh"]
    codes = {each["code"]: each for each in report["codes"]}
    assert (codes["AMOUNT_MISMATCH"]["long_fen"], codes["HIS_MISSING"]["short_fen"]) == (50, -700)
    assert next(iter(report["places"])) == "441900"
    city = {
        (each["book"], each["leg"]): each["net_fen"] for each in report["places"]["441900"] if each["channel"] == "bank"
    }
    assert city == {("channel", "channel"): 2000, ("platform", "channel"): 1950, ("platform", "his"): 1950}
    town = {
        (each["book"], each["leg"]): each["net_fen"] for each in report["places"][TOWN] if each["channel"] == "bank"
    }
    assert town[("channel", "channel")] == 1300

    admin = desk.bench.admin
    exported = await admin.call("GET", f"{BASE}/reports/{DAY}/export")
    assert exported.headers["content-type"] == "text/csv; charset=utf-8"
    assert exported.headers["content-disposition"] == 'attachment; filename="reconciliation-2026-11-22.csv"'
    assert "长款" in exported.body.decode("utf-8-sig").splitlines()[1]
    plain = await admin.call("GET", f"{BASE}/reports/{DAY}/export?form=json")
    assert json.loads(plain.body)["codes"][0]["code"] == "CHANNEL_ONLY"
    listed = await admin.call("GET", f"{BASE}/reports/{DAY}/differences")
    assert len(listed.body.decode("utf-8-sig").splitlines()) == 3 + 2


async def test_rows_of_a_run_the_equal_and_the_others(desk: Desk) -> None:
    desk.put_different()
    await desk.run()
    address = f"{BASE}/runs/R20261122-001/rows"
    every = (await desk.bench.admin.call("GET", address)).json
    assert [(each["reference"], each["codes"]) for each in every["items"]] == [
        ("DG1/1", ["AMOUNT_MISMATCH"]),
        ("DG2/1", ["HIS_MISSING"]),
    ]
    assert every["items"][0]["legs"] == {"channel": ["10000001/000001/000012", 1250], "his": ["DG1", 1250]}
    his = (await desk.bench.admin.call("GET", f"{address}?book=his&differing=false")).json
    assert [each["reference"] for each in his["items"]] == []
    bank = (await desk.bench.admin.call("GET", f"{address}?book=channel&limit=1")).json
    assert (len(bank["items"]), bank["after"]) == (1, 0)
    rest = (await desk.bench.admin.call("GET", f"{address}?book=channel&limit=1&after=0")).json
    assert (rest["items"][0]["reference"], rest["after"]) == ("10000002/000001/000012", -1)


async def test_a_day_on_which_nothing_happened(desk: Desk) -> None:
    reply = await desk.bench.admin.call("POST", f"{BASE}/runs", {"day": "2026-10-01"})
    assert reply.status == 201, reply.body
    rows = await desk.bench.admin.call("GET", f"{BASE}/runs/R20261001-001/rows")
    assert rows.json == {"items": [], "after": -1}


async def test_a_run_is_voided_with_a_reason(desk: Desk) -> None:
    desk.put_different()
    await desk.run()
    address = f"{BASE}/runs/R20261122-001/voidings"
    reply = await desk.bench.admin.call("POST", address, {"reason": "文件有误"})
    assert (reply.status, reply.json["run"]["state"]) == (200, "void")
    assert (await desk.differences())["items"] == []
    assert (await desk.bench.admin.call("POST", address, {"reason": "x"})).code == "not-valid"
    assert (await desk.bench.admin.call("POST", f"{BASE}/runs/R20261122-777/voidings", {"reason": "x"})).status == 404


async def test_parameters(desk: Desk) -> None:
    admin = desk.bench.admin
    before = (await admin.call("GET", f"{BASE}/parameters")).json
    assert before["channel_cuts"] == {"bank": 82_800}
    wanted = {**before, "window_s": 300, "fees_ppm": {"bank": 6_000, "wechat": 2_000}}
    assert (await admin.call("PUT", f"{BASE}/parameters", wanted)).status == 200
    assert (await admin.call("GET", f"{BASE}/parameters")).json == wanted
    bad = await admin.call("PUT", f"{BASE}/parameters", {**wanted, "his_cut_s": 3})
    assert (bad.status, bad.json["where"]) == (422, "body.his_cut_s")
    await _role(desk.bench)
    clerk = await desk.bench.user("li.clerk", CLINIC, "clerk")
    assert (await clerk.call("PUT", f"{BASE}/parameters", wanted)).code == "forbidden"
