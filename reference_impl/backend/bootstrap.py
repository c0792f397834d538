"""The first administrator, and the way back in for one who is locked out. For whoever owns the machine: no login is asked."""

from __future__ import annotations

from dataclasses import replace

from reference_impl.backend.administration.model import Grant, Institution, Role, User
from reference_impl.backend.administration.passwords import first_password
from reference_impl.backend.administration.permissions import Permission
from reference_impl.backend.audit.trail import Act, Actor
from reference_impl.backend.services import Services

__all__ = ["ADMINISTRATOR", "CONSOLE", "STANDARD_ROLES", "administrator"]

CONSOLE = Actor("console", "console")
ADMINISTRATOR = "administrator"

P = Permission
STANDARD_ROLES: dict[str, tuple[str, str, frozenset[Permission]]] = {
    ADMINISTRATOR: ("系统管理员", "Administrator", frozenset(Permission)),
    "operator": (
        "终端运维员",
        "Operator of terminals",
        frozenset(
            {
                P.INSTITUTIONS_READ,
                P.TERMINALS_READ,
                P.TERMINALS_WRITE,
                P.TERMINALS_COMMAND,
                P.ALARMS_READ,
                P.REPORTS_READ,
            }
        ),
    ),
    "cashier": (
        "财务人员",
        "Cashier",
        frozenset(
            {P.INSTITUTIONS_READ, P.TRADES_READ, P.TRADES_REFUND, P.RECONCILIATION_READ, P.RECONCILIATION_RUN}
            | {P.RECONCILIATION_HANDLE, P.ALARMS_READ, P.REPORTS_READ}
        ),
    ),
    "auditor": ("审计员", "Auditor", frozenset({P.INSTITUTIONS_READ, P.USERS_READ, P.AUDIT_READ})),
}


async def administrator(
    services: Services, user_id: str, password: str = "", *, institution: str = "441900", name: str = "市级平台"
) -> tuple[User, str]:
    """*user_id* can log in and do everything. The user and the password, which is made up when none is given and must then
    be changed. The root *institution* and the standard roles are made when there is none yet.

    Raises ProblemError for a weak password.
    """
    directory, now = services.directory, services.clock.now()
    shown = password or first_password()
    password_hash = await services.login.passwords.hashed(shown, user_id)
    async with directory.changing:
        records: list[Institution | Role | User | Grant] = []
        root = directory.root
        if not root:
            root = institution
            records.append(Institution(institution, None, "city", name, "open", now))
        for role_id, (zh, en, permissions) in STANDARD_ROLES.items():
            if role_id not in directory.roles or role_id == ADMINISTRATOR:
                records.append(Role(role_id, zh, en, " ".join(sorted(permissions)), "active", now))
        held = directory.users.get(user_id)
        user = held or User(user_id, user_id, root, "", False, "active", 0, 0.0, 0, now, now)
        user = replace(
            user,
            password_hash=password_hash,
            must_change=not password,
            state="active",
            failures=0,
            locked_until=0.0,
            generation=user.generation + 1,
            updated_at=now,
        )
        records.append(user)
        if not any(
            (each.user_id, each.role_id, each.institution, each.state) == (user_id, ADMINISTRATOR, root, "active")
            for each in directory.grants.values()
        ):
            grant_id = services.entropy(8).hex()
            records.append(Grant(grant_id, user_id, ADMINISTRATOR, root, "active", "console", now, 0.0))
        act = Act("administrator.made" if held is None else "administrator.restored", "user", user_id, root)
        await services.trail.record(CONSOLE, act, then=directory.writes(records))
        directory.show(records)
    return user, shown
