"""Users, roles, institutions, permissions and the trail of what they do. DG-OPS-01, DG-FIN-SYS-01, DG-SEC-03."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from platform_bench import ADMIN, CITY, CLINIC, CLINIC_2, PASSWORD, TOWN, TOWN_2, Bench, User
from sqlalchemy import text

from reference_impl.backend.administration.passwords import Passwords, first_password, weakness
from reference_impl.backend.administration.permissions import LABELS, Permission
from reference_impl.backend.audit.questions import verified
from reference_impl.backend.audit.tables import AUDIT
from reference_impl.backend.audit.trail import Act, Actor, Entry, broken_at
from reference_impl.backend.bootstrap import administrator
from reference_impl.backend.keys import Keys
from reference_impl.backend.problems import ProblemError
from reference_impl.backend.storage.errors import RowRefused
from reference_impl.backend.storage.records import load
from reference_impl.backend.storage.writes import Write
from reference_impl.backend.terminals.tables import TERMINALS

# Logging in.


async def test_who_logs_in_is_known_and_may_what_was_granted(bench: Bench) -> None:
    user = await bench.user("li.operator", CLINIC, "operator")
    me = (await user.call("GET", "/v1/admin/me")).json
    assert me["user"] == {
        "user_id": "li.operator",
        "name": "测试 li.operator",
        "institution": CLINIC,
        "state": "active",
        "must_change": False,
        "locked": False,
    }
    assert me["rights"] == {
        CLINIC: [
            "alarms:read",
            "institutions:read",
            "reports:read",
            "terminals:command",
            "terminals:read",
            "terminals:write",
        ]
    }


async def test_a_first_password_opens_nothing_but_its_own_change(bench: Bench) -> None:
    body = {"user_id": "wang.new", "name": "测试", "institution": CITY}
    made = (await bench.admin.call("POST", "/v1/admin/users", body)).json
    user = User(bench.app, "wang.new", made["first_password"])
    await user.login()
    assert (await user.call("GET", "/v1/admin/institutions")).code == "password-change-required"
    for weak in ("short-A1", "alllowercase", "wang.new-A1x", "AaAaAaAaAa1"):
        change = {"old_password": user.password, "password": weak}
        reply = await user.call("POST", "/v1/admin/me/password", change)
        assert (reply.code, reply.json["where"]) == ("invalid-request", "body.password")
        assert weak not in reply.body.decode()
    wrong = await user.call("POST", "/v1/admin/me/password", {"old_password": "x", "password": "Valley-42-stone"})
    assert (wrong.code, wrong.json["where"]) == ("forbidden", "body.old_password")
    same = await user.call("POST", "/v1/admin/me/password", {"old_password": user.password, "password": user.password})
    assert same.code == "invalid-request"


async def test_five_wrong_passwords_lock_the_name_whether_it_exists_or_not(bench: Bench) -> None:
    await bench.user("zhao.cash", CLINIC, "cashier")
    for name in ("zhao.cash", "nobody.here"):
        guess = User(bench.app, name, "Wrong-guess-1")
        codes = [(await guess.login()).code for _ in range(6)]
        assert codes == ["login-refused"] * 5 + ["account-locked"]
        reply = await guess.login()
        assert int(reply.headers["retry-after"]) == 901
    right = User(bench.app, "zhao.cash", "Valley-42-stone")
    assert (await right.login()).code == "account-locked"
    shown = await bench.admin.call("GET", "/v1/admin/users/zhao.cash")
    assert shown.json["locked"] is True
    bench.clock.time += 901
    assert (await right.login()).status == 201
    assert (await User(bench.app, "zhao.cash", "Wrong-guess-1").login()).code == "login-refused"


async def test_guessing_on_many_connections_does_not_get_past_the_lock(bench: Bench) -> None:
    await bench.user("zhao.cash", CLINIC, "cashier")
    guesses = [User(bench.app, "zhao.cash", f"Wrong-guess-{number}") for number in range(20)]
    codes = [each.code for each in await asyncio.gather(*(guess.login() for guess in guesses))]
    assert codes.count("login-refused") == 5
    assert codes.count("account-locked") == 15


async def test_too_many_logins_at_once_are_told_to_wait() -> None:
    class Slow:
        """A hash that takes as long as the test wants."""

        def __init__(self) -> None:
            self.free = threading.Event()

        def hash(self, password: str) -> str:
            return "hash"

        def verify(self, password_hash: str, password: str) -> bool:
            return self.free.wait(60)

    slow = Slow()
    passwords = Passwords(at_once=2, waiting=3, hasher=slow)  # type: ignore[arg-type]
    tries = [asyncio.create_task(passwords.matches("x", "hash")) for _ in range(9)]
    for _ in range(3):
        await asyncio.sleep(0)
    refused = [each for each in tries if each.done()]
    assert [error.kind.code for each in refused if isinstance(error := each.exception(), ProblemError)] == [
        "too-many-requests"
    ] * 4
    slow.free.set()
    assert [await each for each in tries[:5]] == [True] * 5
    assert await passwords.matches("x", None) is False


async def test_a_session_ends_by_time_by_logging_out_and_with_the_user(bench: Bench) -> None:
    user = await bench.user("li.operator", CLINIC, "operator")
    bench.clock.time += 1_801
    assert (await user.call("GET", "/v1/admin/me")).code == "unauthenticated"
    await user.login()
    other = replace(user)
    assert (await user.call("DELETE", "/v1/admin/sessions")).status == 204
    assert (await other.call("GET", "/v1/admin/me")).code == "unauthenticated"
    await user.login()
    await bench.admin.login()
    disabled = await bench.admin.call("PATCH", "/v1/admin/users/li.operator", {"state": "disabled"})
    assert disabled.json["state"] == "disabled"
    assert (await user.call("GET", "/v1/admin/me")).code == "unauthenticated"
    assert (await user.login()).code == "login-refused"


async def test_a_token_that_we_did_not_sign_is_none(bench: Bench) -> None:
    now = int(bench.clock.time)
    claims = {"iss": "onecard-backend", "sub": ADMIN, "gen": 1, "iat": now, "exp": now + 600}
    right = OctKey.import_key(bench.services.keys.user_token)
    for token in (
        jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(b"another key of 32 bytes, as long")),
        jwt.encode({"alg": "HS256"}, {**claims, "exp": now - 1}, right),
        jwt.encode({"alg": "HS256"}, {**claims, "iss": "else"}, right),
        jwt.encode({"alg": "HS256"}, {**claims, "sub": "nobody"}, right),
        jwt.encode({"alg": "HS256"}, {**claims, "gen": 0}, right),
        jwt.encode({"alg": "HS256"}, {name: value for name, value in claims.items() if name != "exp"}, right),
        bench.admin.token[:-2] + "xx",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
        "",
    ):
        stranger = User(bench.app, ADMIN, "", token)
        assert (await stranger.call("GET", "/v1/admin/me")).code == "unauthenticated"
    assert (await bench.admin.call("GET", "/v1/admin/me")).status == 200


# Institutions and scopes.


async def test_the_tree_is_city_town_clinic(bench: Bench) -> None:
    new = {"code": "H44190000099", "parent": CLINIC, "name": "x"}
    assert (await bench.admin.call("POST", "/v1/admin/institutions", new)).json["where"] == "body.parent"
    twice = {"code": CLINIC, "parent": TOWN, "name": "x"}
    assert (await bench.admin.call("POST", "/v1/admin/institutions", twice)).json["where"] == "body.code"
    listed = (await bench.admin.call("GET", f"/v1/admin/institutions?institution={TOWN}")).json["items"]
    assert [(each["code"], each["kind"]) for each in listed] == [(TOWN, "town"), (CLINIC, "clinic")]
    assert (await bench.admin.call("PATCH", f"/v1/admin/institutions/{TOWN}", {"state": "closed"})).code == "conflict"
    for code in (CLINIC, TOWN):
        assert (await bench.admin.call("PATCH", f"/v1/admin/institutions/{code}", {"state": "closed"})).status == 200
    assert (await bench.admin.call("POST", "/v1/admin/institutions", {**new, "parent": TOWN})).code == "conflict"
    assert (await bench.admin.call("PATCH", f"/v1/admin/institutions/{CITY}", {"state": "closed"})).code == "conflict"


async def test_another_institutions_data_is_refused_and_the_refusal_is_audited(bench: Bench) -> None:
    await bench.terminal(1, CLINIC)
    await bench.terminal(2, CLINIC_2)
    user = await bench.user("li.operator", TOWN, "operator")

    listed = (await user.call("GET", "/v1/admin/terminals")).json["items"]
    assert [each["terminal_id"] for each in listed] == ["KSK-00001"]
    report = (await user.call("GET", "/v1/admin/terminal-report")).json
    assert report["terminals"] == 1
    assert "KSK-00002" not in (await user.call("GET", "/v1/admin/terminal-report.csv")).body.decode()
    assert (await user.call("GET", "/v1/admin/terminals/KSK-00001")).status == 200

    foreign = await user.call("GET", "/v1/admin/terminals/KSK-00002")
    missing = await user.call("GET", "/v1/admin/terminals/KSK-00009")
    assert (foreign.code, foreign.json["detail"]) == (missing.code, missing.json["detail"])
    assert foreign.status == 404
    named = await user.call("GET", f"/v1/admin/terminals?institution={CLINIC_2}")
    assert (named.status, named.code) == (403, "foreign-institution")
    body = {"terminal_id": "KSK-00003", "institution": CLINIC_2, "name": "x", "bank_terminal": "10000003"}
    created = await user.call("POST", "/v1/admin/terminals", {**body, "merchant": "898441900000001"})
    assert created.code == "foreign-institution"
    moved = await user.call("PATCH", "/v1/admin/terminals/KSK-00001", {"institution": CLINIC_2})
    assert moved.code == "foreign-institution"
    commanded = await user.call("POST", "/v1/admin/terminals/KSK-00002/commands", {"verb": "pause"})
    assert commanded.status == 404

    refused = await bench.audited(actor="li.operator", outcome="refused")
    assert [(each["action"], each["object"], each["institution"]) for each in refused] == [
        ("terminal.commanded", "KSK-00002", CLINIC_2),
        ("terminal.changed", "KSK-00001", CLINIC_2),
        ("terminal.created", "KSK-00003", CLINIC_2),
        ("terminals.listed", CLINIC_2, CLINIC_2),
        ("terminal.read", "KSK-00009", ""),
        ("terminal.read", "KSK-00002", CLINIC_2),
    ]
    assert refused[-1]["request_id"] == foreign.headers["x-request-id"]


async def test_what_is_not_permitted_is_refused_with_the_permission_that_is_needed(bench: Bench) -> None:
    auditor = await bench.user("sun.auditor", CITY, "auditor")
    body = {"verb": "pause"}
    await bench.terminal(1)
    reply = await auditor.call("POST", "/v1/admin/terminals/KSK-00001/commands", body)
    assert reply.code == "forbidden"
    assert "terminals:command" in reply.json["detail"]
    assert (await auditor.call("GET", "/v1/admin/terminals")).code == "forbidden"
    assert (
        await auditor.call("PUT", "/v1/admin/roles/own", {"name_zh": "x", "name_en": "x", "permissions": []})
    ).code == "forbidden"
    assert len(await bench.audited(actor="sun.auditor", outcome="refused")) == 3


# Giving.


async def test_nobody_gives_what_they_do_not_have(bench: Bench) -> None:
    """A town's own administrator makes users and grants for the town, and no more than that."""
    powers = sorted({"users:write", "users:read", "roles:write", "terminals:read"})
    role = {"name_zh": "镇管理员", "name_en": "Town administrator", "permissions": powers}
    assert (await bench.admin.call("PUT", "/v1/admin/roles/town-admin", role)).status == 200
    town = await bench.user("town.admin", TOWN, "town-admin")

    assert (
        await town.call("POST", "/v1/admin/users", {"user_id": "new.one", "name": "x", "institution": TOWN_2})
    ).code == "foreign-institution"
    assert (
        await town.call("POST", "/v1/admin/users", {"user_id": "new.one", "name": "x", "institution": CLINIC})
    ).status == 201
    grants = "/v1/admin/users/new.one/grants"
    for role_id, institution, code in (
        ("administrator", CLINIC, "forbidden"),
        ("operator", CLINIC, "forbidden"),
        ("town-admin", CITY, "foreign-institution"),
        ("town-admin", CLINIC_2, "foreign-institution"),
    ):
        assert (await town.call("POST", grants, {"role_id": role_id, "institution": institution})).code == code
    assert (await town.call("POST", grants, {"role_id": "town-admin", "institution": CLINIC})).status == 201
    assert (await town.call("POST", grants, {"role_id": "town-admin", "institution": CLINIC})).code == "conflict"
    # A role is the whole platform's: no town changes it, least of all its own.
    assert (await town.call("PUT", "/v1/admin/roles/town-admin", role)).code == "foreign-institution"
    # Resetting a password is taking an account over.
    assert (await town.call("POST", f"/v1/admin/users/{ADMIN}/password-resets")).status == 404
    await bench.user("big.boss", TOWN, "administrator", at=CITY)
    assert (await town.call("POST", "/v1/admin/users/big.boss/password-resets")).code == "forbidden"
    assert (await town.call("PATCH", "/v1/admin/users/big.boss", {"state": "disabled"})).code == "forbidden"


