"""The OpenAI-compatible server that tests ask, but for its model. `tests.endpoint_process` starts it and tells it what to do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse


def serve(
    model: str,
    text: Callable[[dict[str, Any]], str],
    reply: Callable[[dict[str, Any]], str],
    note: Callable[[dict[str, Any]], Any] = lambda body: body,
) -> None:
    """Prints the port, then serves until the process is ended.

    Args:
        model: Its name.
        text: What a request asks, of its body.
        reply: What the model replies.
        note: What is kept of a request for the tests.
    """
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listening.getsockname()[1], flush=True)
    app = _build(model, text, reply, note)
    uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_keep_alive=60)).run(sockets=[listening])


def _build(model: str, text: Callable[[Any], str], reply: Callable[[Any], str], note: Callable[[dict[str, Any]], Any]) -> FastAPI:
    app = FastAPI()
    state: dict[str, Any] = {}  # of one test; replies that are still delayed belong to an earlier one

    @app.post("/control")
    async def control(told: dict[str, Any]) -> dict[str, Any]:
        nonlocal state
        state = told | {"now": 0, "most": 0, "sent": [], "keys": []}
        return {}

    @app.get("/control")
    async def report() -> dict[str, Any]:
        return {name: state[name] for name in ("sent", "keys", "most")}

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [{"id": model, "object": "model", "created": 0, "owned_by": "tests"}]}

    @app.get("/page/models")
    @app.post("/page/chat/completions")
    async def page() -> Response:
        return Response("<html>Welcome</html>", media_type="text/html")

    @app.post("/v1/completions")
    @app.post("/v1/chat/completions")
    async def complete(request: Request, body: dict[str, Any]) -> Response:
        here = state
        here["now"] += 1
        here["most"] = max(here["most"], here["now"])
        here["sent"].append(note(body))
        here["keys"].append(request.headers.get("authorization"))
        try:
            await asyncio.sleep(here["delay"])
            for rule in here["rules"]:
                if rule.get("has", "") in text(body) and rule.get("times", 1) > 0:
                    rule["times"] = rule.get("times", 1) - 1
                    await asyncio.sleep(rule.get("sleep", 0))
                    if "raw" in rule:
                        return Response(rule["raw"], media_type="application/json")
                    if "status" in rule:
                        return _error(rule["status"], rule.get("message", "injected"), rule.get("headers"))
                    if "text" in rule:
                        return _completion(body, rule["text"], rule.get("finish", "stop"))
            if body["model"] != model:
                return _error(404, f"The model `{body['model']}` does not exist.")
            return _completion(body, reply(body), "stop")
        finally:
            here["now"] -= 1

    return app


def _completion(body: dict[str, Any], text: str | None, finish: str) -> Response:
    is_chat = "messages" in body
    said = {"message": {"role": "assistant", "content": text}} if is_chat else {"text": text}
    kind = "chat.completion" if is_chat else "text_completion"
    choice = {"index": 0, "finish_reason": finish} | said
    return JSONResponse({"id": "1", "object": kind, "created": 0, "model": body["model"], "choices": [choice]})


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"message": message, "type": "error", "code": status}}, status, headers)
