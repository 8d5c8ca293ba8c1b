"""Model providers: endpoints, their models, and one stream of events per reply.

Here are endpoints in the protocols of the vendors, the relay of a Sterna server, the optional ``llm`` package and the
built-in guide, behind the protocol :class:`Provider`; and the errors of all of them as sentences. It may import ``net``
only. What a provider needs beside that, such as a search of the history or an access token, is passed in as a callable.
Public names are listed in ``__init__.pyi``; each is loaded when it is first used. httpx is imported when a request is
made: it costs more than the first frame.
"""

from __future__ import annotations

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
