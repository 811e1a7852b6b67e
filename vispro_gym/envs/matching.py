"""Environments of matching pictures with texts."""

from __future__ import annotations

from vispro_gym.envs.page import documented
from vispro_gym.envs.visual_program import VisualProgramEnv


@documented
class WinoGroundEnv(VisualProgramEnv):
    """Two captions of the same words, two pictures: which belongs to which?

    ## Description
    Winoground (Thrush et al., CVPR 2022) has 400 examples of two captions that are made of the same words in another
    order, in the way of "a cup to the left of a vase" and "a vase to the left of a cup", each with a picture of its
    own. It is asked in one of three forms. In the default one, "yes_no", each of the 1,600 pairs of a caption and a
    picture is a query of its own, `Verify image matches text="..."`: this is how ViUniT asks it, a re-implementation
    of VisReP (Khan et al., CVPR 2024).

    ## Rewards
    1.0 if the program's answer is right, else 0.0. In the form "yes_no" True, "yes" and "true" mean yes, False, "no"
    and "false" mean no; texts are stripped and lowered and lose one final full stop. In the form "caption" the answer
    is the text of a caption, compared in the same way, or its letter; with `scorer="official"` the exact text only. In
    the form "image" it is a patch of a picture, the whole of it for example, or the letter A for the first and B for
    the second. Anything else is no answer, numbers too. A program that fails in any way earns 0.0; there is no
    default answer.

    ## Arguments
    - `split`: "test", the only one, or "visrep", which is the same in the form "yes_no".
    - `form`: "yes_no" (does the caption match the picture: four samples per example, `7-c0-i0` to `7-c1-i1`),
      "caption" (which of two captions matches the picture: `7-i0` and `7-i1`) or "image" (which of two pictures
      matches the caption: `7-c0` and `7-c1`). Programs of the last receive two pictures,
      `execute_command(image_1, image_2)`. The order of options is drawn at each reset. The official text, image and
      group scores join the samples of an example.
    - `data_dir`: folder with `data/examples.jsonl` and `data/images/` as downloaded; without it, drawn mini data is
      used. The official pictures are not annotated, so the oracle works on mini data only, unless
      `annotations/instances_*.json`, in COCO's format, describes pictures of these file names. If
      `new_tag_assignments.json` of Diwan et al. (EMNLP 2022) lies beside the examples, samples have the field new_tag.
    """

    dataset_name = "WinoGround"
    page = {  # noqa: RUF012
        "box": "`Box(0, 255, (S, S, 3), uint8)`, the picture, or `Box(0, 255, (2, S, S, 3), uint8)`, the two to choose from",
        "query": "the request to verify a caption, a question with two captions, or one with a caption whose picture is sought",
        "sample_id": "the example's id and what is asked about, see `form`",
        "filter": '{"collapsed_tag": "Object"}',
    }


@documented
class SugarCREPEEnv(VisualProgramEnv):
    """A picture and two captions, one of which is wrong in one thing.

    ## Description
    SugarCrepe (Hsieh et al., NeurIPS 2023) sets 7,511 captions of COCO's val2017 against hard negatives: captions in
    which an object, an attribute or a relation was added, replaced or swapped with another, and which sound as
    natural as the right ones. The program looks at the picture and chooses. It is one of the tasks of VisReP (Khan et
    al., CVPR 2024); ViUniT, which publishes the 560 items of that paper, asks them as yes-or-no questions, which the form
    "yes_no" does.

    ## Rewards
    1.0 if the program returns the right caption, or in the form "yes_no" the right verdict on one, else 0.0. True, "yes"
    and "true" mean yes, False, "no" and "false" mean no. A caption is named by its text (stripped, lowered, without
    a final full stop, spaces between words counting as one) or by its letter in the query, "A" or "B"; with
    `scorer="official"` by its exact text only. The order is drawn at each reset. A program that fails in any way or
    returns anything else earns 0.0; there is no default answer.

    ## Arguments
    - `split`: "test", one of its parts, "add_att", "add_obj", "replace_att", "replace_obj", "replace_rel", "swap_att",
      "swap_obj", or "visrep" (80 samples of each part).
    - `form`: "caption" (which of two captions matches the picture: `swap_obj-7`) or "yes_no" (does this caption match the
      picture: `swap_obj-7-c0` and `swap_obj-7-c1`). The shorter caption is right 73 % of the time.
    - `data_dir`: folder with `data/add_att.json` and so on as downloaded; without it, drawn mini data is used. Pictures
      are looked for in `val2017/` there and in the folder of COCO (`VISPRO_DATA_COCO`), and so is
      `annotations/instances_val2017.json`, which the oracle needs.
    """

    dataset_name = "SugarCREPE"
    page = {  # noqa: RUF012
        "query": "a question and the two captions, with the letters A and B on lines of their own; or the request to verify one",
        "sample_id": "the part and the item's number, as in swap_obj-7",
        "filter": '{"type": "swap_obj"}',
    }