async def test_a_withdrawn_grant_and_a_retired_role_permit_nothing_at_once(bench: Bench) -> None:
    user = await bench.user("li.operator", CLINIC, "operator")
    grants = (await bench.admin.call("GET", "/v1/admin/users/li.operator/grants")).json
    gone = await bench.admin.call("DELETE", f"/v1/admin/users/li.operator/grants/{grants[0]['grant_id']}")
    assert gone.json["state"] == "withdrawn"
    assert (await user.call("GET", "/v1/admin/terminals")).code == "forbidden"
    assert (
        await bench.admin.call("DELETE", f"/v1/admin/users/li.operator/grants/{grants[0]['grant_id']}")
    ).code == "conflict"
    assert (await bench.admin.call("DELETE", f"/v1/admin/users/{ADMIN}/grants/{grants[0]['grant_id']}")).status == 404
    await bench.admin.call("POST", "/v1/admin/users/li.operator/grants", {"role_id": "cashier", "institution": CLINIC})
    assert (await user.call("GET", "/v1/admin/institutions")).status == 200
    role = {"name_zh": "财务", "name_en": "Cashier", "permissions": [], "state": "retired"}
    assert (await bench.admin.call("PUT", "/v1/admin/roles/cashier", role)).status == 200
    assert (await user.call("GET", "/v1/admin/institutions")).code == "forbidden"


