"""Handlers of the stand-in of upstream, one an endpoint, once it is known who asks.

See docs/specification/endpoints.md#upstream.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.upstream_rows import Flavour, Refused, Row, Tables, read_time, shown

Query = Mapping[str, str]
Handler = Callable[[str, Query, bytes], "ServerResponse"]


@dataclass(frozen=True)
class ServerResponse:
    """A response; header names are lower case, ``set-cookie`` may come more than once."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


class Crashed(Exception):
    """Unexpected exception of a handler: 500 without its text."""


class Handlers:
    """The endpoints."""

    flavour: Flavour
    tables: Tables
    clock: Callable[[], datetime]
    annotations: dict[str, list[Any]]
    clear_cap: int

    def route(self, method: str, path: str) -> Handler | None:
        """Return the handler; None where there is no such page."""
        found: dict[tuple[str, str], Handler] = {
            ("POST", "/api/chat/sync"): self._push,
            ("GET", "/api/chat/sync"): self._listing,
            ("GET", "/api/chat/messages"): self._messages,
            ("POST", "/api/chat/messages"): self._say if self.flavour == "H" else self._say_one,
            ("GET", "/api/chat/sessions"): self._manifest,
            ("POST", "/api/chat/sessions"): self._create,
            ("DELETE", "/api/chat/sessions"): self._delete,
            ("DELETE", "/api/chat/clear-all"): self._clear,
        }
        if self.flavour == "H":
            found[("GET", "/api/chat/session")] = self._session
            found[("POST", "/api/chat/session")] = self._rename
        handler = found.get((method, path))
        return None if handler is None else self._guarded(handler)

    def _guarded(self, handler: Handler) -> Handler:
        def answer(user: str, query: Query, body: bytes) -> ServerResponse:
            try:
                return handler(user, query, body)
            except (Refused, Crashed, ValueError, TypeError, AttributeError, KeyError):
                return self.error(500, "internal_server_error", "An internal error occurred.")

        return answer

    # answers

    def respond(self, status: int, value: Any) -> ServerResponse:
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return ServerResponse(status, [("content-type", "application/json")], body.encode("utf-8", "surrogatepass"))

    def plain(self, status: int, error: str) -> ServerResponse:
        """Error body B."""
        return self.respond(status, {"error": error})

    def error(self, status: int, code: str, error: str, **more: Any) -> ServerResponse:
        """Error body A."""
        if self.flavour == "S":
            return self.plain(status, error)
        return self.respond(status, {"error": error, "code": code, "timestamp": self._instant(), **more})

    def _instant(self) -> str:
        return self.clock().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    # POST /api/chat/sync

    def _push(self, user: str, query: Query, body: bytes) -> ServerResponse:
        try:
            items = json.loads(body)["conversations"]
            foreign = [one["id"] for one in items if one.get("userId") != user] if isinstance(items, list) else []
        except (ValueError, TypeError, AttributeError, KeyError):
            items = foreign = None
        if self.flavour == "H" and foreign is None:
            return self.error(403, "forbidden", "Failed to validate conversation ownership")
        if not isinstance(items, list):
            return self.error(400, "bad_request", "Invalid conversations data")
        if self.flavour == "H" and foreign:
            return self.error(
                403,
                "insufficient_permissions",
                "Unauthorized conversation access",
                details=f"Invalid conversations: {', '.join(map(str, foreign))}",
                suggestions=["Ensure all conversations belong to the authenticated user"],
            )
        details = [self._push_one(user, one) for one in items]
        errors = sum("error" in one for one in details)
        results = {"synced": len(details) - errors, "errors": errors, "details": details}
        return self.respond(200, {"success": True, "results": results, "syncTime": self._instant()})

    def _push_one(self, user: str, item: Mapping[str, Any]) -> dict[str, Any]:
        session_id = item.get("id")
        messages = item.get("messages") or []
        try:
            if item.get("userId") != user:
                return {"conversationId": session_id, "error": "Conversation does not belong to user"}
            values: Row = {"message_count": item.get("messageCount") or 0, "total_tokens": item.get("totalTokens") or 0}
            for key, name in _CONVERSATION.items():
                if key in item:
                    values[name] = item[key]
            self.tables.upsert_session(user, session_id, values)
            if messages:
                self.tables.upsert_messages(user, [self._row(one, str(session_id)) for one in messages])
                for one in messages:
                    if one.get("role") == "assistant" and one.get("annotations"):
                        self.annotations[one["id"]] = list(one["annotations"])
        except (Refused, TypeError, ValueError, AttributeError):
            return {"conversationId": session_id, "error": "Unknown error"}
        return {"conversationId": session_id, "status": "synced", "messageCount": len(messages)}

    def _row(self, one: Mapping[str, Any], session_id: str) -> Row:
        """A message as the sync endpoint writes it: every column, whether or not the message has it."""
        given = one.get
        assistant = given("role") == "assistant"
        row: Row = {
            "id": given("id"),
            "session_id": session_id,
            "role": given("role"),
            "content": given("content"),
            "model": given("model"),
            "total_tokens": given("total_tokens") or 0,
            "input_tokens": given("input_tokens") or 0,
            "output_tokens": given("output_tokens") or 0,
            "user_message_id": given("user_message_id"),
            "completion_id": given("completion_id"),
            "message_timestamp": self.clock() if given("timestamp") is None else read_time(given("timestamp")),
            "error_message": "Message failed" if given("error") else None,
        }
        if self.flavour == "S":
            return row | {
                "content_type": given("contentType") or "text",
                "elapsed_time": given("elapsed_time") or 0,
                "is_streaming": False,
            }
        if row["model"] is None and row["role"] == "user":
            row["model"] = given("originalModel")
        attached = given("attachment_ids")
        count = min(len(attached), 3) if isinstance(attached, list) else 0
        flag = given("has_attachments")
        row |= {
            "content_type": "markdown" if given("contentType") == "markdown" else "text",
            "elapsed_ms": given("elapsed_ms") or 0,
            "reasoning": given("reasoning"),
            "reasoning_details": given("reasoning_details"),
            "has_websearch": assistant and bool(given("has_websearch")),
            "websearch_result_count": (given("websearch_result_count") or 0) if assistant else 0,
            "attachment_count": count,
            "has_attachments": flag if isinstance(flag, bool) else count > 0,
            "is_streaming": given("was_streaming") is True,
        }
        if metadata := {name: one[key] for key, name in _METADATA.items() if one.get(key) not in (None, [])}:
            row["metadata"] = metadata
        return row

    # GET /api/chat/sync

    def _listing(self, user: str, query: Query, body: bytes) -> ServerResponse:
        if self.flavour == "S":
            rows = self.tables.listing(user)[:10]
            return self.respond(200, {"conversations": [self._summary(row, full=True) for row in rows],
                                   "syncTime": self._instant()})  # fmt: skip
        rows = self.tables.listing(user)
        if ts := query.get("cursor_ts"):
            rows = [row for row in rows if self._is_before(row, read_time(ts), query.get("cursor_id"))]
        size = min(max(int(query.get("limit", "20")), 1), 20)
        page = rows[:size]
        full = query.get("summary_only") == "false"
        cursor = None
        if len(rows) > size:
            last = page[-1]
            at = last["last_message_timestamp"] or last["updated_at"] or last["created_at"]
            cursor = {"ts": shown(at), "id": last["id"]}
        meta: Row = {"pageSize": size, "hasMore": len(rows) > size, "nextCursor": cursor}
        if query.get("with_total") == "true":
            meta["totalCount"] = len(rows)
        response = [self._summary(row, full=full) for row in page]
        return self.respond(200, {"conversations": response, "meta": meta, "syncTime": self._instant()})

    def _is_before(self, row: Row, ts: datetime, session_id: str | None) -> bool:
        at: datetime | None = row["last_message_timestamp"]
        if at is None:  # a comparison with null is never true
            return False
        return at < ts or (session_id is not None and at == ts and row["id"] < session_id)

    def _summary(self, row: Row, *, full: bool) -> Row:
        messages = self._shown_messages(row["id"], listed=True) if full else []
        return {
            "id": row["id"],
            "title": row["title"],
            "userId": row["user_id"],
            "messages": messages,
            "createdAt": shown(row["created_at"]),
            "updatedAt": shown(row["updated_at"]),
            "messageCount": row["message_count"],
            "totalTokens": row["total_tokens"],
            "lastModel": row["last_model"],
            "lastMessagePreview": row["last_message_preview"],
            "lastMessageTimestamp": shown(row["last_message_timestamp"]),
            "isActive": False,
        }

    # messages

    def _messages(self, user: str, query: Query, body: bytes) -> ServerResponse:
        session_id = query.get("session_id")
        if not session_id:
            return self.plain(400, "Session ID required")
        if self.tables.session(user, session_id) is None:
            return self.plain(404, "Session not found or access denied")
        since = read_time(query["since_ts"]) if self.flavour == "H" and query.get("since_ts") else None
        response = self._shown_messages(session_id, since=since)
        more = {"up_to_date": not response} if since is not None else {}
        return self.respond(200, {"messages": response, "count": len(response), **more})

    def _shown_messages(self, session_id: str, *, since: datetime | None = None, listed: bool = False) -> list[Row]:
        rows = self.tables.messages_of(session_id, since)
        if self.flavour == "S":
            return [_early_message(row) for row in rows]
        return [self._shown_message(row, listed=listed) for row in rows if row["role"] != "system"]

    def _shown_message(self, row: Row, *, listed: bool) -> Row:
        user = row["role"] == "user"
        response: Row = {name: row[name] for name in _SHOWN}
        response |= {"contentType": row["content_type"], "timestamp": _js(row["message_timestamp"])}
        response |= {"error": bool(row["error_message"]), "annotations": self.annotations.get(row["id"], [])}
        response |= {
            name: row[name] for name in ("user_message_id", "completion_id", "reasoning") if row[name] is not None
        }
        if (details := row["reasoning_details"]) is not None:
            response["reasoning_details"] = details if isinstance(details, list) else [details]
        response["attachment_ids"] = []
        if listed or not user:
            response["model"] = row["model"]
        if user and row["error_message"]:
            response["retry_available"] = False
        if not listed:
            if user and row["model"] is not None:
                response["originalModel"] = row["model"]
            response["was_streaming"] = bool(row["is_streaming"])
            asked = row["metadata"] or {}
            response |= {name: asked[name] for name in _REQUESTED if name in asked}
            if row["output_image_tokens"]:
                response["output_image_tokens"] = row["output_image_tokens"]
        return response

    def _say(self, user: str, query: Query, body: bytes) -> ServerResponse:
        given = json.loads(body)
        session_id, messages = given.get("sessionId"), given.get("messages")
        if messages is None and given.get("message") is not None:
            messages = [given["message"]]
        session = self.tables.session(user, session_id)
        if session is None:
            first = next((one["content"] for one in messages or [] if one.get("role") == "user"), None)
            title = given.get("sessionTitle") or (first and (first[:50] + ("..." if len(first) > 50 else "")))
            try:
                session = self.tables.insert_session(user, session_id, title or "New Chat")
            except Refused:
                return self.plain(500, "Session creation failed")
        elif given.get("sessionTitle") and given["sessionTitle"] != session["title"]:
            with suppress(Refused):
                self.tables.update_session(user, session_id, {"title": given["sessionTitle"]})
        if messages is None:
            return self.plain(400, "Either message or messages array is required")
        rows = []
        for one in messages:
            if one.get("timestamp") is None:
                raise Crashed
            rows += self.tables.upsert_messages(user, [self._spoken(one, session_id)])
        if messages:
            last, mine = messages[-1], self.tables.messages[session_id].values()
            text = last["content"]
            self.tables.update_session(user, session_id, {
                "message_count": len(mine),
                "total_tokens": sum(one["total_tokens"] or 0 for one in mine),
                "last_model": last.get("model"),
                "last_message_preview": text[:100] + ("..." if len(text) > 100 else ""),
                "last_message_timestamp": last["timestamp"],
            })  # fmt: skip
            for one in messages:
                if one.get("annotations"):
                    self.annotations.setdefault(one["id"], []).extend(one["annotations"])
        return self.respond(201, {"messages": [_raw(row) for row in rows], "count": len(rows), "success": True})

    def _spoken(self, one: Mapping[str, Any], session_id: str) -> Row:
        row = self._row(one, session_id)
        kept = {
            "upstream_error_code": one.get("upstream_error_code") or one.get("error_code"),
            "upstream_error_message": one.get("upstream_error_message") or one.get("error_message"),
            "upstream_retry_after": one.get("retry_after"),
            "upstream_suggestions": one.get("suggestions") or None,
        }
        images = one.get("output_image_tokens")
        return row | {
            "model": one.get("model"),
            "content_type": one.get("contentType") or "text",
            "error_message": one.get("error_message") or ("Message failed" if one.get("error") else None),
            "metadata": {name: value for name, value in kept.items() if value is not None},
            "output_image_tokens": min(max(images, 0), 5_000_000) if isinstance(images, int) else 0,
        }

    def _say_one(self, user: str, query: Query, body: bytes) -> ServerResponse:
        given = json.loads(body)
        if self.tables.session(user, given.get("sessionId")) is None:
            return self.plain(404, "Session not found or access denied")
        row = self._row(given["message"], given["sessionId"]) | {"input_tokens": 0, "output_tokens": 0}
        [row] = self.tables.upsert_messages(user, [row], insert=True)
        return self.respond(201, {"message": _raw(row), "success": True})

    # sessions

    def _manifest(self, user: str, query: Query, body: bytes) -> ServerResponse:
        rows = [self._raw_session(row) for row in self.tables.manifest(user)]
        return self.respond(200, {"sessions": rows, "count": len(rows)})

    def _raw_session(self, row: Row) -> Row:
        return _raw(row) | ({"is_active": True} if self.flavour == "S" else {})

    def _create(self, user: str, query: Query, body: bytes) -> ServerResponse:
        given = json.loads(body)
        row = self.tables.insert_session(user, given.get("id"), given.get("title") or "New Chat")
        return self.respond(201, {"session": self._raw_session(row), "success": True})

    def _delete(self, user: str, query: Query, body: bytes) -> ServerResponse:
        if not query.get("id"):
            return self.plain(400, "Session ID required")
        self.tables.delete_session(user, query["id"])
        return self.respond(200, {"success": True, "message": "Session deleted successfully"})

    def _session(self, user: str, query: Query, body: bytes) -> ServerResponse:
        if not query.get("id"):
            return self.plain(400, "Session ID required")
        row = self.tables.session(user, query["id"])
        if row is None:
            return self.plain(404, "Session not found or access denied")
        return self.respond(200, {"session": self._raw_session(row)})

    def _rename(self, user: str, query: Query, body: bytes) -> ServerResponse:
        given = json.loads(body)
        if not given.get("id"):
            return self.plain(400, "Session ID required")
        values = {name: given[name] for name in _RENAMED if name in given}
        row = self.tables.update_session(user, given["id"], values)
        if row is None:
            return self.plain(404, "Session not found or access denied")
        return self.respond(200, {"session": self._raw_session(row), "success": True})

    def _clear(self, user: str, query: Query, body: bytes) -> ServerResponse:
        ids = [row["id"] for row in self.tables.manifest(user)]
        if not ids:
            message = "No conversations to clear"
            return self.respond(200, {"success": True, "message": message, "deletedCount": 0})
        if len(ids) > self.clear_cap:
            raise Crashed
        for row in self.tables.sessions_of(user):
            self.tables.delete_session(user, row["id"])
        message = "All conversations cleared successfully"
        return self.respond(200, {"success": True, "message": message, "deletedCount": len(ids)})


