"""Answering questions: ViLT chooses among answers, BLIP-2 and chat models write them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from PIL import Image

from vispro_gym.perception.pictures import Pictures
from vispro_gym.perception.protocol import Answer, BackendError, PerceptionError
from vispro_gym.perception.transformers.detection import by_part
from vispro_gym.perception.transformers.network import Memory, Network, Tensors, in_batches, joined

Answers = list[str | PerceptionError]

_MAX_QUESTION = 256  # tokens
_BLIP_PROMPT = "Question: {} Short answer:"
_CHAT_PROMPT = "{}\nAnswer the question using a single word or phrase."


class Vilt:
    """ViLT: the most probable of its list of answers. The patches of a part of a picture are embedded once, and remembered."""

    def __init__(self, network: Network, memory: Memory) -> None:
        self.network = network
        self._memory = memory
        self._limit = network.config.max_position_embeddings

    def answer(self, requests: Sequence[Answer], pictures: Pictures) -> Answers:
        """Answers to distinct requests."""
        results: list[Any] = [None] * len(requests)
        network = self.network
        for batch in in_batches(self._prepared(requests, pictures, results), network.batch_size):
            chosen = [i for i, _ in batch]
            text = network.processor.tokenizer([requests[i].question for i in chosen], padding=True, return_tensors="pt")
            logits = network.run(network.model, **joined(tensors for _, tensors in batch), **text).logits
            for i, label in zip(chosen, logits.argmax(dim=-1).tolist(), strict=True):
                results[i] = network.config.id2label[label]
        return results

    def _prepared(self, requests: Sequence[Answer], pictures: Pictures, results: list[Any]) -> Iterator[tuple[int, Tensors]]:
        for key, same in by_part(requests).items():
            for i in same:
                results[i] = self.network.too_long(requests[i].question, self._limit)
            asked = [i for i in same if results[i] is None]
            if not asked:
                continue
            seen = self._memory.get(("vilt", key))
            if seen is None:
                try:
                    seen = self._embedded(self.network.looked_at(pictures.part(requests[same[0]].image, requests[same[0]].box)))
                except PerceptionError as error:
                    for i in asked:
                        results[i] = error
                    continue
                self._memory.put(("vilt", key), seen)
            for i in asked:
                yield i, seen

    def _embedded(self, tensors: Tensors) -> Tensors:
        """Embedded patches of one part of a picture, and the mask of those that there are.

        ViLT shuffles the patches of a batch, and draws some of them if they are more than `max_image_length`, with torch's
        general generator. Embedding each part by itself with that generator in the same state makes it a function of the part,
        and leaves the generator as it was.
        """
        embeddings = self.network.model.vilt.embeddings
        limit = self.network.config.max_image_length
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            torch.default_generator.manual_seed(0)
            pixels, mask = self.network.placed(tensors["pixel_values"]), self.network.placed(tensors["pixel_mask"])
            patches, mask, _ = embeddings.visual_embed(pixels, mask, max_image_length=limit)
        return {"image_embeds": patches, "pixel_mask": mask}


class Writer:
    """BLIP-2, InstructBLIP and chat models: an answer is written, in lower case, without a full stop; only its first line counts.

    Pictures of one batch have one shape. Prompts are padded, with a mask: on the left where the answer continues the prompt, on
    the right where positions count from the left.

    Args:
        network: The model.
        chats: Whether the prompt is made by the processor's chat template.
        beams: Beams of BLIP-2; chat models decode greedily.
        length_penalty: Preference of the beams.
        max_new_tokens: Most tokens of an answer.
    """

    def __init__(self, network: Network, chats: bool, beams: int, length_penalty: float, max_new_tokens: int) -> None:
        self.network = network
        self._chats = chats
        if chats and not getattr(network.processor, "chat_template", None):
            raise BackendError(
                f"The answerer {network.source!r} has no chat template, so nobody knows how to ask it. Choose a model that was "
                "tuned to instructions."
            )
        text_config = network.config.get_text_config()
        self._two_parts = bool(text_config.is_encoder_decoder or network.config.is_encoder_decoder)
        beams = 1 if chats else beams
        _decode_plainly(network.model, beams, length_penalty, max_new_tokens)
        _decode_plainly(getattr(network.model, "language_model", None), beams, length_penalty, max_new_tokens)
        network.try_out(lambda plain: self._prompted(plain, "What is this?"))

    def answer(self, requests: Sequence[Answer], pictures: Pictures) -> Answers:
        """Answers to distinct requests."""
        results: list[Any] = [None] * len(requests)
        network = self.network
        for batch in in_batches(self._prepared(requests, pictures, results), network.batch_size):
            texts = self._padded([prompt for (_, prompt), _ in batch])
            written = network.run(network.model.generate, **joined(tensors for _, tensors in batch), **texts)
            if not self._two_parts:
                written = written[:, texts["input_ids"].shape[1] :]
            replies = network.processor.tokenizer.batch_decode(written, skip_special_tokens=True)
            for ((i, _), _), reply in zip(batch, replies, strict=True):
                results[i] = short(reply)
        return results

    def _prepared(
        self, requests: Sequence[Answer], pictures: Pictures, results: list[Any]
    ) -> Iterator[tuple[tuple[int, Tensors], Tensors]]:
        """For each request its position and what is text, and what shows the picture."""
        for i, request in enumerate(requests):
            try:
                if error := self.network.too_long(request.question, _MAX_QUESTION):
                    raise error
                tensors = self._prompted(pictures.part(request.image, request.box), request.question)
            except PerceptionError as refusal:
                results[i] = refusal
                continue
            prompt = {name: tensors.pop(name) for name in tuple(tensors) if _is_text(name)}
            yield (i, prompt), tensors

    def _prompted(self, part: Image.Image, question: str) -> Tensors:
        """A question on a part of a picture as the model takes it, a batch of one."""
        network = self.network
        with network.narrow(part):
            if self._chats:
                content = [{"type": "image", "image": part}, {"type": "text", "text": _CHAT_PROMPT.format(question)}]
                return dict(
                    network.processor.apply_chat_template(
                        [{"role": "user", "content": content}],
                        add_generation_prompt=True,
                        tokenize=True,
                        return_dict=True,
                        return_tensors="pt",
                    )
                )
            tensors = dict(network.processor(images=part, text=_BLIP_PROMPT.format(question), return_tensors="pt"))
        expected, there = network.config.num_query_tokens, int((tensors["input_ids"] == network.config.image_token_id).sum())
        if there != expected:
            raise BackendError(
                f"The processor of {network.source!r} makes {there} places for the picture where the model needs {expected}: its "
                "files are of an older transformers. Fetch the model's files again (hf download)."
            )
        return tensors

    def _padded(self, texts: Sequence[Tensors]) -> Tensors:
        """The prompts of a batch, each tensor of shape `(batch, longest)`."""
        return {name: self._pad(name, [text[name][0] for text in texts]) for name in texts[0]}

    def _pad(self, name: str, rows: Sequence[torch.Tensor]) -> torch.Tensor:
        value, left = 0, not self._two_parts
        if name == "input_ids":
            tokenizer = self.network.processor.tokenizer
            value = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        elif name.startswith("qformer"):
            left = False
            value = self.network.processor.qformer_tokenizer.pad_token_id if name == "qformer_input_ids" else 0
        return torch.nn.utils.rnn.pad_sequence(
            list(rows), batch_first=True, padding_value=value, padding_side="left" if left else "right"
        )


def short(reply: str) -> str:
    """The first line of a reply in lower case, without spaces and full stops around it."""
    lines = reply.strip().splitlines() or [""]
    return lines[0].lower().strip(" .")


def _is_text(name: str) -> bool:
    return name.endswith(("input_ids", "attention_mask", "token_type_ids")) and not name.startswith("pixel")


def _decode_plainly(model: Any, beams: int, length_penalty: float, max_new_tokens: int) -> None:
    """Replaces a model's way of writing, which may draw at random or penalise what padding contains; its special tokens stay."""
    old = getattr(model, "generation_config", None)
    if old is None:
        return
    options = {"length_penalty": length_penalty} if beams > 1 else {}
    new = type(old)(do_sample=False, num_beams=beams, max_new_tokens=max_new_tokens, **options)
    for name in ("bos_token_id", "eos_token_id", "decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id"):
        setattr(new, name, getattr(old, name, None))
    end = new.eos_token_id[0] if isinstance(new.eos_token_id, list) else new.eos_token_id
    new.pad_token_id = end if old.pad_token_id is None else old.pad_token_id
    model.generation_config = new
