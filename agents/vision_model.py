"""A vision model that writes its answer token by token: a ViT encoder and an autoregressive decoder, both of transformers."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor, nn

from vispro_agents.errors import UsageError, at_least, first_words
from vispro_agents.policies.language_model import quiet
from vispro_agents.sequences import BoxCodec, CaptionCodec, ChromaCodec, Codec, SegmentCodec

_SETTINGS = "vision_policy.json"
_CODECS = {codec.__name__: codec for codec in (BoxCodec, SegmentCodec, ChromaCodec)}


@dataclass(frozen=True)
class VisionModelArgs:
    """The model."""

    encoder: str = ""
    """Image encoder: the name of a checkpoint on the Hub or its folder, for example google/vit-base-patch16-224-in21k. Empty:
    a ViT from scratch, of the sizes below."""
    decoder: str = ""
    """Text decoder that can attend to pictures: the name of a checkpoint on the Hub or its folder, for example gpt2. Empty:
    a decoder from scratch, of the sizes below. In both cases the attention to the picture begins untrained."""
    image_size: int = 64
    """Side of the square picture in pixels; that of the encoder's checkpoint, if there is one."""
    patch_size: int = 8
    """Side of the patches of the encoder from scratch."""
    hidden_size: int = 96
    """Width of models from scratch."""
    encoder_layers: int = 4
    """Layers of the encoder from scratch."""
    decoder_layers: int = 3
    """Layers of the decoder from scratch."""
    heads: int = 4
    """Attention heads of models from scratch."""

    def __post_init__(self) -> None:
        at_least(
            1, image_size=self.image_size, patch_size=self.patch_size, encoder_layers=self.encoder_layers,
            decoder_layers=self.decoder_layers, heads=self.heads,
        )  # fmt: skip
        if self.hidden_size < 4 or self.hidden_size % (4 * self.heads):
            raise UsageError(
                f"--hidden-size {self.hidden_size} --heads {self.heads}: expected a multiple of four times the heads."
            )
        if self.image_size % self.patch_size:
            raise UsageError(
                f"--image-size {self.image_size} --patch-size {self.patch_size}: expected a multiple of the patch size."
            )


