"""What scikit-learn renamed, moved or took out."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from skills.upgrade.removal import (
    Cure,
    NoCure,
    Removal,
    Site,
    drop_alias,
    dropped_keyword,
    is_named,
    missing_attribute,
    moved_module,
    nothing,
    renamed_attribute,
    renamed_keyword,
    renamed_name,
    renamed_value,
    unexpected,
)
from workbench.skills.call_edits import remove_arguments, replace_argument
from workbench.skills.source import keyword, require_name

_META = ["AdaBoostRegressor", "AdaBoostClassifier", "BaggingRegressor", "BaggingClassifier", "CalibratedClassifierCV",
         "ClassifierChain", "RegressorChain", "RANSACRegressor", "SelfTrainingClassifier"]  # fmt: skip
_LINEAR = ["LinearRegression", "Ridge", "RidgeCV", "RidgeClassifier", "RidgeClassifierCV", "Lasso", "LassoCV", "ElasticNet",
           "ElasticNetCV", "Lars", "LarsCV", "LassoLars", "LassoLarsCV", "LassoLarsIC", "OrthogonalMatchingPursuit",
           "OrthogonalMatchingPursuitCV", "BayesianRidge", "ARDRegression", "MultiTaskLasso", "MultiTaskElasticNet"]  # fmt: skip
_FOREST_R = ["RandomForestRegressor", "ExtraTreesRegressor"]
_FOREST_C = ["RandomForestClassifier", "ExtraTreesClassifier"]
_TREE_R = ["DecisionTreeRegressor", "ExtraTreeRegressor"]
_TREE_C = ["DecisionTreeClassifier", "ExtraTreeClassifier"]
_SGD = ["SGDClassifier", "SGDRegressor"]

# (classes, parameter, old value, new value as source text)
_VALUES: list[tuple[list[str], str, object, str]] = [
    (["GradientBoostingRegressor"], "loss", "ls", '"squared_error"'),
    (["GradientBoostingRegressor"], "loss", "lad", '"absolute_error"'),
    (["GradientBoostingClassifier"], "loss", "deviance", '"log_loss"'),
    (["GradientBoostingRegressor", "GradientBoostingClassifier"], "criterion", "mse", '"squared_error"'),
    (["HistGradientBoostingRegressor"], "loss", "least_squares", '"squared_error"'),
    (["HistGradientBoostingRegressor"], "loss", "least_absolute_deviation", '"absolute_error"'),
    (["HistGradientBoostingClassifier"], "loss", "auto", '"log_loss"'),
    (["HistGradientBoostingClassifier"], "loss", "binary_crossentropy", '"log_loss"'),
    (["HistGradientBoostingClassifier"], "loss", "categorical_crossentropy", '"log_loss"'),
    ([*_FOREST_R, *_TREE_R], "criterion", "mse", '"squared_error"'),
    ([*_FOREST_R, *_TREE_R], "criterion", "mae", '"absolute_error"'),
    ([*_FOREST_R, *_TREE_R], "max_features", "auto", "1.0"),
    ([*_FOREST_C, *_TREE_C], "max_features", "auto", '"sqrt"'),
    (["GradientBoostingRegressor", "GradientBoostingClassifier"], "max_features", "auto", "None"),
    (["SGDClassifier"], "loss", "log", '"log_loss"'),
    (_SGD, "loss", "squared_loss", '"squared_error"'),
    (["RANSACRegressor"], "loss", "absolute_loss", '"absolute_error"'),
    (["RANSACRegressor"], "loss", "squared_loss", '"squared_error"'),
    (["LogisticRegression", "LogisticRegressionCV", *_SGD, "Perceptron"], "penalty", "none", "None"),
    (["SVC", "SVR", "NuSVC", "NuSVR", "OneClassSVM"], "gamma", "auto_deprecated", '"auto"'),
    (["KBinsDiscretizer"], "subsample", "warn", "200_000"),
]

_PLOTS = {
    "sklearn.metrics.plot_confusion_matrix": "sklearn.metrics.ConfusionMatrixDisplay",
    "sklearn.metrics.plot_roc_curve": "sklearn.metrics.RocCurveDisplay",
    "sklearn.metrics.plot_precision_recall_curve": "sklearn.metrics.PrecisionRecallDisplay",
    "sklearn.metrics.plot_det_curve": "sklearn.metrics.DetCurveDisplay",
    "sklearn.inspection.plot_partial_dependence": "sklearn.inspection.PartialDependenceDisplay",
}

_MOVED = {
    "sklearn.cross_validation": "sklearn.model_selection",
    "sklearn.grid_search": "sklearn.model_selection",
    "sklearn.learning_curve": "sklearn.model_selection",
    "sklearn.ensemble.forest": "sklearn.ensemble",
    "sklearn.ensemble.gradient_boosting": "sklearn.ensemble",
    "sklearn.ensemble.weight_boosting": "sklearn.ensemble",
    "sklearn.ensemble.bagging": "sklearn.ensemble",
    "sklearn.tree.tree": "sklearn.tree",
    "sklearn.linear_model.base": "sklearn.linear_model",
    "sklearn.linear_model.ridge": "sklearn.linear_model",
    "sklearn.linear_model.logistic": "sklearn.linear_model",
    "sklearn.linear_model.coordinate_descent": "sklearn.linear_model",
    "sklearn.neighbors.classification": "sklearn.neighbors",
    "sklearn.neighbors.regression": "sklearn.neighbors",
    "sklearn.preprocessing.data": "sklearn.preprocessing",
    "sklearn.preprocessing.label": "sklearn.preprocessing",
    "sklearn.preprocessing.imputation": "sklearn.impute",
    "sklearn.metrics.classification": "sklearn.metrics",
    "sklearn.metrics.regression": "sklearn.metrics",
    "sklearn.svm.classes": "sklearn.svm",
    "sklearn.utils.testing": "sklearn.utils._testing",
    "sklearn.externals.joblib": "joblib",
}


def _root_mean(site: Site) -> Iterator[str]:
    """`mean_squared_error(…, squared=False)` is a function of its own now; True was the default."""
    module = site.module
    for old in ("mean_squared_error", "mean_squared_log_error"):
        new, rewritten, imported = f"root_{old}", [], False
        for call in module.calls():
            flag = keyword(call, "squared")
            target = call.args[0] if is_named(module, call.func, ["partial", "make_scorer"]) and call.args else call.func
            if flag is None or not is_named(module, target, [old], "sklearn"):
                continue
            if not (isinstance(flag.value, ast.Constant) and isinstance(flag.value.value, bool)):
                raise NoCure(f"{module.path}:{call.lineno}: whether `{module.segment(flag)}` is true isn't known before it runs")
            remove_arguments(module, call, [flag], site.edits)
            if not flag.value.value:
                rewritten.append(target)
            yield f"`{old}(…, {module.segment(flag)})` → `{new if not flag.value.value else old}(…)`"
        names = [t for t in rewritten if isinstance(t, ast.Name)]
        for node in ast.walk(module.tree):
            if names and isinstance(node, ast.ImportFrom) and any(a.name == old for a in node.names) and not imported:
                alias = next(a for a in node.names if a.name == old)
                uses = [u for u in ast.walk(module.tree) if isinstance(u, ast.Name) and u.id == (alias.asname or old)]
                imported = len(uses) == len(names)
                if imported:
                    site.edits.replace(module.start(alias), module.end(alias), new)
        for node in rewritten:
            if isinstance(node, ast.Attribute):
                site.edits.replace(module.end(node) - len(old), module.end(node), new)
            else:
                home = (module.qualified(node) or "").rpartition(".")[0]
                local = new if imported else require_name(module, home, new, site.edits)
                site.edits.replace(module.start(node), module.end(node), local)


def _feature_names(site: Site) -> Iterator[str]:
    if not site.located:
        return
    module = site.module
    for call in module.calls():
        if isinstance(call.func, ast.Attribute) and call.func.attr == "get_feature_names":
            site.edits.insert(module.end(call.func), "_out")
            # It was a list; an array would be added to element by element.
            if isinstance(module.parents.get(call), ast.BinOp):
                site.edits.insert(module.start(call), "list(")
                site.edits.insert(module.end(call), ")")
            yield "`get_feature_names()` → `get_feature_names_out()`"


def _plot(old: str, new: str) -> Cure:
    home, _, name = old.rpartition(".")
    display = new.rpartition(".")[2]

    def cure(site: Site) -> Iterator[str]:
        module, said = site.module, False
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and node.module == home and any(a.name == name for a in node.names):
                alias = next(a for a in node.names if a.name == name)
                if any(a.name == display for a in node.names):
                    drop_alias(site, node, alias)
                else:
                    site.edits.replace(module.start(alias), module.end(alias), display)
                said = True
            elif isinstance(node, ast.Name | ast.Attribute) and module.qualified(node) == old:
                prefix = f"{module.segment(node.value)}." if isinstance(node, ast.Attribute) else ""
                site.edits.replace(module.start(node), module.end(node), f"{prefix}{display}.from_estimator")
                said = True
        if said:
            yield f"`{name}` → `{display}.from_estimator`"

    return cure


def _scorer(site: Site) -> Iterator[str]:
    """`make_scorer(needs_proba=True)` says which response it wants by name now."""
    words = {"needs_proba": '"predict_proba"', "needs_threshold": '("decision_function", "predict_proba")'}
    for call in site.module.calls():
        if not is_named(site.module, call.func, ["make_scorer"], "sklearn"):
            continue
        for name, response in words.items():
            flag = keyword(call, name)
            if flag is None or not isinstance(flag.value, ast.Constant):
                continue
            if flag.value.value:
                replace_argument(site.module, flag, f"response_method={response}", site.edits)
            else:
                remove_arguments(site.module, call, [flag], site.edits)
            yield f"`{name}=` → `response_method=`"


def _invalid(parameter: str, old: object, classes: list[str]) -> str:
    return rf"InvalidParameterError: The '{parameter}' parameter of (?:{'|'.join(classes)}) must be .*Got {old!r} instead"


def _renamed(name: str, classes: list[str], old: str, new: str, since: str) -> Removal:
    symptom = unexpected(old, *classes) + rf"|ValueError: Invalid parameter '?{old}'? for estimator"
    return Removal(name, "sklearn", since, symptom, renamed_keyword(classes, "sklearn", old, new))


def _dropped(classes: list[str], name: str, since: str, values: list[object] | None = None, why: str = "") -> Removal:
    cure = dropped_keyword(classes, "sklearn", name, values, why)
    return Removal(f"sklearn-{classes[0]}-{name}", "sklearn", since, unexpected(name, *classes), cure)


REMOVALS: list[Removal] = [
    _renamed("sklearn-base-estimator", _META, "base_estimator", "estimator", "1.4"),
    _renamed("sklearn-one-hot-sparse", ["OneHotEncoder"], "sparse", "sparse_output", "1.4"),
    _renamed("sklearn-agglomerative-affinity", ["AgglomerativeClustering", "FeatureAgglomeration"], "affinity", "metric", "1.4"),
    _renamed("sklearn-tsne-n-iter", ["TSNE"], "n_iter", "max_iter", "1.7"),
    _renamed("sklearn-n-folds", ["KFold", "StratifiedKFold", "GroupKFold"], "n_folds", "n_splits", "0.20"),
    _renamed(
        "sklearn-force-all-finite", ["check_array", "check_X_y", "as_float_array"], "force_all_finite", "ensure_all_finite", "1.8"
    ),
    _renamed(
        "sklearn-fit-params",
        ["cross_val_score", "cross_validate", "cross_val_predict", "learning_curve", "validation_curve"],
        "fit_params",
        "params",
        "1.8",
    ),
    Removal("sklearn-squared", "sklearn", "1.6", unexpected("squared"), _root_mean),
    _dropped(
        _LINEAR,
        "normalize",
        "1.2",
        [False, "deprecated"],
        "`normalize=True` scaled inside the fit; a scaler in front is not the same with a penalty, so a person decides",
    ),
    _dropped(
        ["LogisticRegression", "LogisticRegressionCV"],
        "multi_class",
        "1.8",
        ["auto", "deprecated", "multinomial"],
        "one model a class is `OneVsRestClassifier(LogisticRegression(…))` now; whether that is meant is a person's decision",
    ),
    _dropped(
        ["AdaBoostClassifier"],
        "algorithm",
        "1.8",
        ["SAMME", "deprecated"],
        "the algorithm `SAMME.R` is gone, and the other one learns another model",
    ),
    _dropped(["KMeans", "MiniBatchKMeans"], "n_jobs", "1.0"),
    _dropped(["KMeans"], "precompute_distances", "1.0"),
    _dropped(["IsolationForest"], "behaviour", "0.24"),
    _dropped(["GridSearchCV", "RandomizedSearchCV"], "iid", "0.24"),
    _dropped(["SimpleImputer"], "verbose", "1.3"),
    _dropped([*_TREE_R, *_TREE_C, "GradientBoostingRegressor", "GradientBoostingClassifier"], "presort", "0.24"),
    _dropped(
        [*_TREE_R, *_TREE_C, *_FOREST_R, *_FOREST_C, "GradientBoostingRegressor", "GradientBoostingClassifier"],
        "min_impurity_split",
        "1.0",
        [None],
        "a threshold on impurity is `min_impurity_decrease` now, with another meaning",
    ),
    Removal("sklearn-make-scorer-response", "sklearn", "1.6", unexpected("needs_proba|needs_threshold"), _scorer),
    *(
        Removal(
            f"sklearn-{classes[0]}-{parameter}-{old}",
            "sklearn",
            "1.4",
            _invalid(parameter, old, classes),
            renamed_value(classes, "sklearn", parameter, old, new),
        )
        for classes, parameter, old, new in _VALUES
    ),
    Removal(
        "sklearn-get-feature-names",
        "sklearn",
        "1.2",
        r"AttributeError: .*has no attribute 'get_feature_names'",
        _feature_names,
        everywhere=False,
    ),
    Removal(
        "sklearn-base-estimator-attribute",
        "sklearn",
        "1.4",
        r"AttributeError: .*has no attribute 'base_estimator_'",
        renamed_attribute("base_estimator_", "estimator_"),
        everywhere=False,
    ),
    Removal(
        "sklearn-n-features",
        "sklearn",
        "1.2",
        r"AttributeError: .*has no attribute 'n_features_'",
        renamed_attribute("n_features_", "n_features_in_"),
        everywhere=False,
    ),
    *(
        Removal(
            f"sklearn-{old.rpartition('.')[2]}",
            "sklearn",
            "1.2",
            missing_attribute(old.rpartition(".")[2], old.rpartition(".")[0]),
            _plot(old, new),
        )
        for old, new in _PLOTS.items()
    ),
    *(
        Removal(
            f"sklearn-module-{old.removeprefix('sklearn.')}",
            "sklearn",
            "0.24",
            rf"ModuleNotFoundError: No module named '{old}'",
            moved_module(old, new),
        )
        for old, new in _MOVED.items()
    ),
    Removal(
        "sklearn-externals-joblib",
        "sklearn",
        "0.23",
        missing_attribute("joblib", "sklearn.externals"),
        renamed_name("sklearn.externals.joblib", "joblib"),
    ),
    Removal(
        "sklearn-load-boston",
        "sklearn",
        "1.2",
        r"ImportError:\s+`load_boston` has been removed",
        nothing("the data set is gone on purpose; another one has to be chosen"),
    ),
    Removal(
        "sklearn-imputer",
        "sklearn",
        "0.22",
        missing_attribute("Imputer", "sklearn.preprocessing"),
        nothing("`SimpleImputer` has no `axis` and marks missing values otherwise; a person has to say what is meant"),
    ),
    Removal(
        "sklearn-jaccard",
        "sklearn",
        "0.23",
        missing_attribute("jaccard_similarity_score", "sklearn.metrics"),
        nothing("`jaccard_score` computes another number than `jaccard_similarity_score` did"),
    ),
]
