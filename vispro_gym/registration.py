"""The tables of environments. Adding a row registers, documents and tests an environment."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium as gym


@dataclass(frozen=True)
class EnvironmentRow:
    """One registered environment.

    Attributes:
        dataset: Dataset name; the environment's id is made of it.
        entry_point: Class, as "module:name".
        family: Kind of task: what papers file the dataset under.
        splits: Splits that the official release has annotations for; the first is the default, mini data has the first two.
        metric: What the official code prints, in a few words.
        licence: Licence of the annotations and of the pictures.
        address: Where the official files are.
        summary: One line for tables.
    """

    dataset: str
    entry_point: str
    family: str
    splits: tuple[str, ...]
    metric: str
    licence: str
    address: str
    summary: str

    @property
    def env_id(self) -> str:
        """Id for `gymnasium.make`."""
        return f"VisProg-{self.dataset}-v0"

    @property
    def repair_id(self) -> str:
        """Id of the same environment with several attempts per episode and feedback after each."""
        return f"VisProg-{self.dataset}-Repair-v0"

    @property
    def evaluation_split(self) -> str:
        """Split on which policies are measured unless another one is named: the second, or the only one."""
        return self.splits[:2][-1]


ENVIRONMENTS: tuple[EnvironmentRow, ...] = (
    EnvironmentRow(
        "GQA",
        "vispro_gym.envs.questions:GQAEnv",
        family="compositional VQA",
        splits=("train", "val", "testdev"),
        metric="accuracy, binary, open, validity, plausibility, consistency, distribution",
        licence="CC BY 4.0 (annotations and Visual Genome pictures)",
        address="https://cs.stanford.edu/people/dorarad/gqa/download.html",
        summary="Compositional questions on photographs of everyday scenes",
    ),
    EnvironmentRow(
        "CLEVR",
        "vispro_gym.envs.questions:CLEVREnv",
        family="compositional VQA",
        splits=("train", "val"),
        metric="accuracy, by kind of question",
        licence="CC BY 4.0",
        address="https://cs.stanford.edu/people/jcjohns/clevr",
        summary="Compositional questions on rendered scenes of simple solids",
    ),
    EnvironmentRow(
        "VQAv2",
        "vispro_gym.envs.open_questions:VQAv2Env",
        family="open VQA",
        splits=("train", "val"),
        metric="soft accuracy, by type of question and of answer",
        licence="CC BY 4.0 (annotations), Flickr terms (pictures of COCO)",
        address="https://visualqa.org/download.html",
        summary="Questions of all kinds on photographs, each answered by ten people",
    ),
    EnvironmentRow(
        "OKVQA",
        "vispro_gym.envs.open_questions:OKVQAEnv",
        family="knowledge-based VQA",
        splits=("train", "val"),
        metric="soft accuracy, by kind of knowledge",
        licence="CC BY 4.0 (annotations), Flickr terms (pictures of COCO)",
        address="https://okvqa.allenai.org/download.html",
        summary="Questions on photographs that need knowledge from outside them",
    ),
    EnvironmentRow(
        "TallyQA",
        "vispro_gym.envs.open_questions:TallyQAEnv",
        family="counting",
        splits=("train", "test"),
        metric="accuracy and RMSE, simple and complex",
        licence="Apache 2.0 (annotations), Flickr terms and CC BY 4.0 (pictures of COCO and Visual Genome)",
        address="https://github.com/manoja328/TallyQA_dataset",
        summary="Questions on how many there are",
    ),
    EnvironmentRow(
        "AOKVQA",
        "vispro_gym.envs.open_questions:AOKVQAEnv",
        family="knowledge-based VQA",
        splits=("train", "val"),
        metric="accuracy of choices, soft accuracy of direct answers",
        licence="Apache 2.0 (annotations), Flickr terms (pictures of COCO)",
        address="https://github.com/allenai/aokvqa",
        summary="Questions that need knowledge of the world, with four options or without",
    ),
    EnvironmentRow(
        "POPE",
        "vispro_gym.envs.yes_no:POPEEnv",
        family="yes/no",
        splits=("random", "popular", "adversarial"),
        metric="accuracy, precision, recall, F1, share of yes",
        licence="MIT (questions), Flickr terms (pictures of COCO)",
        address="https://github.com/RUCAIBox/POPE",
        summary="Yes-or-no questions on whether an object is in the picture",
    ),
    EnvironmentRow(
        "VSR",
        "vispro_gym.envs.yes_no:VSREnv",
        family="yes/no",
        splits=("train", "dev", "test", "zeroshot_train", "zeroshot_dev", "zeroshot_test"),
        metric="accuracy, by relation",
        licence="CC BY 4.0 (annotations), Flickr terms (pictures of COCO)",
        address="https://github.com/cambridgeltl/visual-spatial-reasoning/tree/master/data",
        summary="Statements on how two things in a photograph are placed",
    ),
    EnvironmentRow(
        "NLVR2",
        "vispro_gym.envs.yes_no:NLVR2Env",
        family="several pictures",
        splits=("train", "dev", "test1", "test2", "balanced_dev", "unbalanced_dev", "balanced_test1", "unbalanced_test1"),
        metric="accuracy, consistency",
        licence="CC BY 4.0 (annotations), pictures on request for research",
        address="https://github.com/lil-lab/nlvr/tree/master/nlvr2",
        summary="Statements on pairs of photographs",
    ),
    EnvironmentRow(
        "NLVR",
        "vispro_gym.envs.yes_no:NLVREnv",
        family="several pictures",
        splits=("train", "dev", "test", "hidden"),
        metric="accuracy, consistency",
        licence="CC BY 4.0",
        address="https://github.com/lil-lab/nlvr/tree/master/nlvr",
        summary="Statements on three boxes of coloured shapes",
    ),
    EnvironmentRow(
        "OmniLabel",
        "vispro_gym.envs.boxes:OmniLabelEnv",
        family="detection",
        splits=("val",),
        metric="AP of categories and of descriptions, their harmonic mean",
        licence="see omnilabel.org (annotations), terms of COCO, Objects365 and Open Images (pictures)",
        address="https://www.omnilabel.org/dataset/download",
        summary="All objects that a free-form description fits, which may be none",
    ),
    EnvironmentRow(
        "COCO",
        "vispro_gym.envs.boxes:COCOEnv",
        family="detection",
        splits=("train", "val"),
        metric="AP, AP50, AP75, AR, by size of objects",
        licence="CC BY 4.0 (annotations), Flickr terms (pictures)",
        address="https://cocodataset.org/#download",
        summary="All objects of a category",
    ),
    EnvironmentRow(
        "RefCOCO",
        "vispro_gym.envs.boxes:RefCOCOEnv",
        family="grounding",
        splits=("train", "val", "testA", "testB"),
        metric="accuracy at IoU 0.5, mean IoU",
        licence="CC BY 4.0 (annotations of COCO), Apache 2.0 (refer), Flickr terms (pictures of COCO)",
        address="https://github.com/lichengunc/refer",
        summary="The object that a short expression refers to",
    ),
    EnvironmentRow(
        "RefCOCOplus",
        "vispro_gym.envs.boxes:RefCOCOplusEnv",
        family="grounding",
        splits=("train", "val", "testA", "testB"),
        metric="accuracy at IoU 0.5, mean IoU",
        licence="CC BY 4.0 (annotations of COCO), Apache 2.0 (refer), Flickr terms (pictures of COCO)",
        address="https://github.com/lichengunc/refer",
        summary="The same without words for places in the picture",
    ),
    EnvironmentRow(
        "RefCOCOg",
        "vispro_gym.envs.boxes:RefCOCOgEnv",
        family="grounding",
        splits=("train", "val", "test"),
        metric="accuracy at IoU 0.5, mean IoU",
        licence="CC BY 4.0 (annotations of COCO), Apache 2.0 (refer), Flickr terms (pictures of COCO)",
        address="https://github.com/lichengunc/refer",
        summary="The object that a longer expression refers to, one of several of its kind",
    ),
    EnvironmentRow(
        "WinoGround",
        "vispro_gym.envs.matching:WinoGroundEnv",
        family="image-text matching",
        splits=("test",),
        metric="text, image and group score; accuracy of 1,600 verdicts",
        licence="research only, not to be passed on (captions; pictures of Getty Images)",
        address="https://huggingface.co/datasets/facebook/winoground",
        summary="Two captions of the same words and two pictures: which belongs to which",
    ),
    EnvironmentRow(
        "SugarCREPE",
        "vispro_gym.envs.matching:SugarCREPEEnv",
        family="image-text matching",
        splits=("test",),
        metric="accuracy by type, macro averages of add, replace and swap",
        licence="MIT (captions made from COCO's, CC BY 4.0), Flickr terms (pictures of COCO)",
        address="https://github.com/RAIVNLab/sugar-crepe",
        summary="A picture and two captions, one of which is wrong in one thing",
    ),
    EnvironmentRow(
        "Flickr30k",
        "vispro_gym.envs.matching:Flickr30kEnv",
        family="image-text retrieval",
        splits=("train", "val", "test"),
        metric="top-1 of a pool; R@1, R@5, R@10 of rankings",
        licence="research only (captions), Flickr terms (pictures)",
        address="https://shannon.cs.illinois.edu/DenotationGraph/",
        summary="Which of several captions belongs to a picture, or which picture to a caption",
    ),
    EnvironmentRow(
        "COCOCaptions",
        "vispro_gym.envs.matching:COCOCaptionsEnv",
        family="image-text retrieval",
        splits=("train", "val", "test"),
        metric="top-1 of a pool; R@1, R@5, R@10 of rankings",
        licence="CC BY 4.0 (captions), Flickr terms (pictures of COCO)",
        address="https://cocodataset.org/#download",
        summary="Which of several captions belongs to a picture of COCO, or which picture to a caption",
    ),
)


@dataclass(frozen=True)
class TaskRewardRow:
    """One environment of a task reward: a picture in, boxes, segments, colours or a caption out, a real number back.

    All of them use COCO: annotations CC BY 4.0, pictures under Flickr terms, https://cocodataset.org/#download.

    Attributes:
        task: The task; the environment's id is made of it.
        entry_point: Class, as "module:name".
        reward: What is rewarded, in a few words.
        metric: What the corpus metric says.
        summary: One line for tables.
    """

    task: str
    entry_point: str
    reward: str
    metric: str
    summary: str

    @property
    def env_id(self) -> str:
        """Id for `gymnasium.make`."""
        return f"TaskReward-{self.task}-v0"


TASK_REWARDS: tuple[TaskRewardRow, ...] = (
    TaskRewardRow(
        "Detection",
        "vispro_gym.envs.task_reward:DetectionEnv",
        reward="objects found at ten IoU thresholds, less a penalty on duplicates",
        metric="AP, AP50, AP75, AR, by size of objects",
        summary="All objects of a picture, in boxes with labels and scores",
    ),
    TaskRewardRow(
        "Panoptic",
        "vispro_gym.envs.task_reward:PanopticEnv",
        reward="IoU of matched segments, less a penalty on unmatched ones",
        metric="PQ, SQ, RQ, PQ of things and of stuff",
        summary="A category for every pixel of a picture, and which object it belongs to",
    ),
    TaskRewardRow(
        "Colorization",
        "vispro_gym.envs.task_reward:ColorizationEnv",
        reward="colourfulness: share of vivid pixels times entropy of their hues",
        metric="mean colourfulness, mean error of colours",
        summary="Colours for a picture that is shown in shades of grey",
    ),
    TaskRewardRow(
        "Captioning",
        "vispro_gym.envs.task_reward:CaptioningEnv",
        reward="CIDEr-D",
        metric="CIDEr, BLEU-1 to BLEU-4",
        summary="A sentence that describes a picture",
    ),
)
"""The environments of task rewards (Pinto et al., ICML 2023). A row here registers, documents and tests one."""


@dataclass(frozen=True)
class CardsRow:
    """One environment of cards: a drawn picture in, one of a few keywords out, several steps per episode.

    Attributes:
        name: The game; the environment's id is made of it.
        entry_point: Class, as "module:name".
        reward: What is rewarded, in a few words.
        horizon: Most steps of an episode, with the default arguments.
        summary: One line for tables.
    """

    name: str
    entry_point: str
    reward: str
    horizon: int
    summary: str

    @property
    def env_id(self) -> str:
        """Id for `gymnasium.make`."""
        return f"Cards-{self.name}-v0"


CARDS: tuple[CardsRow, ...] = (
    CardsRow(
        "NumberLine",
        "vispro_gym.envs.cards:NumberLineEnv",
        reward="1 at the target, -1 for a step that does not lead closer",
        horizon=10,
        summary="A number that has to be moved to another one, one step at a time",
    ),
    CardsRow(
        "EZPoints",
        "vispro_gym.envs.cards:EZPointsEnv",
        reward="10 for a formula that equals 12, else -1; -1 for a number that no unused card has",
        horizon=7,
        summary="A formula of two cards that equals 12, token by token",
    ),
    CardsRow(
        "Points24",
        "vispro_gym.envs.cards:Points24Env",
        reward="10 for a formula that equals 24, else -1; -1 for a number that no unused card has",
        horizon=22,
        summary="A formula of four cards that equals 24, token by token",
    ),
    CardsRow(
        "Blackjack",
        "vispro_gym.envs.cards:BlackjackEnv",
        reward="1 for winning, -1 for losing, 0 for a draw",
        horizon=20,
        summary="Blackjack against a dealer: stand or hit",
    ),
)
"""The environments after gym-cards (Zhai et al., NeurIPS 2024). A row here registers, documents and tests one."""


REPAIR_ATTEMPTS = 3
"""Programs that may be tried in an episode of the "-Repair" ids."""


def register_environments() -> None:
    """Registers every row with Gymnasium; those of `ENVIRONMENTS` once more as "-Repair", with several attempts per episode.

    Rows that are registered already are left alone.
    """
    for row in ENVIRONMENTS:
        for env_id, options in ((row.env_id, {}), (row.repair_id, {"max_attempts": REPAIR_ATTEMPTS})):
            if env_id not in gym.registry:
                # No max_episode_steps: Gymnasium's TimeLimit would mark the last attempt as truncated.
                gym.register(
                    env_id,
                    entry_point=row.entry_point,
                    vector_entry_point="vispro_gym.envs.vector:VisualProgramVectorEnv",
                    kwargs={"dataset": row.dataset, "split": row.splits[0]} | options,
                )
    for task in TASK_REWARDS:
        if task.env_id not in gym.registry:
            gym.register(
                task.env_id,
                entry_point=task.entry_point,
                vector_entry_point=f"vispro_gym.envs.task_reward.vector:{task.task}VectorEnv",
                kwargs={"split": "train"},
            )
    for cards in CARDS:
        if cards.env_id not in gym.registry:
            gym.register(cards.env_id, entry_point=cards.entry_point)
