"""Settings of the providers of models: the tables ``[endpoints.NAME]``, and those of single models in them."""

from __future__ import annotations

from .kinds import BOOLEAN, INTEGER, OMITTED, TABLE, TEXT, TEXTS, URL, VALUES
from .setting import Setting

PROVIDER_SETTINGS: tuple[Setting, ...] = (
    Setting("endpoints.NAME.url", URL, None, "Address of a provider, up to and including /v1."),
    Setting(
        "endpoints.NAME.protocol",
        TEXT,
        "",
        "Protocol that it speaks. Empty: its own for known providers, else OpenAI's, which most others understand.",
        choices=("", "openai", "openrouter", "openai-responses", "anthropic", "gemini", "ollama"),
    ),
    Setting("endpoints.NAME.label", TEXT, "", "Name shown for it. Empty: NAME."),
    Setting("endpoints.NAME.key_env", TEXT, "", "Environment variable with its API key."),
    Setting("endpoints.NAME.key_command", TEXT, "", "Command that prints its API key, such as pass show openrouter."),
    Setting("endpoints.NAME.models", TEXTS, (), "Models to offer. Not set: those that the provider lists."),
    Setting(
        "endpoints.NAME.context_length",
        INTEGER,
        None,
        "Context length of its models, in tokens, if the provider does not report it.",
        minimum=256,
    ),
    Setting("endpoints.NAME.headers", TABLE, {}, "Additional HTTP headers of every request."),
    *(
        setting
        for table, models in (("endpoints.NAME", "its models"), ("endpoints.NAME.models.MODEL", "this model"))
        for setting in (
            Setting(
                f"{table}.parameters",
                VALUES,
                {},
                f"Default parameters of requests to {models}, as in {{ top_p = 0.9 }}.",
            ),
            Setting(f"{table}.omit", OMITTED, (), f'Parameters never sent to {models}, as in ["temperature"].'),
            Setting(
                f"{table}.extra_body", VALUES, {}, f"Values added unchanged to the body of every request to {models}."
            ),
            Setting(
                f"{table}.stream", BOOLEAN, None, "false: receive replies whole, for providers that do not stream."
            ),
            Setting(
                f"{table}.images",
                BOOLEAN,
                None,
                f"Images can be attached for {models}. Not set: as the provider's list says.",
            ),
            Setting(
                f"{table}.image_size",
                INTEGER,
                None,
                "Most pixels of an attached image, in width and height. Not set: by the name of the model.",
                minimum=64,
                maximum=16384,
            ),
        )
    ),
    Setting("endpoints.NAME.models.MODEL.headers", TABLE, {}, "Additional HTTP headers of requests to this model."),
    Setting(
        "endpoints.NAME.models.MODEL.context_length",
        INTEGER,
        None,
        "Context length of this model, in tokens.",
        minimum=256,
    ),
)
