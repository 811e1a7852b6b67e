"""An OpenAI-compatible server that looks at pictures: it knows colours and sizes, and finds the box of what has a colour.

Run as a program: it prints its port, then serves until it is ended. Tests tell it at /control how to misbehave, and are told there
what it was asked.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import socket
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from PIL import Image

MODEL = "looker"
COLOURS = {"red": (220, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 220), "white": (255, 255, 255), "black": (0, 0, 0)}

app = FastAPI()
state: dict[str, Any] = {}  # of one test; replies that are still delayed belong to an earlier one


@app.post("/control")
async def control(request: Request) -> dict[str, Any]:
    """Begins anew. Body: `delay` in seconds, and `rules`, each with `has` (a part of the prompt), `times`, and what to send."""
    global state
    told = await request.json()
    state = {"delay": told.get("delay", 0.0), "rules": told.get("rules", []), "now": 0, "most": 0}
    state |= {"asked": [], "sizes": [], "keys": []}
    return {}


@app.get("/control")
async def report() -> dict[str, Any]:
    return {name: state[name] for name in ("asked", "sizes", "keys", "most")}


@app.get("/v1/models")
async def models() -> dict[str, Any]:
    return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "tests"}]}


@app.get("/page/models")
@app.post("/page/chat/completions")
async def page() -> Response:
    return Response("<html>Welcome</html>", media_type="text/html")


@app.post("/v1/chat/completions")
async def chat(request: Request) -> Response:
    here = state
    here["now"] += 1
    here["most"] = max(here["most"], here["now"])
    try:
        return await _reply(request)
    finally:
        here["now"] -= 1


async def _reply(request: Request) -> Response:
    body = await request.json()
    content = body["messages"][0]["content"]
    prompt = next(part["text"] for part in content if part["type"] == "text")
    url = next(part["image_url"]["url"] for part in content if part["type"] == "image_url")
    header, _, data = url.partition(",")
    assert header == "data:image/png;base64" and body["temperature"] == 0 and body["seed"] == 0
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
    state["asked"].append(prompt)
    state["sizes"].append([picture.shape[1], picture.shape[0]])
    state["keys"].append(request.headers.get("authorization"))
    if state["delay"]:
        await asyncio.sleep(state["delay"])
    for rule in state["rules"]:
        if rule.get("has", "") in prompt and rule.get("times", 1) > 0:
            rule["times"] = rule.get("times", 1) - 1
            await asyncio.sleep(rule.get("sleep", 0))
            if "text" in rule:
                return _completion(rule["text"], rule.get("finish", "stop"))
            if "raw" in rule:
                return Response(rule["raw"], media_type="application/json")
            if "status" in rule:
                return _error(rule["status"], rule.get("message", "injected"), rule.get("headers"))
    if body["model"] != MODEL:
        return _error(404, f"The model `{body['model']}` does not exist.")
    return _completion(look(picture, prompt))


def look(picture: Any, prompt: str) -> str:
    if prompt.startswith("How large"):
        return f"{picture.shape[1]}x{picture.shape[0]}"
    if prompt.startswith("Is it "):
        return "Yes." if _colour(picture) in prompt.split("?")[0] else "No."
    if not prompt.startswith("Find everything"):
        return f' "{_colour(picture).capitalize()}." '
    wanted = json.loads(re.search(r'matches ("[^"]*")', prompt)[1])  # type: ignore[index]
    there = np.all(picture == COLOURS[wanted], axis=2)
    if not there.any():
        return "[]"
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=float)
    if "thousandths" in prompt:
        height, width = there.shape
        box = box / [width, height, width, height] * 1000
    return json.dumps([{"bbox_2d": box.tolist(), "label": wanted}])


def _colour(picture: Any) -> str:
    middle = picture[picture.shape[0] // 2, picture.shape[1] // 2].astype(int)
    return min(COLOURS, key=lambda name: int(np.abs(middle - COLOURS[name]).sum()))


def _completion(text: str | None, finish: str = "stop") -> Response:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return JSONResponse({"id": "1", "object": "chat.completion", "created": 0, "model": MODEL, "choices": [choice]})


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"message": message, "type": "error", "code": status}}, status, headers)


if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_keep_alive=60)).run(sockets=[listening])
