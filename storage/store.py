"""The whole history: one object for each topic, over one database."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from . import ids
from .clock import Clock, utc_now
from .database.connection import BUSY_MS
from .database.sqlite_errors import raising_sentences
from .errors import StoreUnwritable
from .sync.sync_store import SyncStore

if TYPE_CHECKING:
    from .accounts.linking import AccountLinking
    from .accounts.model_access import ModelAccess
    from .accounts.profiles import Profiles
    from .accounts.saved_searches import SavedSearches
    from .accounts.server_profile import ServerProfile
    from .accounts.usage_pull import UsagePull
    from .analytics.interactions import Interactions
    from .analytics.visits import Visits
    from .attachments.attachments import Attachments
    from .attachments.files import AttachmentFiles
    from .conversations.branch_changes import BranchChanges
    from .conversations.bulk_import import BulkImport
    from .conversations.costs import Costs
    from .conversations.drafts import Drafts
    from .conversations.kept_versions import KeptVersions
    from .conversations.labels import ConversationLabels
    from .conversations.live_replies import LiveReplies
    from .conversations.model_use import ModelUse
    from .conversations.other_costs import OtherCosts
    from .conversations.reattachment import Reattachment
    from .conversations.search_history import SearchHistory
    from .conversations.setting_changes import SettingChanges
    from .conversations.settled_replies import SettledReplies
    from .conversations.titles import Titles
    from .conversations.trash import Trash
    from .conversations.trash_outbox import TrashOutbox
    from .conversations.undo import Undo
    from .conversations.usage import Usage
    from .conversations.waiting_prompts import WaitingPrompts
    from .database.damaged_values import DamagedValues
    from .database.local_state import LocalState
    from .database.maintenance import Maintenance
    from .imports.gathered import Gathered
    from .imports.imports import Imports
    from .imports.runs import ImportRuns


class Store(SyncStore):
    """The history of one account, in one SQLite file. Use it in the thread that opened it."""

    @classmethod
    def open(cls, path: Path, *, clock: Clock = utc_now, token: ids.Token = ids.base36, busy_ms: int = BUSY_MS) -> Self:
        """Return the history in ``path`` as :meth:`HistoryReader.open` does, with an account in it."""
        store = super().open(path, clock=clock, token=token, busy_ms=busy_ms)
        try:
            with raising_sentences(path):
                store.db.user_id = store._account()
                with suppress(StoreUnwritable):  # it can still be read, and is tried again at the next start
                    store.kept_versions.bring_back()
        except BaseException:
            store.close()
            raise
        return store

    def _account(self) -> str:
        """Return the id of the one profile of this file, made when the file is new."""
        if (row := self.db.one("select id from profiles limit 1")) is None and self.db.read_only is None:
            from uuid import uuid4

            with self.db.write():
                if (row := self.db.one("select id from profiles limit 1")) is None:
                    return self.profiles.ensure_profile(str(uuid4()), "")
        user_id: str = row["id"] if row is not None else ""
        return user_id

    @cached_property
    def titles(self) -> Titles:
        from .conversations.titles import Titles

        return Titles(self.db, self.conversations)

    @cached_property
    def labels(self) -> ConversationLabels:
        from .conversations.labels import ConversationLabels

        return ConversationLabels(self.db, self.trash_rows)

    @cached_property
    def setting_changes(self) -> SettingChanges:
        from .conversations.setting_changes import SettingChanges

        return SettingChanges(self.db, self.conversations, self.trash_rows)

    @cached_property
    def trash_outbox(self) -> TrashOutbox:
        from .conversations.trash_outbox import TrashOutbox

        return TrashOutbox(self.db, self.trash_rows)

    @cached_property
    def reattachment(self) -> Reattachment:
        from .conversations.reattachment import Reattachment

        return Reattachment(self.db, self.messages, self.shown_branch)

    @cached_property
    def trash(self) -> Trash:
        from .conversations.trash import Trash

        return Trash(
            self.db,
            self.conversations,
            self.messages,
            self.reattachment,
            self.search_index,
            self.trash_outbox,
            self.trash_rows,
        )

    @cached_property
    def branch_changes(self) -> BranchChanges:
        from .conversations.branch_changes import BranchChanges

        return BranchChanges(
            self.db,
            self.branches,
            self.conversations,
            self.messages,
            self.shown_branch,
            self.trash,
            self.trash_rows,
        )

    @cached_property
    def kept_versions(self) -> KeptVersions:
        from .conversations.kept_versions import KeptVersions

        return KeptVersions(self.db, self.shown_branch, self.trash, self.trash_outbox, self.trash_rows)

    @cached_property
    def settled_replies(self) -> SettledReplies:
        from .conversations.settled_replies import SettledReplies

        return SettledReplies(
            self.db,
            self.branch_changes,
            self.branches,
            self.messages,
            self.reattachment,
            self.shown_branch,
        )

    @cached_property
    def undo(self) -> Undo:
        from .conversations.undo import Undo

        return Undo(
            self.db,
            self.branch_changes,
            self.kept_versions,
            self.labels,
            self.messages,
            self.search_index,
            self.setting_changes,
            self.trash,
            self.trash_rows,
            self.sync_pull.apply_deferred,
        )

    @cached_property
    def live_replies(self) -> LiveReplies:
        from .conversations.live_replies import LiveReplies
        from .conversations.prompts import Prompts

        return LiveReplies(
            self.db,
            self.conversations,
            self.messages,
            Prompts(self.db, self.conversations, self.messages, self.shown_branch),
            self.process_lock,
            self.branch_changes,
            self.settled_replies,
            self.shown_branch,
            self.trash,
        )

    @cached_property
    def waiting_prompts(self) -> WaitingPrompts:
        from .conversations.waiting_prompts import WaitingPrompts

        return WaitingPrompts(
            self.db,
            self.arriving_replies,
            self.branches,
            self.conversations,
            self.live_replies,
            self.messages,
            self.process_lock,
            self.trash,
        )

    @cached_property
    def drafts(self) -> Drafts:
        from .conversations.drafts import Drafts

        return Drafts(self.db, self.process_lock)

    @cached_property
    def attachment_files(self) -> AttachmentFiles:
        from .attachments.files import AttachmentFiles

        return AttachmentFiles(self.db.path)

    @cached_property
    def attachments(self) -> Attachments:
        from .attachments.attachments import Attachments

        return Attachments(self.db, self.attachment_files)

    @cached_property
    def local_state(self) -> LocalState:
        from .database.local_state import LocalState

        return LocalState(self.db)

    @cached_property
    def gathered(self) -> Gathered:
        from .imports.gathered import Gathered

        return Gathered(self.db, self.imports, self.import_runs, self.local_state, self.privacy)

    @cached_property
    def search_history(self) -> SearchHistory:
        from .conversations.search_history import SearchHistory

        return SearchHistory(self.db)

    @cached_property
    def usage(self) -> Usage:
        from .conversations.usage import Usage

        return Usage(self.db)

    @cached_property
    def costs(self) -> Costs:
        from .conversations.costs import Costs

        return Costs(self.db, self.other_costs)

    @cached_property
    def other_costs(self) -> OtherCosts:
        from .conversations.other_costs import OtherCosts

        return OtherCosts(self.db, self.local_state)

    @cached_property
    def model_use(self) -> ModelUse:
        from .conversations.model_use import ModelUse

        return ModelUse(self.db, self.local_state)

    @cached_property
    def bulk_import(self) -> BulkImport:
        from .conversations.bulk_import import BulkImport

        return BulkImport(self.db, self.search_index, self.shown_branch, self.usage)

    @cached_property
    def imports(self) -> Imports:
        from .imports.imports import Imports

        return Imports(self.db, self.attachments, self.search_index, self.shown_branch, self.usage)

    @cached_property
    def import_runs(self) -> ImportRuns:
        from .imports.runs import ImportRuns

        return ImportRuns(self.db, self.imports, self.trash)

    @cached_property
    def model_access(self) -> ModelAccess:
        from .accounts.model_access import ModelAccess

        return ModelAccess(self.db)

    @cached_property
    def profiles(self) -> Profiles:
        from .accounts.profiles import Profiles

        return Profiles(self.db, self.model_access)

    @cached_property
    def linking(self) -> AccountLinking:
        from .accounts.linking import AccountLinking

        return AccountLinking(self.db, self.profiles, self.search_index, self.usage)

    @cached_property
    def server_profile(self) -> ServerProfile:
        from .accounts.server_profile import ServerProfile

        return ServerProfile(self.db, self.local_state, self.model_access, self.profiles)

    @cached_property
    def saved_searches(self) -> SavedSearches:
        from .accounts.saved_searches import SavedSearches

        return SavedSearches(self.db, self.local_state, self.server_profile)

    @cached_property
    def usage_pull(self) -> UsagePull:
        from .accounts.usage_pull import UsagePull

        return UsagePull(self.db, self.local_state, self.server_profile)

    @cached_property
    def visits(self) -> Visits:
        from .analytics.visits import Visits

        return Visits(self.db, self.search)

    @cached_property
    def interactions(self) -> Interactions:
        from .analytics.interactions import Interactions

        return Interactions(self.db, self.visits)

    @cached_property
    def maintenance(self) -> Maintenance:
        from .database.maintenance import Maintenance

        return Maintenance(self.db)

    @cached_property
    def damaged_values(self) -> DamagedValues:
        from .database.damaged_values import DamagedValues

        return DamagedValues(self.db, self.usage)