async def test_somebody_always_remains_who_can_administer(bench: Bench) -> None:
    grant = (await bench.admin.call("GET", f"/v1/admin/users/{ADMIN}/grants")).json[0]["grant_id"]
    role = {"name_zh": "x", "name_en": "x", "permissions": ["users:read"]}
    for method, path, body in (
        ("DELETE", f"/v1/admin/users/{ADMIN}/grants/{grant}", None),
        ("PATCH", f"/v1/admin/users/{ADMIN}", {"state": "disabled"}),
        ("PUT", "/v1/admin/roles/administrator", role),
        (
            "PUT",
            "/v1/admin/roles/administrator",
            {**role, "permissions": [each.value for each in Permission], "state": "retired"},
        ),
    ):
        reply = await bench.admin.call(method, path, body)
        assert (reply.code, "Nobody would be left" in reply.json["detail"]) == ("conflict", True)
    await bench.user("second.one", CITY, "administrator")
    assert (await bench.admin.call("PATCH", f"/v1/admin/users/{ADMIN}", {"state": "disabled"})).status == 200


async def test_a_permission_that_does_not_exist_is_named_nowhere(bench: Bench) -> None:
    role = {"name_zh": "x", "name_en": "x", "permissions": ["terminals:read", "world:rule"]}
    reply = await bench.admin.call("PUT", "/v1/admin/roles/odd", role)
    assert (reply.code, reply.json["where"]) == ("invalid-request", "body.permissions")
    listed = (await bench.admin.call("GET", "/v1/admin/permissions")).json
    assert (
        {each["permission"] for each in listed}
        == {each.value for each in Permission}
        == {each.value for each in LABELS}
    )


