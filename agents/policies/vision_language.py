"""A vision-language model as a policy: it reads a picture and a text, writes a reply, and says what it expects to earn.

Any image-text-to-text model of transformers (LLaVA, Qwen2.5-VL, ...). Replies are drawn by `model.generate`, which knows how each
architecture reads pictures; what token comes next is decided here, so that draws are seeded row by row and the log-probabilities
are those of the softmax that was drawn from.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from vispro_agents.errors import UsageError
from vispro_agents.policies.base import Completion, Sampling
from vispro_agents.policies.forward import base_model, parameters_of
from vispro_agents.policies.generation import check_sampling, draw, uniforms_of
from vispro_agents.policies.language_model import end_ids, quiet
from vispro_agents.policies.processors import read_processor
from vispro_agents.policies.replies import ReplyCodec
from vispro_agents.policies.transformers import Dtype, PretrainedArgs, add_adapters, read_model, refuse_adapter

_SETTINGS = "vision_language_policy.json"
_SAVED: dict[str, type] = {"chat": bool, "max_new_tokens": int, "batch_size": int, "short": bool}
_VALUE_HEAD = "value_head.safetensors"
_KEPT_BYTES = 1 << 28
_WIDEST = 1024  # of the value head


@dataclass(frozen=True)
class VisionLanguageArgs(PretrainedArgs):
    """Which vision-language model acts, what of it is trained, and where it runs."""

    model: str = "tiny"
    """'tiny' (made for the task, without pretraining), or a hub id or folder of a model of pictures and text, for example
    llava-hf/llava-v1.6-mistral-7b-hf or Qwen/Qwen2.5-VL-7B-Instruct. A policy of a run keeps its adapters and settings."""
    lora_rank: int = 128
    """Rank of the LoRA adapters; 0 trains all weights. The tiny model has none."""
    lora_alpha: int = 256
    """What the adapters are scaled by, divided by their rank."""
    lora_targets: str = "all-linear"
    """Names of the layers that get adapters, with commas between them; or all-linear, those of the image encoder among them."""
    max_new_tokens: int = 256
    """Tokens after which a reply is cut."""
    sampling_batch_size: int = 32
    """Replies that are written at once. Fewer need less memory."""


class View(NamedTuple):
    """What the model reads.

    Attributes:
        text: The text.
        image: The picture, uint8 of shape `(H, W, 3)`.
    """

    text: str
    image: NDArray[np.uint8]


@dataclass(frozen=True)
class Encoded:
    """A view as the model reads it.

    Attributes:
        ids: Token ids, those that stand for the picture among them.
        aligned: Further numbers per token, by the name of the model's argument.
        others: All other arguments, the picture among them; those of several views are put one after the other.
    """

    ids: list[int]
    aligned: dict[str, list[int]]
    others: dict[str, Tensor]


class Judged(NamedTuple):
    """What the model says of replies.

    Attributes:
        log_probs: Log-probability of each token, float32 of shape `(rows, longest reply)`; 0 where there is none.
        mask: Whether there is a token, bool of that shape.
        values: What the model expects to earn from each view on, float32 of shape `(rows,)`.
    """

    log_probs: Tensor
    mask: Tensor
    values: Tensor


class ValueHead(nn.Module):
    """Predicts a return from the last hidden state of a prompt; three layers, as in RL4VLM."""

    def __init__(self, width: int, seed: int = 0) -> None:
        super().__init__()
        inner = min(_WIDEST, 4 * width)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.layers = nn.Sequential(
                nn.Linear(width, inner), nn.ReLU(), nn.Linear(inner, inner // 2), nn.ReLU(), nn.Linear(inner // 2, 1)
            )

    def forward(self, states: Tensor) -> Tensor:
        """Values `(rows,)` of states `(rows, width)`."""
        values: Tensor = self.layers(states.float())[:, 0]
        return values


class VisionLanguagePolicy:
    """An image-text-to-text model with its processor and a value head.

    Args:
        model: A `PreTrainedModel` of pictures and text, or a `PeftModel` around one.
        processor: Its processor.
        name: Name for tables and logs.
        value_head: Predicts returns; None for a fresh one.
        chat: Whether a text is a user's turn in the processor's chat template, and the reply the assistant's.
        max_new_tokens: Where replies are cut.
        batch_size: Rows per forward pass when drawing. What is drawn depends on it by rounding only.
        short: Whether it is told a few words only, having learned the task from demonstrations.

    Raises:
        UsageError: If `chat` is asked for and there is no chat template.
    """

    def __init__(
        self, model: Any, processor: Any, *, name: str, value_head: ValueHead | None = None, chat: bool = False,
        max_new_tokens: int = 256, batch_size: int = 32, short: bool = False,
    ) -> None:  # fmt: skip
        if chat and not processor.chat_template:
            raise UsageError(f"The processor of {name} has no chat template. Use --chat no, or an instruction-tuned model.")
        self.model = model
        self.processor = processor
        self.name = name
        self.chat = chat
        self.max_new_tokens = max_new_tokens
        self.batch_size = batch_size
        self.short = short
        self.replies = ReplyCodec(processor.tokenizer, self._chat_text if chat else None)
        width = base_model(model).config.get_text_config().hidden_size
        self.value_head = (value_head or ValueHead(width)).to(model.device)
        # What stands for pictures in a prompt can never be written: there would be no picture to put in its place.
        config = base_model(model).config
        places = {getattr(config, name, None) for name in ("image_token_id", "image_token_index", "video_token_id")}
        self._unwritten = sorted(token for token in places if token is not None)
        self._encoded: OrderedDict[tuple[str, tuple[int, ...], bytes], Encoded] = OrderedDict()

    def to(self, device: torch.device) -> VisionLanguagePolicy:
        """Move it to a device; returns itself."""
        self.model.to(device)
        self.value_head.to(device)
        return self

    @property
    def num_parameters(self) -> int:
        """Number of the model's weights; tied ones count once."""
        return int(base_model(self.model).num_parameters())

    @property
    def weights(self) -> list[nn.Parameter]:
        """The weights of the model that are trained; those of the value head are beside them."""
        return [weight for weight in self.model.parameters() if weight.requires_grad]

    def encode(self, view: View) -> Encoded:
        """A view as the model reads it. Those of late are kept: they are read while acting and in each epoch of learning."""
        key = (view.text, view.image.shape, blake2b(view.image.tobytes(), digest_size=16).digest())
        if key in self._encoded:
            self._encoded.move_to_end(key)
            return self._encoded[key]
        text = view.text.encode(errors="replace").decode()
        for token in self._unwritten:
            mark = self.processor.tokenizer.convert_ids_to_tokens(token)
            text = text.replace(mark, f"{mark[0]} {mark[1:]}")
        content = [{"type": "image"}, {"type": "text", "text": text}]
        if self.chat:
            prompt = self._chat_text([{"role": "user", "content": content}], True)
        else:
            prompt = f"{self.processor.image_token}{text}\n"
        first = self.processor.tokenizer.bos_token
        begun = {"add_special_tokens": False} if self.chat and first and prompt.startswith(first) else {}  # by the template
        rows = self.processor(text=[prompt], images=[view.image], return_tensors="pt", **begun)
        ids = rows.pop("input_ids")
        rows.pop("attention_mask")
        aligned = {name: values[0].tolist() for name, values in rows.items() if values.shape == ids.shape}
        others = {name: values for name, values in rows.items() if name not in aligned}
        found = Encoded(ids[0].tolist(), aligned, others)
        self._encoded[key] = found
        size = sum(values.nbytes for values in others.values())
        while len(self._encoded) > max(1, _KEPT_BYTES // size):
            self._encoded.popitem(last=False)
        return found

    def complete(self, views: Sequence[View], sampling: Sampling, seed: int) -> list[Completion]:
        """Draw one reply per view, in order.

        The reply to the n-th view is a function of that view, n, the sampling and the seed, but for rounding.

        Args:
            views: What is shown.
            sampling: How to draw.
            seed: Seed of all draws of this call. The global random state is neither used nor changed.
        """
        check_sampling(sampling)
        encoded = [self.encode(view) for view in views]
        order = sorted(range(len(views)), key=lambda row: (len(encoded[row].ids), row))
        found: dict[int, Completion] = {}
        self.model.eval()
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            found |= zip(rows, self._draw([encoded[row] for row in rows], sampling, seed, rows), strict=True)
        return [found[row] for row in range(len(views))]

    def judge(self, views: Sequence[Encoded], replies: Sequence[Sequence[int]], temperature: float = 1.0) -> Judged:
        """Log-probabilities of replies, and values of views, with gradients unless the caller turns them off.

        Args:
            views: What was shown.
            replies: Token ids of a reply to each; may be empty.
            temperature: What logits are divided by; greater than 0.
        """
        # Filled up on the right, so that each token has the position that it would have alone, whatever positions a model uses.
        inputs = self._batch([(view, reply) for view, reply in zip(views, replies, strict=True)], left=False)
        lengths = [len(view.ids) for view in views]
        width = max(map(len, replies))
        keep = inputs["input_ids"].shape[1] - min(lengths) + 1
        wanted: dict[str, Any] = {"logits_to_keep": keep} if "logits_to_keep" in parameters_of(self.model) else {}
        output = self.model(**inputs, **wanted, output_hidden_states=True, use_cache=False)
        device = output.logits.device
        ends = torch.tensor(lengths, device=device)
        values = self.value_head(output.hidden_states[-1][torch.arange(len(ends), device=device), ends - 1])
        mask = torch.arange(width, device=device) < torch.tensor([len(reply) for reply in replies], device=device)[:, None]
        if not width:
            return Judged(values.new_zeros(mask.shape), mask, values)
        logits = output.logits[:, -keep:]
        # The logits for a token are those of the place before it.
        places = (ends - 1 - (inputs["input_ids"].shape[1] - keep))[:, None] + torch.arange(width, device=device)
        places = places.clamp(max=keep - 1)
        logits = logits.gather(1, places[..., None].expand(-1, -1, logits.shape[-1])).float() / temperature
        logits[..., self._unwritten] = -torch.inf
        ids = torch.tensor([[*reply, *[0] * (width - len(reply))] for reply in replies], device=device)
        chosen = logits.gather(-1, ids[..., None])[..., 0] - logits.logsumexp(-1)
        return Judged(chosen.masked_fill(~mask, 0.0), mask, values)

    def save(self, folder: Path) -> None:
        """Write the policy into a folder: weights, or the adapter alone, processor, value head and settings."""
        folder.mkdir(parents=True, exist_ok=True)
        adapter = hasattr(self.model, "peft_config")
        with quiet():
            self.model.save_pretrained(folder, **({"save_embedding_layers": False} if adapter else {}))
            self.processor.save_pretrained(folder)
        save_file({name: value.contiguous() for name, value in self.value_head.state_dict().items()}, folder / _VALUE_HEAD)
        settings = {name: getattr(self, name) for name in _SAVED}
        (folder / _SETTINGS).write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, args: PretrainedArgs | None = None) -> VisionLanguagePolicy:
        """Read a policy that `save` wrote.

        Args:
            folder: The folder.
            args: Says where it runs and in which number format; None for the defaults.

        Raises:
            UsageError: If the folder holds none, or a file of it is damaged.
        """
        args = args or VisionLanguageArgs()
        try:
            settings = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
            if [type(settings[key]) for key in _SAVED] != list(_SAVED.values()):
                raise TypeError(f"settings {settings}")
            weights = load_file(folder / _VALUE_HEAD)
            dtype = _dtype_of(args, has_adapters=(folder / "adapter_config.json").is_file())
            with quiet():
                model = read_model(str(folder), device=args.device, dtype=dtype, quantize=args.quantize, sees=True)
                processor = read_processor(str(folder), base_model(model).config.model_type)
            head = ValueHead(base_model(model).config.get_text_config().hidden_size)
            head.load_state_dict(weights)
            return cls(
                model, processor, name=folder.name, value_head=head, **{name: settings[name] for name in _SAVED}
            )  # fmt: skip
        except FileNotFoundError as error:
            missing = Path(error.filename).name if error.filename else _VALUE_HEAD
            raise UsageError(f"{folder} holds no vision-language policy: {missing} is missing.") from None
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise UsageError(f"{folder} holds a vision-language policy that is damaged: {error!r:.200}.") from error

    def _chat_text(self, messages: list[Any], reply_follows: bool) -> str:
        messages = [
            message | {"content": [{"type": "text", "text": message["content"]}]}
            if isinstance(message["content"], str)
            else message
            for message in messages
        ]
        # Models that think in a manner of their own before they answer are asked not to; other templates would warn of it.
        asked = {"enable_thinking": False} if "enable_thinking" in str(self.processor.chat_template) else {}
        return str(self.processor.apply_chat_template(messages, add_generation_prompt=reply_follows, **asked))

    def _batch(self, rows: Sequence[tuple[Encoded, Sequence[int]]], *, left: bool) -> dict[str, Tensor]:
        """The model's arguments for views and the tokens that follow them."""
        width = max(len(view.ids) + len(after) for view, after in rows)

        def filled(values: Sequence[int], fill: int) -> list[int]:
            rest = [fill] * (width - len(values))
            return [*rest, *values] if left else [*values, *rest]

        pad = self.processor.tokenizer.pad_token_id
        texts: dict[str, list[list[int]]] = {
            "input_ids": [filled([*view.ids, *after], pad) for view, after in rows],
            "attention_mask": [filled([1] * (len(view.ids) + len(after)), 0) for view, after in rows],
        }
        first = rows[0][0]
        for name in first.aligned:
            texts[name] = [filled([*view.aligned[name], *[0] * len(after)], 0) for view, after in rows]
        device, dtype = self.model.device, self.model.dtype
        inputs = {name: torch.tensor(values, device=device) for name, values in texts.items()}
        for name in first.others:
            values = torch.cat([view.others[name] for view, _ in rows]).to(device)
            inputs[name] = values.to(dtype) if values.is_floating_point() else values
        return inputs

    @torch.no_grad()
    def _draw(self, views: Sequence[Encoded], sampling: Sampling, seed: int, rows: Sequence[int]) -> list[Completion]:
        most = sampling.max_new_tokens or self.max_new_tokens
        uniforms = None
        if sampling.temperature > 0.0:
            uniforms = torch.stack([uniforms_of(seed, row, most) for row in rows]).to(self.model.device)
        drawing = _Drawing(sampling, uniforms, self._unwritten)
        inputs = self._batch([(view, ()) for view in views], left=True)
        ends = end_ids(self.model, self.replies)
        pad = self.processor.tokenizer.pad_token_id
        with _own_settings(base_model(self.model), GenerationConfig(eos_token_id=sorted(ends), pad_token_id=pad)):
            drawn = self.model.generate(
                **inputs, max_new_tokens=most, do_sample=False, logits_processor=LogitsProcessorList([drawing])
            )
        tokens = drawn[:, inputs["input_ids"].shape[1] :].tolist()
        log_probs = torch.stack(drawing.log_probs, 1)
        completions = []
        for row, row_log_probs in zip(tokens, log_probs.tolist(), strict=True):
            length = next((i + 1 for i, token in enumerate(row) if token in ends), len(row))
            if not np.isfinite(row_log_probs[:length]).all():
                raise UsageError(
                    "The model's probabilities are not numbers: its training diverged. Go back to an earlier policy, and train "
                    "with a lower learning rate."
                )
            completions.append(Completion(self.replies.decode(row[:length]), tuple(row[:length]), tuple(row_log_probs[:length])))
        return completions


