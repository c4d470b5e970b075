"""The tree kernel beside the libraries that the models come from, and others that score such models: million rows a second on one
thread, values in memory to predictions in memory, parsing left out.

    python ../shared/bench/make_data.py DATA      # with its requirements.txt
    pip install scikit-learn-intelex==2026.2.0 treelite==4.8.1 tl2cgen==1.0.0
    python tests/benches/trees.py DATA/trees      # 200 trees of depth 6 (XGBoost), or of 31 leaves (LightGBM), 10 features
    python tests/benches/trees.py DATA/large      # 1,000 trees of depth 10, 100 features, categories, missing values

DATA/large is made first, from a fixed seed, if it isn't there (some minutes). Each round runs every contender in turn; medians are
printed, how many times as fast the kernel is, and how far apart the predictions are at most. [--rounds 5] [--only xgboost]
"""
import argparse, os, re, statistics as st, subprocess, time
import lightgbm, numpy as np, pandas as pd, xgboost

p = argparse.ArgumentParser()
p.add_argument("trees")
p.add_argument("--rounds", type=int, default=5)
p.add_argument("--only", default="xgboost,lightgbm")
a = p.parse_args()
trees = os.path.abspath(a.trees)
is_large = os.path.basename(trees) == "large"


def make_large():
    rng = np.random.default_rng(7)
    rows, features, codes = 40_000, 100, range(0, 100, 10)
    x = rng.normal(size=(rows, features)).astype(np.float32)
    for k, feature in enumerate(codes):
        x[:, feature] = rng.integers(0, 4 + 6 * k, rows)  # 4 to 58 categories
    y = x @ rng.normal(size=features) + 20 * np.sin(x[:, 1] * x[:, 2]) + 5 * (x[:, ::10] % 3).sum(axis=1) + rng.normal(size=rows) * 9
    x[rng.random(x.shape) < 0.15] = np.nan
    names = [f"x{i}" for i in range(features)]
    half = rows // 2
    os.makedirs(trees)
    kinds = ["c" if i in codes else "q" for i in range(features)]
    train = xgboost.DMatrix(x[:half], y[:half], feature_names=names, feature_types=kinds)
    xgboost.train({"max_depth": 10, "eta": 0.05, "colsample_bytree": 0.2, "seed": 7, "nthread": 2}, train, 1000).save_model(f"{trees}/xgb.json")
    train = lightgbm.Dataset(x[:half], y[:half], feature_name=names, categorical_feature=list(codes))
    params = {"num_leaves": 1024, "max_depth": 10, "min_data_in_leaf": 2, "learning_rate": 0.05, "feature_fraction": 0.2, "verbose": -1, "seed": 7,
              "deterministic": True, "num_threads": 2}
    lightgbm.train(params, train, 1000).save_model(f"{trees}/lgb.txt")
    pd.DataFrame(x[half:], columns=names).to_csv(f"{trees}/rows.csv", index=False)


if is_large and not os.path.exists(trees):
    make_large()
frame = pd.read_csv(f"{trees}/rows.csv")
single, double = frame.to_numpy(np.float32), frame.to_numpy()
xgb = xgboost.Booster(model_file=f"{trees}/xgb.json")
xgb.set_param("nthread", 1)
xgb.feature_names = None
lgb = lightgbm.Booster(model_file=f"{trees}/lgb.txt")
PEERS = {
    "xgboost": {"XGBoost inplace_predict": lambda: xgb.inplace_predict(single)},
    "lightgbm": {"LightGBM predict": lambda: lgb.predict(double, num_threads=1)},
}


def onnx_runtime(file):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    s = onnxruntime.InferenceSession(f"{trees}/{file}", options)
    name = s.get_inputs()[0].name
    return lambda: np.concatenate([s.run(None, {name: single[i:i + 8192]})[0] for i in range(0, len(single), 8192)])


def one_dal(booster, rows):
    import daal4py
    daal4py.daalinit(1)
    model = daal4py.mb.convert_model(booster)
    return lambda: model.predict(rows)


def compiled(model, rows):
    """To C by TL2cgen, to machine code by gcc; kept beside the model."""
    import tl2cgen, treelite
    library = f"{trees}/{model}.so"
    load = treelite.frontend.load_xgboost_model if model.endswith(".json") else treelite.frontend.load_lightgbm_model
    if not os.path.exists(library):
        tl2cgen.export_lib(load(f"{trees}/{model}"), "gcc", library, {"parallel_comp": 8}, options=["-O3", "-march=native"])
    predictor, rows = tl2cgen.Predictor(library, nthread=1), tl2cgen.DMatrix(rows)
    return lambda: predictor.predict(rows)


if not is_large:
    PEERS["xgboost"] |= {"ONNX Runtime": onnx_runtime("xgb.onnx"), "oneDAL": one_dal(xgb, single),
                         "TL2cgen, gcc -O3": compiled("xgb.json", single)}
    PEERS["lightgbm"] |= {"ONNX Runtime": onnx_runtime("lgb.onnx"), "oneDAL": one_dal(lgb, double),
                          "TL2cgen, gcc -O3": compiled("lgb.txt", double)}


def kernel(name):
    """By criterion: the middle of its three figures."""
    out = subprocess.run(["cargo", "bench", "--bench", "trees", "--", name], env={**os.environ, "TREES": trees},
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    figure, unit = re.search(r"thrpt:\s+\[\S+ \S+ (\S+) (\S)elem/s", out).groups()
    return float(figure) * {"M": 1, "K": 1e-3}[unit]


times, distances = {}, {}
for _ in range(a.rounds):
    for name in a.only.split(","):
        times.setdefault((name, "transform"), []).append(kernel(name))
        ours = np.fromfile(f"{trees}/{name}.predictions")
        for peer, run in PEERS[name].items():
            start = time.perf_counter()
            theirs = run()
            times.setdefault((name, peer), []).append(len(single) / (time.perf_counter() - start) / 1e6)
            distances[name, peer] = np.abs((ours - theirs.ravel().astype(float)) / ours).max()
for (name, contender), figures in times.items():
    ratio = st.median(times[name, "transform"]) / st.median(figures)
    distance = f"   at most {distances[name, contender]:.1e} apart" if (name, contender) in distances else ""
    print(f"{name:9} {contender:24} {st.median(figures):8.4f} M rows/s   x{ratio:.1f}{distance}")