async def test_the_console_restores_a_locked_out_administrator(bench: Bench) -> None:
    for _ in range(5):
        await User(bench.app, ADMIN, "Wrong-guess-1").login()
    assert (await bench.admin.login()).code == "account-locked"
    user, password = await administrator(bench.services, ADMIN)
    assert user.must_change
    bench.admin.password = password
    assert (await bench.admin.login()).status == 201
    change = {"old_password": password, "password": PASSWORD}
    assert (await bench.admin.call("POST", "/v1/admin/me/password", change)).status == 204
    bench.admin.password = PASSWORD
    await bench.admin.login()
    newest = (await bench.audited(action="administrator.restored"))[0]
    assert (newest["actor_kind"], newest["object"]) == ("console", ADMIN)


async def test_people_in_memory_are_people_in_the_database(bench: Bench) -> None:
    from reference_impl.backend.administration.directory import Directory

    await bench.user("li.operator", CLINIC, "operator")
    again = await Directory.open(bench.services.store.engine)
    now = bench.services.directory
    assert (again.users, again.roles, again.grants, again.institutions) == (
        now.users,
        now.roles,
        now.grants,
        now.institutions,
    )
    assert again.users["li.operator"].password_hash.startswith("$argon2id$")


def test_a_first_password_is_a_good_one() -> None:
    made = {first_password() for _ in range(100)}
    assert len(made) == 100
    assert {weakness(each, "li.operator") for each in made} == {""}


