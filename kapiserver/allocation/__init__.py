"""What services take from the cluster: addresses and node ports, none of them twice.

Comes in: services as the verbs write them. Goes out: services with their addresses and ports filled
in, and the records of what is taken (IPAddress objects, one key per node port), which are written
in the same transaction as the service. A record is made by creating its key, so two nodes cannot
both succeed; a crash leaves both the service and its records, or neither. Also here: the ranges
(ServiceCIDR objects), the repair of records that people changed by hand, and the `kubernetes`
service with its endpoints.
"""
