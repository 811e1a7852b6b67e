"""Learners for `vispro_gym` environments: policies that write visual programs, and what trains and measures them.

Installed as the import package `vispro_agents`. Policies are in `vispro_agents.policies`; `filtered_bc` trains one by its own
rewards, `evaluate` measures any of them, `demo` shows both. Everything here stands on the public surface of `vispro_gym`
(environments, engine, datasets); `vispro_gym` knows nothing of this package.

Importing this package, or a module of it that does not train, does not import torch.
"""

from __future__ import annotations

import os

# TRL reports every trainer that is built to its makers unless this is set before huggingface_hub is imported.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

# Threads of torch wait for each other at every operation. By default they spin for milliseconds before they let go of the core,
# which on a busy machine makes two threads several times slower than one. Read when torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
