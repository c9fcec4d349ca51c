"""`workbench completion bash|zsh|fish`: completion for a shell, written out from the parsers themselves.

source <(workbench completion bash)          # in ~/.bashrc; zsh: the same with zsh, in ~/.zshrc
workbench completion fish > ~/.config/fish/completions/workbench.fish
"""

from __future__ import annotations

import argparse
import importlib
import shlex
from collections.abc import Mapping

from workbench.cli.console import Console
from workbench.errors import ExitCode


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the shell's name."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell to write completion for")


def run(args: argparse.Namespace, console: Console) -> ExitCode:
    """Prints a script for the shell."""
    from workbench.cli.main import COMMANDS

    words = {name: _words(name) for name in COMMANDS}
    console.data(_fish(words, COMMANDS) if args.shell == "fish" else _bash(words, zsh=args.shell == "zsh"))
    return ExitCode.OK


def _words(name: str) -> list[str]:
    """Every word that can follow a command: its actions and its options, those of the actions among them."""
    from workbench.cli.main import command_parser

    parser = command_parser(name)
    importlib.import_module(f"workbench.cli.{name.replace('-', '_')}").arguments(parser)
    return sorted(_of(parser))


def _of(parser: argparse.ArgumentParser) -> set[str]:
    found: set[str] = set()
    for action in parser._actions:
        found |= {word for word in action.option_strings if word.startswith("--")}
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action._name_parser_map.items():
                found |= {name, *_of(below)}
        elif action.choices and not action.option_strings:
            found |= {str(choice) for choice in action.choices}
    return found


def _bash(words: Mapping[str, list[str]], *, zsh: bool) -> str:
    cases = "\n".join(f"    {name}) words={shlex.quote(' '.join(found))} ;;" for name, found in words.items())
    names = shlex.quote(" ".join([*words, "--version", "--help"]))
    head = "autoload -Uz compinit bashcompinit && compinit && bashcompinit\n" if zsh else ""
    return f"""{head}_workbench() {{
  local words={names} word at skip=
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=${{COMP_WORDS[at]}}
    if [ -n "$skip" ]; then skip=; continue; fi
    case "$word" in
    -C) skip=1 ;;
    -*) ;;
    *) break ;;
    esac
    word=
  done
  case "$word" in
{cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _workbench workbench"""


def _fish(words: Mapping[str, list[str]], about: Mapping[str, str]) -> str:
    lines = ["complete -c workbench -s C -r -d 'the workspace'"]
    for name, found in words.items():
        lines.append(f"complete -c workbench -n __fish_use_subcommand -a {name} -d {_quoted(about[name])}")
        here = f"-n '__fish_seen_subcommand_from {name}'"
        lines += [f"complete -c workbench {here} -l {word[2:]}" for word in found if word.startswith("--")]
        plain = " ".join(word for word in found if not word.startswith("--"))
        lines += [f"complete -c workbench {here} -a {_quoted(plain)}"] if plain else []
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
