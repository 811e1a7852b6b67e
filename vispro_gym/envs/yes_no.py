"""Environments of statements and questions that are true or false."""

from __future__ import annotations

from vispro_gym.envs.page import documented
from vispro_gym.envs.visual_program import VisualProgramEnv


@documented
class POPEEnv(VisualProgramEnv):
    """Yes-or-no questions on whether an object is in the picture.

    ## Description
    POPE (Li et al., EMNLP 2023) finds out whether a model sees objects that are not there: "Is there a snowboard in
    the image?". Of each picture of COCO's val2014 three objects are asked that it shows and three that it does not,
    which the splits choose at random, among the most frequent ones, or among those that often go together with what
    is there.

    ## Rewards
    1.0 if the program's answer is right, else 0.0. True, "yes" and "true" mean yes, False, "no" and "false" mean no;
    texts are stripped and lowered and lose one final full stop. Anything else is no answer. With `scorer="official"`
    texts are read as POPE's script reads them: no if one of the words before the first full stop is "No", "no" or
    "not", else yes. A program that fails in any way earns 0.0; there is no default answer.

    ## Arguments
    - `split`: "random" (the default), "popular" or "adversarial".
    - `data_dir`: folder with `coco/` (or `output/coco/`) as downloaded; without it, drawn mini data is used. Pictures
      are looked for in `val2014/` there and in the folder of COCO (`VISPRO_DATA_COCO`), and so is
      `annotations/instances_val2014.json`, which the oracle needs.
    """

    dataset_name = "POPE"
    page = {"sample_id": "the question id, as text", "filter": '{"object": "dog"}'}  # noqa: RUF012


@documented
class VSREnv(VisualProgramEnv):
    """Statements on how two things in a photograph are placed.

    ## Description
    VSR, Visual Spatial Reasoning (Liu et al., TACL 2023), states one of some sixty spatial relations between two
    things in a picture of COCO: "The bench is at the right side of the train." The program says whether the statement
    is true.

    ## Rewards
    1.0 if the program's answer is right, else 0.0. True, "true" and "yes" mean true, False, "false" and "no" mean
    false; texts are stripped and lowered and lose one final full stop. Anything else is no answer. With
    `scorer="official"` True, False, 1 and 0 count, and no text. A program that fails in any way earns 0.0; there is
    no default answer.

    ## Arguments
    - `split`: "train", "dev" or "test" of the random split ("random_train" and so on mean the same),
      "zeroshot_train", "zeroshot_dev" or "zeroshot_test".
    - `data_dir`: folder with `splits/` and `images/` (or the one that holds `data/`) as downloaded; without it, drawn
      mini data is used. Pictures are looked for in the folder of COCO (`VISPRO_DATA_COCO`), too, and so is
      `annotations/instances_{train,val}2017.json`, which the oracle needs.
    """

    dataset_name = "VSR"
    page = {"query": "the statement", "sample_id": "the line of the record, from 0", "filter": '{"relation": "left of"}'}  # noqa: RUF012


@documented
class NLVR2Env(VisualProgramEnv):
    """Statements on pairs of photographs.

    ## Description
    NLVR2 (Suhr et al., ACL 2019) makes a statement on two pictures: "There are more chairs in the left image than in
    the right one." The program looks at both and says whether it is true. Each sentence is asked of several pairs,
    and the official consistency is the share of sentences that are judged right on all of theirs.

    ## Rewards
    1.0 if the program's answer is right, else 0.0. True, "true" and "yes" mean true, False, "false" and "no" mean
    false; texts are stripped and lowered and lose one final full stop. Anything else is no answer. With
    `scorer="official"` True, False and these words in any case count, and nothing else. A program that fails in any
    way earns 0.0; there is no default answer.

    ## Arguments
    - `split`: "train", "dev", "test1", "test2", or a part of one: "balanced_dev", "unbalanced_test1" and so on.
    - `data_dir`: folder with `data/` and the pictures (or the one that holds `nlvr2/`) as downloaded; without it,
      drawn mini data is used. The oracle needs `annotations/instances_{split}.json`, COCO instances of the pictures
      by file name, which NLVR2 has not; mini data has them.
    """

    dataset_name = "NLVR2"
    page = {  # noqa: RUF012
        "images": "left_image, right_image",
        "box": "`Box(0, 255, (2, S, S, 3), uint8)`, the left and the right picture",
        "a_square": "squares",
        "query": "the statement",
        "sample_id": "the identifier",
        "filter": '{"directory": {"max": 89}}',
    }


@documented
class NLVREnv(VisualProgramEnv):
    """Statements on three boxes of coloured shapes.

    ## Description
    NLVR (Suhr et al., ACL 2017) makes a statement on three boxes with scattered circles, squares and triangles, or
    with towers of blocks: "There is a box with exactly one black circle." The program looks at the boxes and says
    whether it is true. Each sentence is asked of up to four examples, and the official consistency is the share of
    sentences that are judged right on all of theirs. The data says of every object where it is, so that the oracle
    sees everything.

    ## Starting State
    A sample of the split, drawn uniformly; `reset(options={"sample_id": ...})` chooses one. Its boxes come in any of
    the six orders in which the data shows them.

    ## Rewards
    1.0 if the program's answer is right, else 0.0. True, "true" and "yes" mean true, False, "false" and "no" mean
    false; texts are stripped and lowered and lose one final full stop. Anything else is no answer. With
    `scorer="official"` True, False and these words in any case count, and nothing else. A program that fails in any
    way earns 0.0; there is no default answer.

    ## Arguments
    - `split`: "train", "dev", "test" or "hidden".
    - `data_dir`: folder with `train/`, `dev/` and `test/` (or the one that holds `nlvr/`) as downloaded; without it,
      drawn mini data is used.
    """

    dataset_name = "NLVR"
    page = {  # noqa: RUF012
        "images": "box_1, box_2, box_3",
        "box": "`Box(0, 255, (3, S, S, 3), uint8)`, the three boxes from left to right",
        "a_square": "squares",
        "query": "the statement",
        "sample_id": "the identifier",
        "filter": '{"arrangement": "tower"}',
    }
