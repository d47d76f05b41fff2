# SPDX-License-Identifier: GPL-2.0-only
"""A scenario of krkn: the disk of a node is slow for a minute.

kubectl runs kchaos in the pod that kubernetes.yaml has on the node. The injection ends when its
time is over, whatever happens to this program.
"""

import os
import subprocess
import sys

NODE = os.environ.get("NODE", "worker-1")
DEVICE = os.environ.get("DEVICE", "/dev/sdb")
DELAY = os.environ.get("DELAY", "10ms")
TIME = os.environ.get("TIME", "60s")

POD = [
    *["kubectl", "--namespace", "chaos-driver", "get", "pods", "--output", "name"],
    *["--selector", "app.kubernetes.io/name=chaos-driver"],
    *["--field-selector", f"spec.nodeName={NODE},status.phase=Running"],
]
INJECT = [
    *["/kchaos", "inject", "ioem", "delay", f"--delay={DELAY}", f"--device={DEVICE}"],
    *[f"--for={TIME}", "--wait"],
]


def main():
    pods = subprocess.run(POD, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    if len(pods) != 1:
        sys.exit(f"node {NODE} has {len(pods)} pods of chaos-driver, and needs one that runs")
    exec_words = ["kubectl", "--namespace", "chaos-driver", "exec", pods[0], "--container", "kchaos"]
    sys.exit(subprocess.run([*exec_words, "--", *INJECT]).returncode)


if __name__ == "__main__":
    main()
