"""A model that is none: the four APIs that coding agents speak, on one port of the loopback, each with streaming and a tool call.

A conversation goes like this, whatever the API: the first request that offers a tool for shell commands is answered with a call of
that tool; one that carries a tool's result, or offers no tool, with `DONE`. Every request is kept, with its headers.
"""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext

DONE = "the file is written"
SHELLS = ("Bash", "bash", "exec_command", "run_shell_command", "shell", "local_shell", "shell_command", "Shell")

# What Aider takes as an edit: it calls no tools.
EDIT = "I make the file.\n\nhello.txt\n```\n<<<<<<< SEARCH\n=======\nhello from the box\n>>>>>>> REPLACE\n```\n"
WHOLE = "I make the file.\n\nhello.txt\n```\nhello from the box\n```\n"


class Api:
    """The server: `with Api(command) as api`. `command` is what the model wants to have run; `seen` the requests so far."""

    def __init__(
        self, command: str, delay: float = 0.0, *, address: str = "127.0.0.1", port: int = 0, tls: SSLContext | None = None
    ) -> None:
        self.command, self.delay = command, delay
        self.seen: list[dict] = []
        self.busy = False  # an answer is on its way
        self.server = Server((address, port), type("Handler", (Handler,), {"api": self}))
        self.port = self.server.server_address[1]
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)

    def __enter__(self) -> Api:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def keys(self) -> set[str]:
        """Every key that came with a request for an answer."""
        return {key for one in self.seen if (key := key_of(one["headers"]))}

    def asked(self, ending: str) -> list[dict]:
        """The requests to paths that end so."""
        return [one for one in self.seen if one["path"].partition("?")[0].endswith(ending)]


class Server(ThreadingHTTPServer):
    """A client that goes away in the middle is no fault: agents do when they are interrupted."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Nothing is printed."""
        import sys

        if not isinstance(sys.exc_info()[1], OSError):
            self.api_fault = sys.exc_info()[1]


