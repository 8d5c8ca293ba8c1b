"""SQL statement of a query: the page as JSON, its cumulative size, and the count.

Names come from the catalogue and are quoted by psycopg; all other values of a request are parameters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from .catalogue import SCALAR, Function, Relation
from .errors import no_column
from .filters import COMPARISONS, PATTERNS
from .terms import EVERYTHING, Field, Group, Item, Order, Query, Test

MAX_ROWS = 1000
"""Maximum rows of a response."""
MAX_BYTES = 16 * 1024 * 1024
"""Maximum bytes of a response, as JSON."""

FREE_USES = 8
"""Number of times that a statement may use each column, however large its values are."""
MAX_USED_BYTES = 64 * 1024 * 1024
"""Maximum bytes of a row where a column is used more often: each use of a value may be a copy of it in memory."""
UNBOUNDED = ("text", "character varying", "json", "jsonb")
"""Types of columns whose values may be large."""

STATEMENT = sql.SQL("""
with called as {materialized} ({source}),
counted as ({count}),
page as (select {columns} from called as t {where} {order} limit {limit} offset {offset}),
rows as (select {row} as j from page as p)
select c.total, case when r.bytes <= {max_bytes} then r.j end as row, r.bytes
from counted as c
left join lateral (
    select j, sum(octet_length(j)) over (rows unbounded preceding) as bytes from rows
) as r on true
""")

IS = {
    "null": sql.SQL("is null"),
    "not_null": sql.SQL("is not null"),
    "true": sql.SQL("is true"),
    "false": sql.SQL("is false"),
    "unknown": sql.SQL("is unknown"),
}


class Statement:
    """Builder of a statement; ``text`` and ``values`` are to be executed."""

    def __init__(self, relation: Relation, query: Query, *, counted: bool, as_csv: bool) -> None:
        self.values: dict[str, Any] = {}
        self.headers: list[str] = []
        """Names of the columns of the page."""
        self._relation = relation
        self._materialized = sql.SQL("not materialized")
        self._source: sql.Composable = sql.SQL("select * from public.{}").format(sql.Identifier(relation.name))
        self._query = query
        self._counted = counted
        self._as_csv = as_csv
        self._uses: Counter[str] = Counter()

    def call(self, function: Function, arguments: Mapping[str, Any], *, typed: bool) -> None:
        """Read from a function instead of a table; ``typed`` arguments are JSON, others text in PostgreSQL's format."""
        given = {name: kind for name, kind in function.parameters.items() if name in arguments}
        source = sql.SQL("lateral public.{}").format(sql.Identifier(function.name))
        if typed and given:
            # PostgreSQL converts the JSON to the types of the parameters
            columns = sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in given.items()
            )
            record = self._value(Jsonb(dict(arguments)))
            passed = sql.SQL(", ").join(sql.SQL("{0} => a.{0}").format(sql.Identifier(name)) for name in given)
            source = sql.SQL("jsonb_to_record({}) as a ({}), {}({})").format(record, columns, source, passed)
        else:
            passed = sql.SQL(", ").join(
                sql.SQL("{} => {}").format(sql.Identifier(name), self._value(arguments[name], kind))
                for name, kind in given.items()
            )
            source = sql.SQL("{}({})").format(source, passed)
        if self._relation.is_scalar:
            self._source = sql.SQL("select f.{0} from {1} as f({0})").format(sql.Identifier(SCALAR), source)
        else:
            self._source = sql.SQL("select f.* from {} as f").format(source)
        self._materialized = sql.SQL("materialized")  # so that it is called only once

    @property
    def text(self) -> sql.Composed:
        """The statement. Raises RestError for an unknown column."""
        columns, order = self._columns(), self._order()
        where = self._where()
        count = sql.SQL("select count(*) as total from called as t {}").format(where)
        return STATEMENT.format(
            materialized=self._materialized,
            source=self._source,
            count=count if self._counted else sql.SQL("select null::bigint as total"),
            columns=columns,
            where=where,
            order=order,
            limit=self._value(MAX_ROWS if self._query.limit is None else min(self._query.limit, MAX_ROWS)),
            offset=self._value(self._query.offset),
            row=self._row(),
            max_bytes=self._value(MAX_BYTES),
        )

    def _columns(self) -> sql.Composable:
        columns = tuple(Item(Field(name), name) for name in self._relation.columns)
        items: list[Item] = []
        for item in self._query.select if self._query.select is not None else (EVERYTHING,):
            items += columns if item is EVERYTHING else (item,)
        self.headers = [item.alias for item in items]
        return sql.SQL(", ").join(self._column(item) for item in items)

    def _column(self, item: Item) -> sql.Composable:
        value = self._field(item.field)
        kind = item.cast or self._type(item.field)
        if item.cast:
            value = sql.SQL("cast({} as {})").format(value, sql.SQL(item.cast))
        if self._as_csv:
            is_boolean = kind in ("boolean", "bool")
            form = sql.SQL("case when {0} then 't' when not {0} then 'f' end") if is_boolean else sql.SQL("({0})::text")
            value = form.format(value)
        return sql.SQL("{} as {}").format(value, sql.Identifier(item.alias))

    def _row(self) -> sql.Composable:
        if self._as_csv:
            return sql.SQL("array_to_json(array(select v from json_each_text(row_to_json(p.*)) as e (k, v)))::text")
        if self._relation.is_scalar and self._query.select is None:
            return sql.SQL("coalesce(to_json(p.{})::text, 'null')").format(sql.Identifier(SCALAR))
        return sql.SQL("row_to_json(p.*)::text")

    def _where(self) -> sql.Composable:
        conditions = [self._condition(member) for member in self._query.where]
        if used := self._often_used():
            light: list[sql.Composable] = []
            heavy: list[sql.Composable] = []
            for member, condition in zip(self._query.where, conditions, strict=True):
                (light if used.isdisjoint(_columns_of(member)) else heavy).append(condition)
            # "repeat" raises program_limit_exceeded; "case" does not evaluate a condition before that
            guard = sql.SQL("case when {0} <= {1} then {2} else repeat(' ', 2147483647 - ({0} > 0)::int) = '' end")
            within = sql.SQL(" and ").join(heavy) if heavy else sql.SQL("true")
            conditions = [*light, guard.format(self._used_bytes(used), sql.Literal(MAX_USED_BYTES), within)]
        return sql.SQL("where {}").format(sql.SQL(" and ").join(conditions)) if conditions else sql.SQL("")

    def _often_used(self) -> set[str]:
        """Return the columns with large values that the statement uses often. All else is known by now."""
        columns = self._relation.columns
        return {name for name, uses in self._uses.items() if uses > FREE_USES and columns[name] in UNBOUNDED}

    def _used_bytes(self, columns: set[str]) -> sql.Composable:
        size = sql.SQL("{}::bigint * coalesce(octet_length(t.{}::text), 0)")
        terms = (size.format(sql.Literal(self._uses[name]), sql.Identifier(name)) for name in sorted(columns))
        return sql.SQL("({})").format(sql.SQL(" + ").join(terms))

    def _condition(self, member: Test | Group) -> sql.Composable:
        if isinstance(member, Test):
            return self._test(member)
        form = sql.SQL("not ({})") if member.negated else sql.SQL("({})")
        return form.format(sql.SQL(f" {member.kind} ").join(self._condition(inner) for inner in member.members))

    def _test(self, test: Test) -> sql.Composable:
        value, kind = self._field(test.field), self._type(test.field)
        if test.operator == "is":
            condition = sql.SQL("{} {}").format(value, IS[str(test.value)])
        elif test.operator == "in":
            condition = sql.SQL("{} = any({})").format(value, self._value(list(test.value), f"{kind}[]"))
        elif test.operator in PATTERNS:
            pattern = self._value(str(test.value).replace("*", "%"), "text")
            condition = sql.SQL("{} {} {}").format(value, sql.SQL(PATTERNS[test.operator]), pattern)
        else:
            operator = COMPARISONS.get(test.operator, "is distinct from")
            condition = sql.SQL("{} {} {}").format(value, sql.SQL(operator), self._value(test.value, kind))
        return sql.SQL("not ({})" if test.negated else "({})").format(condition)

    def _order(self) -> sql.Composable:
        if not self._query.order:
            return sql.SQL("")
        return sql.SQL("order by {}").format(sql.SQL(", ").join(self._key(order) for order in self._query.order))

    def _key(self, order: Order) -> sql.Composable:
        key = sql.SQL("{} {}").format(self._field(order.field), sql.SQL("desc" if order.descending else "asc"))
        if order.nulls_first is not None:
            key += sql.SQL(" nulls first" if order.nulls_first else " nulls last")
        return key

    def _field(self, field: Field) -> sql.Composable:
        if field.name not in self._relation.columns:
            raise no_column(self._relation.name, field.name)
        self._uses[field.name] += 1 + len(field.path)
        value: sql.Composable = sql.SQL("t.{}").format(sql.Identifier(field.name))
        if field.path:
            value = sql.SQL("to_jsonb({})").format(value)
        for arrow, key in field.path:
            step = self._value(int(key), "integer") if key.isdecimal() and len(key) < 10 else self._value(key, "text")
            value = sql.SQL("({} {} {})").format(value, sql.SQL("->>" if arrow == "->>" else "->"), step)
        return value

    def _type(self, field: Field) -> str:
        if field.path:
            return "text" if field.path[-1][0] == "->>" else "jsonb"
        return self._relation.columns[field.name]

    def _value(self, value: Any, kind: str = "") -> sql.Composable:
        name = f"v{len(self.values)}"
        self.values[name] = value
        placeholder = sql.Placeholder(name)
        return sql.SQL("{}::{}").format(placeholder, sql.SQL(kind)) if kind else placeholder


def _columns_of(member: Test | Group) -> set[str]:
    """Return the columns that a condition names."""
    if isinstance(member, Test):
        return {member.field.name}
    return set().union(*(_columns_of(inner) for inner in member.members))
