"""Relations and functions that ``/rest/v1`` serves, read from the database's catalogue.

A relation or function is served only if its comment begins with ``@rest`` (schema/20_rest.sql). A new one is therefore
not served until it is listed there, whatever its grants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..database.pool import Connection

NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")

SCALAR = "pgrst_scalar"
"""Name of the single column of a function that returns a scalar."""

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
    p.proretset as returns_set,
    p.prorettype = 'void'::regtype as returns_void,
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
    """A table, a view, or the result of a function."""

    name: str
    columns: Mapping[str, str]
    """Types by name, in order."""

    @property
    def is_scalar(self) -> bool:
        """True if a row is a scalar."""
        return list(self.columns) == [SCALAR]


@dataclass(frozen=True, slots=True)
class Function:
    """A function that may be called."""

    name: str
    required: int
    only_reads: bool
    returns_set: bool
    returns_void: bool
    parameters: Mapping[str, str]
    """Types by name, in order."""
    result: Relation = field(default_factory=lambda: Relation("", {}))

    def takes(self, names: set[str]) -> bool:
        """Return whether it can be called with these arguments."""
        required = list(self.parameters)[: self.required]
        return names <= self.parameters.keys() and names.issuperset(required)


async def relation(db: Connection, name: str) -> Relation | None:
    """Return a table or view; None if it is not served."""
    if not NAME.fullmatch(name):
        return None
    row = await (await db.execute(RELATION, (name,))).fetchone()
    return Relation(name, dict(zip(row["names"], row["types"], strict=True))) if row else None


async def functions(db: Connection, name: str) -> list[Function]:
    """Return the served functions of this name."""
    overloads: list[Function] = []
    if not NAME.fullmatch(name):
        return overloads
    for row in await (await db.execute(FUNCTIONS, (name,))).fetchall():
        results = dict(zip(row["result_names"] or [SCALAR], row["result_types"], strict=True))
        overloads.append(
            Function(
                name,
                row["required"],
                row["only_reads"],
                row["returns_set"],
                row["returns_void"],
                dict(zip(row["names"], row["types"], strict=True)),
                Relation("pgrst_call", results),
            )
        )
    return overloads
