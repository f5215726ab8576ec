"""Every table: columns, types, nullability, keys. The only place that names columns.

`data/README.md`, the data dictionary, is generated from here.
"""

from dataclasses import dataclass

import pyarrow as pa

STRING, INT, FLOAT, BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()
VECTOR = pa.list_(pa.float32())


@dataclass(frozen=True)
class Column:
    """One column: its name, Arrow type, meaning, and whether it may be null."""

    name: str
    type: pa.DataType
    meaning: str
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """One table: rows are unique by `key` and stored in its order."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def arrow(self) -> pa.Schema:
        """The Arrow schema."""
        return pa.schema([pa.field(c.name, c.type, c.nullable) for c in self.columns])

    @property
    def names(self) -> list[str]:
        """Column names in order."""
        return [c.name for c in self.columns]


_PROMPT = Column("prompt_id", STRING, "hash of the conversation (store/ids.py)")
_RESPONSE = Column("response_id", STRING, "hash of prompt id and response text")
_PAIR = Column("pair_id", STRING, "hash of prompt id and the unordered pair of response ids")
_PURPOSE = Column(
    "purpose", STRING, "train: labeled to train on; audit: labeled to measure a strategy; "
    "holdout: a random pair of a held-out prompt, to measure the model"
)  # fmt: skip
_STRATEGY = Column("strategy", STRING, "the strategy that picked the pair (holdout: random)")
_SIDES = (
    Column("response_a", STRING, "response id shown first, by a hash of the pair"),
    Column("response_b", STRING, "response id shown second"),
)
_SIMILARITY = Column("similarity", FLOAT, "cosine of the two vectors, 5 decimals")
_LOG_RATIO = Column("log_length_ratio", FLOAT, "ln(tokens of a / tokens of b)")
_LABEL = (
    Column("winner", STRING, "a, b, tie or both_bad"),
    Column("p_a", FLOAT, "the labeler's probability that a is better"),
    Column("labeler", STRING, "who labeled"),
)
_GOLD = Column("gold", STRING, "a, b or tie by the noise-free rule or the second annotator", nullable=True)
_MESSAGES = Column("messages", STRING, "JSON list of {role, content}, the last one from the user")

PROMPTS = Table(
    "prompts", "Conversations to be answered, deduplicated.", ("prompt_id",),
    (
        _PROMPT,
        _MESSAGES,
        Column("split", STRING, "train or eval, by a hash of the group"),
        Column("group", STRING, "hash of the first user turn, case and punctuation aside: "
                                "conversations that begin alike are in the same split"),
        Column("rule", STRING, "JSON of the rule that scores any response, where the data has one", nullable=True),
    ),
)  # fmt: skip

GIVEN = Table(
    "given", "Responses that came with the raw data.", ("prompt_id", "response_id"),
    (
        _PROMPT,
        _RESPONSE,
        Column("text", STRING, "the response"),
        Column("generator", STRING, "who wrote it, as the data says", nullable=True),
    ),
)  # fmt: skip

SCORES = Table(
    "scores", "Scores that came with the raw data, one row per response and annotator.",
    ("prompt_id", "response_id", "annotator"),
    (
        _PROMPT,
        _RESPONSE,
        Column("annotator", STRING, "who scored; 'score' where the data does not say"),
        Column("score", FLOAT, "higher is better; comparable within a prompt only"),
    ),
)  # fmt: skip

QUARANTINE = Table(
    "quarantine", "What a stage could not use, and why.", ("unit", "id", "reason"),
    (
        Column("unit", STRING, "what was set aside: row, prompt, response, pair, label"),
        Column("id", STRING, "its id; for a raw row, file and line"),
        Column("reason", STRING, "a short code"),
        Column("detail", STRING, "figure, or the beginning of the text"),
    ),
)  # fmt: skip

RESPONSES = Table(
    "responses", "Candidate responses, distinct texts within a prompt, past the responses gate.",
    ("prompt_id", "response_id"),
    (
        _PROMPT,
        _RESPONSE,
        Column("k", INT, "number of the sample within its prompt; the first one where texts repeat"),
        Column("text", STRING, "the response"),
        Column("generator", STRING, "who wrote it: 'policy' or as the data says", nullable=True),
        Column("finish", STRING, "stop: ended by itself; length: cut at max_new_tokens; given"),
        Column("tokens", INT, "length in tokens of the base model's tokenizer"),
    ),
)  # fmt: skip

EMBEDDINGS = Table(
    "embeddings", "One vector a response.", ("response_id",),
    (_RESPONSE, Column("vector", VECTOR, "float32, not normalized; same length in every row")),
)  # fmt: skip

REWARDS = Table(
    "rewards", "The policy's own reward of each response to a train prompt; empty where rewards.reward is none.",
    ("response_id",),
    (
        _RESPONSE,
        Column("policy_logprob", FLOAT, "ln pi(response | prompt) of the earlier run's policy, nats; null without one",
               nullable=True),
        Column("reference_logprob", FLOAT, "the same of the base, nats"),
        Column("tokens", INT, "tokens that these sums are over: the response and its end token, without what was cut"),
        Column("reward", FLOAT, "policy_logprob - reference_logprob, nats; without an earlier policy reference_logprob / "
               "tokens, nats a token"),
    ),
)  # fmt: skip

PAIRS = Table(
    "pairs", "Picked pairs, before the gate.", ("purpose", "strategy", "pair_id"),
    (
        _PURPOSE,
        _STRATEGY,
        _PAIR,
        _PROMPT,
        *_SIDES,
        _SIMILARITY,
        _LOG_RATIO,
        Column("predicted_gap", FLOAT, "quality of a minus that of b, as a reward head fitted to the pilot's labels "
               "predicts it; null without a pilot", nullable=True),
        Column("choice", INT, "place of this pair among all of its prompt, the strategy's first choice = 1"),
        Column("rank", INT, "place of this pair among all of its prompt, least alike = 1"),
        Column("n_pairs", INT, "number of the prompt's pairs"),
    ),
)  # fmt: skip

PILOT = Table(
    "pilot", "Pairs that were labeled first, for strategies that learn from labels.", ("pair_id",),
    (
        _PAIR,
        _PROMPT,
        *_SIDES,
        *_LABEL,
    ),
)  # fmt: skip

HISTOGRAM = Table(
    "histogram", "Similarities of all candidate pairs, and of each strategy's picks, in 40 bins.",
    ("picks", "bin"),
    (
        Column("picks", STRING, "all: every candidate pair; otherwise the strategy"),
        Column("bin", INT, "number of the bin, 0 to 39"),
        Column("low", FLOAT, "cosine at the bin's left edge"),
        Column("high", FLOAT, "cosine at the bin's right edge"),
        Column("pairs", INT, "pairs in the bin"),
    ),
)  # fmt: skip

LABELS = Table(
    "labels", "The label of each validated pair.", ("purpose", "strategy", "pair_id"),
    (
        _PURPOSE,
        _STRATEGY,
        _PAIR,
        _PROMPT,
        *_LABEL,
        _GOLD,
        Column("gold_gap", FLOAT, "how much better the gold winner is, in gold's own units",
               nullable=True),
    ),
)  # fmt: skip

LEDGER = Table(
    "ledger", "Every label ever paid for, by judges and by people.", ("label_id",),
    (
        Column("label_id", STRING, "hash of pair, fingerprint, annotator and occasion"),
        _PAIR,
        _PROMPT,
        Column("fingerprint", STRING, "hash of everything that makes the labeler: kind, model, revision, "
               "prompt template, rubric, temperature"),
        Column("kind", STRING, "llm_judge, self_judge, reward_model, human"),
        Column("labeler", STRING, "the same in words"),
        Column("annotator", STRING, "the person's name; empty for a machine"),
        Column("occasion", INT, "0; 1 and above where a person gets the same pair again on purpose"),
        Column("winner", STRING, "a, b, tie, both_bad or abstain"),
        Column("p_a", FLOAT, "probability that a is better"),
        Column("consistent", BOOL, "both orders give the same label", nullable=True),
        Column("answer_ab", STRING, "raw answer with a shown first", nullable=True),
        Column("answer_ba", STRING, "raw answer with b shown first", nullable=True),
        Column("label_ab", STRING, "the label in answer_ab, one of those of winner", nullable=True),
        Column("label_ba", STRING, "the label in answer_ba; a is the same response in both", nullable=True),
        Column("rationale", STRING, "the judge's reason, or the person's comment", nullable=True),
        Column("confidence", INT, "1 guess, 2 fairly sure, 3 sure; people only", nullable=True),
        Column("revision", INT, "1 for a person's first answer on this pair and occasion, one more for each change; "
               "the highest holds; people only", nullable=True),
        Column("calls", INT, "calls that it took, repairs included"),
        Column("tokens_in", INT, "tokens read, all calls together"),
        Column("tokens_out", INT, "tokens written, all calls together"),
        Column("price", FLOAT, "money, in the unit of label.judge.price_in"),
        Column("seconds", FLOAT, "time that it took"),
        Column("given_at", STRING, "when, UTC, ISO 8601"),
    ),
)  # fmt: skip

QUEUE = Table(
    "queue", "Pairs that people are asked about; not an artifact, it lies in data/labels/local.", ("pair_id",),
    (
        _PAIR,
        _PROMPT,
        _MESSAGES,
        *_SIDES,
        Column("text_a", STRING, "its text"),
        Column("text_b", STRING, "its text"),
        Column("value", FLOAT, "what a vote on it is worth: the highest is asked first"),
        Column("known", STRING, "a, b or tie where the answer is known: a hidden check", nullable=True),
    ),
)  # fmt: skip

PREFERENCES = Table(
    "preferences", "What DPO trains on: labeled pairs without ties, past the preferences gate.",
    ("pair_id",),
    (
        _PAIR,
        _PROMPT,
        _MESSAGES,
        Column("chosen_id", STRING, "response id of the winner"),
        Column("rejected_id", STRING, "response id of the loser"),
        Column("chosen", STRING, "text of the winner"),
        Column("rejected", STRING, "text of the loser"),
        Column("p_chosen", FLOAT, "the labeler's probability that chosen is better"),
        Column("labeler", STRING, "who labeled"),
        _SIMILARITY,
        Column("chosen_tokens", INT, "length of chosen"),
        Column("rejected_tokens", INT, "length of rejected"),
    ),
)  # fmt: skip

JUDGEMENTS = Table(
    "judgements", "Held-out prompts answered by base and policy, with the quality that the scorer gives to both.",
    ("prompt_id", "sample"),
    (
        _PROMPT,
        Column("sample", INT, "number of the sample within its prompt"),
        Column("base_text", STRING, "the base policy's response"),
        Column("policy_text", STRING, "the aligned policy's response"),
        Column("base_quality", FLOAT, "its quality, by the scorer"),
        Column("policy_quality", FLOAT, "its quality, by the scorer"),
        Column("win", FLOAT, "1 the policy's is better, 0 the base's, 0.5 equal"),
        Column("base_tokens", INT, "length of the base's response"),
        Column("policy_tokens", INT, "length of the policy's response"),
        Column("kl", FLOAT, "sum over tokens of ln(policy/base) of the policy's own response, nats"),
    ),
)  # fmt: skip

MARGINS = Table(
    "margins", "Implicit rewards on held-out pairs with a known better side.", ("pair_id",),
    (
        _PAIR,
        _PROMPT,
        Column("gap", FLOAT, "ln pi/ref of the better - ln pi/ref of the worse, nats, beta not included"),
        Column("margin", FLOAT, "beta * gap: TRL's rewards/margins"),
        Column("correct", FLOAT, "1 if the gap is above 0, 0.5 if it is 0, else 0"),
    ),
)  # fmt: skip

LENGTHS = Table(
    "lengths", "Length of chosen and rejected, per strategy.", ("strategy", "side", "bin"),
    (
        Column("strategy", STRING, "the strategy"),
        Column("side", STRING, "chosen or rejected"),
        Column("bin", INT, "number of the bin, 0 to 19"),
        Column("low", FLOAT, "tokens at the bin's left edge"),
        Column("high", FLOAT, "tokens at the bin's right edge"),
        Column("responses", INT, "responses in the bin"),
    ),
)  # fmt: skip

CURVE = Table(
    "curve", "Training log, a row a step.", ("step",),
    (
        Column("step", INT, "optimizer step"),
        Column("loss", FLOAT, "training loss of this step"),
        Column("reward_margin", FLOAT, "beta included", nullable=True),
        Column("reward_accuracy", FLOAT, "share of pairs with a margin above 0", nullable=True),
        Column("learning_rate", FLOAT, "at this step"),
        Column("grad_norm", FLOAT, "before clipping", nullable=True),
    ),
)  # fmt: skip

_ARM = (
    Column("strategy", STRING, "the arm's strategy"),
    Column("budget", INT, "labels that the arm may have"),
    Column("seed", INT, "the arm's training seed"),
)

ARM_ANSWERS = Table(
    "arm_answers", "Held-out prompts answered by the policy of every arm, and how they fare against the base.",
    ("strategy", "budget", "seed", "prompt_id"),
    (
        *_ARM,
        _PROMPT,
        Column("win", FLOAT, "share of the prompt's samples that the policy wins, ties counted half"),
        Column("policy_tokens", FLOAT, "length of the policy's response, mean over samples"),
        Column("base_tokens", FLOAT, "length of the base's response, mean over samples"),
        Column("kl", FLOAT, "ln(policy/base) of the policy's own response, nats, mean over samples"),
    ),
)  # fmt: skip

ARM_MARGINS = Table(
    "arm_margins", "Implicit rewards of every arm's policy on held-out pairs with a known better side.",
    ("strategy", "budget", "seed", "pair_id"),
    (
        *_ARM,
        _PAIR,
        _PROMPT,
        Column("margin", FLOAT, "beta * (ln pi/ref of the better - ln pi/ref of the worse), nats"),
        Column("correct", FLOAT, "1 if the margin is above 0, 0.5 if it is 0, else 0"),
    ),
)  # fmt: skip

ARM_PICKS = Table(
    "arm_picks", "Pairs that every arm had labeled. Those of a smaller budget are the first of the larger, "
    "except where a strategy learns: its pilot is at most half of the budget.",
    ("strategy", "budget", "seed", "pair_id"),
    (
        *_ARM,
        _PAIR,
        _PROMPT,
        Column("place", INT, "order in which the arm had it labeled, from 1"),
        Column("pilot", BOOL, "labeled for the pilot, before the strategy could pick"),
        *_SIDES,
        *_LABEL,
        _GOLD,
        _LOG_RATIO,
        _SIMILARITY,
    ),
)  # fmt: skip

HELD_OUT = Table(
    "held_out", "A random pair of each held-out prompt with a known better side, on which every arm is measured.",
    ("pair_id",),
    (
        _PAIR,
        _PROMPT,
        Column("better", STRING, "response id of the better one, by gold where there is one, else by label"),
        Column("worse", STRING, "response id of the other"),
    ),
)  # fmt: skip

BASE_ANSWERS = Table(
    "base_answers", "Held-out prompts answered by the base policy, against which every arm is measured.",
    ("prompt_id", "sample"),
    (
        _PROMPT,
        Column("sample", INT, "number of the sample within its prompt"),
        Column("text", STRING, "the base policy's response"),
        Column("tokens", INT, "length of it"),
        Column("quality", FLOAT, "its quality, by the scorer"),
    ),
)  # fmt: skip

ARM_FIGURES = Table(
    "arm_figures", "What was measured of each strategy at each budget, over all seeds.",
    ("metric", "strategy", "budget"),
    (
        Column("metric", STRING, "what was measured"),
        Column("strategy", STRING, "the arms' strategy"),
        Column("budget", INT, "labels that they had"),
        Column("value", FLOAT, "the figure, mean over seeds"),
        Column("low", FLOAT, "lower end of its interval", nullable=True),
        Column("high", FLOAT, "upper end", nullable=True),
        Column("spread", FLOAT, "standard deviation over seeds", nullable=True),
    ),
)  # fmt: skip
