"""What the guide knows of Sterna: topics, the words that ask for them, and a short answer when the help has none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """One subject of the help."""

    id: str
    """What the help is asked for."""
    title: str
    words: frozenset[str]
    text: str


def _topic(topic_id: str, title: str, words: str, text: str) -> Topic:
    return Topic(topic_id, title, frozenset(words.split()), text)


CONNECT = """\
Any one of these is enough; start Sterna again afterwards, or choose a model from the model list:

- **On this machine, free:** install [Ollama](https://ollama.com), then

  ```sh
  ollama pull llama3.2
  ```

  LM Studio and llama.cpp's server are found by themselves too.
- **With a key:** set `OPENROUTER_API_KEY`, `OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, `GEMINI_API_KEY`, `GROQ_API_KEY` or
  `MISTRAL_API_KEY` before you start Sterna.
- **Any other OpenAI-compatible server:** name it in `config.toml`

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
        "vim mouse",
        "Every action has a key and is in the command palette. All keys can be changed under `[keys]` in "
        "`config.toml`.",
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
        "Finding things again",
        "search searching find filter lookup fts",
        "Search looks through every title and every message on this machine as you type. Enter opens the "
        "conversation at "
        "the message.",
    ),
    _topic(
        "data",
        "Where your data is",
        "data database sqlite file files stored store storage disk backup export privacy private offline "
        "folder where leave",
        "Every conversation is in one SQLite file on your own disk, readable by you alone and with any SQLite tool. "
        "`sterna doctor` prints where it is. Nothing leaves this machine but what you send to a model that "
        "you configured.",
    ),
    _topic(
        "delete",
        "Deleting, and undoing it",
        "delete remove undo clear trash erase forget restore wipe",
        "Deleting a conversation or a message can be undone. Clearing everything asks you to type a word "
        "first, and can be "
        "undone too.",
    ),
    _topic(
        "conversations",
        "Conversations",
        "conversation conversations rename title titles new session sessions chat chats switch sidebar "
        "draft drafts retry stop",
        "A new conversation takes its title from the first exchange; a title that you give stays. What you "
        "type is kept as a "
        "draft for each conversation. A reply goes on when you switch to another one, and what came of a stopped or "
        "interrupted reply is kept.",
    ),
    _topic(
        "settings",
        "Settings",
        "setting settings config configuration toml theme themes dark light colour color colours colors preferences "
        "temperature prompt system option options",
        "Settings are in `config.toml`; `STERNA_CONFIG_DIR` names another folder for it. A misspelt setting "
        "is told, and the "
        "rest applies.",
    ),
    _topic(
        "cli",
        "On the command line",
        "cli command commandline pipe script shell terminal ask list show json doctor completion",
        'Sterna works without the screen too:\n\n```sh\nsterna ask "what does this do?" < script.sh\n'
        "sterna search heron\nsterna list --json\n```",
    ),
    _topic(
        "sync",
        "Other machines",
        "sync synchronise synchronize server machine machines devices share account sign login",
        "Conversations are kept so that they can follow you to other machines through a server of your own. "
        "Nothing is sent "
        "before you sign in and say yes.",
    ),
    _topic(
        "account",
        "Your account, and what is told of your use",
        "account profile tier tiers limit limits usage analytics telemetry tracking privacy erase delete leave gdpr "
        "export",
        "`sterna profile` and `shift+f2` show your tier and what was used. Nothing is told of your use unless you say "
        "`sterna analytics on`; `sterna analytics show` prints what would be, and it is never text. `sterna export "
        "--everything` takes all of it along, `sterna account delete` erases the account at its server and here.",
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
"""A question about what was once discussed."""

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
STOP = frozenset(_STOP.split())
_WORD = re.compile(r"[^\W_](?:[\w'’.+#-]*[\w+#])?")


def content_words(text: str) -> list[str]:
    """The words of a question that say what it is about, in their order."""
    return [word for word in _WORD.findall(text) if word.lower() not in STOP]


def topics_for(text: str) -> list[Topic]:
    """Topics that the question names, the closest first."""
    asked = {word.lower() for word in _WORD.findall(text)}
    scored = [(len(asked & topic.words), topic) for topic in TOPICS]
    return [topic for score, topic in sorted(scored, key=lambda pair: -pair[0]) if score]


def title_list(topics: Iterable[Topic]) -> str:
    """The topics as a list for a reader."""
    return "\n".join(f"- {topic.title}" for topic in topics)
