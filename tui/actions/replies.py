"""Actions on replies, on versions of messages, and on branches."""

from __future__ import annotations

from functools import partial

from .action import Action, Focus, Needs, Scope, Target

_conversations = partial(Action, scope=Scope.MAIN, target=Target.CONVERSATIONS, needs=Needs.STORE)
_turns = partial(Action, scope=Scope.MAIN, target=Target.TURNS)
_tools = partial(Action, scope=Scope.MAIN, target=Target.TOOLS, needs=Needs.STORE, focus=Focus.LEAVES)
_branches = partial(Action, scope=Scope.MAIN, target=Target.BRANCHES, needs=Needs.STORE | Needs.CONVERSATION)

REPLIES = (
    _turns(
        "reply.stop", "Stop the reply", "escape",
        "Stop the reply and save what has arrived, or go back to the prompt",
        "stop", hint="stop", needs=Needs.REPLY, focus=Focus.RETURNS,
    ),
    _turns(
        "reply.retry", "Regenerate reply", "alt+g,leader g,f5", "Regenerate the last or selected reply",
        "retry", hint="retry", needs=Needs.CONVERSATION, brief="Regenerate",
    ),
    _conversations(
        "model.choose", "Choose model", "ctrl+l,leader m", "Choose the model for this conversation",
        "choose_model", hint="model", needs=Needs.NOTHING, focus=Focus.LEAVES,
    ),
    _tools(
        "tool.choose", "Tools", "leader semicolon",
        "Choose the tools that the model may call in this conversation, and try them", "choose",
    ),
    _tools(
        "tool.answer", "Answer a question", "alt+y,leader exclamation_mark",
        "Open the question whether a tool may be called (nothing that you type in the prompt answers it)", "answer",
        hint="answer", brief="Answer",
    ),
    Action(
        "model.download", "Download a model", "leader Z", "Let Ollama download a model, and choose it at the end",
        "open", Scope.MAIN, target=Target.DOWNLOADS, focus=Focus.LEAVES, brief="Download",
    ),
    _branches(
        "message.edit", "Edit and send again", "leader e",
        "Edit the last or selected message of yours and send it again (the old one stays as a version)",
        "edit", focus=Focus.RETURNS, brief="Edit message",
    ),
    _branches(
        "reply.retry_with", "Regenerate with another model", "leader G",
        "Add a version of the last or selected reply by another model", "retry_with_model", focus=Focus.LEAVES,
        brief="Other model",
    ),
    Action(
        "reply.compare", "Compare models", "leader equals_sign",
        "Ask two to four models at once: what you have written, or the last or selected message of yours again",
        "compare", Scope.MAIN, target=Target.COMPARING, needs=Needs.STORE, focus=Focus.LEAVES, brief="Compare",
    ),
    _branches(
        "reply.continue", "Continue the reply", "leader C", "Continue a reply that was cut or stopped",
        "continue_reply", brief="Continue",
    ),
    _branches(
        "message.next_version", "Next version", "leader greater_than_sign",
        "Show the next version of the selected message, or of the last one that has any", "show_next_version",
    ),
    _branches(
        "message.previous_version", "Previous version", "leader less_than_sign",
        "Show the previous version of the selected message, or of the last one that has any",
        "show_previous_version", brief="Earlier version",
    ),
    _branches(
        "conversation.branches", "Branches", "leader v", "List the branches of this conversation, and show another",
        "show_branches", focus=Focus.LEAVES,
    ),
    _branches(
        "conversation.fork", "Fork", "leader F",
        "Copy this conversation, up to the selected message, into a new one (can be undone)",
        "fork", focus=Focus.LEAVES | Focus.SWITCHES,
    ),
)  # fmt: skip
