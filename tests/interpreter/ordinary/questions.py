"""Programs that answer questions on a picture, in the usual ways of writing them."""

from __future__ import annotations

from tests.interpreter.ordinary.base import programs

EXISTENCE = programs(r"""
--- is there a dog
image_patch = ImagePatch(image)
return bool_to_yesno(image_patch.exists("dog"))
--- is there a horse
image_patch = ImagePatch(image)
return bool_to_yesno(image_patch.exists("horse"))
--- is there a red cup
def execute_command(image) -> str:
    image_patch = ImagePatch(image)
    cup_patches = image_patch.find("cup")
    for cup_patch in cup_patches:
        if cup_patch.verify_property("cup", "red"):
            return "yes"
    return "no"
--- are there both dogs and cats
image_patch = ImagePatch(image)
is_dog = image_patch.exists("dog")
is_cat = image_patch.exists("cat")
return bool_to_yesno(is_dog and is_cat)
--- either of two
image_patch = ImagePatch(image)
return bool_to_yesno(image_patch.exists("horse") or image_patch.exists("window"))
--- neither of two
return bool_to_yesno(not image.exists("horse") and not image.exists("bicycle"))
--- any with a property
image_patch = ImagePatch(image)
return bool_to_yesno(any(p.verify_property("dog", "black") for p in image_patch.find("dog")))
--- all with a property
image_patch = ImagePatch(image)
cups = image_patch.find("cup")
return bool_to_yesno(len(cups) > 0 and all(p.verify_property("cup", "small") for p in cups))
--- does everything exist
required = ["cup", "table", "dog", "lamp"]
missing = [name for name in required if not image.exists(name)]
if missing:
    return "missing: " + ", ".join(missing)
return "complete"
--- who is there
people = []
for kind in ("man", "woman", "child"):
    if image.exists(kind):
        people.append(kind)
return " and ".join(people) if people else "nobody"
--- exactly one
return bool_to_yesno(len(image.find("cat")) == 1)
--- a question in return
return image.simple_query("What is this?")
--- verify then ask
image_patch = ImagePatch(image)
if image_patch.exists("man"):
    man_patch = image_patch.find("man")[0]
    return man_patch.simple_query("Is the man standing?")
return "no"
--- not exists negated twice
return not not image.exists("cup")
--- boolean answer
return image.exists("plate")
""")

COUNTING = programs(r"""
--- how many cups
image_patch = ImagePatch(image)
return len(image_patch.find("cup"))
--- how many cups as text
cups = ImagePatch(image).find("cup")
return str(len(cups))
--- how many red cups by a counter
count = 0
for cup in image.find("cup"):
    if cup.verify_property("cup", "red"):
        count += 1
return count
--- how many red cups by sum
return sum(cup.verify_property("cup", "red") for cup in image.find("cup"))
--- how many red cups by a filter
red = list(filter(lambda c: c.verify_property("cup", "red"), image.find("cup")))
return len(red)
--- animals in total
total = 0
for animal in ["dog", "cat", "horse"]:
    total += len(image.find(animal))
return total
--- more dogs than cats
num_dogs = len(image.find("dog"))
num_cats = len(image.find("cat"))
return bool_to_yesno(num_dogs > num_cats)
--- difference of counts
return abs(len(image.find("cup")) - len(image.find("dog")))
--- which is there more often
counts = {name: len(image.find(name)) for name in ("dog", "cup", "book")}
return max(counts, key=counts.get)
--- people per table
people = len(image.find("person"))
tables = len(image.find("table"))
return people / tables
--- drinks by a division with rest
cups, people = len(image.find("cup")), len(image.find("person"))
each, rest = divmod(cups, people)
return f"{each} each and {rest} left"
--- counts in a sentence
dogs = len(image.find("dog"))
return f"There {'is' if dogs == 1 else 'are'} {dogs} dog{'s' if dogs != 1 else ''}."
--- count on the left half
left_half = image.crop(0, 0, image.width // 2, image.height)
return len(left_half.find("object"))
--- count of colours
colors = [p.simple_query("What color is this?") for p in image.find("cup")]
return len(set(colors))
--- answer of a query as a number
answer = image.simple_query("How many cups are there?")
return int(answer) + 1
--- numeric answer through the api
return coerce_to_numeric(image.simple_query("How many dogs are there?"))
--- enough chairs
chairs = len(image.find("chair"))
people = len(image.find("people"))
if chairs >= people:
    return "yes"
elif chairs == 0:
    return "there are no chairs"
else:
    return "no"
--- count with a tuple of names
return [len(image.find(name)) for name in ("cup", "plate", "lamp")]
--- count of all overlapping pairs
objects = image.find("object")
pairs = 0
for i in range(len(objects)):
    for j in range(i + 1, len(objects)):
        a, b = objects[i], objects[j]
        if a.overlaps_with(b.left, b.lower, b.right, b.upper):
            pairs += 1
return pairs
""")

