"""`workbench skill list|run|test|validate|lock`: the versioned skills, each runnable alone from CI."""

from __future__ import annotations

import argparse
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from workbench.cli.console import Console, shared_options
from workbench.errors import ExitCode, UsageError, WorkbenchError
from workbench.settings import Settings, load_settings
from workbench.visible import visible

if TYPE_CHECKING:
    from workbench.skills.lock import Locked


class ListedSkill(BaseModel):
    """One skill; `locked` says whether its bytes are those of skills.lock."""

    name: str
    version: str
    tree: str
    locked: bool
    description: str
    needs: dict[str, list[str] | float]


class SkillList(BaseModel):
    """`skill list --json`."""

    format: int = 1
    skills: list[ListedSkill]


class CheckedSkill(BaseModel):
    """A skill that was validated or tested: `problem` is empty where all is well."""

    name: str
    ok: bool
    problem: str = ""
    hint: str = ""


class CheckedSkills(BaseModel):
    """`skill validate --json` and `skill test --json`."""

    format: int = 1
    skills: list[CheckedSkill]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommands."""
    what = parser.add_subparsers(dest="what", metavar="list|run|test|validate|lock", required=True)
    shared = shared_options()
    what.add_parser("list", parents=[shared], help="the skills, their versions, and whether they may run")
    run_ = what.add_parser("run", parents=[shared], help="run one skill: exit 0 where its answer is yes, 1 where it is no")
    run_.add_argument("name", metavar="NAME")
    run_.add_argument("--use-case", metavar="NAME", help="default: the workspace's only one")
    run_.add_argument("--input", metavar="JSON|@FILE|-", default="{}", help="the input as JSON, from a file, or from stdin")
    run_.add_argument(
        "--version", metavar="VERSION", default="", help="an earlier version of skills.lock, from git; or NAME@VERSION"
    )
    run_.add_argument("--unsafe-no-sandbox", action="store_true", help="run stage code unconfined; for code you trust alone")
    for name, text in (("test", "run the skills' own tests"), ("validate", "check front matter, code and lock")):
        one = what.add_parser(name, parents=[shared], help=text)
        one.add_argument("name", metavar="NAME", nargs="?")
        if name == "test":
            one.add_argument(
                "--against",
                type=Path,
                metavar="SESSIONS",
                help="a folder of recorded sessions: does it answer today as it did then?",
            )
    what.add_parser("lock", parents=[shared], help="write skills.lock for the skills as they lie; a reviewed change")


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Runs the subcommand."""
    settings = load_settings(args.directory, unsafe_no_sandbox=getattr(args, "unsafe_no_sandbox", False))
    if args.what == "run":
        return _run(settings, args, console)
    if args.what == "list":
        return _list(settings, console)
    if args.what == "lock":
        return _lock(settings, console)
    if args.what == "test" and args.against is not None:
        from workbench.cli.skill_against import compare

        if not args.against.is_dir():
            raise UsageError(f"{args.against} is not a directory.", "give a folder of recorded sessions, or one session")
        return compare(settings, args.name, args.against, console)
    return _checked(settings, args, console)


def script(file: Path, argv: Sequence[str] | None = None) -> int:
    """What `skills/<name>/scripts/run.py` calls: the same as `workbench skill run <name> --json`, input from stdin if piped."""
    from workbench.cli.main import main

    name, root = file.resolve().parents[1].name, file.resolve().parents[3]
    given = list(sys.argv[1:] if argv is None else argv)
    if {"-h", "--help"} & set(given):
        sys.stdout.write(
            f"usage: {file.name} [--use-case NAME] [--input JSON|@FILE|-] [-C DIR] [--quiet]\n\n"
            f"Runs the skill `{name}`: JSON in (--input, or standard input where it is a pipe or a file), JSON out.\n"
            "Exit 0: its answer is yes; 1: it is no, or refused; 2: it can't be asked so.\n"
        )
        return 0
    if "--input" not in given and not any(word.startswith("--input=") for word in given) and _piped():
        given += ["--input", "-"]
    where = [] if "-C" in given else ["-C", str(root)]
    return int(main(["skill", "run", name, "--json", *where, *given]))


def _run(settings: Settings, args: argparse.Namespace, console: Console) -> ExitCode:
    from workbench.loop.by_hand import counted
    from workbench.skills.run import SkillContext, locked

    name, _, version = args.name.partition("@")
    context = SkillContext(
        settings=settings,
        root=settings.root,
        use_case=args.use_case or _only_use_case(settings.root),
        progress=lambda text: console.say(f"  {visible(text, limit=200)}"),
    )
    loaded = locked(settings, name, args.version or version)
    ran, problem = counted(context, loaded, _input(args.input), by=f"workbench skill run {name}")
    if problem:
        console.say(f"  ! {problem}")
    output = json.dumps(ran.output, indent=2)
    console.data(output if console.json else visible(output, newlines=True))
    answer = "✓ yes" if ran.ok else "✗ no"
    console.say(f"{answer}: skill {ran.name} {ran.version} ({ran.tree_id[:12]}), {ran.seconds:.1f} s")
    return ExitCode.OK if ran.ok else ExitCode.FINDINGS


