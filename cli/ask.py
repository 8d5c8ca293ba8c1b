"""``sterna ask``: send a prompt, and stream the reply to standard output; both are stored as in the chat."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click

from sterna.chat import TOOLS
from sterna.storage import Conversations, Invalid

from .ask_options import PARAMETERS, load_schema, merge_parameters, parameter_settings
from .attach_arguments import attach_argument
from .context import LAST, CommandContext
from .conversation_argument import conversations
from .number_types import FiniteRange
from .output import counted
from .persona_argument import persona_settings
from .streams import read_input, require_output
from .terminal_tools import chosen_tools, complete_tools
from .turn_options import persona_options, system_option
from .turn_runner import run_turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sterna.chat import Comparison, Reply, Turns


@click.command(short_help="Ask a model and print its reply.")
@click.argument("prompt", nargs=-1)
@click.option("--model", "-m", "models", multiple=True, help="Model, as provider/model. See: sterna models")
@click.option(
    "--compare",
    "compared",
    metavar="MODEL",
    multiple=True,
    help="Print the replies of this model and of others. Repeat it, or --model.",
)
@click.option(
    "--conversation",
    "-c",
    metavar="CONVERSATION",
    shell_complete=conversations,
    help="Continue this conversation (last: the newest).",
)
@click.option("--continue", "continue_", is_flag=True, help="Continue the newest conversation, as -c last does.")
@persona_options
@system_option
@click.option(
    "--attach",
    "-a",
    "attached",
    multiple=True,
    metavar="FILE",
    help="Attach a text file, a PDF or an image (- : standard input). Can be repeated.",
)
@click.option("--temperature", "-t", type=FiniteRange(0, 2), help="Randomness: 0 = focused, 2 = creative.")
@click.option(
    "--param",
    "parameters",
    metavar="NAME=VALUE",
    multiple=True,
    help="Parameter of the request, such as top_p=0.9; without a value: not sent. Can be repeated.",
)
@click.option(
    "--tools",
    "tools",
    metavar="NAME",
    multiple=True,
    shell_complete=complete_tools,
    help="Let the model ask for this server, tool or built-in tool; none: for no tools. Can be repeated.",
)
@click.option("--schema", metavar="FILE", help="JSON schema that the reply has to follow.")
@click.option("--history", is_flag=True, help="Ask your own history: send passages of it that are about the prompt.")
@click.option("--dry-run", is_flag=True, help="With --history: list the passages, and send nothing.")
@click.option("--yes", "-y", is_flag=True, help="With --history: send the passages without a question.")
@click.option("--include-private", is_flag=True, help="With --history: passages of private conversations too.")
@click.option("--no-store", is_flag=True, help="Save neither prompt nor reply.")
@click.option("--wait", "waits", is_flag=True, help="Wait for a provider that cannot be reached.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object when the reply is complete.")
@click.pass_obj
def ask(
    context: CommandContext,
    prompt: tuple[str, ...],
    models: tuple[str, ...],
    compared: tuple[str, ...],
    conversation: str | None,
    continue_: bool,
    persona: str | None,
    variables: tuple[str, ...],
    system: str | None,
    attached: tuple[str, ...],
    temperature: float | None,
    parameters: tuple[str, ...],
    tools: tuple[str, ...],
    schema: str | None,
    history: bool,
    dry_run: bool,
    yes: bool,
    include_private: bool,
    no_store: bool,
    waits: bool,
    as_json: bool,
) -> int:
    """Ask a model and print its reply. The prompt is the argument, standard input, or both, in this order.

    With --attach the model is sent files too: text, the text of a PDF, and images (PNG, JPEG, WebP, GIF). A file is
    kept with the conversation. With “-” standard input is attached, and is no part of the prompt.

    Prompt and reply are saved as a new conversation, or added to an existing one; --model, --persona, --system,
    --temperature and --param are saved for its next messages. Ctrl+C stops the reply and saves it as far as it came;
    even if the command is killed, at most half a second of text is lost. In a pipe or a file, the first reply of a
    model may be delayed by some seconds, so that unmarked reasoning can be removed.

    With --tools the model can ask for tools: those of a server of config.toml (SERVER), one of them (SERVER__TOOL), or
    the built-in read and fetch. Each call is printed on standard error, with its arguments, and waits for your answer
    on the terminal, unless you have always allowed the tool. Without a terminal the answer is no, and the model is told
    so. The choice is saved for the conversation; --tools none takes it back. See: docs/tools.md

    With --compare, or --model more than once, two to four models are asked at once. Their replies are printed one after
    another, each under its model; in the conversation they are versions, of which the first to finish is shown. If one
    fails, the others are printed all the same, and the exit code is 1. No model is saved then.

    With --history the prompt is a question to your own history. It is searched, the passages that are found are listed,
    and they are sent with the question once you have agreed (or the provider is among history.providers of
    config.toml). The reply quotes them by number; quotations that are in none of them are marked. Without a model, the
    built-in guide lists what it finds, and nothing is sent. --dry-run lists the passages only; with --json as an object
    with: question, model, characters, conversations, passages (number, session_id, message_id, title, role, at, text).

    A provider that cannot be reached is an error. With --wait the prompt waits for it in the history as in the chat,
    as long as offline.wait in config.toml says (a day, unless it is set).

    With --json the object has: session_id, message_id, model, content, reasoning, finish (done, stopped, interrupted or
    failed), error, input_tokens, output_tokens, total_tokens, elapsed_ms; with --no-store the ids are null. If they
    apply, it also has: finish_reason (length, content_filter, tool_calls …), left_out (number of earlier messages that
    did not fit), without (parameters that the model rejected), notes (the same as sentences), citations, cost,
    cached_tokens, reasoning_tokens, tool_calls (name, arguments, result, is_error, id, at, cut), tool_problems and
    quotes (number, text, title, at, session_id, message_id: empty if not found). Of several models it has session_id,
    and replies: an object for each.
    """
    if continue_ and conversation:
        raise click.UsageError("--continue is the same as --conversation last. Remove one of the two.")
    if history and any((conversation, continue_, no_store, attached, schema, waits, compared, len(models) > 1)):
        raise click.UsageError("--history asks one model in a new conversation. Remove the options that it excludes.")
    if not history and (dry_run or yes or include_private):
        raise click.UsageError("--dry-run, --yes and --include-private are for --history. Add it.")
    conversation = LAST if continue_ else conversation
    if no_store and conversation:
        name = "--continue" if continue_ else "--conversation"
        raise click.UsageError(f"--no-store cannot continue a conversation. Remove --no-store or {name}.")
    if no_store and waits:
        raise click.UsageError("--wait keeps the prompt in the history until it is sent. Remove --no-store or --wait.")
    require_output()
    if attached.count("-") > 1:
        raise click.UsageError("Standard input can be attached once only.")
    text = " ".join(prompt) if "-" in attached else prompt_text(prompt)
    if not text.strip() and not attached:
        raise click.UsageError("The prompt is empty. Enter it as an argument or on standard input.")
    compares = _models_to_compare(models, compared)
    model = models[0] if models and not compares else None
    options: dict[str, Any] = {"model": model, "system_prompt": system, "temperature": temperature}
    options = parameter_settings(parameters) | {name: value for name, value in options.items() if value is not None}
    chosen = persona_settings(context, persona, variables)
    if chosen:
        options = chosen | options | {PARAMETERS: (chosen[PARAMETERS] or {}) | options.get(PARAMETERS, {})}
    if tools:
        options[TOOLS] = chosen_tools(tools)
    settings = context.settings()
    if history:
        from .ask_history import HistoryQuestion, ask_history

        asked = HistoryQuestion(text, options, as_json, dry_run, yes, include_private)
        return asyncio.run(ask_history(context, settings, asked))
    reply_schema = load_schema(schema) if schema else None
    if no_store:
        from .one_off import Prompt, ask_without_storing

        turn = ask_without_storing(context, settings, Prompt(text, options, as_json, attached, reply_schema, compares))
        return asyncio.run(turn)

    async def prepare(turns: Turns, session_id: str | None) -> dict[str, Any]:
        attachments = [await attach_argument(turns.store, name) for name in attached]
        # a persona comes with parameters of its own
        saved = await turns.store.run(Conversations.settings, session_id) if session_id and not chosen else {}
        return {"settings": merge_parameters(options, saved), "attachments": attachments, "schema": reply_schema}

    async def begin(turns: Turns, session_id: str | None) -> Reply:
        _, reply = await turns.begin(session_id, text, **await prepare(turns, session_id))
        return reply

    async def compare(turns: Turns, session_id: str | None) -> Comparison:
        return await turns.compare(session_id, text, models=compares, **await prepare(turns, session_id))

    if compares:
        from .compared_replies import run_comparison

        comparison = run_comparison(
            context, settings, conversation, compares, compare, as_json=as_json, has_schema=bool(schema), waits=waits
        )
        return asyncio.run(comparison)
    wanted = str(options.get("model", ""))
    turn = run_turn(
        context, settings, conversation, wanted, begin, as_json=as_json, has_schema=bool(schema), waits=waits
    )
    return asyncio.run(turn)


def _models_to_compare(models: Sequence[str], compared: Sequence[str]) -> tuple[str, ...]:
    """Return the models that are compared; none where one model is asked. Raises UsageError."""
    wanted = (*models, *compared)
    if len(models) < 2 and not compared:
        return ()
    from sterna.chat import require_models

    try:
        require_models(wanted)
    except Invalid as error:
        raise click.UsageError(f"{error} Use --model or --compare once for each.") from None
    return wanted


def prompt_text(words: tuple[str, ...]) -> str:
    """Return the words, standard input, or both."""
    parts = [" ".join(words)] if words else []
    if not sys.stdin.isatty():
        parts.append(_input_text())
    return "\n\n".join(part for part in parts if part.strip()) if len(parts) > 1 else "".join(parts)


def _input_text() -> str:
    """Return standard input as text; bytes that are not UTF-8 are replaced and reported."""
    data = read_input()
    text = data.decode("utf-8-sig", "replace")
    if (bad := text.count("\ufffd") - data.count("\ufffd".encode())) > 0:
        errors = counted(bad, "invalid sequence")
        click.echo(f"sterna: Standard input is not UTF-8 text; {errors} replaced by \ufffd.", err=True)
    return text
