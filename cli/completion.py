"""``sterna completion``: the lines that teach a shell to complete."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from . import COMPLETION

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Completion for bash, zsh or fish.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    r"""Print what makes a shell complete commands, options and conversations.

    \b
    bash: put  eval "$(sterna completion bash)"  into ~/.bashrc
    zsh:  put  eval "$(sterna completion zsh)"   into ~/.zshrc
    fish: sterna completion fish > ~/.config/fish/completions/sterna.fish
    """
    made = get_completion_class(shell)
    assert made is not None, "each of the choices is one that click has"
    click.echo(made(context.find_root().command, {}, "sterna", COMPLETION).source())
