"""Devices, the stand-in of upstream and a bad network, all driven by one seed; and what must hold when it is over."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sterna.storage import Invalid, NotFound, Settled
from sterna.sync.protocol.effects import CrashPoint, CurrentTime, Progress, Request, Response, Transaction, Unreachable
from sterna.sync.upstream.rate_limit import Budget
from tests.sync.upstream_device import Device
from tests.upstream import Upstream
from tests.upstream_rows import Flavour

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
PUBLIC = "session_id not in (select conv_id from sync_private)"
FAULTS = ("lose", "deaf", "before", "after", "limited", "page", "torn", "plain", "short", "partial")


@dataclass
class Title:
    """A title that somebody wrote, and the titles that they had seen then."""

    author: str
    seen: frozenset[str]


@dataclass
class Story:
    """Actions of the people."""

    titles: dict[str, dict[str, Title]] = field(default_factory=dict)
    said: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Message → conversation and text as first said."""
    dropped: set[str] = field(default_factory=set)
    """Messages that a person deleted."""
    killed: set[str] = field(default_factory=set)
    """Conversations that a person deleted, whether or not it was taken back."""
    secrets: set[str] = field(default_factory=set)
    automatic: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """Conversation and title → whose device made it of the first prompt."""
    edits: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Message → who wrote it, and what, after it was said."""


class World:
    """One run."""

    def __init__(self, seed: int, *, trees: bool = False) -> None:
        """``trees``: people also edit messages that they send again, and switch between branches."""
        self.trees = trees
        self.rng = rng = random.Random(seed)
        self.now = START
        flavour: Flavour = rng.choice(("H", "H", "S"))
        cap = rng.choice((1000, 1000, 6))
        limits = None if rng.random() < 0.8 else {"free": 200}
        self.up = Upstream(flavour, clock=lambda: self.now, row_cap=cap, limits=limits)
        person = self.up.join()
        self.fault_rate = rng.choice((0.0, 0.1, 0.3))
        self.gentle = rng.random() < 0.3
        self.crash_rate = rng.choice((0.0, 0.0, 0.02))
        self.healed = False
        self.story = Story()
        self.limited = limits is not None
        self.seen: dict[tuple[str, str], set[str]] = {}
        self.wire: list[bytes] = []
        self.cap = cap
        self.devices = [
            Device(self.up, person, self._clock(rng.choice((0, 0, -400, 30))), seed=seed * 10 + n, net=self._net)
            for n in range(rng.choice((2, 2, 3)))
        ]
        self.names = {id(one): f"d{n}" for n, one in enumerate(self.devices)}
        self.works: dict[str, tuple[Generator[Any, Any, Any], Any, BaseException | None]] = {}
        for one in self.devices:
            self._set_up(one)
        self.number = 0

    def close(self) -> None:
        """Close the stores: a test runs hundreds of worlds."""
        for one in self.devices:
            one.store.close()

    def _clock(self, days: int) -> Callable[[], datetime]:
        return lambda: self.now + timedelta(days=days)

    def _set_up(self, device: Device) -> None:
        device.sync.pull.row_cap = self.cap
        device.sync.push.clear_from = 3
        if not self.limited:
            device.sync.requests.budget = Budget(1e9, 1e9)

    # the network

    def _net(self, step: Request, server: Callable[[Request], Response]) -> Response:
        self.now += timedelta(milliseconds=self.rng.randint(5, 300))
        self.wire.append(step.body or b"")
        fault = self.rng.choice(FAULTS) if not self.healed and self.rng.random() < self.fault_rate else ""
        json_head = {"content-type": "application/json"}
        if fault == "lose":
            raise Unreachable("network")
        if fault == "before":
            return Response(503, json_head, b'{"error":"x"}')
        if fault == "limited":
            return Response(429, json_head | {"retry-after": "60"}, b'{"error":"x","retryAfter":60}')
        if fault == "page":
            return Response(200, {"content-type": "text/html"}, b"<html>Welcome to the hotel")
        if fault == "plain":
            return Response(500, json_head, b'{"error":"x","code":"internal_server_error"}')
        if fault == "partial" and step.method == "POST" and step.path.endswith("sync"):
            return self._partly(step, server)
        answer = server(step)
        if fault == "deaf":
            raise Unreachable("timeout")
        if fault == "after":
            return Response(502, {}, b"")
        if fault == "short" and step.path.endswith("sessions") and step.method == "GET":
            response = json.loads(answer.body)
            response["sessions"] = [one for one in response["sessions"] if self.rng.random() < 0.7]
            return Response(answer.status, answer.headers, json.dumps(response).encode())
        if fault == "torn":
            return Response(answer.status, answer.headers, answer.body[: len(answer.body) // 2])
        return answer

    def _partly(self, step: Request, server: Callable[[Request], Response]) -> Response:
        """Some conversations of a push fail, for a reason of the server's own."""
        items = json.loads(step.body or b"")["conversations"]
        kept = [one for one in items if self.rng.random() < 0.5]
        answer = server(replace(step, body=json.dumps({"conversations": kept}).encode()))
        response = json.loads(answer.body)
        done = {one["conversationId"]: one for one in response["results"]["details"]}
        failed = {"error": "Unknown error"}
        details = [done.get(one["id"], {"conversationId": one["id"], **failed}) for one in items]
        response["results"] = {"synced": len(done), "errors": len(items) - len(done), "details": details}
        return Response(answer.status, answer.headers, json.dumps(response).encode())

    # running

    def run(self, steps: int = 40) -> None:
        acts = [self.say, self.say, self.reply, self.rename, self.edit, self.delete, self.undo, self.drop_message,
                self.fail, self.hide, self.web, self.clear, self.jump, self.sync, self.sync, self.sync, self.advance,
                self.advance, self.advance]  # fmt: skip
        weights = [4, 2, 3, 4, 3, 2, 1, 1, 1, 0.5, 2, 0.2, 1, 4, 4, 4, 4, 4, 4]
        if self.gentle:  # nobody deletes: then every title and every edit is accounted for
            weights = [1, 1, 1, 5, 3, 0, 0, 0, 1, 0, 0, 0, 1, 4, 4, 4, 4, 4, 4]
        if self.trees:
            acts, weights = [*acts, self.branch, self.switch], [*weights, 4, 4]
        for _ in range(steps):
            self.now += timedelta(seconds=self.rng.choice((1, 5, 20, 60) if self.gentle else (1, 5, 60, 400)))
            act = self.rng.choices(acts, weights)[0]
            act(self.rng.choice(self.devices))
            for device in self.devices:
                self._look_around(device)
        self.heal()

    def heal(self) -> None:
        self.healed = True
        for device in self.devices:
            self._finish(device)
        for _ in range(12):
            self.now += timedelta(hours=25)
            before = len(self.up.asked)
            pushed = 0
            for device in self.devices:
                device.store.acknowledgements.retry_rejected()
                for _ in range(6):
                    self.now += timedelta(minutes=40)
                    cycle = device.look()
                    pushed += cycle.pushed + cycle.pulled
                    if device.store.upstream_pull.missing():
                        device.store.upstream_pull.answer_missing(keep=self.rng.random() < 0.5)
                    elif cycle.complete:
                        break
                self._look_around(device)
            if not pushed and len(self.up.asked) - before <= len(self.devices):  # they looked, and that was all
                return

    def sync(self, device: Device) -> None:
        """Begin a cycle, or end the one that runs."""
        if self._name(device) in self.works:
            self._finish(device)
        else:
            if self.rng.random() < (0.2 if self.gentle else 0.4):
                device.sync._compared_ms = None
            self.works[self._name(device)] = (device.sync.cycle(device.fence), None, None)

    def advance(self, device: Device) -> None:
        for _ in range(self.rng.randint(1, 6)):
            if not self._step(device):
                return

    def _finish(self, device: Device) -> None:
        while self._step(device):
            pass

    def _step(self, device: Device) -> bool:
        name = self._name(device)
        if name not in self.works:
            return False
        work, came, thrown = self.works[name]
        try:
            step = work.send(came) if thrown is None else work.throw(thrown)
            while isinstance(step, Progress):  # no step of its own: it changes nothing
                step = work.send(None)
        except StopIteration:
            del self.works[name]
            return False
        if not self.healed and self.rng.random() < self.crash_rate:
            work.close()
            del self.works[name]
            device.begin()
            self._set_up(device)
            return False
        came, thrown = None, None
        try:
            match step:
                case Request():
                    came = self._net(step, device.server)
                case Transaction():
                    came = device.store.call(step.method, *step.args, **step.kwargs)
                case CurrentTime():
                    came = int(device.clock().timestamp() * 1000)
                case CrashPoint():
                    pass
        except Unreachable as error:
            thrown = error
        self.works[name] = (work, came, thrown)
        return True

    def _name(self, device: Device) -> str:
        return self.names[id(device)]

    # people

    def _some(self, device: Device) -> str | None:
        rows = device.store.db.rows("select id from chat_sessions order by id")
        return self.rng.choice(rows)["id"] if rows else None

    def _text(self, word: str) -> str:
        self.number += 1
        return f"{word} {self.number:05}."

    def say(self, device: Device) -> None:
        place = self._some(device) if self.rng.random() < 0.75 else None
        private = place is not None and device.store.sync_metadata.is_private(place)
        session_id, message_id = device.say(place, text := self._text("secret" if private else "said"))
        self.story.said[message_id] = (session_id, text)
        if private:
            self.story.secrets.add(text)
            self.story.killed.add(session_id)  # for everybody else

    def reply(self, device: Device) -> None:
        place = self._some(device)
        if place is None or device.store.sync_metadata.is_private(place):
            return
        text = self._text("asked")
        begun = device.store.live_replies.begin_turn(place, text, model="a/b")
        answer, before = self._text("answered"), device.titles()[place]
        device.store.live_replies.settle(begun.reply.id, Settled("done", answer, output_tokens=7, input_tokens=3))
        if (title := device.titles()[place]) != before:
            self.story.automatic.setdefault((place, title), set()).add(self._name(device))
        self.story.said[begun.user_message.id] = (place, text)
        self.story.said[begun.reply.id] = (place, answer)

    def branch(self, device: Device) -> None:
        rows = device.store.db.rows(f"select id, session_id from chat_messages where role = 'user' and {PUBLIC}")
        if rows:
            row = self.rng.choice(sorted(rows, key=lambda row: str(row["id"])))
            text, answer = self._text("sent again"), self._text("answered again")
            begun = device.store.live_replies.begin_edit(row["id"], text)
            device.store.live_replies.settle(begun.reply.id, Settled("done", answer, output_tokens=7))
            self.story.said[begun.user_message.id] = (row["session_id"], text)
            self.story.said[begun.reply.id] = (row["session_id"], answer)

    def switch(self, device: Device) -> None:
        if rows := device.store.db.rows("select message_id as id from hidden_messages order by message_id"):
            device.store.branches.show(self.rng.choice(rows)["id"])

    def fail(self, device: Device) -> None:
        place = self._some(device)
        if place is None or device.store.sync_metadata.is_private(place):
            return
        text = self._text("asked in vain")
        begun = device.store.live_replies.begin_turn(place, text, model="a/b")
        device.store.live_replies.settle(begun.reply.id, Settled("failed", "", error_message="no credit"))
        self.story.said[begun.user_message.id] = (place, text)
        self.story.said[begun.reply.id] = (place, "")

    def rename(self, device: Device) -> None:
        if (place := self._some(device)) is not None:
            self._titled(place, self._name(device), title := self._text("title"))
            device.store.conversations.rename(place, title)
            self.seen[self._name(device), place].add(title)

    def _titled(self, place: str, author: str, title: str) -> None:
        seen = frozenset(self.seen.setdefault((author, place), set()))
        self.story.titles.setdefault(place, {})[title] = Title(author, seen)

    def edit(self, device: Device) -> None:
        rows = device.store.db.rows(f"select id from chat_messages where role = 'user' and {PUBLIC} order by id")
        if rows:
            id_ = self.rng.choice(rows)["id"]
            device.store.messages.edit(id_, text := self._text("edited"))
            self.story.edits.setdefault(id_, []).append((self._name(device), text))

    def delete(self, device: Device) -> None:
        if (place := self._some(device)) is not None:
            device.store.trash.delete_conversation(place)
            self.story.killed.add(place)

    def undo(self, device: Device) -> None:
        if (last := device.store.trash.latest()) is not None:
            try:
                device.store.undo.undo(last.token)
            except (Invalid, NotFound):
                return

    def drop_message(self, device: Device) -> None:
        rows = device.store.db.rows(f"select id from chat_messages where {PUBLIC} order by id")
        if rows:
            id_ = self.rng.choice(rows)["id"]
            device.store.trash.delete_message(id_)
            self.story.dropped.add(id_)

    def hide(self, device: Device) -> None:
        if (place := self._some(device)) is not None and not device.store.sync_metadata.is_private(place):
            device.store.privacy.set_private(place, True)
            self.story.killed.add(place)  # for everybody else

    def clear(self, device: Device) -> None:
        self.story.killed |= set(device.titles())
        try:
            device.store.trash.clear_all()
        except Invalid:
            return

    def jump(self, device: Device) -> None:
        device.clock = self._clock(self.rng.choice((0, -2, 3)))
        device.store.db.clock = device.clock

    def web(self, device: Device) -> None:
        """Somebody uses upstream's own client."""
        tables, me = self.up.tables, device.person.id
        rows = sorted(tables.sessions_of(me), key=lambda row: str(row["id"]))
        if not rows:
            return
        row = self.rng.choice(rows)
        act = self.rng.choice(("rename", "say", "delete", "edit"))
        self.now += timedelta(milliseconds=5)
        if act == "rename":
            self.seen.setdefault(("web", row["id"]), set()).add(row["title"])
            self._titled(row["id"], "web", title := self._text("web title"))
            self.seen["web", row["id"]].add(title)
            tables.update_session(me, row["id"], {"title": title})
        elif act == "say":
            text = self._text("from the web")
            self.number += 1
            id_ = f"msg_web_{self.number}"
            one = {"id": id_, "session_id": row["id"], "role": "user", "content": text, "message_timestamp": self.now}
            tables.upsert_messages(me, [one])
            self.story.said[id_] = (row["id"], text)
        elif act == "edit" and tables.messages.get(row["id"]):
            one = dict(self.rng.choice(sorted(tables.messages[row["id"]].values(), key=lambda r: str(r["id"]))))
            tables.upsert_messages(me, [one | {"content": (text := self._text("edited on the web"))}])
            self.story.edits.setdefault(one["id"], []).append(("web", text))
        elif act == "delete":
            tables.delete_session(me, row["id"])
            self.story.killed.add(row["id"])

    def _look_around(self, device: Device) -> None:
        for place, title in device.titles().items():
            self.seen.setdefault((self._name(device), place), set()).add(title)

    # what must hold

    def check(self) -> list[str]:
        checks = (self._lost, self._back, self._superseded, self._vanished, self._differs, self._leaked)
        return [found for check in checks for found in check()]

    def _lost(self) -> list[str]:
        hidden = {  # longer than such a server lets one see
            id_ for id_, rows in self.up.tables.messages.items() if self.up.flavour == "S" and len(rows) > self.cap
        }
        there = {id_ for rows in self.up.tables.messages.values() for id_ in rows}
        places = [self._texts_of(device) for device in self.devices]
        found = []
        for id_, (place, text) in self.story.said.items():
            if id_ in self.story.dropped:
                continue
            if any(id_ in self._hidden(device) for device in self.devices):
                continue  # on a branch that was never shown when it was sent, or is shown elsewhere
            live = id_ in there and all(id_ in ids for ids, _, _ in places)
            forms = {text, *(form for _, form in self.story.edits.get(id_, []))}  # what is moved apart has a new id
            kept = id_ in there or any(id_ in ids or id_ in trash or forms & words for ids, trash, words in places)
            if place in self.story.killed and (kept or id_.startswith("msg_web")):
                continue  # upstream's own client keeps nothing, so that what is deleted there unseen is gone
            if not live and not (place in hidden and kept):
                found.append(f"lost {id_} of {place}: kept={kept} killed={place in self.story.killed}")
        return found

    def _hidden(self, device: Device) -> set[str]:
        return {row["message_id"] for row in device.store.db.rows("select message_id from hidden_messages")}

    def _texts_of(self, device: Device) -> tuple[set[str], set[str], set[str]]:
        rows = device.store.db.rows("select id, content from chat_messages")
        trash = device.store.db.rows(
            """select thing, json_extract(content, '$.content') as content from trash_rows
            where place in ('chat_messages', 'late')"""
        )
        words = {row["content"] for row in rows} | {row["content"] for row in trash}
        return {row["id"] for row in rows}, {row["thing"] for row in trash}, words

    def _back(self) -> list[str]:
        found = []
        whole = len(self.up.tables.sessions) < self.cap  # nothing is concluded from a list that may be cut
        for device in self.devices:
            tombstones = {row["id"] for row in device.store.db.rows("select id from sync_tombstones where kind = 'c'")}
            found += [f"back at the server: {id_}" for id_ in tombstones & self.up.tables.sessions.keys()]
            for other in self.devices:
                live = {id_ for id_ in other.titles() if not other.store.sync_metadata.is_private(id_)}
                found += [f"back on {self._name(other)}: {id_}" for id_ in sorted(tombstones & live) if whole]
        return found

    def _superseded(self) -> list[str]:
        found = []
        for place, row in self.up.tables.sessions.items():
            if place in self.story.killed:
                continue  # a deletion there destroys also a title that nobody else has seen
            titles = self.story.titles.get(place, {})
            found += [
                f"{row['title']!r} of {place} was overtaken by {title!r} of {one.author}"
                for title, one in titles.items()
                if row["title"] in one.seen
                and row["title"] != title
                and len(self.story.automatic.get((place, row["title"]), ())) < 2  # each may have given it later
            ]
        return found

    def _vanished(self) -> list[str]:
        """Check that the last edit of the only author is the current value."""
        found = []
        for place, row in self.up.tables.sessions.items():
            titles = self.story.titles.get(place, {})
            if place in self.story.killed or len({one.author for one in titles.values()}) != 1:
                continue
            # between a look and what is sent after it, an automatic title can still meet one given by hand
            others = self.story.automatic.get((place, row["title"]), set()) - {one.author for one in titles.values()}
            if row["title"] != (last := list(titles)[-1]) and not others:
                found.append(f"{last!r} of {place} is {row['title']!r}")
        for rows in self.up.tables.messages.values():
            for id_, row in rows.items():
                edits = self.story.edits.get(id_, [])
                if row["session_id"] in self.story.killed or len({author for author, _ in edits}) != 1:
                    continue
                if row["content"] != edits[-1][1] and id_ not in self.story.dropped:
                    found.append(f"{edits[-1][1]!r} is {row['content']!r}")
        return found

    def _differs(self) -> list[str]:
        found = []
        server = self.up.tables
        truncated = len(server.sessions) >= self.cap or any(len(rows) >= self.cap for rows in server.messages.values())
        for device in self.devices:
            store, name = device.store, self._name(device)
            titles = {id_: title for id_, title in device.titles().items() if not store.sync_metadata.is_private(id_)}
            there = {id_: row["title"] for id_, row in server.sessions.items()}
            if titles != there and not truncated:
                found.append(f"{name} has {sorted(titles.items())}, the server {sorted(there.items())}")
            if store.sync_metadata.waiting():
                ops = [tuple(row) for row in store.db.rows("select kind, id, op, tries, err, sent from sync_outbox")]
                found.append(f"{name} still waits: {ops}")
            if truncated:
                continue
            gone = {row["id"] for row in store.db.rows("select id from sync_tombstones where kind = 'm'")}
            mine = {row["id"]: row["content"] for row in store.db.rows(
                """select id, content from chat_messages
                where session_id not in (select conv_id from sync_private) and role <> 'system'""")}  # fmt: skip
            theirs = {id_: row["content"] for rows in server.messages.values() for id_, row in rows.items()}
            theirs = {id_: text for id_, text in theirs.items() if id_ not in gone}
            mine = {id_: text for id_, text in mine.items() if id_ in theirs or id_ not in self._hidden(device)}
            if mine != theirs:
                odd = {id_ for id_ in mine.keys() | theirs.keys() if mine.get(id_) != theirs.get(id_)}
                found.append(f"{name} differs in {[(id_, mine.get(id_), theirs.get(id_)) for id_ in sorted(odd)]}")
        return found

    def _leaked(self) -> list[str]:
        sent = b"\n".join(self.wire)
        return [f"sent: {text}" for text in sorted(self.story.secrets) if text.encode() in sent]