def _list(settings: Settings, console: Console) -> ExitCode:
    from workbench.skills import lock
    from workbench.skills.discover import discover

    locked = lock.read(settings.root)
    found = [
        ListedSkill(
            name=skill.name,
            version=skill.version,
            tree=skill.tree_id,
            locked=locked.get(skill.name) == lock.Locked(skill.version, skill.tree_id),
            description=skill.description,
            needs={name: list(need) if isinstance(need, tuple) else need for name, need in vars(skill.needs).items()},
        )
        for skill in discover(settings.root).values()
    ]
    if console.json:
        console.model(SkillList(skills=found))
        return ExitCode.OK
    for one in found:
        state = "✓ locked  " if one.locked else "✗ unlocked"
        head = f"{state} {one.name:<10} {one.version:<8} {one.tree[:12]}  "
        room = 80 - len(head)
        text = visible(one.description)
        console.data(head + (text if len(text) <= room else text[: room - 1] + "…"))
    if not all(one.locked for one in found):
        console.say("an unlocked skill doesn't run; `workbench skill lock` records it, which is a reviewed change")
    return ExitCode.OK


def _lock(settings: Settings, console: Console) -> ExitCode:
    from workbench.skills import lock

    before = lock.read(settings.root)
    after = lock.write(settings.root, _kept_by_git(settings.root))
    changes = [
        f"{name} {entry.version}: {before[name].tree[:12] if name in before else 'new'} → {entry.tree[:12]}"
        for name, entry in after.items()
        if before.get(name) != entry
    ] + [f"{name}: gone" for name in before if name not in after]
    if console.json:
        console.data(
            json.dumps(
                {"format": 1, "skills": {name: _entry(entry) for name, entry in after.items()}, "changes": changes}, indent=2
            )
        )
    else:
        for change in changes:
            console.data(change)
    console.say(f"{lock.LOCK}: {len(changes)} changed, {len(after)} skills" if changes else f"{lock.LOCK} is up to date")
    return ExitCode.OK


def _entry(entry: Locked) -> dict[str, Any]:
    return {"version": entry.version, "tree": entry.tree, "versions": entry.versions}


def _kept_by_git(root: Path) -> Callable[[str], bool]:
    """Whether git has a tree; without a repository it has none."""
    from workbench.repo import Repo

    def is_kept(tree: str) -> bool:
        try:
            with Repo.open(root) as repo:
                repo.children(tree)
        except WorkbenchError:
            return False
        return True

    return is_kept


def _checked(settings: Settings, args: argparse.Namespace, console: Console) -> ExitCode:
    from workbench.skills.discover import find, names

    check = _tested if args.what == "test" else _validated
    if args.name:
        find(settings.root, args.name)
    results = [check(settings.root, name, console) for name in ([args.name] if args.name else names(settings.root))]
    if console.json:
        console.model(CheckedSkills(skills=results))
    else:
        for result in results:
            console.data(
                f"{'✓ ok    ' if result.ok else '✗ failed'} {result.name}" + (f": {result.problem}" if result.problem else "")
            )
            if result.hint:
                console.say(f"           {result.hint}")
    if not results:
        raise UsageError("The workspace has no skills.", "run `workbench init`")
    return ExitCode.OK if all(result.ok for result in results) else ExitCode.FINDINGS


def _validated(root: Path, name: str, console: Console) -> CheckedSkill:
    from workbench.skills import confined, lock
    from workbench.skills.discover import find
    from workbench.skills.run import SkillContext

    try:
        skill = find(root, name)
        confined.ask(skill, SkillContext(Settings(root=root), root), "schemas")
        lock.check_skill(skill, lock.read(root))
    except WorkbenchError as error:
        return CheckedSkill(name=name, ok=False, problem=visible(error.message), hint=visible(error.hint))
    return CheckedSkill(name=name, ok=True)


def _tested(root: Path, name: str, console: Console) -> CheckedSkill:
    import importlib.util

    if importlib.util.find_spec("pytest") is None:
        raise UsageError("Testing skills needs pytest, which isn't installed.", "install the extra: pip install 'workbench[dev]'")
    tests = Path("skills") / name / "test_skill.py"
    if not (root / tests).is_file():
        return CheckedSkill(name=name, ok=False, problem="it has no test_skill.py", hint="a skill comes with its own tests")
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", str(tests)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path[1:]])}
    with console.step(f"tests of {name}"):
        done = subprocess.run(command, cwd=root, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode == 0:
        return CheckedSkill(name=name, ok=True)
    said = (done.stdout.strip() or done.stderr.strip()).decode("utf-8", "replace")
    last = (said.splitlines() or ["pytest said nothing"])[-1]
    console.say(visible(said[-4000:], newlines=True))
    return CheckedSkill(name=name, ok=False, problem=visible(last, limit=200), hint=f"run `pytest {tests}`")


def _only_use_case(root: Path) -> str:
    from workbench.pipeline.contract import use_cases

    found = use_cases(root)
    if len(found) == 1:
        return found[0]
    known = f"there are: {', '.join(found)}" if found else "the workspace has none yet"
    raise UsageError("Which use case the skill is for has to be said.", f"give --use-case NAME; {known}")


def _input(given: str) -> dict[str, Any]:
    text, where = given, "--input"
    if given == "-":
        text, where = sys.stdin.read() or "{}", "standard input"
    elif given.startswith("@"):
        where = given[1:]
        try:
            text = Path(where).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{where} can't be read: {error}.", "give a file with a JSON object") from None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError(f"The input ({where}) is not JSON: {error}.", 'give an object, such as {"gates": ["split"]}') from None
    if not isinstance(value, dict):
        raise UsageError(f"The input ({where}) is not a JSON object.", 'give an object, such as {"gates": ["split"]}')
    return value


def _piped() -> bool:
    """Whether standard input is a pipe or a file, and so will end."""
    if sys.stdin is None:
        return False
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)
