"""Learners for `vispro_gym` environments: policies that write visual programs, and what trains and measures them.

Installed as the import package `vispro_agents`. Policies are in `vispro_agents.policies`; `filtered_bc` and `reinforce` train one
by its own rewards, `evaluate` measures any of them, `demo` shows it all. Everything here stands on the public surface of
`vispro_gym` (environments, engine, datasets); `vispro_gym` knows nothing of this package.

Importing this package, or a module of it that does not train, does not import torch.
"""

from __future__ import annotations

import os

# Libraries that report their use to their makers, unless these are set before they are imported.
for name in ("HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK", "VLLM_NO_USAGE_STATS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # trackio's
os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
del name

# Threads of torch wait for each other at every operation. By default they spin for milliseconds before they let go of the core,
# which on a busy machine makes two threads several times slower than one. Read when torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