# The trail.


async def test_every_act_is_in_the_trail_with_who_what_and_where(bench: Bench) -> None:
    await bench.terminal(1)
    await bench.admin.call("POST", "/v1/admin/terminals/KSK-00001/commands", {"verb": "pause"})
    newest = (await bench.audited(object_kind="terminal", object_key="KSK-00001"))[1]  # the newest is this question
    assert newest["actor_kind"] == "user"
    assert newest["actor"] == ADMIN
    assert newest["action"] == "terminal.commanded"
    assert newest["institution"] == CLINIC
    assert newest["outcome"] == "allowed"
    assert newest["at"] == bench.clock.time
    assert newest["details"]["verb"] == "pause"
    searched = await bench.audited(action="audit.searched")
    assert searched[0]["actor"] == ADMIN


async def test_a_person_is_in_the_trail_as_a_token_alone(bench: Bench) -> None:
    trail, number = bench.services.trail, "441900194001010029"
    await trail.record(Actor("terminal", "KSK-00001"), Act("identity.read", "patient", number, CLINIC))
    found = await bench.audited(object_kind="patient", object_key=number)
    assert [each["action"] for each in found] == ["audit.searched", "identity.read"]
    assert found[0]["object"] == found[1]["object"] == trail.token("patient", number)
    assert trail.token("card", number) != trail.token("patient", number)
    async with bench.services.store.engine.connect() as connection:
        assert number not in str((await connection.execute(AUDIT.select())).all())


