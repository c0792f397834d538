"""What the tests of the backend's platform share."""

from __future__ import annotations

from postgres import database_url, postgres_server  # noqa: F401
