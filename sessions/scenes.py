"""What the golden sessions show: one function a scene, which plays it for real and returns the session's directory.

A scene fails (AssertionError) where the session doesn't end as it is meant to, so that none is recorded under a wrong name.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from house import LEAKY_SPLIT, MAIN, OWNER, SOURCE, USE_CASE, House, make_house

from workbench.loop import session
from workbench.loop.session import SessionResult
from workbench.repo import Identity
from workbench.review import queue, signoff
from workbench.settings import load_settings
from workbench.skills.run import SkillContext, run_skill
from workbench.testing_model import KEY, Script, ScriptedModel, calls

Edits = Mapping[str, tuple[str, str]]
DATA, FEATURES, SPLIT, MODEL, METRICS, CONTRACT = (
    f"pipelines/visits/{name}" for name in ("data.py", "features.py", "split.py", "model.py", "metrics.py", "contract.toml")
)  # fmt: skip
COLLEAGUE = Identity("Bo", "bo@shop.example")
LATER: Edits = {FEATURES: ("shift(48)", "shift(-48)")}


@dataclass(frozen=True)
class Scene:
    """`shows` is a line for the table."""

    shows: str
    play: Callable[[Stage], Path]


SCENES: dict[str, Scene] = {}


def scene(shows: str) -> Callable[[Callable[[Stage], Path]], Callable[[Stage], Path]]:
    """Puts a scene into the list under its function's name."""

    def add(play: Callable[[Stage], Path]) -> Callable[[Stage], Path]:
        SCENES[play.__name__.replace("_", "-")] = Scene(shows, play)
        return play

    return add


class Stage:
    """A workspace for one recording, and what people do in it."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.house: House
        # Where this machine keeps things is nobody's business: it is taken out like a secret.
        self._hidden = [str(place.resolve()), sys.prefix, str(SOURCE)]

    def build(self, edits: Edits | None = None) -> House:
        """The workspace, with these texts replaced before its first commit."""
        self.house = make_house(self._place, edits)
        return self.house

    def put(self, texts: Mapping[str, str], words: str) -> None:
        """A commit of the owner on main with these files; the work tree has them, too."""
        house = self.house
        tree = house.repo.write_tree(house.repo.tree_of(house.head), {path: text.encode() for path, text in texts.items()})
        house.repo.commit(tree, [house.head], words, author=OWNER, ref=MAIN, expect=house.head)
        for path, text in texts.items():
            (house.root / path).write_text(text, "utf-8")

    def profiled(self) -> None:
        """The profile of today's tables, committed, so that a change of unit can be seen."""
        house = self.house
        context = SkillContext(house.settings.model_copy(update={"root": SOURCE}), house.root, USE_CASE)
        ((path, text),) = run_skill(context, "profile").output["edits"].items()
        self.put({path: text}, "What the tables look like")

    def propose(self, edits: Edits, words: str) -> str:
        """A colleague's branch with these texts replaced."""
        house = self.house
        tree = house.repo.tree_of(house.head)
        texts = {path: (house.root / path).read_text("utf-8") for path in edits}
        for path, (old, _) in edits.items():
            assert old in texts[path], f"{path} has no {old!r}"
        changed = house.repo.write_tree(tree, {path: texts[path].replace(*edits[path]).encode() for path in edits})
        name = f"proposal-{len(house.repo.refs('refs/heads'))}"
        house.repo.commit(changed, [house.head], words, author=COLLEAGUE, ref=f"refs/heads/{name}", expect=None)
        return name

    def run(self, outcome: str, *proposals: str, goal: str = "", max_steps: int | None = None) -> SessionResult:
        """The loop from its beginning."""
        settings = self.house.settings
        if max_steps is not None:
            settings = settings.model_copy(update={"loop": settings.loop.model_copy(update={"max_steps": max_steps})})
        return self._as_meant(
            session.start(settings, USE_CASE, goal=goal, proposals=proposals, secrets=self._hidden, say=_say), outcome
        )

    def asks(self, replies: Sequence[Script], outcome: str, which: str = "") -> SessionResult:
        """The loop with the driver `claude`, whose endpoint is a server on loopback that answers by a script."""
        with ScriptedModel(replies) as model:
            environment = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": model.url}
            settings = load_settings(self.house.root, environment)
            if which:
                return self._as_meant(session.resume(settings, which, secrets=self._hidden, say=_say), outcome)
            return self._as_meant(session.start(settings, USE_CASE, driver="claude", secrets=self._hidden, say=_say), outcome)

    def go_on(self, which: str, outcome: str) -> SessionResult:
        """The loop, resumed."""
        return self._as_meant(session.resume(self.house.settings, which, secrets=self._hidden, say=_say), outcome)

    def sign(self, waiting: SessionResult, verdict: signoff.Verdict = "approve", comment: str = "") -> None:
        """Ana's decision on what waits."""
        assert waiting.change is not None
        questions = queue.get(self.house.repo, waiting.change).decision.requires.questions
        answers = ["The label is known an hour after the hour; the horizon is a day." for _ in questions]
        signoff.sign(
            self.house.repo, waiting.change, verdict=verdict, key=self.house.key, role="domain", comment=comment,
            answers=answers if verdict == "approve" else [],
        )  # fmt: skip

    def killed_at(self, words: str) -> Path:
        """The loop as a process of its own, killed once it says these words."""
        command = [sys.executable, "-m", "workbench", "-C", str(self.house.root), "run", USE_CASE, "--headless"]
        environment = {**os.environ, **{f"HIDDEN_SECRET_{i}": value for i, value in enumerate(self._hidden)}}
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment) as running:
            assert running.stderr is not None
            heard = next((line for line in running.stderr if words in line), "")
            running.kill()
        assert heard, f"it never said {words!r}"
        (directory,) = (self.house.root / "sessions").glob("*/")
        return directory

    @staticmethod
    def _as_meant(result: SessionResult, outcome: str) -> SessionResult:
        assert result.outcome == outcome, f"{result.outcome} instead of {outcome}: {result.reason}"
        return result


