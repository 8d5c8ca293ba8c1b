"""``sterna completion``: the completion script of a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .arguments import COMPLETION_VARIABLE

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print shell completion for bash, zsh or fish.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that makes a shell complete commands, options and conversations.

    Install it for:

    \b
    bash: add  eval "$(sterna completion bash)"  to ~/.bashrc
    zsh:  add  eval "$(sterna completion zsh)"   to ~/.zshrc
    fish: run  sterna completion fish > ~/.config/fish/completions/sterna.fish
    """
    completion_class = get_completion_class(shell)
    assert completion_class is not None, "click supports each of the choices"
    click.echo(completion_class(ctx.find_root().command, {}, "sterna", COMPLETION_VARIABLE).source())
