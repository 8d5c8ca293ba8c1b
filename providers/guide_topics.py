"""Topics of the built-in guide: words by which a question is matched, and a short default answer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """Topic of the help."""

    id: str
    """Key of the help text."""
    title: str
    words: frozenset[str]
    text: str


def _topic(topic_id: str, title: str, words: str, text: str) -> Topic:
    return Topic(topic_id, title, frozenset(words.split()), text)


CONNECT = """\
Any one of these is enough. Start Sterna again afterwards, or choose a model from the model list:

- **On this computer, free of charge:** install [Ollama](https://ollama.com), then

  ```sh
  ollama pull llama3.2
  ```

  LM Studio and the server of llama.cpp are detected automatically too.
- **With an API key:** set `OPENROUTER_API_KEY`, `OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, `GEMINI_API_KEY`, `GROQ_API_KEY`
  or `MISTRAL_API_KEY` before you start Sterna.
- **Any other OpenAI-compatible provider:** add it to `config.toml`

  ```toml
  [endpoints.work]
  url = "https://llm.example.com/v1"
  key_env = "WORK_LLM_KEY"
  ```
"""

TOPICS = (
    _topic(
        "keys",
        "Keys",
        "key keys shortcut shortcuts keyboard keybinding keybindings hotkey hotkeys binding bindings press remap "
        "vim mouse quit exit close",
        "Every action has a key and is listed in the command palette. Change keys under `[keys]` in `config.toml`.",
    ),
    _topic(
        "models",
        "Connecting a model",
        "model models connect provider providers key keys api ollama openai openrouter anthropic claude "
        "gemini groq mistral "
        "lmstudio llama llamacpp gpt endpoint endpoints token real setup configure install",
        CONNECT,
    ),
    _topic(
        "search",
        "Searching",
        "search searching find filter lookup fts",
        "Search finds titles and messages on this computer as you type. Enter opens the conversation at the message. "
        "A search can be saved under a name, and `@name` repeats it. `/ask` and a question about what you said "
        "shows what your history has about it, and lets a model answer from that, with quotes that open the messages.",
    ),
    _topic(
        "data",
        "Where your data is",
        "data database sqlite file files stored store storage disk backup privacy private offline folder leave",
        "All conversations are in one SQLite file on your disk. Only you can read it, with any SQLite tool. "
        "`sterna doctor` prints its path. Only messages that you send to a model leave this computer, and your history "
        "if you turn sync on.",
    ),
    _topic(
        "delete",
        "Deleting and undoing",
        "delete remove undo clear trash erase forget restore wipe",
        "Deleting a conversation or a message can be undone. Deleting all conversations asks you to confirm, and "
        "can be undone too.",
    ),
    _topic(
        "conversations",
        "Conversations",
        "conversation conversations rename title titles new session sessions chat chats switch sidebar "
        "draft drafts retry stop pin pinned archive archived tag tags label labels",
        "A new conversation is named after its first question; a title that you choose stays. Pinned conversations "
        "stay on top of the list, archived ones leave it, and tags group them; `#tag` and `is:archived` in the filter "
        "and in the search find them. Unsent text is saved "
        "as a draft of its conversation. A reply continues when you switch to another conversation, and a stopped or "
        "interrupted reply is saved as far as it came.",
    ),
    _topic(
        "settings",
        "Settings",
        "setting settings config configuration toml config.toml theme themes dark light colour color colours colors "
        "preferences temperature prompt system option options",
        "Settings are in `config.toml`; `STERNA_CONFIG_DIR` sets another folder for it. A misspelt setting is reported "
        "and the others apply.",
    ),
    _topic(
        "writing",
        "Writing",
        "editor vim nano paste pasted slash command commands snippet snippets persona personas queue "
        "queued waiting complete completion",
        "Text that begins with `/` is a command and completes as you type; `@` completes a file, `;` a snippet. A long "
        "paste is shown as a label. What you send while a reply arrives is sent when the reply is complete. Personas "
        "are saved system prompts: files `NAME.md` in the folder `personas` beside `config.toml`.",
    ),
    _topic(
        "attachments",
        "Attachments",
        "attach attached attaching attachment attachments image images picture pictures photo photos screenshot pdf "
        "pdfs upload drop drag clipboard file files",
        "Drop a file on the terminal or paste its path to attach it: text, PDF, PNG, JPEG, WebP or GIF. "
        "`sterna ask -a FILE` does it too, and `sterna attachments` lists what is attached. Attached files are kept "
        "beside the database; a file is sent to a model only with a message that you send, and an image only to a "
        "model that takes images.",
    ),
    _topic(
        "cli",
        "Command line",
        "cli command commandline pipe script shell terminal ask list show json doctor completion",
        'Sterna also works in scripts and pipes:\n\n```sh\nsterna ask "what does this do?" < script.sh\n'
        "sterna search heron\nsterna list --json\n```",
    ),
    _topic(
        "sync",
        "Other computers",
        "sync synchronise synchronize server machine machines computer computers device devices share account sign "
        "login move transfer",
        "Sync your conversations with your other computers through a server of your own. Nothing is sent before you "
        "sign in and turn sync on.",
    ),
    _topic(
        "import",
        "Import and export",
        "import imports importing imported migrate takeout gather gathering chatgpt claude gemini export exports",
        "`sterna import PATH` reads exports of ChatGPT, Claude and Gemini, and the histories of other programs. "
        "What was imported can be taken back, and importing it again changes nothing. `sterna gather` follows programs "
        "on this computer, and takes what they add. `sterna export` writes conversations as Markdown, HTML, JSON and "
        "in other formats, or all of your data.",
    ),
    _topic(
        "tools",
        "Tools for the model",
        "tool tools mcp permission permissions allow allowed",
        "A model may call tools, of MCP servers in `config.toml` and some that are built in. You are asked before each "
        "call that you have not allowed.",
    ),
    _topic(
        "account",
        "Account and usage analytics",
        "account profile tier tiers limit limits usage analytics telemetry tracking privacy erase delete leave gdpr "
        "export",
        "`sterna profile` and `ctrl+x i` show your tier and usage. No usage statistics are sent unless you run "
        "`sterna analytics on`; `sterna analytics show` prints what is sent, never message text. `sterna export "
        "--everything` exports all your data, `sterna account delete` erases the account on the server and here.",
    ),
)

