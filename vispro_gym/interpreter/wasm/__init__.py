"""A second engine for programs: CPython inside WebAssembly. See `engine.WasmInterpreter`.

It needs nothing of the operating system, so it confines programs on macOS, on Windows and in containers as well as on Linux.
"""

from __future__ import annotations

import importlib.util

for _module in ("wasmtime", "componentize_py"):
    if importlib.util.find_spec(_module) is None:
        raise ImportError(
            f'the WebAssembly engine needs {_module}, which is not installed: pip install "vispro-gym[wasm]"', name=_module
        )
