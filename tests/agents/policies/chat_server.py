"""A server whose model writes its seed: a reply is the program `return "<query> <seed>"`."""

from __future__ import annotations

from typing import Any

from tests.endpoint_server import serve

MODEL = "writer"


def query(body: dict[str, Any]) -> str:
    prompt = body["messages"][-1]["content"] if "messages" in body else body["prompt"]
    return prompt.rpartition("Query: ")[2].partition("\n")[0]


def write(body: dict[str, Any]) -> str:
    return f'def execute_command(image):\n    return "{query(body)} {body["seed"]}"\n'


if __name__ == "__main__":
    serve(MODEL, query, write)
