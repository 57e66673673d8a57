"""Takes part in an election: prints when it leads and when it no longer does."""

from __future__ import annotations

import sys
import time

from kubernetes import config
from kubernetes.leaderelection.electionconfig import Config
from kubernetes.leaderelection.leaderelection import LeaderElection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock
from urllib3.exceptions import HTTPError

LEASE_SECONDS, RENEW_SECONDS, RETRY_SECONDS = 5, 3, 1.1


def say(word: str) -> None:
    sys.stdout.write(f"{word} {time.monotonic()}\n")
    sys.stdout.flush()


def main(context: str, identity: str) -> None:
    config.load_kube_config(context=context)
    election = Config(
        LeaseLock("elected", "default", identity),
        lease_duration=LEASE_SECONDS,
        renew_deadline=RENEW_SECONDS,
        retry_period=RETRY_SECONDS,
        onstarted_leading=lambda: say("leads"),
        onstopped_leading=lambda: say("stops"),
    )
    try:
        LeaderElection(election).run()
    except HTTPError:  # the server is gone: nothing can be renewed there
        say("stops")


if __name__ == "__main__":
    main(*sys.argv[1:])
