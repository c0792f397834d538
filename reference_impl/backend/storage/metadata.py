"""The one MetaData of the backend. Each domain declares its tables in its own ``tables.py``; migrations see them all."""

from __future__ import annotations

import importlib
import pkgutil

from sqlalchemy import MetaData

__all__ = ["METADATA", "all_tables"]

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def all_tables() -> MetaData:
    """:data:`METADATA` once every domain's tables are in it, found by looking at the package."""
    import reference_impl.backend as backend

    for info in pkgutil.walk_packages(backend.__path__, f"{backend.__name__}."):
        if info.name.endswith(".tables"):
            importlib.import_module(info.name)
    return METADATA
