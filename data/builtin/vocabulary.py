"""The words and facts that the prompt families share."""

COUNTS = {"two": 2, "three": 3, "four": 4}

DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]

BONDS = ((2, 3), (2, 5), (2, 6), (2, 7), (3, 4), (3, 5), (3, 6), (3, 8), (4, 5), (4, 6), (5, 6))

# Amount as written, its number, the small unit, and how many of that unit the amount holds.
MEASURES = (
    ("a minute", 1, "seconds", 60),
    ("two minutes", 2, "seconds", 120),
    ("an hour", 1, "minutes", 60),
    ("two hours", 2, "minutes", 120),
    ("three hours", 3, "minutes", 180),
    ("a day", 1, "hours", 24),
    ("two days", 2, "hours", 48),
    ("three days", 3, "hours", 72),
    ("a week", 1, "days", 7),
    ("two weeks", 2, "days", 14),
    ("three weeks", 3, "days", 21),
    ("four weeks", 4, "days", 28),
    ("a year", 1, "months", 12),
    ("two years", 2, "months", 24),
    ("three years", 3, "months", 36),
    ("a metre", 1, "centimetres", 100),
    ("two metres", 2, "centimetres", 200),
    ("a kilometre", 1, "metres", 1000),
    ("two kilometres", 2, "metres", 2000),
    ("a kilogram", 1, "grams", 1000),
    ("two kilograms", 2, "grams", 2000),
    ("a pound", 1, "pence", 100),
    ("two pounds", 2, "pence", 200),
)

OPPOSITES = (
    ("hot", "cold"),
    ("big", "small"),
    ("tall", "short"),
    ("fast", "slow"),
    ("open", "closed"),
    ("full", "empty"),
    ("wet", "dry"),
    ("light", "dark"),
    ("hard", "soft"),
    ("old", "young"),
    ("early", "late"),
    ("rich", "poor"),
    ("strong", "weak"),
    ("clean", "dirty"),
    ("near", "far"),
    ("high", "low"),
    ("black", "white"),
    ("day", "night"),
    ("summer", "winter"),
    ("first", "last"),
)
KIN = {
    "hot": "warm",
    "cold": "cool",
    "big": "large",
    "small": "little",
    "fast": "quick",
    "wet": "damp",
    "dark": "dim",
}

# Singular, plural, and a mistake that learners make.
NOUNS = (
    *((noun, f"{noun}s", f"{noun}'s") for noun in ("apple", "bed", "cat", "cow", "dog", "goat")),
    *((noun, f"{noun}s", f"{noun}'s") for noun in ("hat", "key", "lamp", "pear", "plum")),
    *((noun, f"{noun}s", f"{noun}'s") for noun in ("shoe", "sock")),
    ("box", "boxes", "boxs"),
    ("bus", "buses", "buss"),
    ("baby", "babies", "babys"),
    ("child", "children", "childs"),
    ("man", "men", "mans"),
    ("woman", "women", "womans"),
    ("foot", "feet", "foots"),
    ("tooth", "teeth", "tooths"),
    ("mouse", "mice", "mouses"),
)

KINDS = {
    "fruits": ["apples", "pears", "plums", "figs", "grapes", "lemons"],
    "animals": ["cats", "dogs", "cows", "goats", "mice", "foxes"],
    "colours": ["red", "blue", "green", "yellow", "black", "white"],
    "drinks": ["tea", "coffee", "milk", "water", "juice"],
    "clothes": ["hats", "coats", "shoes", "socks", "shirts"],
    "body parts": ["hands", "feet", "eyes", "ears", "teeth"],
    "things in a room": ["beds", "lamps", "tables", "chairs", "boxes"],
    "days of the week": DAYS,
    "months of the year": MONTHS,
    "seasons": ["spring", "summer", "autumn", "winter"],
}

SORTABLE = ["apple", "bed", "cat", "dog", "egg", "goat", "hat", "key", "lamp"]

OBJECTS = {
    "tea": "a cup of tea",
    "coffee": "a cup of coffee",
    "water": "a glass of water",
    "milk": "a glass of milk",
    "apple": "an apple",
    "pear": "a pear",
    "egg": "an egg",
    "chair": "a chair",
    "lamp": "a lamp",
    "key": "the key",
    "book": "the book",
    "hat": "a hat",
}
ASKING = ["may i", "could i", "can i", "could you", "i would like"]
NAMES = ("Anna", "Ben", "Tom", "Eva")

# Prompts, what must be said in one of these wordings, and full replies.
GREETINGS = (
    (
        ("Say hello to {}.", "How do you greet {}?"),
        ["hello", "good morning"],
        ("Hello, {}.", "Good morning, {}.", "Hello, {}, how are you?"),
    ),
    (
        ("Say goodbye to {}.", "What do you say when {} leaves?"),
        ["goodbye"],
        ("Goodbye, {}.", "Goodbye, {}, see you on Monday.", "Goodbye, my friend {}."),
    ),
    (
        ("Wish {} good night.", "Say good night to {}."),
        ["good night"],
        ("Good night, {}.", "Good night, {}, see you in the morning.", "Good night, dear {}."),
    ),
    (
        ("Thank {} for the help.", "Say thanks to {}."),
        ["thank you", "thanks"],
        ("Thank you, {}.", "Thank you for the help, {}.", "Many thanks, {}."),
    ),
    (
        ("Say sorry to {}.", "You are late. What do you tell {}?"),
        ["sorry"],
        ("Sorry, {}.", "I am sorry, {}.", "I am sorry to be late, {}."),
    ),
)
