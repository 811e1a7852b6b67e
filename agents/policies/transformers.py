"""Language models by hub id or folder: CodeLlama, Qwen2.5-Coder and whatever else transformers can load, with LoRA adapters.

What is read here is given to `LanguageModelPolicy`. Importing this module imports neither torch nor transformers.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vispro_agents.errors import UsageError, first_words
from vispro_agents.policies.base import MAX_NEW_TOKENS
from vispro_agents.policies.prompting import PromptStyle

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

    from vispro_agents.policies.language_model import LanguageModelPolicy

Dtype = Literal["auto", "float32", "bfloat16"]
Quantize = Literal["none", "4bit"]


@dataclass(frozen=True)
class PretrainedArgs:
    """Which pretrained model, what of it is trained, and where it runs."""

    model: str = "tiny"
    """'tiny' (made from the run's own texts), or a hub id or folder of a model."""
    chat: Literal["auto", "yes", "no"] = "auto"
    """Whether prompts are turns of a chat. auto: if the model has a chat template."""
    lora_rank: int = 16
    """Rank of the LoRA adapters; 0 trains all weights."""
    lora_alpha: int = 32
    """What the adapters are scaled by, divided by their rank."""
    lora_dropout: float = 0.05
    """Share of the adapters' input that is dropped in training."""
    lora_targets: str = "q_proj,k_proj,v_proj,o_proj"
    """Names of the layers that get adapters, with commas between them; or all-linear."""
    quantize: Quantize = "none"
    """How the weights below the adapters are kept: none, or 4bit (NF4; needs bitsandbytes and a GPU)."""
    dtype: Dtype = "auto"
    """Number format of the weights. auto: bfloat16 on a GPU, else float32, as always for weights that are trained themselves."""
    device: str = "auto"
    """Where the model runs: auto (a GPU if there is one), cpu, cuda, or cuda:1."""
    max_new_tokens: int = MAX_NEW_TOKENS
    """Tokens after which a reply is cut."""
    sampling_batch_size: int = 64
    """Replies that are written at once. Fewer need less memory."""


@dataclass(frozen=True)
class ModelArgs(PretrainedArgs):
    """Which language model writes programs, and how."""

    model: str = "tiny"
    """'tiny' (made from the run's own queries and demonstrations), or a hub id or folder of a causal language model."""
    prompt: PromptStyle = "full"
    """What the model reads when it writes programs: comment (the query), short (an instruction), full (language and examples)."""
    training_prompt: PromptStyle = "short"
    """What the model reads when it is cloned: imitation of demonstrations, and Improve. A policy gradient reads `prompt`."""


def load_model(args: ModelArgs, seed: int = 0) -> LanguageModelPolicy:
    """Read a pretrained model, give it fresh adapters, and make a policy of it.

    Args:
        args: Which model, and how. "tiny" is none that can be read, see `create_tiny`.
        seed: Seed of the adapters' initial weights. They change nothing until they are trained. The global random state is
            neither used nor changed.

    Raises:
        UsageError: If there is no such model, it is none that writes text, or the machine lacks what it needs.
    """
    from vispro_agents.policies.language_model import LanguageModelPolicy, quiet

    if args.model == "tiny":
        raise UsageError(
            "'tiny' is made from the queries and programs of a run, see `create_tiny`. Name a model of the hub or a folder."
        )
    refuse_adapter(args.model)
    with quiet():
        model = read_model(args.model, device=args.device, dtype=args.dtype, quantize=args.quantize)
        tokenizer = read_tokenizer(args.model)
        if args.lora_rank:
            model = add_adapters(model, args, seed)
    return LanguageModelPolicy(
        model,
        tokenizer,
        name=Path(args.model).name,
        style=args.prompt,
        training_style=args.training_prompt,
        chat=bool(tokenizer.chat_template) if args.chat == "auto" else args.chat == "yes",
        max_new_tokens=args.max_new_tokens,
        batch_size=args.sampling_batch_size,
        quantize=args.quantize,
    )


def refuse_adapter(source: str) -> None:
    """Raise a `UsageError` if a folder holds an adapter rather than a whole model."""
    if (Path(source) / "adapter_config.json").is_file():
        raise UsageError(
            f"--model {source} is an adapter, expected a whole model. Merge it first: "
            f"vispro-agents merge --policy {source} --out merged"
        )


def merge(path: Path | str, out: Path | str) -> None:
    """Add a policy's adapter to the weights below it, and write a plain model that needs no adapter.

    Args:
        path: Folder of a policy with an adapter, see `LanguageModelPolicy.save`.
        out: Folder of the new policy. Weights have the number format of the model below the adapter.

    Raises:
        UsageError: If the folder holds no adapter, or that of the new policy exists, or what `LanguageModelPolicy.load` says.
    """
    from vispro_agents.policies.language_model import LanguageModelPolicy

    if Path(out).exists():
        raise UsageError(f"{out} is there already. Choose another folder, or remove it.")
    if not (Path(path) / "adapter_config.json").is_file():
        raise UsageError(f"{path} holds no adapter: expected adapter_config.json. There is nothing to merge.")
    # Weights of 4 bits lose what is added to them, so those that they were made from are taken.
    policy = LanguageModelPolicy.load(Path(path), device="cpu", dtype=None, quantize="none")
    policy.model = policy.model.merge_and_unload()
    policy.save(Path(out))


def read_tokenizer(source: str) -> PreTrainedTokenizerBase:
    """Read the tokenizer of a model by hub id or folder.

    Raises:
        UsageError: If there is none.
    """
    from transformers import AutoTokenizer

    with telling("tokenizer", source):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(source)
    for key in ("is_local", "local_files_only"):  # how it was read is no property of it, and would be saved with it
        tokenizer.init_kwargs.pop(key, None)
    return tokenizer


def read_model(source: str, *, device: str, dtype: Dtype | None, quantize: Quantize, sees: bool = False) -> Any:
    """Read a model, or an adapter and the model below it, by hub id or folder.

    Args:
        source: Hub id or folder.
        sees: Whether it is one of pictures and text, else one of text alone.
        device: See `ModelArgs`.
        dtype: See `ModelArgs`; None for the number format in which the weights were saved.
        quantize: See `ModelArgs`.

    Returns:
        A `PreTrainedModel`, or a `PeftModel` whose adapter can be trained; in evaluation mode.

    Raises:
        UsageError: If there is no such model, it is none that writes text, or the machine lacks what it needs.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, BitsAndBytesConfig
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
    )

    place = resolve_device(device)
    if (Path(source) / "adapter_config.json").is_file():
        return _read_adapter(source, device=device, dtype=dtype, quantize=quantize, sees=sees)
    if Path(source).is_dir() and not (Path(source) / "config.json").is_file():
        raise UsageError(f"{source} holds no model: expected config.json, model.safetensors and tokenizer.json in it.")
    with telling("model", source):
        config = AutoConfig.from_pretrained(source)
    known = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES if sees else MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    if config.model_type not in known:
        wanted = "a model of pictures and text such as LLaVA or Qwen2.5-VL" if sees else "a causal language model such as Llama"
        raise UsageError(f"{source} is a model of type {config.model_type!r}, expected {wanted}.")
    options: dict[str, Any] = {"dtype": _resolve_dtype(dtype, place)}
    if quantize == "4bit":
        _check_quantization(place)
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
        options["device_map"] = {"": place}
    with telling("model", source):
        kind = AutoModelForImageTextToText if sees else AutoModelForCausalLM
        model, report = kind.from_pretrained(source, output_loading_info=True, **options)
    if missing := sorted(report["missing_keys"]):
        raise UsageError(
            f"{source} has no weights for {len(missing)} tensors of {type(model).__name__}, such as {missing[0]!r}. "
            "Choose a model that was trained to write text."
        )
    if model._is_stateful:
        raise UsageError(
            f"{source} is a {type(model).__name__}, which keeps a state rather than keys and values. "
            "Choose a model with attention alone, such as Llama or Qwen2.5."
        )
    return (model if quantize == "4bit" else model.to(place)).eval()


def _read_adapter(folder: str, *, device: str, dtype: Dtype | None, quantize: Quantize, sees: bool) -> Any:
    from peft import PeftModel

    path = Path(folder) / "adapter_config.json"
    try:
        below = json.loads(path.read_text(encoding="utf-8"))["base_model_name_or_path"]
        model = read_model(below, device=device, dtype=dtype, quantize=quantize, sees=sees)
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is damaged ({error!r}). Expected what PEFT writes beside an adapter.") from error
    except UsageError as error:
        raise UsageError(f"The model below the adapter in {folder} is not to be had. {error} {path} says where it is.") from error
    with telling("adapter", folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PeftModel.from_pretrained(model, folder, is_trainable=True).eval()


def add_adapters(model: Any, args: PretrainedArgs, seed: int) -> Any:
    """Put fresh LoRA adapters on a model; nothing else of it is trained then.

    Args:
        model: A model of transformers.
        args: Which layers, and how.
        seed: Seed of the adapters' initial weights. The global random state is neither used nor changed.

    Raises:
        UsageError: If the model has no such layers.
    """
    import torch
    from peft import LoraConfig, get_peft_model

    if Path(args.model).is_dir():
        model.name_or_path = str(Path(args.model).resolve())  # saved beside the adapter, and read from anywhere
    targets = args.lora_targets if args.lora_targets == "all-linear" else [name.strip() for name in args.lora_targets.split(",")]
    config = LoraConfig(
        r=args.lora_rank,
        lora_alpha=args.lora_alpha,
        lora_dropout=args.lora_dropout,
        target_modules=targets,
        bias="none",
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.default_generator.manual_seed(seed)
        try:
            return get_peft_model(model, config).eval()
        except ValueError as error:
            layers = {
                name.rpartition(".")[2]
                for name, module in model.named_modules()
                if getattr(getattr(module, "weight", None), "ndim", 0) == 2 and not isinstance(module, torch.nn.Embedding)
            }
            raise UsageError(
                f"--lora-targets {args.lora_targets!r} does not fit {args.model}: {first_words(error)}. "
                f"Its layers are called {', '.join(sorted(layers))}; all-linear takes all but the last."
            ) from error


def resolve_device(name: str) -> torch.device:
    """The device that `--device` names.

    Raises:
        UsageError: If there is none of that name here.
    """
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda" if gpus else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"--device {name!r} is unknown. Expected auto, cpu, cuda, or cuda:1.")
    if device.type == "cuda" and (device.index or 0) >= gpus:
        raise UsageError(f"--device {name!r} asks for a GPU that torch can use; this machine has {gpus}. Use auto or cpu.")
    return device


def _resolve_dtype(name: Dtype | None, device: torch.device) -> Any:
    import torch

    if name is None:
        return "auto"  # of transformers, which is the saved one
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return getattr(torch, name)


def _check_quantization(device: torch.device) -> None:
    if device.type != "cuda":
        raise UsageError("--quantize 4bit needs a GPU, and this run has none. Use --quantize none.")
    if find_spec("bitsandbytes") is None:
        raise UsageError("--quantize 4bit needs bitsandbytes. Install it (pip install bitsandbytes), or use --quantize none.")


@contextmanager
def telling(what: str, source: str) -> Iterator[None]:
    """Turns whatever goes wrong in reading into one line that says what to do."""
    try:
        yield
    except ImportError as error:
        raise UsageError(
            f"The {what} {source!r} needs something that is not installed: {first_words(error)}. Install it."
        ) from error
    except Exception as error:  # damaged files fail in as many ways as there are libraries
        if Path(source).is_dir():
            advice = "Check the files of the folder."
        elif source.startswith((".", "/", "~")) or source.count("/") > 1:
            raise UsageError(
                f"The {what} {source!r} cannot be read: there is no such folder. Give a folder or a hub id."
            ) from error
        else:
            advice = f"It is no folder here. Fetch it where there is a network (hf download {source}), or give a folder."
        raise UsageError(f"The {what} {source!r} cannot be read: {first_words(error)}. {advice}") from error