class SequenceNetwork(nn.Module):
    """Pictures and tokens in, log-probabilities of the tokens that may follow out.

    Args:
        model: A `VisionEncoderDecoderModel`.
        codec: Says which tokens may stand where.
    """

    def __init__(self, model: Any, codec: Codec) -> None:
        super().__init__()
        self.model: Any = model
        self.allowed: Tensor
        self.register_buffer("allowed", torch.from_numpy(np.array(codec.allowed)), persistent=False)
        self.start, self.end = codec.start, codec.end

    def encode(self, pixels: Tensor) -> Tensor:
        """States of pictures `(B, 3, S, S)` that the decoder attends to, `(B, patches, width)`."""
        states: Tensor = self.model.encoder(pixel_values=pixels).last_hidden_state
        if hasattr(self.model, "enc_to_dec_proj"):
            states = self.model.enc_to_dec_proj(states)
        return states

    def forward(self, pixels: Tensor, tokens: Tensor) -> Tensor:
        """Logarithm of the probability of each token at each position.

        Args:
            pixels: float of shape `(B, 3, S, S)`.
            tokens: int64 of shape `(B * n, T)`: n sequences for each picture, one after the other.

        Returns:
            float32 of shape `(B * n, T, vocabulary)`; minus infinity where a token is not allowed.
        """
        states = self.encode(pixels).repeat_interleave(len(tokens) // len(pixels), 0)
        read = torch.cat([torch.full_like(tokens[:, :1], self.start), tokens[:, :-1]], dim=1)
        logits = self.model.decoder(input_ids=read, encoder_hidden_states=states, use_cache=False).logits
        return self._log_probs(logits, slice(0, tokens.shape[1]))

    def _log_probs(self, logits: Tensor, positions: slice) -> Tensor:
        return logits.float().masked_fill(~self.allowed[positions], -torch.inf).log_softmax(-1)

    @torch.no_grad()
    def draw(self, pixels: Tensor, samples: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Draw sequences from the model as it is.

        Args:
            pixels: float of shape `(B, 3, S, S)`.
            samples: Sequences per picture, n.
            generator: Source of the draws; None takes the most probable token each time.

        Returns:
            Tokens, int64 of shape `(B * n, T)`, filled up with ends; and their log-probabilities, float32 of that shape, 0 after
            the end.
        """
        from transformers import DynamicCache, EncoderDecoderCache

        states = self.encode(pixels).repeat_interleave(samples, 0)
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        last = torch.full((len(states), 1), self.start, device=states.device)
        ended = torch.zeros(len(states), dtype=torch.bool, device=states.device)
        tokens, log_probs = [], []
        for position in range(len(self.allowed)):
            logits = self.model.decoder(
                input_ids=last, encoder_hidden_states=states, past_key_values=cache, use_cache=True
            ).logits[:, -1]
            found = self._log_probs(logits[:, None], slice(position, position + 1))[:, 0]
            if generator is None:
                last = found.argmax(-1, keepdim=True)
            else:
                last = torch.multinomial(found.exp(), 1, generator=generator)
            last = last.masked_fill(ended[:, None], self.end)
            tokens.append(last[:, 0])
            log_probs.append(found.gather(-1, last)[:, 0].masked_fill(ended, 0.0))
            ended |= last[:, 0] == self.end
            if bool(ended.all()):
                break
        return torch.stack(tokens, 1), torch.stack(log_probs, 1)


class VisionPolicy:
    """A model and what its tokens mean.

    Args:
        model: A `VisionEncoderDecoderModel`.
        codec: Turns tokens into actions.
        mean: What is subtracted from pixels between 0 and 1, by channel.
        std: What they are divided by then.
    """

    def __init__(self, model: Any, codec: Codec, mean: Sequence[float], std: Sequence[float]) -> None:
        if getattr(model.encoder, "pooler", None) is not None:  # nothing attends to it, so it has no gradient
            model.encoder.pooler.requires_grad_(False)
        self.network = SequenceNetwork(model, codec)
        self.codec = codec
        self.mean, self.std = tuple(mean), tuple(std)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.network.parameters()).device

    @property
    def image_size(self) -> int:
        """Side of the pictures that the encoder reads, in pixels."""
        return int(self.network.model.config.encoder.image_size)

    def pixels(self, observations: Sequence[NDArray[np.uint8]]) -> Tensor:
        """Observations `(S, S, 3)` or `(S, S, 1)` as the encoder reads them: float32 of shape `(B, 3, S, S)`."""
        pictures = np.stack(observations)
        values = torch.from_numpy(pictures).to(self.device).permute(0, 3, 1, 2).expand(-1, 3, -1, -1) / 255.0
        mean, std = (torch.tensor(part, device=self.device).view(3, 1, 1) for part in (self.mean, self.std))
        return (values - mean) / std

    def draw(
        self, observations: Sequence[NDArray[np.uint8]], samples: int = 1, seed: int | None = None
    ) -> tuple[Tensor, Tensor, list[Any]]:
        """Draw answers to pictures.

        Args:
            observations: B pictures.
            samples: Answers per picture, n.
            seed: Seed of the draws; None takes the most probable token each time.

        Returns:
            Tokens and their log-probabilities, see `SequenceNetwork.draw`; and `B * n` actions.
        """
        generator = None if seed is None else torch.Generator(self.device).manual_seed(seed)
        tokens, log_probs = self.network.draw(self.pixels(observations), samples, generator)
        return tokens, log_probs, self.read(tokens, log_probs)

    def read(self, tokens: Tensor, log_probs: Tensor) -> list[Any]:
        """The actions that tokens stand for."""
        probs = log_probs.exp().cpu().numpy()
        return [self.codec.decode(*pair) for pair in zip(tokens.tolist(), probs, strict=True)]

    def begin_confidence(self, codec: BoxCodec) -> None:
        """Make the model undecided whether boxes are right, all alike: MLE does not teach it, and from here it is learned."""
        output = self.network.model.decoder.get_output_embeddings()
        with torch.no_grad():
            for table in (output.weight, getattr(output, "bias", None)):
                if table is not None:
                    table[codec.confidences.start] = table[codec.confidences.start + 1]
        codec.is_confident = True

    def save(self, folder: Path) -> None:
        """Write model and codec to a folder, which is made."""
        with quiet():
            self.network.model.save_pretrained(folder)
            if isinstance(self.codec, CaptionCodec):
                self.codec.tokenizer.save_pretrained(folder)
        settings = {"codec": type(self.codec).__name__, "settings": self.codec.settings(), "mean": self.mean, "std": self.std}
        (folder / _SETTINGS).write_text(json.dumps(settings, indent=1), encoding="utf-8")


def load_policy(folder: Path) -> VisionPolicy:
    """Read a saved policy.

    Raises:
        UsageError: If the folder holds none.
    """
    from transformers import AutoTokenizer, VisionEncoderDecoderModel

    try:
        settings = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
        name, arguments = settings["codec"], settings["settings"]
        if name == CaptionCodec.__name__:
            codec: Codec = CaptionCodec(AutoTokenizer.from_pretrained(folder), **arguments)
        else:
            codec = _CODECS[name](**arguments)
        with quiet():
            model = VisionEncoderDecoderModel.from_pretrained(folder)
        return VisionPolicy(model.eval(), codec, settings["mean"], settings["std"])
    except FileNotFoundError:
        raise UsageError(
            f"{folder} holds no vision policy: {_SETTINGS} is missing. Expected a folder below RUN/policies."
        ) from None
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise UsageError(
            f"{folder} holds a vision policy that cannot be read: {first_words(error)}. "
            "Restore it from a copy, or train it again."
        ) from error


def picture_size(args: VisionModelArgs) -> int:
    """Side of the pictures that the encoder reads, in pixels."""
    if not args.encoder:
        return args.image_size
    from transformers import AutoConfig

    size = getattr(_loaded(AutoConfig, args.encoder), "image_size", None)
    if not isinstance(size, int):
        raise UsageError(
            f"--encoder {args.encoder} is no encoder of square pictures (image_size={size!r}). Expected one such as a ViT."
        )
    return size


def make_policy(args: VisionModelArgs, codec: Codec, seed: int) -> VisionPolicy:
    """A policy whose parts are from scratch or from checkpoints.

    The table of tokens is that of the codec: where a decoder's checkpoint brings words and the codec has others, the table and
    what it predicts begin anew. Edges of boxes begin as a scale, on which near ones look alike.

    Raises:
        UsageError: If a checkpoint cannot be loaded.
    """
    from transformers import (
        AutoConfig,
        AutoImageProcessor,
        AutoModel,
        AutoModelForCausalLM,
        GPT2Config,
        VisionEncoderDecoderConfig,
        VisionEncoderDecoderModel,
        ViTConfig,
    )

    mean = std = (0.5, 0.5, 0.5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if args.encoder:
            encoder = _loaded(AutoModel, args.encoder)
            processor = _loaded(AutoImageProcessor, args.encoder)
            mean, std = tuple(processor.image_mean), tuple(processor.image_std)
        else:
            config = ViTConfig(
                hidden_size=args.hidden_size, num_hidden_layers=args.encoder_layers, num_attention_heads=args.heads,
                intermediate_size=4 * args.hidden_size, image_size=args.image_size, patch_size=args.patch_size,
                hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
            )  # fmt: skip
            encoder = AutoModel.from_config(config)
            lay_out(encoder.embeddings.position_embeddings, args.image_size // args.patch_size)
        if args.decoder:
            attending = _loaded(AutoConfig, args.decoder)
            attending.is_decoder = attending.add_cross_attention = True
            decoder = _loaded(AutoModelForCausalLM, args.decoder, config=attending)
            _check_decoder(args.decoder, decoder, codec)
        else:
            config = GPT2Config(
                n_embd=args.hidden_size, n_layer=args.decoder_layers, n_head=args.heads, vocab_size=codec.vocabulary,
                n_positions=codec.length + 1, add_cross_attention=True, is_decoder=True, bos_token_id=codec.start,
                eos_token_id=codec.end, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
            )  # fmt: skip
            decoder = AutoModelForCausalLM.from_config(config)
        if decoder.get_input_embeddings().num_embeddings != codec.vocabulary:  # a table may be longer than its tokenizer
            decoder.resize_token_embeddings(codec.vocabulary)
        if not isinstance(codec, CaptionCodec):
            for layer in (decoder.get_input_embeddings(), decoder.get_output_embeddings()):  # which mostly are one
                nn.init.normal_(layer.weight, std=0.02)
            if isinstance(codec, BoxCodec):
                table = decoder.get_input_embeddings().weight
                with torch.no_grad():
                    table[codec.coordinates] += 0.1 * _waves(torch.arange(codec.bins) / codec.bins, table.shape[1])
        both = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder.config, decoder.config)
        both.decoder_start_token_id, both.pad_token_id, both.eos_token_id = codec.start, codec.end, codec.end
        model = VisionEncoderDecoderModel(encoder=encoder, decoder=decoder, config=both)
    return VisionPolicy(model.eval(), codec, mean, std)


def load_tokenizer(name: str) -> Any:
    """The tokenizer of a decoder's checkpoint.

    Raises:
        UsageError: If it cannot be loaded.
    """
    from transformers import AutoTokenizer

    return _loaded(AutoTokenizer, name)


def word_tokenizer(texts: Iterable[str]) -> Any:
    """A tokenizer for a model without pretraining: a token for each word of some texts, in lower case and without punctuation."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation("removed")])
    # the start is 0 and the end is 1, as in the other codecs
    trainer = trainers.WordLevelTrainer(vocab_size=1 << 20, special_tokens=["[START]", "[END]", "[UNK]"])
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="[END]", bos_token="[START]", unk_token="[UNK]", pad_token="[END]"
    )


def _check_decoder(name: str, decoder: Any, codec: Codec) -> None:
    """Raise a `UsageError` for a decoder that cannot write a codec's sequences about pictures."""
    if "encoder_hidden_states" not in inspect.signature(decoder.forward).parameters:
        raise UsageError(
            f"--decoder {name} is a {type(decoder).__name__}, which cannot attend to a picture. "
            "Expected a decoder with cross-attention, such as gpt2."
        )
    places = getattr(decoder.config, "max_position_embeddings", None)
    if isinstance(places, int) and places < codec.length + 1:
        raise UsageError(
            f"--decoder {name} writes {places} tokens at most, and answers have up to {codec.length}. "
            "Expected another decoder, or smaller --most-boxes, --grid or --caption-tokens."
        )


def _waves(values: Tensor, width: int) -> Tensor:
    """Sines and cosines of numbers between 0 and 1, in `width` columns, from waves longer than the range to ones far shorter."""
    frequencies = 30.0 * torch.exp(-math.log(1000.0) * torch.arange(width // 2) / (width // 2))
    angles = values[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def lay_out(positions: Tensor, side: int) -> None:
    """Begin the position embeddings of a ViT as waves over rows and columns, so that near patches look alike."""
    width = positions.shape[-1] // 2
    rows, columns = torch.meshgrid(torch.arange(side) / side, torch.arange(side) / side, indexing="ij")
    waves = torch.cat([_waves(rows.flatten(), width), _waves(columns.flatten(), positions.shape[-1] - width)], dim=1)
    with torch.no_grad():
        positions[0, 1:] = 0.3 * waves


def _loaded(kind: Any, name: str, **options: Any) -> Any:
    try:
        with quiet():
            return kind.from_pretrained(name, **options)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{name} cannot be loaded ({first_words(error)}). Expected the name of a checkpoint on the Hub, or its folder."
        ) from error
