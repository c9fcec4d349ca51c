from __future__ import annotations

from pathlib import Path

from tests.workspaces import SHOP_CONTRACT, make_workspace
from workbench.pipeline.contract import load_contract
from workbench.pipeline.coverage import arms
from workbench.pipeline.runner import Pipeline, known_tables
from workbench.settings import load_settings

PREPARE = "def clean(tables):\n    return {**tables, 'prices': tables['prices'].head(1000)}\n"
FINISH = "def clip(predictions, frame):\n    return predictions.clip(20) if len(frame) else predictions\n"


def test_stages_on_given_results_known_tables_and_coverage(tmp_path: Path) -> None:
    stages = '[stages]\npreprocess = "pipelines.shop.prepare:clean"\npostprocess = "pipelines.shop.finish:clip"\n'
    files = {"pipelines/shop/prepare.py": PREPARE, "pipelines/shop/finish.py": FINISH}
    root = make_workspace(tmp_path, contract=SHOP_CONTRACT.replace("[stages]\n", stages), files=files)
    settings = load_settings(root)
    with Pipeline(settings, load_contract(root, "shop"), cover=["pipelines/shop/finish.py"]) as pipeline:
        tables = pipeline.load()
        known = known_tables(tables)
        again = pipeline.load(known=known)
        assert all(again[name] is tables[name] for name in tables)
        made = pipeline.prepared(tables, known={"preprocess": known})["preprocess"]
        assert len(made["prices"]) == 1000 and made["stores"] is tables["stores"]
        run = pipeline.run(tables, reuse=True)
        assert run.frame is not None
        raised = run.fold_runs
        for fold in raised:
            fold.raw = fold.raw - 100
        judged = pipeline.judged(run.frame, raised)
        assert all((finished == 20).all() for finished, _ in judged)
        assert [scores for _, scores in judged] == run.scores
        missed = [arm for i, arm in enumerate(arms(FINISH)) if i not in pipeline.covered["pipelines/shop/finish.py"]]
        assert [arm.what for arm in missed] == ["one side of `if … else`"]
