"""Whether the file is sound."""

from __future__ import annotations

from .damaged_values import DamagedValues

SHOWN = 10


class Checks(DamagedValues):
    """Reads everything, changes nothing."""

    def damage(self) -> list[str]:
        """What SQLite finds wrong with the file, a line each, the first few; empty when it is sound."""
        found = [str(row[0]) for row in self.rows(f"pragma integrity_check({SHOWN})")]
        damaged = [] if found == ["ok"] else found
        orphans = self.rows("pragma foreign_key_check")
        if orphans:
            tables = ", ".join(sorted({str(row[0]) for row in orphans}))
            damaged.append(f"rows without the row they belong to: {len(orphans):,}, in {tables}")
        return damaged
