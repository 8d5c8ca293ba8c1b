"""``sterna chat``: a conversation line by line, for plain terminals and screen readers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import click

from sterna.chat import TOOLS, Reply, Turns
from sterna.storage import Conversations, Messages, SettingChanges, StoreError, clean, one_line

from .context import LAST, CommandContext, find_conversation
from .conversation_argument import conversations
from .exit_codes import INTERRUPTED, OK
from .output import counted
from .persona_argument import persona_settings
from .streams import InputError, is_interactive, require_output
from .terminal_tools import chosen_tools
from .turn_options import model_option, persona_options, system_option
from .turn_runner import open_turns, print_reply, require_model

BLOCK = '"""'
"""A line that begins and ends a message of several lines."""

HELP = f"""\
Type a message and press Enter. A line with {BLOCK} begins and ends a message of several lines.
/model [NAME]   Show the model, or use another one
/system [TEXT]  Show the system prompt, or set it
/tools [NAME…]  Show the tools that the model may ask for, or choose them (none: no tools)
/title TEXT     Rename the conversation
/retry          Regenerate the last reply
/new            Start a new conversation
/help           Show this help
/quit           Quit, as Ctrl+D does
Ctrl+C stops a reply. A line that begins with // is sent with one /."""


@click.command(short_help="Chat line by line, without a full screen.")
@click.argument("conversation", required=False, shell_complete=conversations)
@click.option("--continue", "continue_", is_flag=True, help="Continue the newest conversation.")
@model_option
@persona_options
@system_option
@click.pass_obj
def chat(
    context: CommandContext,
    conversation: str | None,
    continue_: bool,
    model: str | None,
    persona: str | None,
    variables: tuple[str, ...],
    system: str | None,
) -> int:
    """Chat line by line: messages are read from standard input, and replies follow as plain text.

    It needs no control of the screen, so it suits plain terminals and screen readers. Conversations are those of the
    full-screen chat. Type /help for its commands. When standard input is no terminal, each line is a message, and the
    exit code is 1 if a reply failed.
    """
    if continue_ and conversation:
        raise click.UsageError("--continue cannot be combined with a conversation. Remove one of the two.")
    require_output()
    options = persona_settings(context, persona, variables)
    options |= {name: value for name, value in (("model", model), ("system_prompt", system)) if value is not None}
    return LineChat(context, options).run(LAST if continue_ else conversation)


