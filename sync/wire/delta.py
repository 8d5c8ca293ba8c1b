"""Objects of the delta protocol: ops, acknowledgements, rows and the headers beside them.

See docs/specification/sync-protocol.md#wire-objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

from .values import ID_LENGTH, LARGEST, BadItem, checked_id, count, json_value, parse_digits, text

Kind = Literal["c", "m", "x", "s"]
"""Conversation, message, everything, setting of a conversation."""
Verb = Literal["put", "del", "clear", "restore"]
Result = Literal["ok", "lost", "deleted", "conv_missing", "rejected"]

KINDS, VERBS, RESULTS = (frozenset(get_args(words)) for words in (Kind, Verb, Result))
PROTOCOLS = (1, 1)
SETTING_ID = ID_LENGTH + 1 + 100


@dataclass(frozen=True, slots=True)
class Stamp:
    """Class, time and tie-breaker of a value; the value with the greater stamp wins."""

    cls: int = 0
    """0 automatic, 1 by hand."""
    time: int = 0
    tie: str = ""

    @classmethod
    def decode(cls, item: Any) -> Self:
        """Return the stamp in a JSON value."""
        get = _object(item, "bad_stamp").get
        tie = text(get("tie", ""), "bad_stamp")
        if len(tie) > ID_LENGTH:
            raise BadItem("bad_stamp")
        return cls(count(get("cls"), 1), count(get("time"), LARGEST), tie)

    def encode(self) -> dict[str, Any]:
        """Return the stamp as JSON."""
        return {"cls": self.cls, "time": self.time, "tie": self.tie}


@dataclass(frozen=True, slots=True)
class Commit:
    """One state of a history, under a name that no other history has."""

    seq: int
    nonce: str

    @classmethod
    def parse(cls, value: str) -> Self:
        """Return the commit of ``<seq>.<nonce>``."""
        seq, _, nonce = value.partition(".")
        if not nonce or len(nonce) > 64 or not nonce.isascii() or not nonce.isalnum():
            raise BadItem("bad_seen")
        return cls(parse_digits(seq), nonce)

    def format(self) -> str:
        """Return ``<seq>.<nonce>``."""
        return f"{self.seq}.{self.nonce}"


@dataclass(frozen=True, slots=True)
class Pull:
    """Header ``Sync-Pull``: cursor of the requested page, and its size in bytes."""

    cur: int
    max: int

    @classmethod
    def parse(cls, header: str) -> Self:
        """Return the value of ``cur=…;max=…``."""
        parts = dict(part.strip().partition("=")[::2] for part in header.split(";"))
        return cls(parse_digits(parts.get("cur", "")), parse_digits(parts.get("max", "")))

    def format(self) -> str:
        """Return the header's value."""
        return f"cur={self.cur};max={self.max}"


@dataclass(frozen=True, slots=True)
class Client:
    """Header ``Sync-Client``: name and version of the client, and the protocol versions that it knows."""

    name: str
    version: str
    first: int = PROTOCOLS[0]
    last: int = PROTOCOLS[1]

    @classmethod
    def parse(cls, header: str) -> Self:
        """Return the value of ``<name>/<version>; proto=1-1``."""
        product, _, rest = header.partition(";")
        name, _, version = product.strip().partition("/")
        key, _, span = rest.strip().partition("=")
        if key != "proto" or not name or not version:
            raise BadItem("bad_header")
        first, _, last = span.partition("-")
        return cls(name, version, parse_digits(first), parse_digits(last))

    def format(self) -> str:
        """Return the header's value."""
        return f"{self.name}/{self.version}; proto={self.first}-{self.last}"

    def common(self) -> int | None:
        """Return the newest protocol version that both sides know, or None."""
        newest = min(self.last, PROTOCOLS[1])
        return newest if newest >= max(self.first, PROTOCOLS[0]) else None


