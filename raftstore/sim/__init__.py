"""The simulator: real nodes on a virtual clock, a faulty network, a faulty disk, and one seed."""
