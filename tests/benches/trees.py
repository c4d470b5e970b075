"""The tree kernel beside the libraries that the models come from: million rows a second on one thread, values in memory to
predictions in memory, parsing left out. 200 trees of depth 6 (XGBoost), 200 trees of 31 leaves (LightGBM), 10 features.

    python ../shared/bench/make_data.py DATA      # with its requirements.txt
    python tests/benches/trees.py DATA/trees [--rounds 5]

Each round runs every contender in turn; medians are printed, and how many times as fast the kernel is.
"""
import argparse, os, re, statistics as st, subprocess, time
import lightgbm, numpy as np, onnxruntime, pandas as pd, xgboost

p = argparse.ArgumentParser()
p.add_argument("trees")
p.add_argument("--rounds", type=int, default=5)
a = p.parse_args()
trees = os.path.abspath(a.trees)

frame = pd.read_csv(f"{trees}/rows.csv")
single, double = frame.to_numpy(np.float32), frame.to_numpy()
xgb = xgboost.Booster(model_file=f"{trees}/xgb.json")
xgb.set_param("nthread", 1)
xgb.feature_names = None
lgb = lightgbm.Booster(model_file=f"{trees}/lgb.txt")


def session(file):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    s = onnxruntime.InferenceSession(f"{trees}/{file}", options)
    name = s.get_inputs()[0].name
    return lambda: [s.run(None, {name: single[i:i + 8192]}) for i in range(0, len(single), 8192)]


PEERS = {
    "xgboost": {"XGBoost inplace_predict": lambda: xgb.inplace_predict(single), "ONNX Runtime": session("xgb.onnx")},
    "lightgbm": {"LightGBM predict": lambda: lgb.predict(double, num_threads=1), "ONNX Runtime": session("lgb.onnx")},
}


def kernel(name):
    """By criterion: the middle of its three figures."""
    out = subprocess.run(["cargo", "bench", "--bench", "trees", "--", name], env={**os.environ, "TREES": trees},
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    figure, unit = re.search(r"thrpt:\s+\[\S+ \S+ (\S+) (\S)elem/s", out).groups()
    return float(figure) * {"M": 1, "K": 1e-3}[unit]


times = {}
for _ in range(a.rounds):
    for name, peers in PEERS.items():
        times.setdefault((name, "transform"), []).append(kernel(name))
        for peer, run in peers.items():
            start = time.perf_counter()
            run()
            times.setdefault((name, peer), []).append(len(single) / (time.perf_counter() - start) / 1e6)
for (name, contender), figures in times.items():
    ratio = st.median(times[name, "transform"]) / st.median(figures)
    print(f"{name:9} {contender:24} {st.median(figures):7.3f} M rows/s   x{ratio:.1f}")
