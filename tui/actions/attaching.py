"""Actions on what is attached to the prompt."""

from __future__ import annotations

from functools import partial

from .action import Action, Focus, Needs, Scope, Target

_attachments = partial(Action, scope=Scope.MAIN, target=Target.ATTACHMENTS, needs=Needs.STORE)

ATTACHING = (
    _attachments(
        "attachment.add", "Attach a file", "alt+u,leader A",
        "Attach a text file, a PDF or an image (so does dropping it on the terminal, or pasting its path)",
        "choose", focus=Focus.LEAVES,
    ),
    _attachments(
        "attachment.paste", "Attach the clipboard's image", "alt+v,leader V", "Attach the image in the clipboard",
        "paste_image", brief="Attach image",
    ),
    _attachments(
        "attachment.remove", "Remove an attachment", "alt+x,leader X",
        "Remove an attachment from the prompt (so does a click)",
        "remove_one", brief="Remove file",
    ),
)  # fmt: skip
