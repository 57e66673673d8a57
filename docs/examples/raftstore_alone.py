"""raftstore without Kubernetes: a counter that survives restarts. Run it twice."""

import sys

import trio

from raftstore import Compare, Member, Put, StoreConfig, open_store


async def main(directory: str) -> int:
    config = StoreConfig(
        node_id="n1", cluster_id="example", data_dir=directory, members=(Member("n1", ""),)
    )
    async with open_store(config) as store:
        await store.read_barrier()
        old = store.get(b"counter")
        count = int(old.value) + 1 if old else 1
        unchanged = Compare(b"counter", "mod", "=", old.mod_revision if old else 0)
        result = await store.txn([unchanged], [Put(b"counter", b"%d" % count)])
        assert result.succeeded
        return count


if __name__ == "__main__":
    sys.stdout.write(f"started {trio.run(main, sys.argv[1])} times\n")
