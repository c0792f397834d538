"""What can be permitted. A role is a set of these; a grant gives a role to a user at an institution and all below it."""

from __future__ import annotations

from enum import StrEnum

from protocols.wire.base import Label

__all__ = ["LABELS", "Permission"]


class Permission(StrEnum):
    """Area and act. Reading what is personal is a permission of its own."""

    INSTITUTIONS_READ = "institutions:read"
    INSTITUTIONS_WRITE = "institutions:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    ROLES_WRITE = "roles:write"
    AUDIT_READ = "audit:read"
    DICTIONARIES_WRITE = "dictionaries:write"
    TERMINALS_READ = "terminals:read"
    TERMINALS_WRITE = "terminals:write"
    TERMINALS_COMMAND = "terminals:command"
    TRADES_READ = "trades:read"
    TRADES_REFUND = "trades:refund"
    TRADES_DECIDE = "trades:decide"
    PATIENTS_READ = "patients:read"
    RECONCILIATION_READ = "reconciliation:read"
    RECONCILIATION_RUN = "reconciliation:run"
    RECONCILIATION_HANDLE = "reconciliation:handle"
    ALARMS_READ = "alarms:read"
    ALARMS_HANDLE = "alarms:handle"
    REPORTS_READ = "reports:read"


LABELS: dict[Permission, Label] = {
    Permission.INSTITUTIONS_READ: Label("查看机构", "see institutions"),
    Permission.INSTITUTIONS_WRITE: Label("维护机构", "change institutions"),
    Permission.USERS_READ: Label("查看用户", "see users"),
    Permission.USERS_WRITE: Label("维护用户与授权", "change users and their grants"),
    Permission.ROLES_WRITE: Label("维护角色", "change roles"),
    Permission.AUDIT_READ: Label("查看审计记录", "read the audit trail"),
    Permission.DICTIONARIES_WRITE: Label("维护菜单与字典", "change menus and dictionaries"),
    Permission.TERMINALS_READ: Label("查看终端", "see terminals"),
    Permission.TERMINALS_WRITE: Label("维护终端", "change terminals"),
    Permission.TERMINALS_COMMAND: Label("下发终端指令", "command terminals"),
    Permission.TRADES_READ: Label("查看交易", "see trades"),
    Permission.TRADES_REFUND: Label("发起退费", "refund trades"),
    Permission.TRADES_DECIDE: Label("人工裁定交易", "decide trades by hand"),
    Permission.PATIENTS_READ: Label("查看就诊人信息", "see patients"),
    Permission.RECONCILIATION_READ: Label("查看对账", "see reconciliation"),
    Permission.RECONCILIATION_RUN: Label("执行对账", "run reconciliation"),
    Permission.RECONCILIATION_HANDLE: Label("处理对账差异", "handle differences"),
    Permission.ALARMS_READ: Label("查看告警", "see alarms"),
    Permission.ALARMS_HANDLE: Label("处理告警", "handle alarms"),
    Permission.REPORTS_READ: Label("查看报表", "see reports"),
}
