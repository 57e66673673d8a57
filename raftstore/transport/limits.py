"""Every bound and deadline of the transport, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TransportLimits:
    max_frame: int = 16 << 20  # largest message between members; a bigger one ends the link
    max_first_frame: int = 64 << 10  # before a peer has said who it is
    max_queue: int = 64 << 20  # bytes waiting for one peer; at the bound the link is dropped
    max_pending: int = 64  # connections that have not finished their hello; more are closed
    handshake_timeout: float = 5.0  # TCP connect, TLS and hello, together
    send_timeout: float = 5.0  # a peer that takes no byte for this long is dropped
    ping_interval: float = 1.0  # a silent link sends a ping this often
    idle_timeout: float = 5.0  # nothing heard for this long: the link is dead
    redial_min: float = 0.1
    redial_max: float = 0.5
    join_timeout: float = 30.0  # one join request, from first byte to answer
    join_rate: float = 2.0  # join requests per second, for the whole listener
    join_burst: int = 10
