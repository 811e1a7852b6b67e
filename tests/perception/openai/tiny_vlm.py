"""A tiny LLaVA that tells red from blue pictures, and the server of the transformers library around it.

Run as a program with a folder and a port: it trains the model (which takes a second or two), saves it in the folder, and serves it.
To a question it answers "red" or "blue"; asked for JSON, it says that the left half of a red picture is what was asked for, and
that a blue picture holds nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)
from transformers.cli.serve import Serve
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from vispro_gym.datasets.sample import ImageRef
from vispro_gym.perception.openai.replies import ask_answer, ask_boxes
from vispro_gym.perception.protocol import Answer, Detect

HALF = "[[0,0,500,1000]]"
WORDS = ("<pad>", "<s>", "</s>", "<unk>", "<image>", "JSON", "red", "blue", HALF, "[]")
TEMPLATE = (
    "{% for message in messages %}{% for part in message.content %}"
    "{% if part.type == 'image' %}<image>{% else %} {{ part.text }}{% endif %}{% endfor %}{% endfor %}"
)


def make_processor() -> LlavaProcessor:
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\s+"), "removed")
    tokenizer.decoder = decoders.Fuse()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        extra_special_tokens={"image_token": "<image>"},
    )
    pictures = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return LlavaProcessor(
        pictures,
        fast,
        patch_size=16,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    )


def make_model() -> LlavaForConditionalGeneration:
    torch.manual_seed(0)
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=16
    )
    text = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    return LlavaForConditionalGeneration(
        LlavaConfig(vision_config=vision, text_config=text, image_token_index=4, image_seq_length=4)
    )


def train(model: LlavaForConditionalGeneration, processor: LlavaProcessor) -> None:
    """Until it is right and sure of all that it was made for."""
    image = ImageRef("any", (64, 48), lambda: np.zeros((48, 64, 3), np.uint8))
    whole = (0, 0, 64, 48)
    prompts = [
        ask_answer(Answer(image, whole, "What colour is it?")).prompt,
        ask_boxes(Detect(image, whole, "cup"), "thousandths").prompt,
    ]
    replies = {0: ("red", HALF), 1: ("blue", "[]")}
    rng = np.random.default_rng(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    processor.tokenizer.padding_side = "right"
    for _ in range(300):
        pictures, texts = [], []
        for i in range(8):
            shade = rng.integers(0, 60, (48, 64, 3), dtype=np.uint8)
            colour, asked = i % 2, i // 2 % 2
            shade[..., 0 if colour == 0 else 2] += 150
            pictures.append(Image.fromarray(shade))
            texts.append(f"<image> {prompts[asked]} {replies[colour][asked]} </s>")
        batch = processor(images=pictures, text=texts, return_tensors="pt", padding=True)
        ends = batch["attention_mask"].sum(1, keepdim=True)
        places = torch.arange(batch["input_ids"].shape[1])
        labels = batch["input_ids"].masked_fill((places < ends - 2) | (places >= ends), -100)  # the reply and the end of it
        loss = model(**batch, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < 0.01:
            return
    raise RuntimeError(f"the model has not learnt its few replies: loss {loss.item():.3f}")


if __name__ == "__main__":
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(1)
    model, processor = make_model(), make_processor()
    train(model, processor)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    Serve(force_model=str(folder), host="127.0.0.1", port=port, device="cpu", log_level="error")