def _say(text: str) -> None:
    if "--loud" in sys.argv or os.environ.get("LOUD"):
        print(f"    {text}", file=sys.stderr)


def _decided(stage: Stage, edits: Edits, words: str, verdict: signoff.Verdict, comment: str = "") -> Path:
    """A colleague's proposal, decided on by Ana."""
    stage.build()
    waiting = stage.run("waiting", stage.propose(edits, words))
    stage.sign(waiting, verdict, comment)
    return stage.go_on(waiting.session, "released" if verdict == "approve" else "refused").directory


UPSTREAM = "pipelines/visits/upstream.py"
_READS = (
    '"""What the counters deliver."""\n\nfrom pipelines.visits import upstream\n\n\ndef load():\n    return upstream.tables()\n'
)


def _upstream(stage: Stage, old: str, new: str) -> Path:
    """What the committed profile describes comes otherwise today. The label's own column needs Ana to say yes, too."""
    house = stage.build()
    tables = (house.root / DATA).read_text("utf-8").replace("def load():", "def tables():")
    stage.put({DATA: _READS, UPSTREAM: tables}, "Loading stands apart from what is delivered")
    stage.profiled()
    assert old in tables
    stage.put({UPSTREAM: tables.replace(old, new)}, "Upstream changed")
    waiting = stage.run("waiting")
    stage.sign(waiting)
    return stage.go_on(waiting.session, "released").directory


# --- what a known cure repairs ---------------------------------------------------------------------------------------


@scene("nothing is wrong: built, gated, released")
def clean(stage: Stage) -> Path:
    """From data to champion without a stop."""
    stage.build()
    return stage.run("released").directory


@scene("an upstream column has another name; `migrate` repairs the loading")
def renamed_column(stage: Stage) -> Path:
    """The label's column comes under another name."""
    return _upstream(stage, '"visitors": (day', '"visitor_count": (day')


@scene("an upstream time comes as text; `migrate` casts it back")
def retyped_column(stage: Stage) -> Path:
    """Hours as text."""
    return _upstream(stage, '"hour": hours,', '"hour": hours.astype(str),')


@scene("an upstream number comes in another unit; `migrate` scales it back")
def rescaled_column(stage: Stage) -> Path:
    """Hundreds of visitors."""
    return _upstream(stage, "len(hours))).round(2)})", "len(hours))).round(2) / 100})")


@scene("LightGBM no longer takes `verbose_eval`; `upgrade` takes it out")
def removed_argument(stage: Stage) -> Path:
    """A removed keyword."""
    return _upgraded(stage, "num_boost_round=30)", "num_boost_round=30, verbose_eval=False)")


