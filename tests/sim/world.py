"""One run: everything that happens follows from a seed, in virtual time, in one thread, in one order."""

from __future__ import annotations

import atexit
import random
import shutil
import tempfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from sterna.storage import Store
from sterna.sync.protocol.effects import Request, Transaction
from tests.temporary_folders import usual_parent

from .device import EPOCH, ORIGIN, USER, Device, delta
from .history import History
from .ledger import Ledger
from .net import FAULTS, Net
from .oracle import Broken, check

STEPS = 120
OFTEN = 5.0
LATER_OPERATIONS = 1_000_000
"""From this seed on a run may have operations that were added later; those before stay what they were."""
TREES = range(10_000_000, 500_000_000)
"""Seeds of runs in which conversations have branches; those that once failed stay what they were."""
ROUNDS = 14
"""After healing, a device needs few; more than this is no liveness."""

_template: list[Path] = []


def folder() -> Path:
    """Return a folder where files cost least."""
    return Path(tempfile.mkdtemp(prefix="sim", dir=usual_parent()))


def template() -> Path:
    """A history that has just been adopted by an account; made once in a process."""
    if not _template:
        path = folder() / "template.db"
        atexit.register(shutil.rmtree, path.parent)
        store = Store.open(path, clock=lambda: EPOCH, token=lambda length: "0" * length)
        store.linking.adopt(ORIGIN, USER, "somebody@example.org")
        store.db.execute("pragma wal_checkpoint(truncate)")
        store.close()
        _template.append(path)
    return _template[0]


