"""Policies: prompts in, program texts out.

A policy of one's own is a class (or a function that returns an object) with a `name` and a method `propose`, importable from
the working directory:

    class Mine:
        name = "mine"

        def propose(self, prompts):
            return [write_program(prompt.query) for prompt in prompts]

and is evaluated with `vispro-agents evaluate --policy my_module:Mine`.
"""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import TYPE_CHECKING

from vispro_agents.errors import UsageError
from vispro_agents.policies.base import Policy, Prompt

if TYPE_CHECKING:
    from vispro_gym.datasets.base import Dataset

__all__ = ["Policy", "Prompt", "load_policy"]

_EXPECTED = (
    "Expected 'expert', 'constant:TEXT', 'crash', the folder of a training run or of one saved policy, or 'module:attribute'."
)


def load_policy(spec: str, dataset: Dataset) -> Policy:
    """Load the policy that a text names.

    Args:
        spec: One of
            "expert": the translation of the dataset's functional programs (privileged, see `ExpertPolicy`);
            "constant:TEXT": a program that answers TEXT;
            "crash": a program that raises;
            a folder: a training run (its policy with the best held-out reward) or one saved policy inside it;
            "module:attribute": your own policy class or factory, called without arguments.
        dataset: The dataset that prompts will be from; only the expert reads it.

    Raises:
        UsageError: If the text names none of these, or what it names cannot be loaded.
    """
    if spec in ("expert", "crash") or spec.startswith("constant:"):
        from vispro_agents.policies.fixed import ConstantPolicy, CrashPolicy, ExpertPolicy

        if spec == "expert":
            return ExpertPolicy(dataset)
        return CrashPolicy() if spec == "crash" else ConstantPolicy(spec.removeprefix("constant:"))
    if spec and Path(spec).is_dir():
        return _load_trained(Path(spec))
    if ":" in spec:
        return _load_own(spec)
    raise UsageError(f"--policy {spec!r} is neither a folder nor a known policy. {_EXPECTED}")


def _load_trained(path: Path) -> Policy:
    """The policy saved in `path`, or the best of the training run in `path`."""
    if not (path / "config.json").is_file():
        from vispro_agents.filtered_bc import best_policy_path

        path = best_policy_path(path)
    from safetensors import SafetensorError

    from vispro_agents.policies.tiny import TinyPolicy  # imports torch

    try:
        return TinyPolicy.load(path)
    except (OSError, ValueError, SafetensorError) as error:
        raise UsageError(f"The policy in {path} cannot be read: {error}") from error


def _load_own(spec: str) -> Policy:
    module_name, _, attribute = spec.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UsageError(f"--policy {spec!r}: {error}. {_EXPECTED}") from error
    factory = getattr(module, attribute, None)
    if not callable(factory):
        raise UsageError(
            f"--policy {spec!r}: the module {module_name} has no class or function {attribute!r}. "
            "Expected one that can be called without arguments and gives a policy."
        )
    try:
        inspect.signature(factory).bind()
    except TypeError as error:
        raise UsageError(f"--policy {spec!r}: {attribute} cannot be called without arguments ({error}).") from None
    policy: Policy = factory()
    if not callable(getattr(policy, "propose", None)):
        raise UsageError(f"--policy {spec!r} gives {policy!r:.80}, which has no method 'propose'.")
    if not isinstance(getattr(policy, "name", None), str):
        raise UsageError(f"--policy {spec!r} gives {policy!r:.80}, which has no 'name'. Expected a str.")
    return policy
