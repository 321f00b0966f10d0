#!/usr/bin/env python3
"""What scripts/simulate.sh reads and writes.

  simulate_rows.py schedule PLAN FACTOR        lines "MODEL BATCH COMPUTE_S BUCKETS" from the result of
                                               `podium plan`, with a machine FACTOR times as fast
  simulate_rows.py tables ROWS DETAIL STUDY    from lines "PLATFORM MODEL MODE BATCH {...}", one per simulated step:
                                               DETAIL, a CSV of all of them, and STUDY, the fastest algorithm for each
                                               model and number of ranks, for `podium bench scaling --from`
"""

import csv
import json
import sys

STUDY = ("kind,model,mode,ranks,threads,batch,repetitions,images_per_s,images_per_s_least,images_per_s_most,"
         "compute_share,data_wait_share,exposed_comm_share,hidden_comm_share,step_s,speedup,efficiency").split(",")
DETAIL = ("kind,platform,model,mode,ranks,ranks_per_node,batch,algorithm,bytes,compute_s,exchange_s,"
          "flat_model_exchange_s,exposed_comm_s,step_s").split(",")


def schedule(plan_file, factor):
    with open(plan_file, encoding="utf-8") as file:
        plan = json.load(file)
    for model in plan["models"]:
        buckets = ",".join(f"{b['bytes']}@{b['ready_s'] / factor:.9f}" for b in model["buckets"])
        print(model["name"], model["batch"], f"{model['compute_s'] / factor:.9f}", buckets)


def tables(rows_file, detail_file, study_file):
    steps = []
    with open(rows_file, encoding="utf-8") as file:
        for line in file:
            platform, model, mode, batch, text = line.split(" ", 4)
            steps.append({"platform": platform, "model": model, "mode": mode, "batch": int(batch), **json.loads(text)})
    with open(detail_file, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, DETAIL, lineterminator="\n")
        writer.writeheader()
        writer.writerows(steps)
    fastest = {}
    for step in steps:
        key = step["model"], step["ranks"]
        if key not in fastest or step["step_s"] < fastest[key]["step_s"]:
            fastest[key] = step
    with open(study_file, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(STUDY)
        for step in fastest.values():
            speed = step["batch"] / step["step_s"]
            # Hidden: what of the exchange is not exposed, as far as there is computing to hide it.
            hidden = max(0.0, min(step["exchange_s"] - step["exposed_comm_s"], step["compute_s"]))
            shares = [t / step["step_s"] for t in (step["compute_s"] - hidden, 0, step["exposed_comm_s"], hidden)]
            writer.writerow(["simulated", step["model"], step["mode"], step["ranks"], 1, step["batch"], 1, speed, speed,
                             speed, *shares, step["step_s"], "", ""])


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "schedule":
        schedule(sys.argv[2], float(sys.argv[3]))
    elif len(sys.argv) == 5 and sys.argv[1] == "tables":
        tables(*sys.argv[2:])
    else:
        sys.exit(__doc__)