async def test_the_trail_comes_in_pages_of_ones_own_institutions(bench: Bench) -> None:
    for number, place in ((1, CLINIC), (2, CLINIC_2), (3, CLINIC), (4, CLINIC_2)):
        await bench.terminal(number, place)
    auditor = await bench.user("sun.auditor", TOWN, "auditor")
    question: dict[str, Any] = {"action": "terminal.created", "limit": 1}
    first = (await auditor.call("POST", "/v1/admin/audit/search", question)).json
    second = (await auditor.call("POST", "/v1/admin/audit/search", {**question, "before": first["before"]})).json
    assert [each["object"] for each in first["items"] + second["items"]] == ["KSK-00003", "KSK-00001"]
    assert second["before"] == 0
    foreign = await auditor.call("POST", "/v1/admin/audit/search", {"institution": TOWN_2})
    assert foreign.code == "foreign-institution"
    assert (await auditor.call("POST", "/v1/admin/audit/verifications")).code == "foreign-institution"
    platform = (await auditor.call("POST", "/v1/admin/audit/search", {"action": "backend.started"})).json
    assert platform["items"] == []


async def test_an_unbroken_trail_is_found_unbroken(bench: Bench) -> None:
    await bench.terminal(1)
    reply = (await bench.admin.call("POST", "/v1/admin/audit/verifications")).json
    assert reply == {"entries": bench.services.trail.seq, "head": bench.services.trail.head, "broken_at": 0}


@pytest.mark.parametrize(
    ("forgery", "found_at"),
    [
        ("UPDATE audit SET actor = 'somebody' WHERE seq = 5", 5),
        ("UPDATE audit SET digest = prev WHERE seq = 5", 5),
        ("DELETE FROM audit WHERE seq = 5", 5),
        ("UPDATE audit SET seq = 10005 WHERE seq = 5", 5),
        ("UPDATE audit SET outcome = 'allowed', prev = '0' WHERE seq = 1", 1),
    ],
)
async def test_a_forged_trail_is_found_out(bench: Bench, forgery: str, found_at: int) -> None:
    """Somebody who may change the tables themselves, triggers and all."""
    engine = bench.services.store.engine
    async with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            for (name,) in (
                await connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
            ).all():
                await connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            await connection.execute(text("ALTER TABLE audit DISABLE TRIGGER ALL"))
        await connection.execute(text(forgery))
    assert (await verified(engine, bench.services.keys))[2] == found_at


async def test_entries_follow_from_each_other_and_from_the_key(bench: Bench) -> None:
    entries = await load(bench.services.store.engine, AUDIT, Entry)
    assert broken_at(entries, bench.services.keys) is None
    assert broken_at(entries, Keys.made()) == 1
    assert broken_at(entries[2:], bench.services.keys, entries[1].seq, entries[1].digest) is None
    swapped = [entries[1], entries[0], *entries[2:]]
    assert broken_at(swapped, bench.services.keys) == 1
    resealed = replace(entries[3], details=json.dumps({"why": "invented"}))
    resealed = replace(resealed, digest=resealed.digested(bench.services.keys.trail))
    assert broken_at([*entries[:3], resealed, *entries[4:]], bench.services.keys) == 5


async def test_an_act_whose_rows_are_refused_is_in_the_trail_as_failed(bench: Bench) -> None:
    bad = Write(TERMINALS, ("KSK-X", "H-nowhere", *("",) * 3, "", "created", "", "", 0.0, 0, 1, 1, 0.0, 0.0, 0.0))
    act = Act("terminal.created", "terminal", "KSK-X", CLINIC)
    with pytest.raises(RowRefused):
        await bench.services.trail.record(Actor("user", ADMIN), act, then=[bad])
    await bench.services.trail.record(Actor("user", ADMIN), Act("later"))
    found = await bench.audited(object_kind="terminal", object_key="KSK-X")
    assert [each["outcome"] for each in found[1:]] == ["failed", "allowed"]
    assert (await verified(bench.services.store.engine, bench.services.keys))[2] is None


async def test_the_trail_goes_on_across_restarts_in_one_chain(bench: Bench) -> None:
    from reference_impl.backend.audit.trail import Trail

    again = await Trail.open(bench.services.store, bench.clock, bench.services.keys)
    assert (again.seq, again.head) == (bench.services.trail.seq, bench.services.trail.head)