RECALL = re.compile(
    r"\b(?:what|when|where|which|did|have|had|was|were)\b.{0,40}\b(?:i|we|you)\b.{0,25}"
    r"\b(?:say|said|discuss\w*|talk\w*|mention\w*|ask\w*|writ\w+|wrote|chat\w*|decid\w+|learn\w*|call\w*|tell|told)\b"
    r"|\b(?:remember|recall|remind me|earlier|last time|last week|yesterday|previous(?:ly)?)\b"
    r"|\bmy (?:notes|history|conversations?)\b"
    r"|^\s*(?:find|search(?: for)?|look up|look for|show me)\b(?!\s*\?)",
    re.IGNORECASE | re.DOTALL,
)
"""Questions about an earlier conversation."""

GREETING = re.compile(
    r"^\s*(?:hi|hello|hey|hallo|moin|good (?:morning|evening|day|afternoon)|test(?:ing)?|ping|help|\?+)?"
    r"[\s!.?,]*(?:there|sterna)?[\s!.?]*$",
    re.IGNORECASE,
)
IDENTITY = re.compile(
    r"\b(?:who|what) are you\b|\bare you (?:an? )?(?:ai|llm|human|real|bot|model|language)\b|\bwhat is sterna\b", re.I
)

_STOP = """
a about an and any are as at be been before but by can could did discuss discussed do does earlier find for from had has
have he her his history how i in is it its last look me mention mentioned message messages my notes of on once or our
please previous previously recall remember remind said say search she should show so some talk talked tell that the
their them then there these they this those time to told up us was we were what when where which who why will with would
write wrote yesterday you your week ask asked conversation conversations ever again thing things decide decided chat
chatted learn learned called call
"""
STOP_WORDS = frozenset(_STOP.split())
_WORD = re.compile(r"[^\W_](?:[\w'’.+#-]*[\w+#])?")


_TOPIC_WORDS = frozenset[str]().union(*(topic.words for topic in TOPICS))


def content_words(text: str) -> list[str]:
    """Return the words of a question without stop words, in their order."""
    return [word for word in _WORD.findall(text) if word.lower() not in STOP_WORDS]


def topics_for(text: str) -> list[Topic]:
    """Return the topics that match the question, the best match first; none where it is about something else."""
    words = {word.lower() for word in _WORD.findall(text)}
    known = words & _TOPIC_WORDS
    if len(words - known - STOP_WORDS) > len(known) + 1:
        return []
    scored = [(len(words & topic.words), topic) for topic in TOPICS]
    return [topic for score, topic in sorted(scored, key=lambda pair: -pair[0]) if score]


def title_list(topics: Iterable[Topic]) -> str:
    """Return the titles of topics as a Markdown list."""
    return "\n".join(f"- {topic.title}" for topic in topics)