_POOL = {
    "box": "`Box(0, 255, (S, S, 3), uint8)`, the picture, or `Box(0, 255, (K, S, S, 3), uint8)`, the K = `pool_size` pictures",
    "query": "a question and the captions, each with its letter on a line of its own, or the caption whose picture is sought",
    "sample_id": "the dataset's own id, of the picture from image to text, of the caption from text to image",
}


@documented
class Flickr30kEnv(VisualProgramEnv):
    """Which of some captions belongs to the picture, or which of some pictures to the caption?

    ## Description
    Flickr30k (Young et al., TACL 2014) has five captions for each of 31,000 photographs of people and animals doing
    things. An episode is a small retrieval: one picture and a pool of captions, of which one was written for it, or
    one caption and a pool of pictures. The others are drawn from the split.

    ## Rewards
    1.0 if the program returns the match, else 0.0. A caption is named by its text (stripped, lowered, without a final
    full stop) or by its letter in the query; with `scorer="official"` by its exact text only. A picture is named by a
    patch of it, the whole of it for example, or by a letter, "A" for the first. Pool and order are drawn at each
    reset; no caption of the pool has the text of one of the picture's own. A program that fails in any way or returns
    anything else earns 0.0; there is no default answer. Recall at 1, 5 and 10 over a whole split, for models that
    rank, is in `vispro_gym.tasks.metrics.retrieval`.

    ## Arguments
    - `split`: "train", "val" or "test".
    - `form`: "image_to_text" (one picture, several captions; the match is the first of its five) or "text_to_image"
      (one caption, several pictures, which programs receive as `execute_command(image_1, image_2, ...)`).
    - `pool_size`: number of candidates K, from 2 to 26; 5 by default.
    - `data_dir`: folder with `dataset_flickr30k.json` (Karpathy and Fei-Fei's split) and `flickr30k-images/`; without
      it, drawn mini data is used. Instead of that file `results_20130124.token` with the lists of Flickr30k Entities
      will do. The official pictures are not annotated, so the oracle works on mini data only, unless
      `annotations/instances_*.json`, in COCO's format, describes pictures of these file names.
    """

    dataset_name = "Flickr30k"
    page = _POOL


@documented
class COCOCaptionsEnv(VisualProgramEnv):
    """Which of some captions belongs to the picture of COCO, or which of some pictures to the caption?

    ## Description
    COCO's pictures have five captions each (Chen et al., 2015), and Karpathy and Fei-Fei's split of them (CVPR 2015) is
    the usual one for retrieval. An episode is a small retrieval: one picture and a pool of captions, of which one was
    written for it, or one caption and a pool of pictures. The others are drawn from the split.

    ## Rewards
    1.0 if the program returns the match, else 0.0. A caption is named by its text (stripped, lowered, without a final
    full stop) or by its letter in the query; with `scorer="official"` by its exact text only. A picture is named by a
    patch of it, the whole of it for example, or by a letter, "A" for the first. Pool and order are drawn at each
    reset; no caption of the pool has the text of one of the picture's own. A program that fails in any way or returns
    anything else earns 0.0; there is no default answer. Recall at 1, 5 and 10 over a whole split, for models that
    rank, is in `vispro_gym.tasks.metrics.retrieval`.

    ## Arguments
    - `split`: "train", "val" or "test" of Karpathy's split, or with the official files their names: "train2017",
      "val2017", "train2014", "val2014".
    - `form`: "image_to_text" (one picture, several captions; the match is the first of its own) or "text_to_image"
      (one caption, several pictures, which programs receive as `execute_command(image_1, image_2, ...)`).
    - `pool_size`: number of candidates K, from 2 to 26; 5 by default.
    - `data_dir`: folder with `dataset_coco.json`, or with `annotations/captions_val2017.json` and so on; without it,
      drawn mini data is used. Pictures are looked for in `train2014/` and so on there and in the folder of COCO
      (`VISPRO_DATA_COCO`), and so is `annotations/instances_*.json`, which the oracle needs.
    """

    dataset_name = "COCOCaptions"
    page = _POOL