ATTRIBUTES = programs(r"""
--- colour of the cup
image_patch = ImagePatch(image)
cup_patches = image_patch.find("cup")
cup_patch = cup_patches[0]
return cup_patch.simple_query("What color is the cup?")
--- material of the table
return image.find("table")[0].simple_query("What material is the table made of?")
--- colour with a fallback
patches = image.find("lamp")
if len(patches) == 0:
    patches = [image]
return patches[0].simple_query("What color is the lamp?")
--- red or blue
cup = image.find("cup")[1]
return "red" if cup.verify_property("cup", "red") else "blue" if cup.verify_property("cup", "blue") else "neither"
--- best of the options
dog = image.find("dog")[0]
return dog.best_text_match(["brown dog", "black dog", "white dog"])
--- best of the options with a prefix
cup = image.find("cup")[2]
return cup.best_text_match(["ceramic", "plastic", "glass"], prefix="cup")
--- best patch for a text
animals = image.find("animal")
return best_image_match(animals, ["gray cat"])
--- best index for a text
animals = image.find("animal")
return best_image_match(list_patches=animals, content=["black dog", "standing"], return_index=True)
--- do they share a colour
a, b = image.find("dog")
first = a.simple_query("What color is this?")
second = b.simple_query("What color is this?")
return bool_to_yesno(first == second)
--- all colours sorted
return sorted({p.simple_query("What color is this?") for p in image.find("object")})
--- colours with their counts
counts = {}
for patch in image.find("cup"):
    color = patch.simple_query("What color is this?")
    counts[color] = counts.get(color, 0) + 1
return ", ".join(f"{k}: {v}" for k, v in sorted(counts.items()))
--- most frequent colour
from collections import Counter
colors = [p.simple_query("What color is this?") for p in image.find("cup")]
return Counter(colors).most_common(1)[0][0]
--- the odd one out
cups = image.find("cup")
colors = [c.simple_query("What color is this?") for c in cups]
for i, color in enumerate(colors):
    if colors.count(color) == 1:
        return cups[i]
--- is the man older than the woman
man, woman = image.find("man")[0], image.find("woman")[0]
return bool_to_yesno(man.verify_property("man", "old") and not woman.verify_property("woman", "old"))
--- large and brown
matches = [p for p in image.find("object") if p.verify_property("object", "large") and p.verify_property("object", "brown")]
return [p.simple_query("What is this?") for p in matches]
--- tallest person
people = image.find("person")
people.sort(key=lambda p: p.height)
return people[-1].simple_query("What is this?")
--- shape from the box
window = image.find("window")[0]
ratio = window.width / window.height
if 0.9 < ratio < 1.1:
    return "square"
return "wide" if ratio > 1 else "tall"
--- relative sizes
table = image.find("table")[0]
return round(table.area / (image.width * image.height), 3)
--- attribute table
attributes = ["red", "blue", "small"]
rows = [[cup.verify_property("cup", a) for a in attributes] for cup in image.find("cup")]
return ["".join("x" if v else "." for v in row) for row in rows]
--- a property by keyword arguments
return image.verify_property(object_name="dog", attribute="black")
--- a query by keyword argument
return image.simple_query(question="What is this?")
""")

