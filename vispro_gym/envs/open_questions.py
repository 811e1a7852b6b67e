"""Environments of questions on photographs that people have answered freely, and of counting."""

from __future__ import annotations

from vispro_gym.envs.page import documented
from vispro_gym.envs.visual_program import VisualProgramEnv


@documented
class VQAv2Env(VisualProgramEnv):
    """Questions of all kinds on photographs, each answered by ten people.

    ## Description
    VQAv2 (Goyal et al., CVPR 2017) asks open questions on COCO's pictures: what colour is the bus, is it raining, how
    many people are in the boat. For every question there is a second picture on which its answer is another. Ten
    people have answered each; an answer is as right as there are people who gave it.

    ## Rewards
    1.0 if the soft accuracy of the program's answer reaches `threshold`, else 0.0. The soft accuracy is that of the
    official metric: min(1, k / 3), k the number of people who gave the answer, averaged over leaving out each person
    in turn; that is 0.3, 0.6, 0.9 and 1.0 for one, two, three and four of ten. By default an answer that one of ten
    people gave is rewarded; the strictest threshold is 1.0. `info["soft"]` is the soft accuracy itself.

    Both sides are normalised alike: True and False are read as "yes" and "no", numbers as their digits (3.0 as "3");
    texts are lowered, lose punctuation and articles, and number words up to "ten" become digits, as in the official
    code. That code compares texts as they are where all ten agree; so does `scorer="official"`. A program that fails
    in any way earns 0.0, and so does one that returns a list, a patch, an empty text (unless the scorer is "official")
    or nothing; there is no default answer.

    ## Arguments
    - `split`: "train" or "val"; the answers of the test splits are not public.
    - `data_dir`: folder with `Questions/`, `Annotations/` and `Images/mscoco/` (or the question and annotation files
      themselves) as downloaded; without it, drawn mini data is used. Pictures are looked for in the folder of COCO
      (`VISPRO_DATA_COCO`), too, and so is `annotations/instances_{train,val}2014.json`, which the oracle needs: it
      knows nothing but COCO's 80 kinds of things.
    """

    dataset_name = "VQAv2"
    page = {"sample_id": "the question id, as text", "filter": '{"answer_type": "number"}'}  # noqa: RUF012


@documented
class OKVQAEnv(VisualProgramEnv):
    """Questions on photographs that need knowledge from outside them.

    ## Description
    OK-VQA (Marino et al., CVPR 2019) asks what a picture alone does not tell: what the young of this animal is called,
    which sport this is used for. The pictures are COCO's. Programs bring the knowledge themselves. Answers are those
    of five people, each twice.

    ## Rewards
    1.0 if the soft accuracy of the program's answer reaches `threshold`, else 0.0. The soft accuracy is that of the
    official metric, which is VQAv2's: min(1, k / 3), k the number of answers that are equal to it, averaged over
    leaving out each answer in turn. An answer that one person gave counts twice and has 0.6. `info["soft"]` is the
    soft accuracy itself.

    Both sides are normalised alike: True and False are read as "yes" and "no", numbers as their digits (3.0 as "3");
    texts are lowered, lose punctuation and articles, and number words up to "ten" become digits, as in the official
    code. That code compares texts as they are where all answers agree; so does `scorer="official"`. A program that
    fails in any way earns 0.0, and so does one that returns a list, a patch, an empty text (unless the scorer is
    "official") or nothing; there is no default answer.

    ## Arguments
    - `split`: "train" or "val".
    - `data_dir`: folder with `OpenEnded_mscoco_{train,val}2014_questions.json` and
      `mscoco_{train,val}2014_annotations.json` (or with these in `Questions/` and `Annotations/`) as downloaded;
      without it, drawn mini data is used. Pictures are looked for in the folder of COCO (`VISPRO_DATA_COCO`), too,
      and so is `annotations/instances_{train,val}2014.json`, which the oracle needs.
    """

    dataset_name = "OKVQA"
    page = {"sample_id": "the question id, as text", "filter": '{"question_type": "eight"}'}  # noqa: RUF012


