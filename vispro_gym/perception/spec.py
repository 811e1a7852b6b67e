"""Perception by text: an expression that says which backend, with which options, around or beside which others.

    oracle
    transformers(preset="viunit", device="cuda")
    noise(oracle, miss=0.2, seed=1)
    composed(detect=pixels, answer=openai(model="Qwen/Qwen2.5-VL-7B-Instruct", base_url="http://localhost:8000/v1"))

It is read as Python, and nothing of it is run: names of backends, calls of them, and literals are all there is. Being a text, it
fits into a command line and into the arguments of a registered environment.
"""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from vispro_gym.perception.protocol import Perception


@dataclass(frozen=True)
class Backend:
    """A backend that a text can name.

    Attributes:
        entry_point: Its class, as "module:name".
        summary: What it is, in one line.
        cached: Whether its results are kept unless told otherwise, see `vispro_gym.perception.cache`.
        around: Whether it takes other backends: its arguments without a name are, and those with a name may be.
    """

    entry_point: str
    summary: str
    cached: bool = False
    around: bool = False


BACKENDS = {
    "oracle": Backend("vispro_gym.perception.oracle:OraclePerception", "looks things up in the annotations of the picture"),
    "pixels": Backend(
        "vispro_gym.perception.pixels:PixelsPerception",
        "a small network for CLEVR and the mini data, trained at first use",
        cached=True,
    ),
    "transformers": Backend(
        "vispro_gym.perception.transformers:TransformersPerception", "real vision models by hub id or folder", cached=True
    ),
    "openai": Backend("vispro_gym.perception.openai:OpenAIPerception", "any OpenAI-compatible vision endpoint", cached=True),
    "noise": Backend("vispro_gym.perception.noise:NoisePerception", "seeded errors on top of another backend", around=True),
    "composed": Backend("vispro_gym.perception.composed:ComposedPerception", "a backend for each operation", around=True),
    "cached": Backend("vispro_gym.perception.cache:CachedPerception", "another backend with a cache of your own", around=True),
}
"""The names that `make_perception` understands."""


def make_perception(spec: str) -> Perception:
    """Builds a perception backend from a text.

    Backends whose results are worth keeping (`Backend.cached`) get the cache of the package's cache folder; write
    `cached(pixels, disk_mb=0)`, say, for one of your own.

    Args:
        spec: A name, or a name with options, see the module. Names: `BACKENDS`.

    Raises:
        ValueError: If the text is no such expression, or a backend or option is unknown or out of range.
        BackendError: If a library, a model or a device that the backend needs is missing.
    """
    try:
        tree = ast.parse(spec.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"perception={spec!r} cannot be read. {_expected()}") from None
    return _build(tree, spec, keep=True)


def _build(node: ast.expr, spec: str, keep: bool) -> Perception:
    name, arguments, options = node, [], []
    if isinstance(node, ast.Call):
        name, arguments, options = node.func, node.args, node.keywords
    if not isinstance(name, ast.Name) or name.id not in BACKENDS:
        hint = " Backends stand without quotes." if isinstance(name, ast.Constant) and name.value in BACKENDS else ""
        raise ValueError(f"perception={spec!r}: {ast.unparse(name)!r} is unknown.{hint} {_expected()}")
    backend = BACKENDS[name.id]
    keep_inner = keep and name.id != "cached"
    values = [
        _build(argument, spec, keep_inner) if backend.around else _value(argument, spec, backend, keep_inner)
        for argument in arguments
    ]
    keywords = {}
    for option in options:
        if option.arg is None:
            raise ValueError(f"perception={spec!r}: options are written name=value, not {ast.unparse(option.value)!r}.")
        keywords[option.arg] = _value(option.value, spec, backend, keep_inner)
    module, _, attribute = backend.entry_point.partition(":")
    make = getattr(import_module(module), attribute)
    try:
        inspect.signature(make).bind(*values, **keywords)
    except TypeError as error:
        raise ValueError(f"perception={spec!r}: {name.id} {error}. Expected {name.id}{_signature(make)}.") from None
    try:
        made: Perception = make(*values, **keywords)
    except (AttributeError, TypeError) as error:
        raise ValueError(f"perception={spec!r}: {error}. Expected {name.id}{_signature(make)}.") from error
    except ValueError as error:
        raise ValueError(f"perception={spec!r}: {error}") from error
    if backend.cached and keep:
        from vispro_gym.perception.cache import CachedPerception

        return CachedPerception(made)
    return made


def _value(node: ast.expr, spec: str, backend: Backend, keep: bool) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        pass
    if not backend.around:
        raise ValueError(f"perception={spec!r}: {ast.unparse(node)!r} is no value. Expected a number, True, or a text in quotes.")
    return _build(node, spec, keep)


def _signature(make: Any) -> str:
    parameters = [parameter.replace(annotation=parameter.empty) for parameter in inspect.signature(make).parameters.values()]
    return str(inspect.Signature(parameters))


def _expected() -> str:
    return f'Expected one of: {", ".join(BACKENDS)}; with options, if need be, as in "noise(oracle, miss=0.2, seed=1)".'
