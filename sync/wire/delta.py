"""Objects of the delta protocol: ops, acknowledgements, rows and the headers beside them.

See docs/specification/sync-protocol.md#wire-objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

from .values import ID_LENGTH, LARGEST, BadItem, count, digits, id_of, json_value, text

Kind = Literal["c", "m", "x", "s"]
"""A conversation, a message, everything, a setting of a conversation."""
Verb = Literal["put", "del", "clear", "restore"]
Result = Literal["ok", "lost", "deleted", "conv_missing", "rejected"]

KINDS, VERBS, RESULTS = (frozenset(get_args(one)) for one in (Kind, Verb, Result))
PROTOCOLS = (1, 1)
SETTING_ID = ID_LENGTH + 1 + 100


@dataclass(frozen=True, slots=True)
class Stamp:
    """When and how a value was written: the greater one wins."""

    cls: int = 0
    """0 automatic, 1 by hand."""
    time: int = 0
    tie: str = ""

    @classmethod
    def decode(cls, item: Any) -> Self:
        """The stamp of a JSON value."""
        found = _object(item, "bad_stamp")
        tie = text(found.get("tie", ""), "bad_stamp")
        if len(tie) > ID_LENGTH:
            raise BadItem("bad_stamp")
        return cls(count(found.get("cls"), 1), count(found.get("time"), LARGEST), tie)

    def encode(self) -> dict[str, Any]:
        """As it is sent."""
        return {"cls": self.cls, "time": self.time, "tie": self.tie}


@dataclass(frozen=True, slots=True)
class Commit:
    """One state of a history, by a name that no other history has."""

    seq: int
    nonce: str

    @classmethod
    def parse(cls, told: str) -> Self:
        """Of ``<seq>.<nonce>``."""
        seq, _, nonce = told.partition(".")
        if not nonce or len(nonce) > 64 or not nonce.isascii() or not nonce.isalnum():
            raise BadItem("bad_seen")
        return cls(digits(seq), nonce)

    def format(self) -> str:
        """``<seq>.<nonce>``."""
        return f"{self.seq}.{self.nonce}"


@dataclass(frozen=True, slots=True)
class Pull:
    """Header ``Sync-Pull``: from where on changes are wanted, and how many bytes of them."""

    cur: int
    max: int

    @classmethod
    def parse(cls, header: str) -> Self:
        """Of ``cur=…;max=…``."""
        told = dict(part.strip().partition("=")[::2] for part in header.split(";"))
        return cls(digits(told.get("cur", "")), digits(told.get("max", "")))

    def format(self) -> str:
        """The header's value."""
        return f"cur={self.cur};max={self.max}"


@dataclass(frozen=True, slots=True)
class Client:
    """Header ``Sync-Client``: who asks, and the protocols it speaks."""

    name: str
    version: str
    first: int = PROTOCOLS[0]
    last: int = PROTOCOLS[1]

    @classmethod
    def parse(cls, header: str) -> Self:
        """Of ``<name>/<version>; proto=1-1``."""
        who, _, rest = header.partition(";")
        name, _, version = who.strip().partition("/")
        key, _, span = rest.strip().partition("=")
        if key != "proto" or not name or not version:
            raise BadItem("bad_header")
        first, _, last = span.partition("-")
        return cls(name, version, digits(first), digits(last))

    def format(self) -> str:
        """The header's value."""
        return f"{self.name}/{self.version}; proto={self.first}-{self.last}"

    def common(self) -> int | None:
        """The newest protocol that we speak too."""
        newest = min(self.last, PROTOCOLS[1])
        return newest if newest >= max(self.first, PROTOCOLS[0]) else None


