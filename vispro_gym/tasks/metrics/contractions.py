"""The contractions that VQA's official evaluation puts apostrophes into.

The official table has 120 entries. All but three follow one rule: a contraction that lost exactly one of its apostrophes
gets it back ("dont" and "don't", "couldnt've" and "couldn't've"; "couldntve" is left as it is). The exceptions are
"somebody'd", which loses its apostrophe, and two entries that map a word to itself. Four entries with a capital I can
never apply, because texts are lowered first; they are left out.

Source: GT-Vision-Lab/VQA, `PythonEvaluationTools/vqaEvaluation/vqaEval.py`.
"""

from __future__ import annotations

_FORMS = """
ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've he's
how'd how'll how's isn't it'd it'd've it'll ma'am might've mightn't mightn't've must've mustn't needn't not've o'clock
oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's someone'd
someone'd've someone'll someone's something'd something'd've something'll that's there'd there'd've there're there's
they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's what've when's where'd
where's where've who'd who'd've who'll who's who've why'll why're why's won't would've wouldn't wouldn't've y'all
y'all'd've y'all'll you'd you'd've you'll you're you've
""".split()

CONTRACTIONS: dict[str, str] = {
    form[:i] + form[i + 1 :]: form for form in _FORMS for i, character in enumerate(form) if character == "'"
} | {"somebody'd": "somebodyd"}
"""Words as people write them, to words as the evaluation compares them. All lower case."""
