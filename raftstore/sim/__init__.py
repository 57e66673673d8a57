"""The simulator: real nodes on a virtual clock, a faulty network and a faulty disk, from one seed."""