class _Drawing(LogitsProcessor):
    """Chooses the next token of each row, by leaving no other."""

    def __init__(self, sampling: Sampling, uniforms: Tensor | None, unwritten: list[int]) -> None:
        self.sampling, self.uniforms, self.unwritten = sampling, uniforms, unwritten
        self.log_probs: list[Tensor] = []

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        uniforms = None if self.uniforms is None else self.uniforms[:, len(self.log_probs)]
        scores = scores.float()
        scores[:, self.unwritten] = -torch.inf
        chosen, log_probs = draw(scores, self.sampling, uniforms)
        self.log_probs.append(log_probs)
        return torch.full_like(scores, -torch.inf).scatter(-1, chosen[:, None], 0.0)


@contextmanager
def _own_settings(model: Any, settings: GenerationConfig) -> Iterator[None]:
    """Generate with these settings alone: those of a checkpoint may penalise repetition, which makes other probabilities."""
    theirs = model.generation_config
    model.generation_config = settings
    try:
        yield
    finally:
        model.generation_config = theirs


def load_vision_language(args: PretrainedArgs, seed: int = 0) -> VisionLanguagePolicy:
    """Read a pretrained model, give it fresh adapters and a value head, and make a policy of it.

    Args:
        args: Which model, and how. "tiny" is none that can be read, see `create_tiny_vision_language`.
        seed: Seed of the weights that are new.

    Raises:
        UsageError: If there is no such model, it does not read pictures, or the machine lacks what it needs.
    """
    if (Path(args.model) / _SETTINGS).is_file():
        refuse_settings("A saved policy", args, "device", "dtype", "quantize")
        return VisionLanguagePolicy.load(Path(args.model), args)
    if args.quantize != "none" and not args.lora_rank:
        raise UsageError("Weights of 4 bits cannot be trained. Set --lora-rank above 0, or --quantize none.")
    refuse_adapter(args.model)
    dtype = _dtype_of(args, has_adapters=args.lora_rank > 0)
    with quiet():
        model = read_model(args.model, device=args.device, dtype=dtype, quantize=args.quantize, sees=True)
        processor = read_processor(args.model, model.config.model_type)
        if args.lora_rank:
            model = add_adapters(model, args, seed)
    chat = bool(processor.chat_template) if args.chat == "auto" else args.chat == "yes"
    return VisionLanguagePolicy(
        model, processor, name=Path(args.model).name, chat=chat,
        value_head=ValueHead(base_model(model).config.get_text_config().hidden_size, seed),
        max_new_tokens=args.max_new_tokens, batch_size=args.sampling_batch_size,
    )  # fmt: skip


def refuse_settings(kind: str, args: PretrainedArgs, *kept: str) -> None:
    """Raise a `UsageError` if settings are given that a model has of its own, all but those."""
    own = type(args)(model=args.model, **{name: getattr(args, name) for name in kept})
    ignored = [field.name.replace("_", "-") for field in fields(args) if getattr(args, field.name) != getattr(own, field.name)]
    if ignored:
        raise UsageError(f"{kind} has settings of its own: leave out --{', --'.join(ignored)}, or name a model of the hub.")


def is_told_briefly(source: str) -> bool:
    """Whether a model, as `--model` names it, knows its task from demonstrations: the tiny one, and what was made of it."""
    try:
        return source == "tiny" or json.loads((Path(source) / _SETTINGS).read_text(encoding="utf-8"))["short"] is True
    except (OSError, ValueError, KeyError, TypeError):
        return False  # no saved policy, or one that loading it will say is damaged


def _dtype_of(args: PretrainedArgs, has_adapters: bool) -> Dtype:
    """The number format of a model's weights: those that are trained themselves are float32, small steps need it."""
    return args.dtype if has_adapters or args.dtype != "auto" else "float32"