@dataclass(frozen=True, slots=True)
class Op:
    """One change made on a device."""

    kind: Kind
    id: str
    verb: Verb
    session_id: str = ""
    base: int = 0
    """Seq of the value that it replaces; 0 when its author knew none."""
    edited_at: int = 0
    """Time of the edit in ms by the device's clock; with ``Sync-Sent-At`` only its age counts."""
    after: int = 0
    """Time of the value that it replaces. The op is later, even where the server was restored to an older state."""
    cls: int = 0
    """Class of a title: 1 when it was set by hand."""
    stamp: Stamp | None = None
    """Stamp of an old value that is sent again after a restore of the server."""
    upto: int = 0
    """Newest seq that the user of a clear could see."""
    value: Any = None
    """Value of a put: of a conversation, a message or a setting."""

    @classmethod
    def decode(cls, item: Any, *, is_clean: bool = False) -> Self:
        """Return the op of a JSON value. ``is_clean``: the JSON held no text that cannot be stored."""
        get = _object(item, "bad_op").get
        kind: Any = get("kind")
        verb: Any = get("op")
        if not _is_known(kind, KINDS) or not _is_known(verb, VERBS) or (kind == "x") != (verb == "clear"):
            raise BadItem("bad_op")
        session = get("session")
        stamp = get("stamp")
        value = get("value")
        return cls(
            kind=kind,
            id="" if kind == "x" else _key(get("id"), kind),
            verb=verb,
            session_id="" if session is None or session == "" else checked_id(session),
            base=count(get("base"), LARGEST),
            edited_at=count(get("at"), LARGEST),
            after=count(get("after"), LARGEST),
            cls=count(get("cls"), 1),
            stamp=None if stamp is None else Stamp.decode(stamp),
            upto=count(get("upto"), LARGEST),
            value=value if is_clean else json_value(value),
        )

    def encode(self) -> dict[str, Any]:
        """Return the op as JSON, without empty keys."""
        item: dict[str, Any] = {"kind": self.kind, "op": self.verb}
        optional = {
            "id": self.id,
            "session": self.session_id,
            "base": self.base,
            "at": self.edited_at,
            "after": self.after,
            "cls": self.cls,
            "upto": self.upto,
        }
        item |= {key: value for key, value in optional.items() if value}
        if self.stamp is not None:
            item["stamp"] = self.stamp.encode()
        return item if self.value is None else item | {"value": self.value}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a history: a live value, or a tombstone."""

    kind: Kind
    id: str
    session_id: str
    seq: int
    created_seq: int
    ver: int = 1
    is_deleted: bool = False
    stamp: Stamp = field(default_factory=Stamp)
    value: Any = None
    overtook: Sequence[int] = ()
    """Seqs of earlier values that were replaced by an author who had not seen them."""

    @classmethod
    def decode(cls, item: Any, *, is_clean: bool = False) -> Self:
        """Return the row of a JSON value. ``is_clean``: the JSON held no text that cannot be stored."""
        get = _object(item, "bad_row").get
        kind: Any = get("kind")
        is_deleted = get("dead", False)
        if not _is_known(kind, KINDS) or not isinstance(is_deleted, bool):
            raise BadItem("bad_row")
        value = get("value")
        return cls(
            kind=kind,
            id=_key(get("id"), kind),
            session_id=checked_id(get("session")),
            seq=count(get("seq"), LARGEST),
            created_seq=count(get("created"), LARGEST),
            ver=count(get("ver"), LARGEST),
            is_deleted=is_deleted,
            stamp=Stamp.decode(get("stamp", {})),
            value=value if is_clean else json_value(value),
            overtook=tuple([count(seq, LARGEST) for seq in _list(get("overtook"), "bad_row")]),
        )

    def encode(self) -> dict[str, Any]:
        """Return the row as JSON."""
        stamp = self.stamp
        item: dict[str, Any] = {
            "kind": self.kind,
            "id": self.id,
            "session": self.session_id,
            "seq": self.seq,
            "created": self.created_seq,
            "ver": self.ver,
            "stamp": {"cls": stamp.cls, "time": stamp.time, "tie": stamp.tie},
        }
        if self.is_deleted:
            item["dead"] = True
        if self.overtook:
            item["overtook"] = list(self.overtook)
        if self.value is not None:
            item["value"] = self.value
        return item


@dataclass(frozen=True, slots=True)
class Ack:
    """Result of one op. ``row`` is the server's current row, where the result carries it."""

    result: Result
    row: Row | None = None
    code: str = ""

    @classmethod
    def decode(cls, item: Any, *, is_clean: bool = False) -> Self:
        """Return the ack of a JSON value. ``is_clean``: the JSON held no text that cannot be stored."""
        get = _object(item, "bad_ack").get
        result: Any = get("result")
        if not _is_known(result, RESULTS):
            raise BadItem("bad_ack")
        row = get("row")
        return cls(
            result,
            None if row is None else Row.decode(row, is_clean=is_clean),
            text(get("code", ""), "bad_ack"),
        )

    def encode(self) -> dict[str, Any]:
        """Return the ack as JSON."""
        item: dict[str, Any] = {"result": self.result}
        if self.code:
            item["code"] = self.code
        if self.row is not None:
            item["row"] = self.row.encode()
        return item


