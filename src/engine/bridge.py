"""Takes commands to a Ray cluster. Knows neither files nor models: what runs where, and what is tried again, Rust decides.

argv: the cluster's address. stdin, JSON lines: {id, argv, stdin, cpus, labels} runs argv on a node with such labels, {cancel: id}
ends it. Its end ends this, at any time. Messages, JSON lines on a descriptor of their own, for Ray prints on stdout:
{ray, python}, then {nodes: [...]} again and again, {id, node, rc, out, err} of what ran, {id, lost} of what Ray couldn't run.
"""
import json, os, platform, queue, sys, threading, time

out, inbox = os.fdopen(os.dup(1), "w"), queue.SimpleQueue()
os.dup2(2, 1)

def send(**message):
    print(json.dumps(message), file=out, flush=True)

def read():
    try:
        for line in sys.stdin:
            inbox.put(json.loads(line))
    finally:  # Also while Ray hangs. Nodes end what they run for a driver that is gone.
        os._exit(0)

threading.Thread(target=read, daemon=True).start()
import ray

send(ray=ray.__version__, python=platform.python_version())
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")

@ray.remote(max_retries=0)
def run(argv, stdin):
    import os, ray, subprocess

    node = ray.get_runtime_context().get_node_id()
    try:  # The child ends with this process, however that ends.
        ran = subprocess.run(argv + ["--parent", str(os.getpid())], input=stdin.encode(), capture_output=True)
        rc, out, err = ran.returncode, ran.stdout, ran.stderr[-9999:]
    except OSError as e:
        rc, out, err = None, b"", str(e).encode()
    return {"node": node, "rc": rc, "out": out.decode(), "err": err.decode(errors="replace")}

def nodes():
    for n in filter(lambda n: n["Alive"], ray.nodes()):
        yield {"id": n["NodeID"], "host": n["NodeManagerHostname"], "address": n["NodeManagerAddress"], "cpus": n["Resources"].get("CPU", 0)}

refs, listed = {}, 0
while True:
    if time.monotonic() - listed > 3:
        send(nodes=list(nodes()))
        listed = time.monotonic()
    try:
        task = inbox.get(timeout=1)
    except queue.Empty:
        continue
    if "done" in task:
        refs.pop(task["done"], None)
        try:
            send(id=task["done"], **task["future"].result())
        except Exception as e:
            send(id=task["done"], lost=f"{type(e).__name__}: {e}")
    elif "cancel" in task:
        if task["cancel"] in refs:
            ray.cancel(refs[task["cancel"]], force=True)
    else:
        ref = run.options(num_cpus=task["cpus"], label_selector=task["labels"]).remote(task["argv"], task["stdin"])
        refs[task["id"]] = ref
        ref.future().add_done_callback(lambda future, id=task["id"]: inbox.put({"done": id, "future": future}))