SPATIAL = programs(r"""
--- left or right
dog = image.find("dog")[0]
if dog.horizontal_center < image.horizontal_center:
    return "left"
else:
    return "right"
--- is the cup left of the cat
cup = image.find("cup")[0]
cat = image.find("cat")[0]
return bool_to_yesno(cup.horizontal_center < cat.horizontal_center)
--- what is above the table
table = image.find("table")[0]
above = [p for p in image.find("object") if p.lower >= table.vertical_center]
return [p.simple_query("What is this?") for p in above]
--- leftmost cup
cups = image.find("cup")
leftmost = min(cups, key=lambda cup: cup.left)
return leftmost.simple_query("What color is this?")
--- rightmost by sorting
return sorted(image.find("cup"), key=lambda c: c.horizontal_center, reverse=True)[0]
--- second from the left
cups = sorted(image.find("cup"), key=lambda cup: cup.horizontal_center)
return cups[1].simple_query("What color is the cup?")
--- closest to the camera
return min(image.find("object"), key=lambda p: p.compute_depth()).simple_query("What is this?")
--- farthest from the camera
objects = image.find("object")
objects.sort(key=lambda p: p.compute_depth())
return objects[-1].simple_query("What is this?")
--- nearest to the cat
cat = image.find("cat")[0]
others = [p for p in image.find("object") if p != cat]
nearest = min(others, key=lambda p: distance(p, cat))
return nearest.simple_query("What is this?")
--- distance of two
a, b = image.find("dog")
return distance(a, b)
--- distance of overlapping boxes
table, book = image.find("table")[0], image.find("book")[1]
return round(distance(table, book), 6)
--- between two dogs
first, second = sorted(image.find("dog"), key=lambda d: d.left)
middle = [p for p in image.find("object") if first.right < p.horizontal_center < second.left]
return len(middle)
--- cup on the table
table = image.find("table")[0]
on_table = []
for cup in image.find("cup"):
    if table.left <= cup.horizontal_center <= table.right and cup.lower <= table.upper <= cup.upper:
        on_table.append(cup)
return len(on_table)
--- related left of
table = image.find("table")[0]
return len(table.related("left of", "dog"))
--- related as object
table = image.find("table")[0]
return [p.simple_query() for p in table.related("above", role="object")]
--- related near anything
cat = image.find("cat")[0]
return sorted(p.simple_query("What is this?") for p in cat.related("near"))
--- crop below the window
window = image.find("window")[0]
below = image.crop(image.left, image.lower, image.right, window.lower)
return [below.width, below.height, len(below.find("cup"))]
--- crop a quadrant
w, h = image.width, image.height
quadrants = {"lower left": (0, 0, w // 2, h // 2), "upper right": (w // 2, h // 2, w, h)}
return [f"{name}: {len(image.crop(*box).find('object'))}" for name, box in quadrants.items()]
--- crop around with a margin
cat = image.find("cat")[0]
margin = 20
around = image.crop(cat.left - margin, cat.lower - margin, cat.right + margin, cat.upper + margin)
return [p.simple_query("What is this?") for p in around.find("object")]
--- new patch from a patch
dog = image.find("dog")[1]
return ImagePatch(image, dog.left, dog.lower, dog.right, dog.upper)
--- patch with keywords
return ImagePatch(image, left=10, lower=20, right=100, upper=200).area
--- upper or lower half
cat = image.find("cat")[0]
return "upper" if cat.vertical_center > image.vertical_center else "lower"
--- diagonal position
def position(patch):
    vertical = "top" if patch.vertical_center > image.height / 2 else "bottom"
    horizontal = "left" if patch.horizontal_center < image.width / 2 else "right"
    return f"{vertical} {horizontal}"
return [position(p) for p in image.find("animal")]
--- order from left to right
names = ["dog", "cat", "table"]
patches = [(image.find(n)[0].left, n) for n in names]
patches.sort()
return [n for _, n in patches]
--- intersection over union by hand
a, b = image.find("table")[0], image.find("book")[1]
x = max(0, min(a.right, b.right) - max(a.left, b.left))
y = max(0, min(a.upper, b.upper) - max(a.lower, b.lower))
inter = x * y
union = a.area + b.area - inter
return round(inter / union, 4)
--- in front of
man = image.find("man")[0]
dog = image.find("dog")[0]
return bool_to_yesno(dog.compute_depth() < man.compute_depth())
--- depth difference
d = [p.compute_depth() for p in image.find("dog")]
return d[1] - d[0]
--- is it inside
def inside(inner, outer):
    return outer.left <= inner.left and inner.right <= outer.right and outer.lower <= inner.lower and inner.upper <= outer.upper
table = image.find("table")[0]
return [inside(book, table) for book in image.find("book")]
--- grid cell
cat = image.find("cat")[0]
column = min(int(3 * cat.horizontal_center / image.width), 2)
row = min(int(3 * cat.vertical_center / image.height), 2)
return ["bottom", "middle", "top"][row] + " " + ["left", "center", "right"][column]
--- coordinates
p = image.find("plate")[0]
return [p.left, p.lower, p.right, p.upper, p.width, p.height, p.horizontal_center, p.vertical_center, p.area]
--- facing sides
left_person, right_person = sorted(image.find("person"), key=lambda p: p.left)
return right_person.left - left_person.right
""")

