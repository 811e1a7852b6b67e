"""A server whose model looks at pictures: it knows colours and sizes, and finds the box of what has a colour."""

from __future__ import annotations

import base64
import io
import json
import re
from typing import Any

import numpy as np
from PIL import Image

from tests.endpoint_server import serve

MODEL = "looker"
COLOURS = {"red": (220, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 220), "white": (255, 255, 255), "black": (0, 0, 0)}


def prompt(body: dict[str, Any]) -> str:
    return next(part["text"] for part in body["messages"][0]["content"] if part["type"] == "text")


def picture(body: dict[str, Any]) -> Any:
    url = next(part["image_url"]["url"] for part in body["messages"][0]["content"] if part["type"] == "image_url")
    header, _, data = url.partition(",")
    assert header == "data:image/png;base64" and body["temperature"] == 0 and body["seed"] == 0
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def note(body: dict[str, Any]) -> dict[str, Any]:
    height, width, _ = picture(body).shape
    return {"prompt": prompt(body), "size": [width, height]}


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


if __name__ == "__main__":
    serve(MODEL, prompt, lambda body: look(picture(body), prompt(body)), note)