@dataclass(frozen=True, slots=True)
class Op:
    """One thing that a device did."""

    kind: Kind
    id: str
    verb: Verb
    session_id: str = ""
    base: int = 0
    """The version that it replaces; 0 when it knew none."""
    edited_at: int = 0
    """Ms of the device's clock; with Sync-Sent-At only its age counts."""
    after: int = 0
    """The time of the value that it replaces: it is later than that, also where a history has gone back."""
    cls: int = 0
    """Of a title: 1 when a person gave it."""
    stamp: Stamp | None = None
    """An old one, said again after the server's history went back."""
    upto: int = 0
    """Of a clear: what the person could see."""
    value: Any = None
    """Of a put: a conversation's, a message's or a setting's."""

    @classmethod
    def decode(cls, item: Any, *, is_clean: bool = False) -> Self:
        """Return the op of a JSON value. ``is_clean``: what was parsed held no text that cannot be kept."""
        get = _object(item, "bad_op").get
        kind: Any = get("kind")
        verb: Any = get("op")
        if not _known(kind, KINDS) or not _known(verb, VERBS) or (kind == "x") != (verb == "clear"):
            raise BadItem("bad_op")
        session = get("session")
        stamp = get("stamp")
        value = get("value")
        return cls(
            kind=kind,
            id="" if kind == "x" else _key(get("id"), kind),
            verb=verb,
            session_id="" if session is None or session == "" else id_of(session),
            base=count(get("base"), LARGEST),
            edited_at=count(get("at"), LARGEST),
            after=count(get("after"), LARGEST),
            cls=count(get("cls"), 1),
            stamp=None if stamp is None else Stamp.decode(stamp),
            upto=count(get("upto"), LARGEST),
            value=value if is_clean else json_value(value),
        )

    def encode(self) -> dict[str, Any]:
        """As it is sent."""
        told: dict[str, Any] = {"kind": self.kind, "op": self.verb}
        plain = {
            "id": self.id,
            "session": self.session_id,
            "base": self.base,
            "at": self.edited_at,
            "after": self.after,
            "cls": self.cls,
            "upto": self.upto,
        }
        told |= {key: value for key, value in plain.items() if value}
        if self.stamp is not None:
            told["stamp"] = self.stamp.encode()
        return told if self.value is None else told | {"value": self.value}


@dataclass(frozen=True, slots=True)
class Row:
    """One place in a history: a value that is live, or that something is dead."""

    kind: Kind
    id: str
    session_id: str
    seq: int
    created_seq: int
    ver: int = 1
    is_dead: bool = False
    stamp: Stamp = field(default_factory=Stamp)
    value: Any = None
    overtook: Sequence[int] = ()
    """Numbers of values of it that were replaced by somebody who had not seen them."""

    @classmethod
    def decode(cls, item: Any, *, is_clean: bool = False) -> Self:
        """Return the row of a JSON value. ``is_clean``: what was parsed held no text that cannot be kept."""
        get = _object(item, "bad_row").get
        kind: Any = get("kind")
        is_dead = get("dead", False)
        if not _known(kind, KINDS) or not isinstance(is_dead, bool):
            raise BadItem("bad_row")
        value = get("value")
        return cls(
            kind=kind,
            id=_key(get("id"), kind),
            session_id=id_of(get("session")),
            seq=count(get("seq"), LARGEST),
            created_seq=count(get("created"), LARGEST),
            ver=count(get("ver"), LARGEST),
            is_dead=is_dead,
            stamp=Stamp.decode(get("stamp", {})),
            value=value if is_clean else json_value(value),
            overtook=tuple([count(one, LARGEST) for one in _list(get("overtook"), "bad_row")]),
        )

    def encode(self) -> dict[str, Any]:
        """As it is sent."""
        stamp = self.stamp
        told: dict[str, Any] = {
            "kind": self.kind,
            "id": self.id,
            "session": self.session_id,
            "seq": self.seq,
            "created": self.created_seq,
            "ver": self.ver,
            "stamp": {"cls": stamp.cls, "time": stamp.time, "tie": stamp.tie},
        }
        if self.is_dead:
            told["dead"] = True
        if self.overtook:
            told["overtook"] = list(self.overtook)
        if self.value is not None:
            told["value"] = self.value
        return told


