"""The pages /device and /recover: plain HTML and CSS without scripts or external resources. All values are escaped."""

from __future__ import annotations

import base64
from hashlib import sha256
from html import escape

STYLE = """
:root { color-scheme: light dark; --line: #888; --action: #1a56c4; --alert: #9b1c1c; }
@media (prefers-color-scheme: dark) { :root { --action: #9ab8f7; --alert: #ff9b9b; } }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 26rem; padding: 2rem 1rem; }
h1 { font-size: 1.4rem; }
label { display: block; margin-top: 1rem; }
input { box-sizing: border-box; font: inherit; padding: .5rem; width: 100%; }
button { border: 1px solid var(--line); border-radius: .3rem; font: inherit; padding: .5rem 1rem; }
button { margin: 1rem .5rem 0 0; }
button.first { border: 2px solid var(--action); font-weight: 600; }
:focus-visible { outline: 3px solid var(--action); outline-offset: 2px; }
.code { font: 600 1.8rem/2 ui-monospace, monospace; letter-spacing: .15em; }
.alert { border-left: .3rem solid var(--alert); padding-left: .7rem; }
details { margin-top: 1.5rem; }
"""

HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{base64.b64encode(sha256(STYLE.encode()).digest()).decode()}';"
        " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def code_form(alert: str = "", code: str = "") -> str:
    """Return the form for the code of a terminal."""
    return _page(
        "Sign in a terminal",
        f"""{_alert(alert)}
<form method="get" action="/device">
<label for="user_code">Code shown in your terminal</label>
<input id="user_code" name="user_code" value="{escape(code)}" placeholder="XXXX-XXXX" maxlength="20" required
 autocomplete="off" autocapitalize="characters" spellcheck="false" autofocus>
<button class="first" type="submit">Continue</button>
</form>""",
    )


def approval_form(code: str, csrf_token: str, *, signup: str, email: str = "", alert: str = "") -> str:
    """Return the form that approves or denies a terminal; ``signup`` is the server's setting."""
    invitation = (
        '<label for="invitation">Invitation</label>\n'
        '<input id="invitation" name="invitation" maxlength="200" autocomplete="off">'
        if signup == "invite"
        else ""
    )
    create = f'{invitation}\n<button name="do" value="create">Create an account and approve</button>'
    new = (
        f"<details><summary>I do not have an account yet</summary>\n<p>Fill in email and password above. The password \
needs at least 8 characters.</p>\n{create}\n</details>"
    )
    return _page(
        "Sign in a terminal",
        f"""{_alert(alert)}
<p>Approve this only if your own terminal shows exactly this code:</p>
<p class="code">{escape(code)}</p>
<form method="post" action="/device">
<input type="hidden" name="user_code" value="{escape(code)}">
<input type="hidden" name="csrf_token" value="{escape(csrf_token)}">
<label for="email">Email</label>
<input id="email" name="email" type="email" value="{escape(email)}" maxlength="255" autocomplete="username" autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" maxlength="1024" autocomplete="current-password">
<button class="first" name="do" value="approve">Sign in and approve</button>
<button name="do" value="deny" formnovalidate>Deny</button>
{"" if signup == "closed" else new}
</form>""",
    )


def result(sentence: str) -> str:
    """Return the page after a decision."""
    return _page("Sign in a terminal", f'<p role="status">{escape(sentence)}</p>')


def recovery_form(alert: str = "", code: str = "") -> str:
    """Return the form for a new password, with a field for the code where ``code`` is empty."""
    code_field = (
        f'<input type="hidden" name="code" value="{escape(code)}">'
        if code
        else '<label for="code">Recovery code</label>\n'
        '<input id="code" name="code" maxlength="200" required autocomplete="off" spellcheck="false">'
    )
    return _page(
        "Set a new password",
        f"""{_alert(alert)}
<form method="post" action="/recover">
{code_field}
<label for="password">New password</label>
<input id="password" name="password" type="password" maxlength="1024" required autocomplete="new-password">
<label for="again">Repeat the new password</label>
<input id="again" name="again" type="password" maxlength="1024" required autocomplete="new-password">
<button class="first" type="submit">Set the password</button>
</form>""",
    )


def recovered() -> str:
    """Return the page after a new password was set."""
    return _page("Set a new password", '<p role="status">Your password was changed. Sign in with the new one.</p>')


def _alert(sentence: str) -> str:
    return f'<p class="alert" role="alert">{escape(sentence)}</p>' if sentence else ""


def _page(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · Sterna</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
{body}
</main>
</body>
</html>
"""