COMPARISON = programs(r"""
--- larger of two dogs
a, b = image.find("dog")
return "first" if a.area > b.area else "second" if b.area > a.area else "same"
--- are all cups the same colour
colors = [c.simple_query("What color is the cup?") for c in image.find("cup")]
return bool_to_yesno(len(set(colors)) == 1)
--- same patches are equal
return image.find("cat")[0] == image.find("cat")[0]
--- different patches are not
a, b = image.find("dog")
return [a == b, a != b, a == a, a in image.find("dog"), a == 3]
--- patches as keys
seen = {}
for patch in image.find("dog") + image.find("animal"):
    seen[patch] = seen.get(patch, 0) + 1
return list(seen.values())
--- patches in a set
return len(set(image.find("dog")) | set(image.find("animal")))
--- taller than wide
return [p.height > p.width for p in image.find("person")]
--- chained comparison
man = image.find("man")[0]
return 0 <= man.left < man.right <= image.width
--- compare colours by tuple
def key(p):
    return (p.simple_query("What color is this?"), p.left)
return [p.left for p in sorted(image.find("cup"), key=key)]
--- choose by a dictionary
color = image.find("dog")[1].simple_query("What color is this?")
return {"black": "dark", "white": "light"}.get(color, "medium")
--- majority of votes
votes = [p.verify_property("cup", "red") for p in image.find("cup")]
return bool_to_yesno(votes.count(True) > votes.count(False))
--- consensus of queries
answers = [p.simple_query("Is it standing?") for p in image.find("dog")]
return max(set(answers), key=lambda a: (answers.count(a), a))
--- compare two pictures halves
half = image.width // 2
left, right = image.crop(0, 0, half, image.height), image.crop(half, 0, image.width, image.height)
l, r = len(left.find("object")), len(right.find("object"))
if l == r:
    return "equal"
return "left" if l > r else "right"
--- ratio as a percentage
red = sum(1 for c in image.find("cup") if c.verify_property("cup", "red"))
return f"{100 * red / len(image.find('cup')):.1f}%"
--- larger by a clear margin
table, window = image.find("table")[0], image.find("window")[0]
return "table" if table.area > 1.5 * window.area else "similar"
""")
