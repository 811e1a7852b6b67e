"""An OpenAI-compatible server whose model writes its seed: a reply is the program `return "<query> <seed>"`.

Run as a program: it prints its port, then serves until it is ended. Tests tell it at /control how to misbehave, and are told there
what it was sent.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

MODEL = "writer"

app = FastAPI()
state: dict[str, Any] = {}  # of one test; replies that are still delayed belong to an earlier one


@app.post("/control")
async def control(request: Request) -> dict[str, Any]:
    """Begins anew. Body: `delay` in seconds, and `rules`, each with `has` (a part of the query), `times`, and what to send."""
    global state
    told = await request.json()
    state = {"delay": told.get("delay", 0.0), "rules": told.get("rules", []), "now": 0, "most": 0, "sent": [], "keys": []}
    return {}


@app.get("/control")
async def report() -> dict[str, Any]:
    return {name: state[name] for name in ("sent", "keys", "most")}


@app.get("/v1/models")
async def models() -> dict[str, Any]:
    return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "tests"}]}


@app.get("/page/models")
@app.post("/page/chat/completions")
async def page() -> Response:
    return Response("<html>Welcome</html>", media_type="text/html")


@app.post("/v1/chat/completions")
async def chat(request: Request) -> Response:
    body = await request.json()
    return await _reply(request, body, body["messages"][-1]["content"])


@app.post("/v1/completions")
async def completions(request: Request) -> Response:
    body = await request.json()
    return await _reply(request, body, body["prompt"])


async def _reply(request: Request, body: dict[str, Any], prompt: str) -> Response:
    here = state
    here["now"] += 1
    here["most"] = max(here["most"], here["now"])
    here["sent"].append(body)
    here["keys"].append(request.headers.get("authorization"))
    query = prompt.rpartition("Query: ")[2].partition("\n")[0]
    try:
        await asyncio.sleep(here["delay"])
        for rule in here["rules"]:
            if rule.get("has", "") in query and rule.get("times", 1) > 0:
                rule["times"] = rule.get("times", 1) - 1
                await asyncio.sleep(rule.get("sleep", 0))
                if "raw" in rule:
                    return Response(rule["raw"], media_type="application/json")
                if "status" in rule:
                    error = {"message": rule.get("message", "injected"), "type": "error", "code": rule["status"]}
                    return JSONResponse({"error": error}, rule["status"], rule.get("headers"))
                if "finish" in rule:
                    return _completion(body, rule["text"], rule["finish"])
        if body["model"] != MODEL:
            return JSONResponse({"error": {"message": f"The model `{body['model']}` does not exist."}}, 404)
        return _completion(body, f'def execute_command(image):\n    return "{query} {body["seed"]}"\n', "stop")
    finally:
        here["now"] -= 1


def _completion(body: dict[str, Any], text: str | None, finish: str) -> Response:
    choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
    if "messages" in body:
        choice["message"] = {"role": "assistant", "content": text}
    else:
        choice["text"] = text
    kind = "chat.completion" if "messages" in body else "text_completion"
    return JSONResponse({"id": "1", "object": kind, "created": 0, "model": MODEL, "choices": [choice]})


if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_keep_alive=60)).run(sockets=[listening])