@dataclass(frozen=True, slots=True)
class DeltaPush:
    """``sync`` object of a push."""

    replica: str
    push_seq: int
    ops: Sequence[Op] = ()

    @classmethod
    def decode(cls, item: Any, *, is_clean: bool = False) -> Self:
        """Return the push in a JSON value. One invalid op makes the whole push invalid, because acks go by position.

        ``is_clean``: the JSON held no text that cannot be stored (:func:`is_clean_json`).
        """
        get = _object(item, "bad_sync").get
        ops = tuple([Op.decode(op, is_clean=is_clean) for op in _list(get("ops"), "bad_ops")])
        return cls(checked_id(get("replica")), count(get("push_seq"), LARGEST), ops)

    def encode(self) -> dict[str, Any]:
        """Return the push as JSON."""
        return {"replica": self.replica, "push_seq": self.push_seq, "ops": [op.encode() for op in self.ops]}


@dataclass(frozen=True, slots=True)
class DeltaResponse:
    """``sync`` object of a response: acks by position, and the requested rows."""

    push_seq: int = 0
    acks: Sequence[Ack] = ()
    rows: Sequence[Row] = ()
    cur: int = 0
    seen: Commit | None = None
    more: bool = False
    resync: bool = False
    user: str = field(default="", compare=False)
    """Id of the history's owner, so that a response for another account is recognized."""

    @classmethod
    def decode(cls, item: Any, *, is_clean: bool = False) -> Self:
        """Return the object in a JSON value. ``is_clean``: the JSON held no text that cannot be stored."""
        get = _object(item, "bad_sync").get
        seen = get("seen")
        return cls(
            count(get("push_seq"), LARGEST),
            tuple([Ack.decode(ack, is_clean=is_clean) for ack in _list(get("acks"), "bad_acks")]),
            tuple([Row.decode(row, is_clean=is_clean) for row in _list(get("rows"), "bad_rows")]),
            count(get("cur"), LARGEST),
            None if seen is None else Commit.parse(text(seen, "bad_seen")),
            get("more") is True,
            get("resync") is True,
            text(get("user", ""), "bad_user"),
        )

    def encode(self) -> dict[str, Any]:
        """Return the object as JSON."""
        owner = {"user": self.user} if self.user else {}
        return owner | {
            "push_seq": self.push_seq,
            "acks": [ack.encode() for ack in self.acks],
            "rows": [row.encode() for row in self.rows],
            "cur": self.cur,
            "seen": None if self.seen is None else self.seen.format(),
            "more": self.more,
            "resync": self.resync,
        }


def _is_known(word: Any, words: frozenset[str]) -> bool:
    return isinstance(word, str) and word in words


def _key(value: Any, kind: str) -> str:
    """Return the id; a setting's is ``<session id>/<key>``."""
    if kind != "s":
        return checked_id(value)
    if not isinstance(value, str) or len(value) > SETTING_ID:
        raise BadItem("bad_id")
    session, _, key = value.rpartition("/")
    return f"{checked_id(session)}/{checked_id(key)}"


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
