"""What the analysis knows about names: classes and functions of the libraries, and words that say what a column is.

Names are matched by their last part, so it doesn't matter how a library was imported. Only facts stand here, no logic but
look-ups.
"""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TRANSFORMERS = _words("""
    StandardScaler MinMaxScaler MaxAbsScaler RobustScaler QuantileTransformer PowerTransformer KBinsDiscretizer
    SplineTransformer SimpleImputer Imputer KNNImputer IterativeImputer MissingIndicator PCA IncrementalPCA KernelPCA
    SparsePCA MiniBatchSparsePCA TruncatedSVD FastICA NMF MiniBatchNMF FactorAnalysis LatentDirichletAllocation TSNE UMAP
    Isomap LocallyLinearEmbedding SpectralEmbedding MDS DictionaryLearning CountVectorizer TfidfVectorizer TfidfTransformer
    DataFrameMapper ColumnTransformer FeatureUnion VarianceThreshold Nystroem RBFSampler BernoulliRBM Word2Vec Doc2Vec
    GaussianRandomProjection SparseRandomProjection FeatureAgglomeration Tokenizer TextVectorization Normalization
    CountFrequencyEncoder ArbitraryDiscretiser EqualFrequencyDiscretiser Winsorizer MeanMedianImputer
""")
SUPERVISED_TRANSFORMERS = _words("PLSRegression CCA NeighborhoodComponentsAnalysis")
ENCODERS = _words("""
    TargetEncoder MEstimateEncoder LeaveOneOutEncoder CatBoostEncoder JamesSteinEncoder WOEEncoder GLMMEncoder
    MeanEncoder QuantileEncoder
""")
VOCABULARIES = _words("""
    LabelEncoder LabelBinarizer MultiLabelBinarizer OneHotEncoder OrdinalEncoder BinaryEncoder DictVectorizer
    StringIndexer StringLookup
""")
STATELESS = _words("Normalizer Binarizer FunctionTransformer PolynomialFeatures HashingVectorizer FeatureHasher")
SELECTORS = _words("""
    SelectKBest SelectPercentile SelectFromModel SelectFpr SelectFdr SelectFwe GenericUnivariateSelect RFE RFECV
    SequentialFeatureSelector BorutaPy Boruta
""")
OVERSAMPLERS = _words("""
    SMOTE SMOTENC SMOTEN BorderlineSMOTE SVMSMOTE KMeansSMOTE ADASYN RandomOverSampler SMOTEENN SMOTETomek CTGAN
""")
UNDERSAMPLERS = _words("""
    RandomUnderSampler NearMiss TomekLinks ClusterCentroids EditedNearestNeighbours RepeatedEditedNearestNeighbours AllKNN
    CondensedNearestNeighbour OneSidedSelection NeighbourhoodCleaningRule InstanceHardnessThreshold
""")
SEARCHES = _words("""
    GridSearchCV RandomizedSearchCV HalvingGridSearchCV HalvingRandomSearchCV BayesSearchCV OptunaSearchCV
""")
PIPELINES = _words("Pipeline make_pipeline ImbPipeline")
COLUMN_UNIONS = _words("ColumnTransformer make_column_transformer FeatureUnion make_union DataFrameMapper")
CLUSTERS = _words("KMeans MiniBatchKMeans DBSCAN GaussianMixture AgglomerativeClustering Birch HDBSCAN SpectralClustering")
MODEL_NAMES = _words("""
    SVC SVR NuSVC NuSVR LinearSVC LinearSVR Ridge RidgeCV Lasso LassoCV LassoLars LassoLarsCV ElasticNet ElasticNetCV
    LogisticRegression LogisticRegressionCV LinearRegression HuberRegressor Perceptron GaussianNB MultinomialNB BernoulliNB
    ComplementNB CategoricalNB LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis Sequential Model CatBoost
    BayesianRidge ARDRegression Lars LarsCV OrthogonalMatchingPursuit KernelRidge IsolationForest OneClassSVM Prophet
    MLPClassifier MLPRegressor EBM AutoML TabularPredictor
""")
_MODEL = re.compile(r"(Classifier|Regressor|Regression|RegressionCV|NB)$")
_TRANSFORMER = re.compile(r"(Scaler|Imputer|Vectorizer|Discretizer|Discretiser|Transformer)$")