class World:
    """Devices, their people, one server, and what goes wrong."""

    def __init__(
        self,
        seed: int,
        *,
        make_sync: Callable[..., Any] = delta,
        steps: int = STEPS,
        operations: Collection[str] | None = None,
        faults: Sequence[str] = FAULTS,
        divides_freeze: bool | None = None,
    ) -> None:
        """Prepare a run.

        ``operations`` are more frequent than others, and of the rare ones no others happen; None: any operation.
        ``faults`` of the wire, where not all are wanted. ``divides_freeze``: see :class:`Device`; None: from
        :data:`LATER_OPERATIONS` on.
        """
        self._divides_freeze = seed >= LATER_OPERATIONS if divides_freeze is None else divides_freeze
        self.seed, self.steps, self._operations = seed, steps, operations
        self.rng = random.Random(seed)
        self._ms = 0
        self.ledger = Ledger()
        self.history = History(random.Random(seed + 1))
        self.net = Net(self.history, random.Random(seed + 2), self.server_ms)
        self.net.rate = self.rng.choice((0.0, 0.05, 0.2, 0.4))
        self.net.faults = faults
        self.net.watch = self._watch
        self.crash_rate = self.rng.choice((0.0, 0.02, 0.05))
        self.limits = {
            "page_bytes": self.rng.choice((1, 300, 1500, 1 << 20)),
            "first_bytes": self.rng.choice((300, 2000, 1 << 18)),
            "most_ops": self.rng.choice((1, 3, 500)),
        }
        self._make_sync = make_sync
        self.folder = folder()
        self.devices: list[Device] = []
        self.backups: list[History] = []
        self.set_backs = self.restores = self.clones = 0
        self.trail: list[str] = []
        for _ in range(self.rng.choice((1, 2, 2, 3))):
            self.new_device()

    # Time

    def now(self) -> int:
        """Virtual ms; every look at it is one later."""
        self._ms += 1
        return self._ms

    def server_ms(self) -> int:
        """The server's clock, since 1970."""
        return int(EPOCH.timestamp() * 1000) + self.now()

    # Running

    def run(self) -> None:
        """All of it. Raises Broken."""
        try:
            operations = self._swarm()
            for _ in range(self.steps):
                self._ms += self.rng.randrange(2000)
                self.rng.choices([operation for operation, _ in operations], [weight for _, weight in operations])[0]()
            self.heal()
            disasters = bool(self.set_backs and self.restores)
            check(self.devices, self.history, self.ledger, disasters=disasters, clones=bool(self.clones))
        except Exception as error:
            trail = "".join(f"\n  {line}" for line in self.trail[-60:])
            raise Broken(f"seed {self.seed}: {error}\nreplay: python -m tests.sim --seed {self.seed}{trail}") from error
        finally:
            self.close()

    def close(self) -> None:
        """Leave nothing behind."""
        for device in self.devices:
            device.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def fingerprint(self) -> str:
        """The whole run in a few letters: the same for the same seed, wherever and whenever it runs."""
        import hashlib

        rows = sorted((key, row.seq, str(row.value), row.is_deleted) for key, row in self.history.rows.items())
        return hashlib.sha256(repr((rows, self.net.requests, self._ms, self.trail)).encode()).hexdigest()

    def _swarm(self) -> list[tuple[Callable[[], None], float]]:
        """Return the operations of this run, and their weights."""
        usual: list[tuple[str, Callable[[], None], float]] = [
            ("sync_a_bit", self._sync_a_bit, 8.0),
            ("sync_whole", self._sync_whole, 4.0),
            ("say", self._say, 3.0),
            ("begin", self._begin, 2.0),
            ("edit_message", lambda: self._do("edit_message"), 2.0),
            ("rename", lambda: self._do("rename"), 2.0),
            ("set_setting", lambda: self._do("set_setting"), 1.0),
            ("label", lambda: self._do("label"), 1.0),
        ]
        rare: list[tuple[str, Callable[[], None], float]] = [
            ("delete_message", lambda: self._do("delete_message"), 1.0),
            ("delete_session", lambda: self._do("delete_session"), 1.0),
            ("undo", lambda: self._do("undo"), 1.0),
            ("clear", lambda: self._do("clear"), 0.3),
            ("hide", lambda: self._do("hide"), 0.5),
            ("show", lambda: self._do("show"), 0.5),
            ("jump", self._jump, 0.5),
            ("unplug", self._unplug, 1.0),
            ("late", self._late, 0.5),
            ("take_over", self._take_over, 0.3),
            ("keep", self._keep, 0.5),
            ("set_back", self._set_back, 0.3),
            ("clone", self._clone, 0.2),
            ("new", self._new, 0.2),
            ("back_up", self._back_up, 0.4),
            ("restore", self._restore, 0.2),
        ]
        if self.seed >= LATER_OPERATIONS:
            rare.append(("undo_removal", lambda: self._do("undo_removal"), 0.7))
        if self.seed in TREES:
            rare += [
                ("branch", lambda: self._do("branch"), 1.5),
                ("switch", lambda: self._do("switch"), 1.0),
                ("fork", lambda: self._do("fork"), 0.3),
            ]
        often = self._operations
        if often is None:
            some = usual + [one for one in rare if self.rng.random() < 0.6]
            return [(operation, weight) for _, operation, weight in some]
        some = usual + [one for one in rare if one[0] in often]
        return [(operation, weight * OFTEN if name in often else weight) for name, operation, weight in some]

    def _note(self, what: str) -> None:
        self.trail.append(f"{self._ms:>7} {what}")

    def _watch(self, body: bytes) -> None:
        answer = body.decode()
        for secret in self.ledger.secrets:
            if secret in answer:
                raise Broken(f"the private text “{secret}” was sent")

    def _someone(self) -> Device:
        return self.rng.choice(self.devices)

    def _do(self, operation: str) -> None:
        device = self._someone()
        self._note(f"{device.name} {operation}")
        getattr(device, operation)()

    def _say(self) -> None:
        device = self._someone()
        there = device.sessions()
        if there:
            session_id = self.rng.choice(there)
            if not device.store.sync_metadata.is_private(session_id):
                self._note(f"{device.name} says in {session_id[-4:]}")
                device.write_message(session_id)

    def _begin(self) -> None:
        device = self._someone()
        session_id = device.write_message(None)
        self._note(f"{device.name} begins {session_id[-4:]}")

    # Syncing

    def _sync_a_bit(self) -> None:
        device = self._someone()
        for _ in range(self.rng.randrange(1, 8)):
            if not self._step(device):
                return

    def _sync_whole(self) -> None:
        device = self._someone()
        while self._step(device):
            pass

    def _step(self, device: Device) -> bool:
        if not device.online:
            device.stop()
            return False
        step = device.step(self.net.send)
        if isinstance(step, Transaction):
            self._monotonic(device)
        elif isinstance(step, Request):
            self.ledger.accepted |= {key for kind, key in self.history.rows if kind == "m"}
        if step is not None and self.rng.random() < self.crash_rate:
            self._note(f"{device.name} crashes after {_name(step)}")
            device.crash()
            return False
        if isinstance(step, Request) or step is None:
            self._note(f"{device.name} {_name(step)} {device.last if step is None else ''}")
        return step is not None

    def _monotonic(self, device: Device) -> None:
        before, after = device.state, device.store.sync_metadata.state()
        device.state = after
        restarted = after.resync and (after.cursor, after.seen_seq) == (0, 0)  # the history changed again meanwhile
        if restarted or after.replica != before.replica:
            return
        for name in ("cursor", "seen_seq", "push_seq", "fence", "full_cursor"):
            if getattr(after, name) < getattr(before, name):
                raise Broken(f"{device.name}: {name} went from {getattr(before, name)} to {getattr(after, name)}")

    # Trouble

    def _jump(self) -> None:
        device = self._someone()
        device.set_clock(self.rng.choice((0, -400 * 86_400_000, 30 * 86_400_000, 3_600_000, -90_000)))
        self._note(f"{device.name} clock off by {device.skew_ms}")

    def _unplug(self) -> None:
        device = self._someone()
        device.online = not device.online
        self._note(f"{device.name} online: {device.online}")

    def _late(self) -> None:
        self.net.deliver_late()

    def _take_over(self) -> None:
        device = self._someone()
        self._note(f"{device.name} is taken over")
        device.taken_over()

    def _keep(self) -> None:
        self._someone().keep_copy()

    def _set_back(self) -> None:
        device = self._someone()
        if device.kept is not None:
            self._note(f"{device.name} is set back")
            self.set_backs += 1
            device.set_back()
            self._forget()

    def _clone(self) -> None:
        device = self._someone()
        if len(self.devices) < 4:
            path = self.folder / f"d{len(self.devices)}.db"
            device.copy_to(path)
            self._note(f"{device.name} is cloned")
            self.clones += 1
            self._add(path)

    def _new(self) -> None:
        if len(self.devices) < 4:
            self.new_device()

    def new_device(self) -> None:
        """A device that has just signed in."""
        path = self.folder / f"d{len(self.devices)}.db"
        shutil.copyfile(template(), path)
        self._add(path)

    def _add(self, path: Path) -> None:
        name = f"d{len(self.devices)}"
        rng = random.Random(self.seed * 31 + len(self.devices))
        device = Device(
            name,
            path,
            rng,
            self.now,
            self.ledger,
            lambda one: self._make_sync(one, **self.limits),
            divides_freeze=self._divides_freeze,
        )
        self.devices.append(device)

    def _back_up(self) -> None:
        self.backups.append(self.history.backup())

    def _restore(self) -> None:
        if self.backups:
            self.restores += 1
            self._note("the server is restored from a backup")
            self.history.restore_from(self.rng.choice(self.backups))
            self._forget()

    def _forget(self) -> None:
        """Of deletes that no disk and no server remembers any more, nobody can hear."""
        tombstones = {
            (row["kind"], row["id"])
            for one in self.devices
            for row in one.store.db.rows("select * from sync_tombstones")
        }
        gone = {key for key, row in self.history.rows.items() if row.is_deleted}
        self.ledger.forgotten += [one for one in self.ledger.deleted if (one.kind, one.thing) not in tombstones | gone]

    # Healing

    def heal(self) -> None:
        """Everything works again, and everybody syncs until nobody has anything to say."""
        self.net.heal()
        self._note("healed")
        for device in self.devices:
            device.online = True
            device.store.acknowledgements.retry_rejected()
            device.stop()
            device.fence = device.store.sync_metadata.acquire_fence()
        for _ in range(ROUNDS):
            before = self.history.seq
            quiet = True
            for device in self.devices:
                for _ in range(200):
                    if device.step(self.net.send) is None:
                        break
                self.ledger.accepted |= {key for kind, key in self.history.rows if kind == "m"}
                last = device.last
                quiet = quiet and last is not None and last.complete and not last.pushed and not last.pulled
            if quiet and self.history.seq == before:
                return
        raise Broken("it never comes to rest: " + ", ".join(f"{one.name} {one.last}" for one in self.devices))


def _name(step: Any) -> str:
    if step is None:
        return "ends a cycle:"
    if isinstance(step, Request):
        return f"{step.method} {dict(step.query) or step.headers.get('Sync-Pull', '')}"
    return step.method.__name__ if isinstance(step, Transaction) else type(step).__name__