@scene("NumPy no longer has `np.float`; `upgrade` replaces it")
def removed_name(stage: Stage) -> Path:
    """A removed alias."""
    plain = "def predict(model, frame):\n    return model.predict(frame[FEATURES], num_threads=1)"
    cast = "return np.asarray(model.predict(frame[FEATURES], num_threads=1), dtype=np.float)"
    return _upgraded(stage, plain, f"import numpy as np\n\n\ndef predict(model, frame):\n    {cast}")


@scene("pandas no longer has `DataFrame.append`; `upgrade` replaces it")
def removed_method(stage: Stage) -> Path:
    """A removed method."""
    return _upgraded(stage, '["visitors"].notna()]', '["visitors"].notna()].append(train.iloc[:0])')


def _upgraded(stage: Stage, old: str, new: str) -> Path:
    """The model's code was written for an older framework."""
    stage.build({MODEL: (old, new)})
    stage.profiled()
    return stage.run("released").directory


# --- what a person decides -------------------------------------------------------------------------------------------


@scene("the split knows labels too early; `resplit` mends it, Ana approves, it is released")
def leaky_split_approved(stage: Stage) -> Path:
    """The loop looks once in vain before she has signed."""
    stage.build(LEAKY_SPLIT)
    waiting = stage.run("waiting")
    stage.go_on(waiting.session, "waiting")
    stage.sign(waiting)
    return stage.go_on(waiting.session, "released").directory


@scene("the same repair, rejected: nothing is applied")
def leaky_split_rejected(stage: Stage) -> Path:
    """Ana says no."""
    stage.build(LEAKY_SPLIT)
    waiting = stage.run("waiting")
    stage.sign(waiting, "reject", "The gap is a business decision.")
    return stage.go_on(waiting.session, "refused").directory


@scene("a feature reads the future; `deleak` mends it, Ana approves")
def leaky_feature_approved(stage: Stage) -> Path:
    """A lag with the wrong sign."""
    stage.build(LATER)
    waiting = stage.run("waiting")
    stage.sign(waiting)
    return stage.go_on(waiting.session, "released").directory


@scene("the same repair waits, and nobody has decided yet")
def leaky_feature_waiting(stage: Stage) -> Path:
    """In the queue."""
    stage.build(LATER)
    return stage.run("waiting").directory


_FEATURE: Edits = {FEATURES: (".shift(48)", ".shift(72)")}
_METRIC: Edits = {METRICS: (".mean())}", '.mean()), "worst": float(abs(y_true - y_pred).max())}')}
_CONTRACT: Edits = {CONTRACT: ('horizon = "24h"', 'horizon = "23h"')}
_SPLIT: Edits = {SPLIT: ("for back in (4, 2):", "for back in (6, 4, 2):")}


@scene("a colleague proposes a feature; approved")
def feature_approved(stage: Stage) -> Path:
    """An older value."""
    return _decided(stage, _FEATURE, "Use the value of three days ago", "approve")


@scene("a colleague proposes a feature; rejected")
def feature_rejected(stage: Stage) -> Path:
    """The same, and Ana says no."""
    return _decided(stage, _FEATURE, "Use the value of three days ago", "reject", "Three days are too old for us.")


@scene("a colleague proposes a further metric; approved")
def metric_approved(stage: Stage) -> Path:
    """The worst hour, beside the mean."""
    return _decided(stage, _METRIC, "Look at the worst hour, too", "approve")


@scene("a colleague proposes a further metric; rejected")
def metric_rejected(stage: Stage) -> Path:
    """The same, and Ana says no."""
    return _decided(stage, _METRIC, "Look at the worst hour, too", "reject", "One broken counter would decide it.")


@scene("a colleague proposes another contract; approved")
def contract_approved(stage: Stage) -> Path:
    """An hour less ahead."""
    return _decided(stage, _CONTRACT, "Predict 23 hours ahead", "approve")


@scene("a colleague proposes another contract; rejected")
def contract_rejected(stage: Stage) -> Path:
    """The same, and Ana says no."""
    return _decided(stage, _CONTRACT, "Predict 23 hours ahead", "reject", "The rota is made a day ahead.")


@scene("a colleague proposes another split; approved")
def split_approved(stage: Stage) -> Path:
    """One fold more."""
    return _decided(stage, _SPLIT, "Test on one more pair of days", "approve")


@scene("a colleague proposes another split; Ana asks for changes, and the session ends there")
def split_changes_requested(stage: Stage) -> Path:
    """Not like this."""
    return _decided(stage, _SPLIT, "Test on one more pair of days", "request-changes", "Two folds are enough; make them longer.")