SPLITTERS = _words("""
    KFold StratifiedKFold GroupKFold StratifiedGroupKFold RepeatedKFold RepeatedStratifiedKFold LeaveOneOut LeavePOut
    LeaveOneGroupOut LeavePGroupsOut ShuffleSplit StratifiedShuffleSplit GroupShuffleSplit PredefinedSplit TimeSeriesSplit
    BlockingTimeSeriesSplit PurgedKFold CombPurgedKFoldCV PurgedGroupTimeSeriesSplit
""")
TIMED_SPLITTERS = _words("""
    TimeSeriesSplit BlockingTimeSeriesSplit PurgedKFold CombPurgedKFoldCV PurgedGroupTimeSeriesSplit PredefinedSplit
""")
GROUPED_SPLITTERS = _words("GroupKFold StratifiedGroupKFold LeaveOneGroupOut LeavePGroupsOut GroupShuffleSplit")
SHUFFLING_SPLITTERS = _words("ShuffleSplit StratifiedShuffleSplit RepeatedKFold RepeatedStratifiedKFold")
CROSS_VALIDATIONS = _words("""
    cross_val_score cross_validate cross_val_predict learning_curve validation_curve permutation_test_score
""")
METRICS = _words("""
    accuracy_score balanced_accuracy_score f1_score fbeta_score precision_score recall_score roc_auc_score
    average_precision_score log_loss brier_score_loss classification_report confusion_matrix matthews_corrcoef
    cohen_kappa_score hamming_loss jaccard_score zero_one_loss hinge_loss top_k_accuracy_score
    precision_recall_fscore_support precision_recall_curve roc_curve mean_squared_error root_mean_squared_error
    mean_absolute_error median_absolute_error mean_absolute_percentage_error r2_score explained_variance_score max_error
    mean_poisson_deviance mean_gamma_deviance mean_tweedie_deviance mean_pinball_loss d2_absolute_error_score
    mean_squared_log_error mse_loss l1_loss smooth_l1_loss cross_entropy binary_cross_entropy nll_loss huber_loss
    binary_cross_entropy_with_logits
""")
NOT_A_CHOICE = _words("classification_report confusion_matrix roc_curve precision_recall_curve")
STATISTIC_FUNCTIONS = _words("""
    scale minmax_scale maxabs_scale robust_scale quantile_transform power_transform zscore boxcox yeojohnson winsorize
""")
REDUCTIONS = _words("""
    mean std var median mode quantile percentile nanmean nanstd nanvar nanmedian nanpercentile nanquantile min max nanmin
    nanmax amin amax ptp skew kurt kurtosis sem mad describe agg aggregate value_counts sum nansum average prod corrwith
    nlargest_value
""")
ASSOCIATIONS = _words("f_classif f_regression chi2 mutual_info_classif mutual_info_regression r_regression")
RANKS = _words("rank qcut rankdata")
TWO_SIDED_FILTERS = _words("""
    savgol_filter filtfilt sosfiltfilt seasonal_decompose STL hpfilter bkfilter cffilter lowess gaussian_filter1d
    uniform_filter1d median_filter wiener medfilt detrend hilbert UnobservedComponents_smoothed
""")
TUNERS = _words("optimize fmin minimize minimize_scalar differential_evolution BayesianOptimization gp_minimize maximize")
READERS = _words("""
    read_csv read_parquet read_table read_excel read_json read_sql read_sql_query read_feather read_pickle read_hdf
    read_stata read_sas read_fwf scan_csv scan_parquet read_gbq load_dataset fetch_openml loadtxt genfromtxt
""")
WRITERS = _words("to_csv to_parquet to_feather to_pickle to_excel to_json to_hdf to_sql write_csv write_parquet to_stata to_gbq")
STOPPING = _words("EarlyStopping ModelCheckpoint ReduceLROnPlateau early_stopping EarlyStoppingCallback")
SCALAR_ANNOTATIONS = _words("int float str bool bytes dict Path date datetime")

_LABEL = re.compile(
    r"(^|_)(y|target|label|labels|outcome|future|fut|fwd|forward|next|ret|returns?|pnl|profit|lead|ahead|gain|equity|truth|"
    r"strategy|response|answer|up|direction|signal_label|horizon)(_|\d|$)",
    re.IGNORECASE,
)
_KNOWN_AHEAD = re.compile(
    r"(plan|planned|sched|schedule|scheduled|calendar|holiday|promo|forecast|announced|budget|weekday|dayofweek|dow|booked|"
    r"reserved|contract|timetable|is_open|opening_hours|known)",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"(^|_)(date|datetime|time|timestamp|ts|day|hour|month|week|year|quarter|minute|when|period|epoch|created|placed)(_|$)|"
    r"(date|time|_at|_ts|_dt)$|^dt$|^t$|^ds$",
    re.IGNORECASE,
)
_VALIDATION = re.compile(r"(^|_)(val|valid|validation|dev|eval|cal|calib|calibration|stop|tune|tuning)(_|\d|$)", re.IGNORECASE)
_TEST = re.compile(r"(^|_)(test|te|holdout|hold|held|oos|unseen)(_|\d|$)|test", re.IGNORECASE)
_BARS = _words("open high low close volume Open High Low Close Volume adj_close vwap ohlc ohlcv")


def role_of(name: str) -> str:
    """The role of an object of the class `name`; empty where the name says nothing."""
    for names, role in (
        (VOCABULARIES, "vocabulary"),
        (STATELESS, "stateless"),
        (ENCODERS, "encoder"),
        (SELECTORS, "selector"),
        (OVERSAMPLERS, "resampler"),
        (UNDERSAMPLERS, "undersampler"),
        (SEARCHES, "search"),
        (TRANSFORMERS | SUPERVISED_TRANSFORMERS, "transformer"),
        (CLUSTERS, "cluster"),
        (MODEL_NAMES, "model"),
    ):
        if name in names:
            return role
    if "SMOTE" in name or name.endswith("OverSampler"):
        return "resampler"
    if _MODEL.search(name):
        return "model"
    return "transformer" if _TRANSFORMER.search(name) else ""


def is_label(name: str) -> bool:
    """A column or function that by its name is what is predicted, or the outcome of it."""
    return bool(_LABEL.search(name))


def is_known_ahead(name: str) -> bool:
    """A column that by its name is fixed before its time: a plan, a schedule, a calendar."""
    return bool(_KNOWN_AHEAD.search(name))


def is_time(name: str) -> bool:
    """A column that by its name is a time."""
    return bool(_TIME.search(name))


def is_validation(name: str) -> bool:
    """A variable that by its name holds rows for choosing, not for the last word."""
    return bool(_VALIDATION.search(name)) and not _TEST.search(name)


def is_test(name: str) -> bool:
    """A variable that by its name holds rows for the last word."""
    return bool(_TEST.search(name))


def is_bar(name: str) -> bool:
    """A column of a price bar: its rows are moments."""
    return name in _BARS
