"""What ``/rest/v1`` serves, read from the database's catalogue.

A relation or function is served only where its comment begins with ``@rest`` (schema/20_rest.sql), so a new one is
closed until it is listed there, whatever its grants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..database.pool import Connection

NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")

SCALAR = "pgrst_scalar"
"""Name of the only column of a function that returns a plain value."""

RELATION = """
select
    array_agg(a.attname order by a.attnum) as names,
    array_agg(format_type(a.atttypid, null) order by a.attnum) as types
from pg_class as c
join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = 'public'::regnamespace and c.relname = %s and c.relkind in ('r', 'p', 'v')
    and obj_description(c.oid, 'pg_class') like '@rest%%'
    and (c.relrowsecurity or 'security_invoker=true' = any(c.reloptions))
    and has_column_privilege('authenticated', c.oid, a.attnum, 'select')
group by c.oid
"""

FUNCTIONS = """
select
    p.pronargs - p.pronargdefaults as required,
    p.provolatile <> 'v' as only_reads,
    p.proretset as gives_rows,
    p.prorettype = 'void'::regtype as gives_nothing,
    coalesce(p.proargnames[1:p.pronargs], '{}') as names,
    array(select format_type(t, null) from unnest(p.proargtypes) with ordinality as u (t, n) order by n) as types,
    coalesce(o.names, r.names, '{}') as result_names,
    coalesce(o.types, r.types, array[format_type(p.prorettype, null)]) as result_types
from pg_proc as p
left join lateral (
    select
        array_agg(p.proargnames[m.n] order by m.n) as names,
        array_agg(format_type(p.proallargtypes[m.n], null) order by m.n) as types
    from unnest(p.proargmodes) with ordinality as m (mode, n)
    where m.mode in ('o', 'b', 't')
) as o on true
left join lateral (
    select
        array_agg(a.attname::text order by a.attnum) as names,
        array_agg(format_type(a.atttypid, null) order by a.attnum) as types
    from pg_type as t
    join pg_attribute as a on a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
    where t.oid = p.prorettype and t.typtype = 'c'
) as r on true
where p.pronamespace = 'public'::regnamespace and p.proname = %s and p.prokind = 'f'
    and obj_description(p.oid, 'pg_proc') like '@rest%%'
    and p.prorettype <> 'trigger'::regtype and coalesce(cardinality(p.proargnames), 0) >= p.pronargs
    and has_function_privilege('authenticated', p.oid, 'execute')
"""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, a view, or what a function returns."""

    name: str
    columns: Mapping[str, str]
    """Types by name, in order."""

    @property
    def is_scalar(self) -> bool:
        """Whether a row is one plain value."""
        return list(self.columns) == [SCALAR]


@dataclass(frozen=True, slots=True)
class Function:
    """A function that may be called."""

    name: str
    required: int
    only_reads: bool
    gives_rows: bool
    gives_nothing: bool
    parameters: Mapping[str, str]
    """Types by name, in order."""
    result: Relation = field(default_factory=lambda: Relation("", {}))

    def takes(self, names: set[str]) -> bool:
        """Return whether it can be called with these arguments."""
        needed = list(self.parameters)[: self.required]
        return names <= self.parameters.keys() and names.issuperset(needed)


async def relation(db: Connection, name: str) -> Relation | None:
    """Return a table or view that is served."""
    if not NAME.fullmatch(name):
        return None
    row = await (await db.execute(RELATION, (name,))).fetchone()
    return Relation(name, dict(zip(row["names"], row["types"], strict=True))) if row else None


async def functions(db: Connection, name: str) -> list[Function]:
    """Return the functions of this name that are served."""
    found: list[Function] = []
    if not NAME.fullmatch(name):
        return found
    for row in await (await db.execute(FUNCTIONS, (name,))).fetchall():
        results = dict(zip(row["result_names"] or [SCALAR], row["result_types"], strict=True))
        found.append(
            Function(
                name,
                row["required"],
                row["only_reads"],
                row["gives_rows"],
                row["gives_nothing"],
                dict(zip(row["names"], row["types"], strict=True)),
                Relation("pgrst_call", results),
            )
        )
    return found
