"""Patterns of error messages, for errors whose status is missing, too general or wrong."""

from __future__ import annotations

import re


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


BAD_KEY = _any(
    r"invalid[_ ](?:x-)?api[_ -]key",
    r"api[_ ]key[_ ]invalid",
    r"api[_ ]key (?:is )?(?:not valid|invalid|expired|incorrect)",
    r"(?:incorrect|wrong|invalid|missing|expired|no|bad) (?:x-)?api[_ -]?key",
    r"api[_ ]key (?:was|has been|is) \w+",
    r"no auth credentials",
    r"invalid (?:bearer|authentication|auth|access)[_ ]?token",
    r"authentication[_ ](?:error|failed|required)",
    r"unauthenticated",
    r"unauthorized",
    r"provide (?:a |an |your )?(?:valid )?api[_ ]key",
    r"missing bearer",
)
NO_CREDIT = _any(
    r"insufficient[_ ](?:quota|credits?|balance|funds)",
    r"exceeded your current quota",
    r"billing",
    r"credit balance",
    r"out of credits?",
    r"payment required",
    r"more credits",
    r"can only afford",
    r"spending limit",
    r"spend limit",
    r"not enough credits?",
)
QUOTA_CODE = _any(
    r"insufficient[_ ](?:quota|credits?|balance|funds)",
    r"credit balance",
    r"billing_hard_limit",
)
"""Errors that no wait resolves, even if one is stated."""
RATE = _any(
    r"rate[_ -]?limit",
    r"too many requests",
    r"resource[_ ](?:has been )?exhausted",
    r"requests per (?:min|day|sec)",
    r"tokens per (?:min|day)",
    r"try again in \d",
)
TOO_MUCH_AT_ONCE = _any(
    r"request too large",
    r"must be reduced in order to run",
)
"""Requests that alone exceed the limit per minute: no wait helps."""
NO_MEMORY = _any(
    r"out of memory",
    r"more system memory",
    r"insufficient (?:system )?(?:memory|resources|vram)",
    r"not enough (?:memory|vram|gpu)",
    r"cudamalloc",
    r"cuda error",
    r"failed to allocate",
    r"unable to allocate",
    r"memory allocation",
    r"more memory than",
    r"\boom\b",
    r"requires more (?:gpu |video )?memory",
)
NOT_LOADED = _any(
    r"failed to load",
    r"unable to load",
    r"error loading model",
    r"could(?: not|n't) load",
    r"runner process has terminated",
)
LOADING = _any(
    r"loading model",
    r"model is (?:currently |still )?loading",
    r"is loading",
)
UNKNOWN_MODEL = _any(
    r"model_not_found",
    r"deploymentnotfound",
    r"(?:model|deployment)\b.{0,160}\b(?:not found|not_found|does not exist|doesn't exist|unknown|"
    r"is not available|not a valid model|no longer (?:available|supported)|decommissioned|"
    r"has been (?:deprecated|retired|removed|shut down)|not loaded|is not supported for this api)",
    r"(?:unknown|invalid|no such|unsupported|unrecognized|non-existent) (?:model|deployment)",
    r"not a valid model",
    r"no models? loaded",
    r"model_decommissioned",
    r"no endpoints? found for",
    r"model [\"'`“]?[\w./:-]+[\"'`”]? not found",
    r"not have access to (?:the )?model",
)
NOT_A_CHAT_MODEL = _any(
    r"not a chat model",
    r"only supported in v1/",
    r"v1/(?:responses|completions|embeddings)\b.{0,60}(?:instead|did you mean)",
    r"not supported (?:in|with|by) the (?:v1/)?chat[ /]completions",
    r"does not support chat",
    r"doesn't support chat",
    r"use the (?:responses|completions|embeddings) (?:api|endpoint)",
    r"is an? (?:embedding|image|audio|speech|reranking|rerank) model",
    r"does not support generate",
)
NO_ROUTE = _any(
    r"^\W*(?:404\W*)?(?:page |url |path |route |resource |endpoint |"
    r"the requested url was )?not[ _]found\b.{0,80}$",
    r"^invalid url\b",
    r"^unknown (?:request )?(?:url|path|endpoint)",
    r"unrecognized request url",
    r"^cannot (?:post|get) /",
    r"unexpected endpoint or method",
    r"no (?:such )?route",
    r"^method not allowed\W*$",
    r"not_found_error\W*$",
    r"no static resource",
    r"no handler found",
)
NO_SYSTEM_ROLE = _any(
    r"system (?:role|messages?|prompts?|instructions?)\b.{0,40}(?:not (?:be )?(?:supported|allowed|"
    r"enabled|accepted)|unsupported)",
    r"(?:does not|doesn't|not) support\b.{0,30}[\"'`]?(?:system|developer)[\"'`]? (?:role|messages?|"
    r"prompts?|instructions?|with this model)",
    r"developer instruction is not enabled",
    r"unsupported value: 'messages\[0\]\.role'",
    r"role[\"'` :]+system\b.{0,40}not",
    r"only user and assistant roles",
    r"unexpected role ['\"`]?system",
    r"system role not supported",
)
NO_TOOLS = _any(
    r"\b(?:tools?|functions?)(?:[ _-]?(?:use|calling|calls?|choice|param\w*))?\b.{0,80}"
    r"(?:not (?:be )?(?:supported|enabled|available|allowed)|unsupported|disabled)",
    r"(?:does not|doesn't|not|that) support\b.{0,30}\b(?:tools?|functions?)\b",
    r"tool choice requires",
    r"tools param requires",
)
"""Models and servers that take no tools at all."""
WRONG_TOOL = _any(
    r"\b(?:tools?|functions?)(?:\[|\.)\d",
    r"\bschema\b",
    r"must match|pattern|too long|at most|duplicate|unique",
)
"""Definitions of a tool that a provider does not accept."""
FILTERED = _any(
    r"content[_ ](?:policy|filter|management)",
    r"responsibleai",
    r"flagged",
    r"moderation",
    r"prohibited content",
    r"safety (?:system|filter|settings|reasons)",
    r"blocked (?:by|due|for)",
    r"usage polic",
)
REGION = _any(
    r"\b(?:country|region|territory)\b",
    r"location is not supported",
    r"geograph",
)
FORBIDDEN = _any(
    r"permission",
    r"forbidden",
    r"access denied",
    r"not allowed to",
    r"must be verified",
    r"not authorized",
)
BUSY = _any(
    r"overloaded",
    r"internal[_ ]?(?:server[_ ])?error",
    r"server_error",
    r"unavailable",
    r"bad gateway",
    r"api_error",
    r"at capacity",
    r"try again later",
    r"timed? ?out",
    r"busy",
)
NO_SUCH_FEATURE = _any(
    r"not implemented",
    r"not supported",
    r"unsupported",
    r"does not support",
    r"doesn't support",
    r"no endpoints? found",
    r"no (?:allowed )?providers",
)