@scene("the proposal after that, changed as she asked; approved")
def split_approved_after_changes(stage: Stage) -> Path:
    """The second try, in a session of its own."""
    stage.build()
    first = stage.run("waiting", stage.propose(_SPLIT, "Test on one more pair of days"))
    stage.sign(first, "request-changes", "Two folds are enough; make them earlier.")
    stage.go_on(first.session, "refused")
    second = stage.run("waiting", stage.propose({SPLIT: ("for back in (4, 2):", "for back in (8, 4):")}, "Test on earlier days"))
    stage.sign(second)
    return stage.go_on(second.session, "released").directory


@scene("a change of the label; approved")
def label_approved(stage: Stage) -> Path:
    """Predict the square root."""
    return _decided(stage, _LABEL_EDITS, "Leave the busiest hours out of the label", "approve")


@scene("a change of the label; rejected")
def label_rejected(stage: Stage) -> Path:
    """The same, and Ana says no."""
    return _decided(
        stage, _LABEL_EDITS, "Leave the busiest hours out of the label", "reject", "Those are the hours we staff for."
    )


_LABEL_EDITS: Edits = {
    FEATURES: ('    frame["lag_48h"]', '    frame["visitors"] = frame["visitors"].clip(upper=90.0)\n    frame["lag_48h"]'),
}


# --- how a session can end -------------------------------------------------------------------------------------------


@scene("killed in the middle of a step and resumed; nothing is lost or done twice")
def killed_and_resumed(stage: Stage) -> Path:
    """kill -9 at the diagnosis."""
    stage.build(LEAKY_SPLIT)
    directory = stage.killed_at("diagnosis:")
    waiting = stage.go_on(directory.name, "waiting")
    stage.sign(waiting)
    return stage.go_on(directory.name, "released").directory


@scene("killed and never taken up again")
def abandoned(stage: Stage) -> Path:
    """The record ends where it ends."""
    stage.build(LEAKY_SPLIT)
    return stage.killed_at("diagnosis:")


@scene("the budget of steps is spent")
def steps_spent(stage: Stage) -> Path:
    """Three nodes and no more."""
    stage.build(LEAKY_SPLIT)
    return stage.run("budget", max_steps=3).directory


@scene("the looks at the test are spent: no further score is computed")
def looks_spent(stage: Stage) -> Path:
    """The contract allows one look, and a repair would need a second."""
    stage.build({**LEAKY_SPLIT, CONTRACT: ("margin = 0.02\n", "margin = 0.02\n\n[budgets]\ntest_touches = 1\n")})
    return stage.run("budget").directory


@scene("an error in the code that no skill knows: said so, nothing is changed")
def no_cure(stage: Stage) -> Path:
    """A name that is nowhere."""
    stage.build({MODEL: ("num_boost_round=30", "num_boost_round=thirty")})
    return stage.run("no-cure").directory


# --- the claude driver, against a scripted server on loopback: no model ever answered these --------------------------


@scene("the driver `claude` reads, edits and says done (a scripted server on loopback, no live model); released")
def scripted_model_repairs(stage: Stage) -> Path:
    """An error that no skill knows."""
    stage.build({MODEL: ("num_boost_round=30", "num_boost_round=thirty")})
    stage.profiled()
    look = calls(("read", {"path": MODEL}), text="I look at the model first.")
    edit = ("edit", {"path": MODEL, "old": "=thirty", "new": "=30"})
    done = ("done", {"summary": "The number of rounds is a number", "words": "It was a name that is nowhere."})
    return stage.asks([look, calls(edit, done)], "released").directory


@scene("the driver `claude` would move the split (a scripted server on loopback, no live model); Ana says no")
def scripted_model_rejected(stage: Stage) -> Path:
    """A person decides on what a model wrote, as on anything else."""
    stage.build(LEAKY_SPLIT)
    edit = ("edit", {"path": SPLIT, "old": 'Timedelta("1h")\n        test', "new": 'Timedelta("30h")\n        test'})
    done = ("done", {"summary": "A wider gap before the test", "words": "Labels are known by then."})
    waiting = stage.asks([calls(edit, done)], "waiting")
    stage.sign(waiting, "reject", "Thirty hours are not what the labels need.")
    return stage.asks([], "refused", waiting.session).directory
