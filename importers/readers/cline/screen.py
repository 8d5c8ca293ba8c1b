"""What the panel of Cline and Roo shows: a list of what was said, asked and done, put together to messages."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ...chat_messages import add_reasoning, picture
from ...records import Attachment, Message, Text, ToolCall, Unsupported
from ...times import moment
from ...values import amount, chosen, count, identifier, mapping, parsed, text, texts
from .api_messages import model_at

_SAID = {"text", "completion_result", "followup", "plan_mode_respond", "condense_context", "info", "subtask_result"}
_TOOLS = {"tool", "use_mcp_server", "browser_action_launch", "browser_action", "use_subagents", "new_task"}
_RESULTS = {"command_output", "mcp_server_response", "browser_action_result", "codebase_search_result"}
_FAILURES = {"error", "api_req_failed", "mistake_limit_reached", "diff_error", "rooignore_error", "clineignore_error"}
_SILENT = {
    *("resume_task", "resume_completed_task", "api_req_finished", "api_req_retried", "api_req_retry_delayed"),
    *("api_req_deleted", "deleted_api_reqs", "checkpoint_created", "checkpoint_saved", "mcp_server_request_started"),
    *("task_progress", "shell_integration_warning", "load_mcp_documentation", "mcp_notification", "user_edit_todos"),
    *("hook_status", "hook_output_stream", "conditional_rules_applied", "api_req_rate_limit_wait"),
}


class Screen:
    """Messages of a task."""

    def __init__(self, models: list[tuple[float, str]]) -> None:
        self._messages: list[Message] = []
        self._models = models
        self._times: Counter[str] = Counter()
        self._reply: Message | None = None
        self._open: ToolCall | None = None

    def add(self, value: Any) -> None:
        """Add an entry of the list."""
        data = mapping(value)
        if not data:
            if value is not None:
                self._assistant({}).parts.append(Unsupported("message", value))
            return
        is_ask = data.get("type") == "ask"
        kind = text(data.get("ask" if is_ask else "say"))
        said = text(data.get("text"))
        if data.get("partial") is True or kind in _SILENT or (is_ask and kind == "completion_result"):
            return
        if kind in {"user_feedback", "user_feedback_diff", "task"} or (kind == "text" and not self._messages):
            self._user(data, said)
        elif kind == "api_req_started":
            self._request(data, mapping(parsed(said)))
        elif kind == "reasoning":
            add_reasoning(self._assistant(data), said or text(data.get("reasoning")))
        elif kind in _RESULTS:
            self._result(data, said)
        elif kind == "command":
            self._call(data, ToolCall("command", said))
        elif kind in _TOOLS:
            used = parsed(said)
            name = text(mapping(used).get("tool")) or text(mapping(used).get("toolName")) or kind
            self._call(data, ToolCall(name, used))
        elif kind in _FAILURES:
            message = self._assistant(data)
            message.error = "\n".join(filter(None, [message.error, said]))
        elif kind in _SAID:
            add_reasoning(self._assistant(data), text(data.get("reasoning")))
            self._say(data, _words(said))
        else:
            self._assistant(data).parts.append(Unsupported(kind or "message", value))

    def finish(self) -> list[Message]:
        """Return the messages; requests that nothing came of are left out."""
        return [each for each in self._messages if each.parts or each.reasoning or each.error or each.role == "user"]

    def _user(self, data: dict[str, Any], said: str) -> None:
        message = self._new(data, "user")
        message.parts += [Text(said)] if said else []
        message.parts += [picture(image, number) for number, image in enumerate(texts(data.get("images")))]
        for path in texts(data.get("files")):
            message.parts.append(Attachment(path.replace("\\", "/").rpartition("/")[2] or path))
        self._reply = None

    def _request(self, data: dict[str, Any], request: dict[str, Any]) -> None:
        message = self._reply = self._new(data, "assistant")
        message.input_tokens, message.output_tokens = count(request.get("tokensIn")), count(request.get("tokensOut"))
        message.cost = amount(request.get("cost"))
        message.metadata |= chosen(request, "cacheReads", "cacheWrites")
        message.stopped = request.get("cancelReason") == "user_cancelled"
        message.error = text(request.get("streamingFailedMessage"))

    def _say(self, data: dict[str, Any], said: str) -> None:
        message = self._assistant(data)
        if said and Text(said) not in message.parts:  # a question is said, and then asked
            message.parts.append(Text(said))

    def _call(self, data: dict[str, Any], call: ToolCall) -> None:
        if self._open is not None and self._open.result is None and self._open == call:
            return  # asked for, and then done
        self._assistant(data).parts.append(call)
        self._open = call

    def _result(self, data: dict[str, Any], said: str) -> None:
        if self._open is None:
            self._call(data, ToolCall("command"))
        if self._open is not None:
            self._open.result = "\n".join(filter(None, [self._open.result, said]))

    def _assistant(self, data: dict[str, Any]) -> Message:
        if self._reply is None:
            self._reply = self._new(data, "assistant")
        return self._reply

    def _new(self, data: dict[str, Any], role: str) -> Message:
        """Return a new message; its time is its id, and may be there twice."""
        time = identifier(data.get("ts"))
        self._times[time] += 1
        number = f"{time}.{self._times[time]}" if time and self._times[time] > 1 else time
        message = Message(number, "user" if role == "user" else "assistant", created_at=moment(data.get("ts")))
        if role == "assistant":
            named = text(mapping(data.get("modelInfo")).get("modelId"))
            message.model = named or model_at(self._models, data.get("ts"))
        self._messages.append(message)
        return message


def _words(said: str) -> str:
    """Return what a question or a plan says, which may be JSON."""
    data = mapping(parsed(said))
    words = text(data.get("question")) or text(data.get("response"))
    options = texts(data.get("options")) or texts(data.get("suggest"))
    return "\n".join([words, *(f"- {option}" for option in options)]) if words else said
