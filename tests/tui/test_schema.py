"""The published schemas are those of the models."""

from __future__ import annotations

import json
from pathlib import Path

from scenarios.service import SCHEMA_FOLDER, schemas, write_schemas


def test_published_schemas_are_up_to_date() -> None:
    for name, text in schemas().items():
        assert (SCHEMA_FOLDER / name).read_text(encoding="utf-8") == text, "onecard schema --write scenarios/schema"


def test_a_schema_names_the_keys_that_people_write(tmp_path: Path) -> None:
    written = write_schemas(tmp_path)
    bench = json.loads((tmp_path / "bench.schema.json").read_text(encoding="utf-8"))
    assert {path.name for path in written} == {
        "bench.schema.json",
        "plan.schema.json",
        "person.schema.json",
        "fault.schema.json",
        "flow.schema.json",
    }
    assert "class" in bench["$defs"]["Slot"]["properties"]
    assert bench["additionalProperties"] is False