@documented
class TallyQAEnv(VisualProgramEnv):
    """Questions on how many there are.

    ## Description
    TallyQA (Acharya, Kafle and Kanan, AAAI 2019) asks for counts from 0 to 15 in pictures of COCO and Visual Genome.
    Simple questions ask for things of a kind ("How many dogs are there?"), complex ones for those with an attribute or
    in a relation ("How many dogs are lying on the grass?").

    ## Rewards
    1.0 if the program's answer is exactly the count, else 0.0. Counts are integers, whole floats, and texts that hold
    nothing but one of these and perhaps a full stop: 3, 3.0, "3" and "3." are the same. Nothing is guessed: "three" and
    "3 dogs" are no counts, nor are True, lists and patches; `scorer="official"` reads number words up to "twenty", too,
    and "none". A program that fails in any way earns 0.0; there is no default answer.

    ## Arguments
    - `split`: "train" or "test". Questions are marked as simple or complex in test only.
    - `data_dir`: folder with `train.json` and `test.json` as downloaded and the pictures in `train2014/`,
      `val2014/`, `VG_100K/` and `VG_100K_2/`, there or in `images/`; without it, drawn mini data is used. COCO's
      pictures are looked for in the folder of COCO (`VISPRO_DATA_COCO`), too, and so is
      `annotations/instances_{train,val}2014.json`, which the oracle needs. For pictures of Visual Genome it needs
      annotations in COCO's format, `annotations/instances_{VG_100K,VG_100K_2}.json`, whose images it finds by
      their file names.
    """

    dataset_name = "TallyQA"
    page = {"sample_id": "the question id, as text", "filter": '{"complexity": "complex"}'}  # noqa: RUF012


@documented
class AOKVQAEnv(VisualProgramEnv):
    """Questions on photographs that need knowledge of the world, with four options or without.

    ## Description
    A-OKVQA (Schwenk et al., ECCV 2022) asks questions on COCO's pictures that take common sense or knowledge and some
    reasoning: what is the man by the bags awaiting? In the form "multiple_choice" there are four options to choose
    from, in an order that is drawn anew in each episode. In the form "direct_answer" the answer is free; ten people
    have answered each question.

    ## Rewards
    "multiple_choice": 1.0 if the program returns the right option, else 0.0: its text (stripped, lowered, without a
    final full stop) or its letter, "A" for the first. A letter counts only if no option is called so. Numbers name no
    option, save as texts of one. With `scorer="official"` nothing but the exact text of an option counts.

    "direct_answer": 1.0 if the soft accuracy of the answer reaches `threshold`, else 0.0. The soft accuracy is
    min(1, k / 3), k the number of people who gave the answer; by default one is enough. Both sides are normalised as in
    VQAv2: True and False are read as "yes" and "no", numbers as their digits (3.0 as "3"); texts are lowered, lose
    punctuation and articles, and number words up to "ten" become digits. With `scorer="official"` texts are compared as
    they are. Questions marked as too difficult for direct answers are left out. `info["soft"]` is the soft accuracy
    itself.

    A program that fails in any way earns 0.0, and so does one that returns a list, a patch, an empty text (unless the
    scorer is "official") or nothing; there is no default answer.

    ## Arguments
    - `split`: "train" or "val"; the answers of the test split are not public.
    - `form`: "multiple_choice" (the default) or "direct_answer".
    - `data_dir`: folder with `aokvqa_v1p0_{train,val}.json` as downloaded; without it, drawn mini data is used.
      Pictures are looked for in `train2017/` and `val2017/` there and in the folder of COCO (`VISPRO_DATA_COCO`),
      and so is `annotations/instances_{train,val}2017.json`, which the oracle needs.
    """

    dataset_name = "AOKVQA"
    page = {  # noqa: RUF012
        "query": 'the question; in the form "multiple_choice" with its options, one per line, each with its letter',
        "sample_id": "the question id",
        "filter": '{"difficult": 0}',
        "threshold": 'smallest soft score that is rewarded in the form "direct_answer", 0.3 by default; '
        'None for "multiple_choice", where answers are right or wrong',
    }
