"""Lists of the prompts of all sessions, which coding agents keep when they delete the sessions themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .records import Conversation
from .thread import spoken
from .times import moment

Prompt = tuple[str, str, object, str]
"""Session, project, time as the list writes it, and text."""


def prompts_of_lost_sessions(prompts: Iterable[Prompt], known: Iterable[str]) -> Iterator[Conversation]:
    """Yield the prompts of each session that is not known otherwise, which has a name in which its id stands."""
    found: dict[str, Conversation] = {}
    names = "\n".join(known)
    for session, project, time, prompt in prompts:
        if not prompt or (session and session in names):
            continue
        key = f"prompts/{session or project}"
        conversation = found.setdefault(key, Conversation(key, project=project))
        when = moment(time)
        conversation.messages.append(spoken(f"{time} {prompt}", "user", prompt, created_at=when))
        conversation.created_at = conversation.created_at or when
        conversation.updated_at = when or conversation.updated_at
    yield from found.values()
