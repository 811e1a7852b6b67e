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

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from vispro_agents.errors import UsageError
from vispro_agents.policies.base import Completion, Policy, Prompt, Sampler, Sampling

if TYPE_CHECKING:
    from vispro_gym.datasets.base import Dataset

__all__ = ["Completion", "Policy", "Prompt", "Sampler", "Sampling", "load_policy"]

_EXPECTED = (
    "Expected 'expert', 'random', 'constant:TEXT', 'crash', the folder of a training run or of one saved policy, "
    "'module:attribute', or a model with its options: "
    'transformers(model="..."), vllm(model="...") or openai(model="...", base_url="...").'
)
_CALL = re.compile(r"\s*(\w+)\s*\(")
_FACTORIES = {
    "random": ("vispro_agents.policies.fixed", "RandomPolicy", "agents"),
    "transformers": ("vispro_agents.policies.transformers", "ModelArgs", "agents"),
    "vllm": ("vispro_agents.policies.vllm", "VLLMPolicy", "vllm"),
    "openai": ("vispro_agents.policies.openai", "OpenAIPolicy", "openai"),
}  # Name in a text -> module, what takes the options, and the extra that brings what the module needs.
_SAVED = ("policy.json", "adapter_config.json", "config.json")
_OF_TRAINING = re.compile("lora_|training_")  # Options of a model that a frozen one has no use for.


def load_policy(spec: str, dataset: Dataset) -> Policy:
    """Load the policy that a text names.

    Args:
        spec: One of
            "expert": the translation of the dataset's functional programs (privileged, see `ExpertPolicy`);
            "random": random programs from the grammar, or `random(seed=1)`;
            "constant:TEXT": a program that answers TEXT;
            "crash": a program that raises;
            a folder: a training run (its last policy) or one saved policy inside it;
            "module:attribute": your own policy class or factory, called without arguments;
            `transformers(model="...", prompt="full")`: a model of the hub or a folder as it is, with the options of `ModelArgs`;
            `vllm(model="...", adapter="...")`: the same through vLLM, with the options of `VLLMPolicy`;
            `openai(model="...", base_url="...")`: a model behind an endpoint, with the options of `OpenAIPolicy`.
            The last three are read as Python, and nothing of them is run.
        dataset: The dataset that prompts will be from; only the expert reads it.

    Raises:
        UsageError: If the text names none of these, or what it names cannot be loaded.
    """
    if spec in ("expert", "crash") or spec.startswith("constant:"):
        from vispro_agents.policies.fixed import ConstantPolicy, CrashPolicy, ExpertPolicy

        if spec == "expert":
            return ExpertPolicy(dataset)
        return CrashPolicy() if spec == "crash" else ConstantPolicy(spec.removeprefix("constant:"))
    if spec in _FACTORIES:
        return _make(spec, {}, spec)
    if _CALL.match(spec):
        return _make(*_read_call(spec), spec)
    if spec and Path(spec).is_dir():
        return _load_trained(Path(spec))
    if ":" in spec:
        return _load_own(spec)
    raise UsageError(f"--policy {spec!r} is neither a folder nor a known policy. {_EXPECTED}")


def _read_call(spec: str) -> tuple[str, dict[str, Any]]:
    """Name and options of a text such as `name(option="value")`."""
    try:
        node = ast.parse(spec.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UsageError(f"--policy {spec!r} cannot be read. {_EXPECTED}") from None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in _FACTORIES:
        raise UsageError(f"--policy {spec!r} is unknown. {_EXPECTED}")
    options: dict[str, Any] = {}
    wrong = [*node.args, *(option.value for option in node.keywords if option.arg is None)]
    if wrong:
        raise UsageError(f"--policy {spec!r}: options are written name=value, not {ast.unparse(wrong[0])!r}.")
    for option in node.keywords:
        name = str(option.arg)
        if name in options:
            raise UsageError(f"--policy {spec!r}: the option {name!r} is there twice.")
        try:
            options[name] = ast.literal_eval(option.value)
        except (ValueError, TypeError):
            raise UsageError(
                f"--policy {spec!r}: {ast.unparse(option.value)!r} is no value. "
                "Expected a number, True, False, None, or a text in quotes."
            ) from None
    return node.func.id, options


def _make(name: str, options: dict[str, Any], spec: str) -> Policy:
    """The policy of a name in `_FACTORIES`."""
    path, attribute, extra = _FACTORIES[name]
    try:
        module = importlib.import_module(path)
        make = getattr(module, attribute)
        policy: Policy
        if name == "transformers":
            _check(make, options, spec, hidden=_OF_TRAINING)
            policy = module.load_model(make(**options, lora_rank=0))
        else:
            _check(make, options, spec)
            policy = make(**options)
    except ImportError as error:
        raise UsageError(
            f'--policy {spec!r} needs a library that is not installed ({error}). Install it: pip install "vispro-gym[{extra}]"'
        ) from error
    return policy


def _check(make: Callable[..., Any], options: Mapping[str, Any], spec: str, hidden: re.Pattern[str] | None = None) -> None:
    """Refuses options that `make` does not take, or not with such a value."""
    parameters = {
        name: parameter for name, parameter in inspect.signature(make).parameters.items() if not (hidden and hidden.match(name))
    }
    hints = get_type_hints(make.__init__ if inspect.isclass(make) else make)
    for name, value in options.items():
        if name not in parameters:
            raise UsageError(f"--policy {spec!r}: the option {name!r} is unknown. Expected some of: {', '.join(parameters)}.")
        if not _fits(value, hints[name]):
            hint = inspect.formatannotation(hints[name])
            raise UsageError(f"--policy {spec!r}: {name}={value!r} is not of the right kind. Expected {hint}.")
    for name, parameter in parameters.items():
        if name not in options and (name == "model" or parameter.default is parameter.empty):
            raise UsageError(f'--policy {spec!r}: the option {name!r} is missing. Write {name}="..." between the brackets.')


def _fits(value: object, hint: Any) -> bool:
    if get_origin(hint) in (Union, UnionType):
        return any(_fits(value, part) for part in get_args(hint))
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    return type(value) in {float: (float, int), Path: (str,)}.get(hint, (hint,))


def _load_trained(path: Path) -> Policy:
    """The policy saved in `path`, or the last of the training run in `path`."""
    if not any((path / name).is_file() for name in _SAVED):
        from vispro_agents.curve import last_policy_path

        path = last_policy_path(path)  # or it says that there is none
    from vispro_agents.policies.language_model import LanguageModelPolicy  # imports torch

    return LanguageModelPolicy.load(path)


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