def key_of(headers: dict[str, str]) -> str:
    """The key of a request, whichever header carries it."""
    found = headers.get("x-api-key") or headers.get("x-goog-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
    return found or ""


def tools_of(body: dict) -> dict[str, dict]:
    """Name -> schema of the tools that a request offers."""
    found: dict[str, dict] = {}
    for tool in body.get("tools") or ():
        nested = tool.get("function") or tool
        for one in tool.get("functionDeclarations") or tool.get("tools") or (nested,):
            schema = one.get("input_schema") or one.get("parametersJsonSchema") or one.get("parameters") or {}
            found[one.get("name") or one.get("type")] = schema
    return found


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    api: Api
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""

    # --- requests -------------------------------------------------------------------------------------------------------

    def body(self) -> dict:
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            raw = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                raw += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("content-encoding") == "gzip":
            import gzip

            raw = gzip.decompress(raw)
        try:
            found = json.loads(raw or b"{}")
        except ValueError:
            found = {}
        return found if isinstance(found, dict) else {}

    def keep(self, body: dict) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.api.seen.append({"method": self.command, "path": self.path, "headers": headers, "body": body})

    def do_GET(self) -> None:
        self.keep({})
        if self.headers.get("upgrade"):
            self.answer({"error": {"message": "plain HTTP is spoken here"}}, 426)
        elif self.path.partition("?")[0].endswith("/models"):
            self.answer({"object": "list", "data": [{"id": "test-model", "object": "model"}], "models": []})
        else:
            self.answer({"error": {"message": "no such place"}}, 404)

    def do_HEAD(self) -> None:
        self.keep({})
        self.answer({})

    def do_POST(self) -> None:
        body, path = self.body(), self.path.partition("?")[0]
        self.keep(body)
        if path.endswith("/messages/count_tokens"):
            self.answer({"input_tokens": 9})
        elif path.endswith("/messages"):
            self.for_messages(body)
        elif path.endswith("/chat/completions"):
            self.for_chat(body)
        elif path.endswith("/responses"):
            self.for_responses(body)
        elif path.endswith(":countTokens"):
            self.answer({"totalTokens": 9})
        elif path.endswith((":generateContent", ":streamGenerateContent")):
            self.for_gemini(body, stream=path.endswith(":streamGenerateContent"))
        else:
            self.answer({})

    # --- answers --------------------------------------------------------------------------------------------------------

    def answer(self, value: object, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def stream(self, events: list[object], *, named: bool) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.api.busy = True
        for event in events:
            name = f"event: {event['type']}\n" if named and isinstance(event, dict) else ""
            data = f"{name}data: {event if isinstance(event, str) else json.dumps(event)}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
            time.sleep(self.api.delay)
        self.api.busy = False
        self.wfile.write(b"0\r\n\r\n")

    def call(self, tools: dict[str, dict]) -> tuple[str, dict] | None:
        """The tool to call and its arguments, filled in by its own schema."""
        name = next((name for name in SHELLS if name in tools), "")
        if not name:
            return None
        schema = tools[name]
        given: dict[str, object] = {}
        for key, kind in (schema.get("properties") or {}).items():
            if key in ("command", "cmd"):
                given[key] = ["bash", "-c", self.api.command] if kind.get("type") == "array" else self.api.command
            elif key in (schema.get("required") or ()):
                fill = {"boolean": False, "integer": 10000, "number": 10000, "array": [], "object": {}}
                given[key] = fill.get(kind.get("type"), "make a file")
        return name, given or {"command": self.api.command}

    def for_messages(self, body: dict) -> None:
        """Anthropic's Messages."""
        last = (body.get("messages") or [{}])[-1].get("content")
        result = isinstance(last, list) and any(part.get("type") == "tool_result" for part in last)
        call = None if result else self.call(tools_of(body))
        blocks: list[dict] = [{"type": "text", "text": "I make the file." if call else DONE}]
        if call:
            blocks.append({"type": "tool_use", "id": "toolu_1", "name": call[0], "input": call[1]})
        stop = "tool_use" if call else "end_turn"
        message = {
            "id": "msg_1", "type": "message", "role": "assistant", "model": body.get("model", ""), "content": blocks, "stop_reason": stop,
            "stop_sequence": None, "usage": {"input_tokens": 9, "output_tokens": 9},
        }  # fmt: skip
        if not body.get("stream"):
            self.answer(message)
            return
        events: list[object] = [{"type": "message_start", "message": {**message, "content": [], "stop_reason": None}}]
        for at, block in enumerate(blocks):
            is_text = block["type"] == "text"
            start = {"type": "text", "text": ""} if is_text else {**block, "input": {}}
            text = {"type": "text_delta", "text": block.get("text")}
            delta = text if is_text else {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            events += [
                {"type": "content_block_start", "index": at, "content_block": start},
                {"type": "content_block_delta", "index": at, "delta": delta},
                {"type": "content_block_stop", "index": at},
            ]
        events += [
            {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 9}},
            {"type": "message_stop"},
        ]
        self.stream(events, named=True)

    def for_chat(self, body: dict) -> None:
        """OpenAI's chat completions."""
        messages = body.get("messages") or [{}]
        result = any(one.get("role") == "tool" for one in messages)
        tools = tools_of(body)
        call = None if result else self.call(tools)
        text = "I make the file." if call else DONE
        if not tools and "SEARCH/REPLACE" in json.dumps(messages):
            text = EDIT
        elif not tools and "file listing" in json.dumps(messages):
            text = WHOLE
        used = (
            {"id": "call_1", "type": "function", "function": {"name": call[0], "arguments": json.dumps(call[1])}}
            if call
            else None
        )
        why = "tool_calls" if call else "stop"
        base = {"id": "chat_1", "created": 1, "model": body.get("model", "")}
        usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
        if not body.get("stream"):
            message = {"role": "assistant", "content": text, **({"tool_calls": [used]} if used else {})}
            choice = {"index": 0, "message": message, "finish_reason": why}
            self.answer({**base, "object": "chat.completion", "choices": [choice], "usage": usage})
            return

        def chunk(delta: dict, end: str | None = None) -> dict:
            return {**base, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}

        events: list[object] = [chunk({"role": "assistant", "content": text})]
        events += [chunk({"tool_calls": [{"index": 0, **used}]})] if used else []
        events += [chunk({}, why), {**chunk({}), "choices": [], "usage": usage}, "[DONE]"]
        self.stream(events, named=False)

    def for_responses(self, body: dict) -> None:
        """OpenAI's responses."""
        given = body.get("input") or []
        result = isinstance(given, list) and any(str(one.get("type", "")).endswith("_output") for one in given)
        call = None if result else self.call(tools_of(body))
        item: dict
        if call:
            item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": call[0], "arguments": json.dumps(call[1])}
        else:
            part = {"type": "output_text", "text": DONE, "annotations": []}
            item = {"type": "message", "id": "m_1", "role": "assistant", "content": [part]}
        item["status"] = "completed"
        usage = {
            "input_tokens": 9, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 9,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 18,
        }  # fmt: skip
        whole = {"id": "resp_1", "object": "response", "created_at": 1, "model": body.get("model", ""), "status": "completed",
                 "output": [item], "tools": [], "parallel_tool_calls": True, "tool_choice": "auto", "usage": usage}  # fmt: skip
        if not body.get("stream"):
            self.answer(whole)
            return
        begun = {**item, "status": "in_progress", **({"arguments": ""} if call else {"content": []})}
        events: list[dict] = [
            {"type": "response.created", "response": {**whole, "status": "in_progress", "output": [], "usage": None}},
            {"type": "response.output_item.added", "output_index": 0, "item": begun},
        ]
        if call:
            events.append(
                {
                    "type": "response.function_call_arguments.done",
                    "item_id": "fc_1",
                    "output_index": 0,
                    "arguments": item["arguments"],
                }
            )
        else:
            where = {"item_id": "m_1", "output_index": 0, "content_index": 0}
            events += [
                {"type": "response.content_part.added", **where, "part": {**item["content"][0], "text": ""}},
                {"type": "response.output_text.delta", **where, "delta": DONE},
                {"type": "response.output_text.done", **where, "text": DONE},
            ]
        events += [
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": whole},
        ]
        self.stream([{**event, "sequence_number": at} for at, event in enumerate(events)], named=True)

    def for_gemini(self, body: dict, *, stream: bool) -> None:
        """Gemini's generateContent."""
        last = (body.get("contents") or [{}])[-1]
        result = any("functionResponse" in part for part in last.get("parts") or ())
        wanted = body.get("generationConfig") or {}
        schema = wanted.get("responseJsonSchema") or wanted.get("responseSchema")
        call = None if result or schema else self.call(tools_of(body))
        if schema:  # a router or a classifier: anything that fits
            parts: list[dict] = [{"text": json.dumps(fitting(schema))}]
        elif call:
            parts = [{"text": "I make the file."}, {"functionCall": {"id": "fc_1", "name": call[0], "args": call[1]}}]
        else:
            parts = [{"text": DONE}]
        candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
        usage = {"promptTokenCount": 9, "candidatesTokenCount": 9, "totalTokenCount": 18}
        value = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "test", "responseId": "r_1"}
        if stream:
            self.stream([value], named=False)
        else:
            self.answer(value)


def fitting(schema: dict) -> object:
    """A value that fits a JSON schema."""
    kind = str(schema.get("type", "string")).lower()
    if schema.get("enum"):
        return schema["enum"][-1]
    if kind == "object":
        return {name: fitting(one) for name, one in (schema.get("properties") or {}).items()}
    return {"boolean": False, "number": 1, "integer": 1, "array": []}.get(kind, "user")


if __name__ == "__main__":
    import sys

    with Api(sys.argv[1] if len(sys.argv) > 1 else "echo hello > hello.txt") as running:
        print(running.port, flush=True)
        threading.Event().wait()
