"""Mail, sent in the background through an SMTP server."""

from __future__ import annotations

import asyncio
import logging
import smtplib
from collections.abc import Coroutine
from email.message import EmailMessage
from ssl import create_default_context
from urllib.parse import unquote, urlsplit

from ..settings import is_loopback

SECONDS = 30.0
"""Time limit of each answer of the SMTP server."""
MAX_PENDING = 100
"""Mails that may wait to be sent; more are dropped."""

log = logging.getLogger("sterna.server")


class Mailer:
    """Sender of mail through ``url``: ``smtp://`` (with STARTTLS where it is offered) or ``smtps://``."""

    def __init__(self, url: str = "", sender: str = "") -> None:
        self._url = urlsplit(url)
        self._sender = sender
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()

    @property
    def is_configured(self) -> bool:
        """True if mail can be sent."""
        return bool(self._url.hostname)

    def send_later(self, work: Coroutine[None, None, None]) -> None:
        """Run work that sends a mail, after the response to the request. Failures are logged."""
        if len(self._tasks) >= MAX_PENDING:
            work.close()
            log.warning("mail: too many mails are waiting; one was dropped")
            return
        task = asyncio.create_task(self._logged(work), name="send a mail")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def send(self, to: str, subject: str, text: str) -> None:
        """Send a mail. Raises OSError and smtplib.SMTPException."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, to, subject
        # does not break a long link
        if text.isascii():
            message.set_content(text, cte="7bit")
        else:
            message.set_content(text)
        async with self._lock:
            await asyncio.to_thread(self._send, message)

    async def aclose(self) -> None:
        """Cancel the mails that are not sent yet."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _logged(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except (OSError, smtplib.SMTPException, ValueError) as error:
            # the text of the error may quote the address
            log.warning("mail: sending failed: %s", type(error).__name__)

    def _send(self, message: EmailMessage) -> None:
        host, has_tls = self._url.hostname or "", self._url.scheme == "smtps"
        if has_tls:
            port = self._url.port or smtplib.SMTP_SSL_PORT
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=create_default_context())
        else:
            server = smtplib.SMTP(host, self._url.port or smtplib.SMTP_PORT, timeout=SECONDS)
        with server:
            server.ehlo()
            if not has_tls and server.has_extn("starttls"):
                server.starttls(context=create_default_context())
                server.ehlo()
                has_tls = True
            if self._url.username:
                if not has_tls and not is_loopback(host):
                    raise smtplib.SMTPException("no TLS for the password")
                server.login(unquote(self._url.username), unquote(self._url.password or ""))
            server.send_message(message)