class LineChat:
    """One run of the command. Turns run in an event loop that stands still while a line is read."""

    def __init__(self, context: CommandContext, options: dict[str, Any]) -> None:
        self._context = context
        self._settings = context.settings()
        self._options = options
        """Settings for the next message of the conversation."""
        self._session_id: str | None = None
        self._exit_code = 0
        self._is_over = False
        self._turns: Turns

    def run(self, conversation: str | None) -> int:
        """Read lines and print replies until the end of the input; return the exit code."""
        if is_interactive():
            import readline  # noqa: F401 (gives input() a history and keys to edit)
        turns = open_turns(self._context, self._settings)
        with asyncio.Runner() as runner:
            self._turns = runner.run(turns.__aenter__())
            try:
                runner.run(self._begin(conversation))
                while not self._is_over and (text := self._read_message()) is not None:
                    if text.strip():
                        self._attempt(runner, text)
            finally:
                runner.run(turns.__aexit__(None, None, None))
        return self._exit_code

    def _attempt(self, runner: asyncio.Runner, text: str) -> None:
        """Run a command or send a message; a failure is a sentence, and the chat goes on."""
        try:
            runner.run(self._execute(text))
        except (click.ClickException, StoreError) as error:
            message = error.format_message() if isinstance(error, click.ClickException) else str(error)
            self._exit_code = 0 if is_interactive() else 1
            _say(f"sterna: {message}")
        except KeyboardInterrupt:
            _say("")

    async def _begin(self, conversation: str | None) -> None:
        store = self._turns.store
        if conversation is not None:
            self._session_id = await store.run(find_conversation, conversation)
        await require_model(self._turns.catalog, self._settings, await self._model())
        if not is_interactive():
            return
        if self._session_id is not None:
            found = await store.run(Conversations.get, self._session_id)
            count = await store.run(Messages.count, self._session_id)
            _say(f"{one_line(found.title, 70)}: {counted(count, 'message')}.")
        _say(f"Model: {await self._model() or self._turns.catalog.default_ref()}. Type /help for help, Ctrl+D to quit.")

    def _read_message(self) -> str | None:
        """Return the next message or command; None at the end of the input."""
        line = self._read_line("You: ")
        if line is None or line.strip() != BLOCK:
            return line
        lines: list[str] = []
        while (line := self._read_line("... ")) is not None and line.strip() != BLOCK:
            lines.append(line)
        return "\n".join(lines)

    def _read_line(self, prompt: str) -> str | None:
        while True:
            try:
                return input(prompt if is_interactive() else "").rstrip("\r")
            except EOFError:
                if is_interactive():
                    click.echo()
                return None
            except KeyboardInterrupt:
                _say("\nType /quit or press Ctrl+D to quit.")
            except UnicodeDecodeError:
                raise InputError("it is not UTF-8 text") from None
            except OSError as error:
                raise InputError(error.strerror) from None

    async def _execute(self, text: str) -> None:
        if not text.startswith("/") or text.startswith("//"):
            await self._send(text[1:] if text.startswith("//") else text)
            return
        name, _, argument = text[1:].partition(" ")
        commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "model": self._set_model,
            "system": self._set_system,
            "tools": self._set_tools,
            "title": self._rename,
            "retry": self._retry,
            "new": self._start_new,
            "help": self._help,
            "quit": self._quit,
            "exit": self._quit,
        }
        if name not in commands:
            raise click.ClickException(f"There is no command /{one_line(name, 40)}. Type /help, or // to send a text.")
        await commands[name](argument.strip())

    async def _send(self, text: str) -> None:
        begun, reply = await self._turns.begin(self._session_id, text, settings=self._options)
        self._session_id, self._options = begun.session.id, {}
        await self._print(reply)

    async def _print(self, reply: Reply) -> None:
        if is_interactive():
            click.echo(f"{one_line(reply.model or 'Model', 60)}: ", nl=False)
        code = await print_reply(self._turns, reply)
        if is_interactive():
            click.echo()
        if code not in (OK, INTERRUPTED):  # the terminal was closed, the program is ended, or nothing reads the output
            self._exit_code, self._is_over = code, True

    async def _model(self) -> str:
        """Return the model that the conversation has; empty for the default one."""
        saved = await self._saved()
        return str(self._options.get("model") or saved.get("model") or self._settings.model)

    async def _saved(self) -> dict[str, Any]:
        if self._session_id is None:
            return {}
        return await self._turns.store.run(Conversations.settings, self._session_id)

    async def _set(self, name: str, value: str | list[str]) -> None:
        """Set a setting of the conversation, with its first message if there is none yet."""
        if self._session_id is None:
            self._options[name] = value
        else:
            await self._turns.store.run(SettingChanges.change, self._session_id, {name: value})

    async def _set_model(self, name: str) -> None:
        if name:
            await require_model(self._turns.catalog, self._settings, name)
            await self._set("model", name)
        _say(f"Model: {await self._model() or self._turns.catalog.default_ref()}")

    async def _set_system(self, text: str) -> None:
        if text:
            await self._set("system_prompt", text)
        prompt = (await self._saved() | self._options).get("system_prompt", self._settings.system_prompt)
        _say(f"System prompt: {prompt or 'none'}")

    async def _set_tools(self, names: str) -> None:
        if names:
            await self._set(TOOLS, chosen_tools(names.split()))
        chosen = (await self._saved() | self._options).get(TOOLS, self._settings.tools.chosen)
        _say(f"Tools: {', '.join(map(str, chosen)) if isinstance(chosen, list | tuple) and chosen else 'none'}")

    async def _rename(self, title: str) -> None:
        if not title:
            raise click.ClickException("Enter a title: /title TEXT")
        await self._turns.store.run(Conversations.rename, self._require_conversation(), title)
        _say("The conversation was renamed.")

    async def _retry(self, _argument: str) -> None:
        last = await self._turns.store.run(lambda store: store.branches.leaf(self._require_conversation()))
        if last is None:
            raise click.ClickException("There is no reply yet.")
        _, reply = await self._turns.retry(last)
        await self._print(reply)

    async def _start_new(self, _argument: str) -> None:
        self._session_id, self._options = None, {}
        _say("New conversation.")

    async def _help(self, _argument: str) -> None:
        click.echo(HELP)

    async def _quit(self, _argument: str) -> None:
        self._is_over = True

    def _require_conversation(self) -> str:
        if self._session_id is None:
            raise click.ClickException("There is no message yet.")
        return self._session_id


def _say(sentence: str) -> None:
    """Print something that is no part of a reply, on standard error."""
    click.echo(clean(sentence), err=True)
