"""Settings of the tools that a model may call: the table ``[tools]``, and servers in the tables ``[mcp.NAME]``."""

from __future__ import annotations

from .kinds import BOOLEAN, INTEGER, NUMBER, TABLE, TEXT, TEXTS, URL
from .setting import Setting

TOOL_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "tools.chosen",
        TEXTS,
        (),
        "Tools that the model may ask for in conversations without a choice of their own: names of servers, single "
        "tools as SERVER__TOOL, read and fetch.",
    ),
    Setting(
        "tools.rounds",
        INTEGER,
        20,
        "Times within one reply that the model may call tools and go on with their results.",
        minimum=1,
        maximum=200,
    ),
    Setting(
        "tools.read",
        TEXTS,
        (),
        "Files and folders that the tool read may read, and nothing beside them. Empty: there is no such tool.",
    ),
    Setting("tools.fetch", BOOLEAN, False, "Offer the tool fetch, which reads one page of the web."),
    Setting(
        "tools.fetch_private",
        TEXTS,
        (),
        "Hosts on this computer or in its networks that fetch may reach all the same, as HOST or HOST:PORT.",
    ),
    Setting("mcp.NAME.command", TEXT, "", "Program of an MCP server: its tools can be chosen for a conversation."),
    Setting("mcp.NAME.args", TEXTS, (), "Arguments of the program."),
    Setting(
        "mcp.NAME.env",
        TABLE,
        {},
        "Environment variables of the program, beside HOME, LOGNAME, PATH, SHELL, TERM and USER.",
    ),
    Setting("mcp.NAME.pass_env", TEXTS, (), 'Variables of your environment that it gets too, as in ["GITHUB_TOKEN"].'),
    Setting("mcp.NAME.cwd", TEXT, "", "Folder in which it runs. Empty: that of Sterna."),
    Setting("mcp.NAME.url", URL, None, "Address of an MCP server that speaks streamable HTTP, instead of command."),
    Setting("mcp.NAME.headers", TABLE, {}, "Additional HTTP headers of every request to it."),
    Setting("mcp.NAME.key_env", TEXT, "", "Environment variable with its key, which is sent as a bearer token."),
    Setting("mcp.NAME.key_command", TEXT, "", "Command that prints its key."),
    Setting("mcp.NAME.enabled", BOOLEAN, True, "false: the server is kept here and not used."),
    Setting("mcp.NAME.tools", TEXTS, (), "Tools of the server to offer, by its own names. Not set: all of them."),
    Setting(
        "mcp.NAME.start_timeout",
        NUMBER,
        30.0,
        "Seconds until the server has to be ready and have listed its tools.",
        minimum=1,
        maximum=600,
    ),
    Setting(
        "mcp.NAME.timeout",
        NUMBER,
        120.0,
        "Seconds after which a call of one of its tools is given up.",
        minimum=1,
        maximum=3600,
    ),
)
