"""The local half of sync, over a history that is read."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ..conversations.history_reader import HistoryReader

if TYPE_CHECKING:
    from ..conversations.search_index import SearchIndex
    from ..conversations.trash_rows import TrashRows
    from .ack_results import AckResults
    from .acknowledgements import Acknowledgements
    from .conflicts import Conflicts
    from .merge import Merge
    from .merge_messages import MessageMerge
    from .outbox import Outbox
    from .privacy import Privacy
    from .pull import SyncPull
    from .push import SyncPush
    from .recovery import Recovery
    from .removed_conversations import RemovedConversations
    from .replicas import Replicas
    from .row_writer import RowWriter
    from .state import SyncMetadata
    from .upstream.pull import UpstreamPull
    from .upstream.push import UpstreamPush


class SyncStore(HistoryReader):
    """Topics of sync, and the two topics of conversations that they need."""

    @cached_property
    def search_index(self) -> SearchIndex:
        from ..conversations.search_index import SearchIndex

        return SearchIndex(self.db)

    @cached_property
    def trash_rows(self) -> TrashRows:
        from ..conversations.trash_rows import TrashRows

        return TrashRows(self.db)

    @cached_property
    def replicas(self) -> Replicas:
        from .replicas import Replicas

        return Replicas(self.db)

    @cached_property
    def outbox(self) -> Outbox:
        from .outbox import Outbox

        return Outbox(self.db, self.replicas)

    @cached_property
    def row_writer(self) -> RowWriter:
        from .row_writer import RowWriter

        return RowWriter(self.db, self.search_index)

    @cached_property
    def sync_metadata(self) -> SyncMetadata:
        from .state import SyncMetadata

        return SyncMetadata(self.db)

    @cached_property
    def conflicts(self) -> Conflicts:
        from .conflicts import Conflicts

        return Conflicts(self.db, self.conversations, self.messages)

    @cached_property
    def recovery(self) -> Recovery:
        from .recovery import Recovery

        return Recovery(self.db)

    @cached_property
    def message_merge(self) -> MessageMerge:
        from .merge_messages import MessageMerge

        return MessageMerge(self.db, self.conflicts, self.outbox, self.recovery, self.row_writer)

    @cached_property
    def removed_conversations(self) -> RemovedConversations:
        from .removed_conversations import RemovedConversations

        return RemovedConversations(self.db, self.conversations, self.messages, self.trash_rows)

    @cached_property
    def merge(self) -> Merge:
        from .merge import Merge

        return Merge(
            self.db,
            self.conflicts,
            self.message_merge,
            self.outbox,
            self.recovery,
            self.removed_conversations,
            self.row_writer,
        )

    @cached_property
    def sync_pull(self) -> SyncPull:
        from .pull import SyncPull

        return SyncPull(
            self.db,
            self.merge,
            self.outbox,
            self.removed_conversations,
            self.row_writer,
            self.sync_metadata,
        )

    @cached_property
    def sync_push(self) -> SyncPush:
        from .push import SyncPush

        return SyncPush(self.db, self.sync_metadata)

    @cached_property
    def ack_results(self) -> AckResults:
        from .ack_results import AckResults

        return AckResults(
            self.db,
            self.conflicts,
            self.merge,
            self.outbox,
            self.recovery,
            self.row_writer,
            self.sync_metadata,
        )

    @cached_property
    def acknowledgements(self) -> Acknowledgements:
        from .acknowledgements import Acknowledgements

        return Acknowledgements(
            self.db,
            self.ack_results,
            self.merge,
            self.outbox,
            self.replicas,
            self.row_writer,
            self.sync_metadata,
            self.sync_pull,
            self.sync_push,
        )

    @cached_property
    def privacy(self) -> Privacy:
        from .privacy import Privacy

        return Privacy(
            self.db,
            self.ack_results,
            self.acknowledgements,
            self.conversations,
            self.merge,
            self.outbox,
            self.recovery,
            self.sync_metadata,
            self.sync_pull,
        )

    @cached_property
    def upstream_push(self) -> UpstreamPush:
        from .upstream.push import UpstreamPush

        return UpstreamPush(self.db, self.ack_results, self.outbox, self.sync_metadata)

    @cached_property
    def upstream_pull(self) -> UpstreamPull:
        from .upstream.pull import UpstreamPull

        return UpstreamPull(
            self.db,
            self.conflicts,
            self.conversations,
            self.merge,
            self.outbox,
            self.row_writer,
            self.sync_metadata,
            self.upstream_push,
        )