@dataclass(frozen=True, slots=True)
class Ack:
    """What became of one op; ``row`` is what the server holds now."""

    result: Result
    row: Row | None = None
    code: str = ""

    @classmethod
    def decode(cls, item: Any, *, is_clean: bool = False) -> Self:
        """Return the ack of a JSON value. ``is_clean``: what was parsed held no text that cannot be kept."""
        found = _object(item, "bad_ack")
        result: Any = found.get("result")
        if not _known(result, RESULTS):
            raise BadItem("bad_ack")
        row = found.get("row")
        return cls(
            result,
            None if row is None else Row.decode(row, is_clean=is_clean),
            text(found.get("code", ""), "bad_ack"),
        )

    def encode(self) -> dict[str, Any]:
        """As it is answered."""
        told: dict[str, Any] = {"result": self.result}
        if self.code:
            told["code"] = self.code
        if self.row is not None:
            told["row"] = self.row.encode()
        return told


@dataclass(frozen=True, slots=True)
class DeltaPush:
    """The ``sync`` object of a push."""

    replica: str
    push_seq: int
    ops: Sequence[Op] = ()

    @classmethod
    def decode(cls, item: Any, *, is_clean: bool = False) -> Self:
        """Of a JSON value. An op that is none is an error of the whole: acks are by position.

        ``is_clean``: what was parsed held no text that cannot be kept (:func:`is_clean_json`).
        """
        found = _object(item, "bad_sync")
        ops = tuple([Op.decode(one, is_clean=is_clean) for one in _list(found.get("ops"), "bad_ops")])
        return cls(id_of(found.get("replica")), count(found.get("push_seq"), LARGEST), ops)

    def encode(self) -> dict[str, Any]:
        """As it is sent."""
        return {"replica": self.replica, "push_seq": self.push_seq, "ops": [one.encode() for one in self.ops]}


@dataclass(frozen=True, slots=True)
class DeltaAnswer:
    """The ``sync`` object of an answer: acks by position, and the rows that were asked for."""

    push_seq: int = 0
    acks: Sequence[Ack] = ()
    rows: Sequence[Row] = ()
    cur: int = 0
    seen: Commit | None = None
    more: bool = False
    resync: bool = False
    user: str = field(default="", compare=False)
    """Whose history that is, so that an answer meant for somebody else is seen to be none."""

    @classmethod
    def decode(cls, item: Any, *, is_clean: bool = False) -> Self:
        """Of a JSON value. ``is_clean``: what was parsed held no text that cannot be kept (:func:`is_clean_json`)."""
        found = _object(item, "bad_sync")
        seen = found.get("seen")
        return cls(
            count(found.get("push_seq"), LARGEST),
            tuple([Ack.decode(one, is_clean=is_clean) for one in _list(found.get("acks"), "bad_acks")]),
            tuple([Row.decode(one, is_clean=is_clean) for one in _list(found.get("rows"), "bad_rows")]),
            count(found.get("cur"), LARGEST),
            None if seen is None else Commit.parse(text(seen, "bad_seen")),
            found.get("more") is True,
            found.get("resync") is True,
            text(found.get("user", ""), "bad_user"),
        )

    def encode(self) -> dict[str, Any]:
        """As it is answered."""
        told = {"user": self.user} if self.user else {}
        return told | {
            "push_seq": self.push_seq,
            "acks": [one.encode() for one in self.acks],
            "rows": [one.encode() for one in self.rows],
            "cur": self.cur,
            "seen": None if self.seen is None else self.seen.format(),
            "more": self.more,
            "resync": self.resync,
        }


def _known(word: Any, words: frozenset[str]) -> bool:
    return isinstance(word, str) and word in words


def _key(value: Any, kind: str) -> str:
    """An id; a setting's is ``<session id>/<key>``."""
    if kind != "s":
        return id_of(value)
    if not isinstance(value, str) or len(value) > SETTING_ID:
        raise BadItem("bad_id")
    session, _, key = value.rpartition("/")
    return f"{id_of(session)}/{id_of(key)}"


def _object(item: Any, complaint: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise BadItem(complaint)
    return item


def _list(item: Any, complaint: str) -> list[Any]:
    if item is None:
        return []
    if not isinstance(item, list):
        raise BadItem(complaint)
    return item
