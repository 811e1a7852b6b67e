"""Builds what the engine runs: CPython and the modules that host programs, as a compiled WebAssembly component.

That takes about half a minute and happens once: the result, some 40 MB, lies in the cache folder under a name that holds a
digest of everything that went into it. It is machine code that this process executes, so the folder must be as trustworthy as
the one that holds Python's packages.
"""

from __future__ import annotations

import ast
import logging
import os
import platform
import subprocess
import sys
import tempfile
from hashlib import blake2b
from importlib import metadata
from pathlib import Path

import wasmtime
from filelock import FileLock
from platformdirs import user_cache_path
from wasmtime import Config, Engine, WasmtimeError, wat2wasm
from wasmtime.component import Component

from vispro_gym.interpreter.process import InterpreterError

logger = logging.getLogger("vispro_gym")

STACK_BYTES = 64 << 20
"""Depth of calls inside an instance. CPython destroys nested lists by recursion, and 100,000 of them must fit."""

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[2]
_BUILD_SECONDS = 600
# componentize-py links libraries with the suffix of the CPython that it holds.
_LIBRARY_SUFFIX = ".cpython-314-wasm32-wasi.so"


def new_engine() -> Engine:
    """An engine with the settings that the component is compiled with."""
    config = Config()
    config.consume_fuel = True
    config.max_wasm_stack = STACK_BYTES
    # Only asynchronous calls use this stack, and there are none, but it must not be smaller. The Python package has no name
    # for the setting.
    wasmtime._ffi.wasmtime_config_async_stack_size_set(config.ptr(), STACK_BYTES)
    return Engine(config)


def load(engine: Engine) -> Component:
    """The compiled component, built if it is not there yet. Safe when several processes ask at once: one builds, others wait.

    Raises:
        InterpreterError: If it cannot be built, or the cache folder cannot be written.
    """
    sources = guest_sources()
    path = _cache_dir() / f"programs-{_digest(sources)}.cwasm"
    try:
        return Component.deserialize_file(engine, str(path))
    except WasmtimeError:
        pass  # not there, or compiled for a processor that has what this one lacks
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            try:
                return Component.deserialize_file(engine, str(path))
            except WasmtimeError:
                logger.warning("Building the WebAssembly engine in %s (once, about half a minute) ...", path.parent)
            with tempfile.TemporaryDirectory(dir=path.parent, prefix="build-") as folder:
                component = Component(engine, _component(sources, Path(folder)))
                partial = Path(folder, path.name)
                partial.write_bytes(component.serialize())
                os.replace(partial, path)
            return component
    except OSError as error:
        raise InterpreterError(
            f"the WebAssembly engine could not be built in {path.parent}: {error}. "
            "Set VISPRO_CACHE to a folder that can be written"
        ) from error


def guest_sources() -> dict[str, Path]:
    """The modules of this package that the instance needs, by their paths there: `instance` and what it imports."""
    sources = {"instance.py": _HERE / "instance.py"}
    pending = [*sources.values()]
    while pending:
        for name in _imported(ast.parse(pending.pop().read_bytes())):
            relative = name.replace(".", "/") + ".py"
            if name.startswith("vispro_gym.") and relative not in sources and (_ROOT / relative).is_file():
                sources[relative] = _ROOT / relative
                pending.append(_ROOT / relative)
    return dict(sorted(sources.items()))


def _imported(tree: ast.Module) -> list[str]:
    """What a module imports: names of modules, and of things in modules that may be modules themselves."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def _digest(sources: dict[str, Path]) -> str:
    digest = blake2b(digest_size=8)
    for path in [*sources.values(), _HERE / "programs.wit", _HERE / "hashseed.wat", Path(__file__)]:
        data = path.read_bytes()
        digest.update(b"%s %d\n%s" % (path.name.encode(), len(data), data))
    versions = [metadata.version("componentize-py"), metadata.version("wasmtime"), sys.platform, platform.machine()]
    digest.update(" ".join(versions).encode())
    return digest.hexdigest()


def _cache_dir() -> Path:
    configured = os.environ.get("VISPRO_CACHE")
    return (Path(configured).expanduser() if configured else user_cache_path("vispro_gym", appauthor=False)) / "wasm"


def _component(sources: dict[str, Path], folder: Path) -> bytes:
    """Has componentize-py put CPython and the modules into a component, all access to the outside replaced by traps."""
    modules = folder / "modules"
    for relative, path in sources.items():
        target = modules / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        for package in target.relative_to(modules).parents[:-1]:
            # Bare packages: the real __init__ modules would import Gymnasium.
            (modules / package / "__init__.py").touch()
    (modules / f"hashseed{_LIBRARY_SUFFIX}").write_bytes(wat2wasm((_HERE / "hashseed.wat").read_text(encoding="utf-8")))
    environment = folder / "environment"
    environment.mkdir()
    output = folder / "programs.wasm"
    command = [
        *(sys.executable, "-c", "import sys, componentize_py; sys.exit(componentize_py.script())"),
        *("--quiet", "--wit-path", str(_HERE / "programs.wit"), "--world", "programs"),
        *("componentize", "--python-path", str(modules), "--stub-wasi", "--output", str(output), "instance"),
    ]
    try:
        subprocess.run(
            command,
            env={**os.environ, "VIRTUAL_ENV": str(environment)},  # else it would look into this Python's packages
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_BUILD_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise InterpreterError(f"componentize-py could not build the WebAssembly engine: {error.stderr[-2_000:]}") from None
    except subprocess.TimeoutExpired:
        raise InterpreterError(f"componentize-py did not build the WebAssembly engine in {_BUILD_SECONDS} seconds") from None
    return output.read_bytes()
