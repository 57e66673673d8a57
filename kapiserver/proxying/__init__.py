"""The connect family: requests that a kubelet, a pod or a service answers.

In: log, exec, attach, portforward and proxy requests that have passed the stages. Out: what the
backend answers, streamed both ways with backpressure; after a 101 the two connections are one
tunnel of bytes. What may not happen here: a byte passed on after any other answer than 101
(CVE-2018-1002105), a redirect followed, a connection to ourselves, the client's credentials shown
to a backend, a connection that outlives the request it was opened for.
"""

from .kubelets import KubeletSettings
from .verbs import connect_verbs

__all__ = ["KubeletSettings", "connect_verbs"]