_CONVERSATION = {
    "title": "title",
    "lastModel": "last_model",
    "lastMessagePreview": "last_message_preview",
    "lastMessageTimestamp": "last_message_timestamp",
    "updatedAt": "updated_at",
}
_METADATA = {
    "requested_web_search": "requested_web_search",
    "requested_web_max_results": "requested_web_max_results",
    "requested_reasoning_effort": "requested_reasoning_effort",
    "upstream_error_code": "upstream_error_code",
    "upstream_error_message": "upstream_error_message",
    "retry_after": "upstream_retry_after",
    "suggestions": "upstream_suggestions",
}
_REQUESTED = ("requested_web_search", "requested_web_max_results", "requested_reasoning_effort")
_SHOWN = (
    "id", "role", "content", "total_tokens", "input_tokens", "output_tokens", "elapsed_ms", "has_websearch",
    "websearch_result_count", "has_attachments",
)  # fmt: skip
_RENAMED = (
    "title", "message_count", "total_tokens", "last_model", "last_message_preview", "last_message_timestamp",
)  # fmt: skip


def _js(at: datetime) -> str:
    """A time as JavaScript writes it: milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _raw(row: Row) -> Row:
    return {name: shown(value) if isinstance(value, datetime) else value for name, value in row.items()}


def _early_message(row: Row) -> Row:
    response = {name: row[name] for name in ("id", "role", "content", "model", "total_tokens", "elapsed_time")}
    response |= {"contentType": row["content_type"], "completion_id": row["completion_id"]}
    return response | {"timestamp": _js(row["message_timestamp"]), "error": bool(row["error_message"])}
