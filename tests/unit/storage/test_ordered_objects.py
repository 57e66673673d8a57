"""Objects in key order, against the obvious way of keeping them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kapiserver.storage.object import ObjectForm, StoredObject
from kapiserver.storage.ordered import OrderedObjects

KEYS = st.binary(min_size=1, max_size=3)
STEPS = st.lists(st.tuples(st.sampled_from(["put", "remove"]), KEYS), max_size=40)


def obj(key: bytes, revision: int) -> StoredObject:
    form = ObjectForm(lambda _: {}, lambda _: None, lambda _: None)
    return StoredObject(
        key, "", "", b'{"kind":"A","apiVersion":"v1","metadata":{}}', revision, 1, form
    )


@given(STEPS, KEYS, KEYS)
def test_it_is_a_sorted_dict(steps: list[tuple[str, bytes]], start: bytes, end: bytes) -> None:
    ordered = OrderedObjects()
    plain: dict[bytes, StoredObject] = {}
    for revision, (step, key) in enumerate(steps):
        if step == "put":
            plain[key] = obj(key, revision)
            ordered.put(plain[key])
        else:
            plain.pop(key, None)
            ordered.remove(key)
    assert len(ordered) == len(plain)
    assert all(ordered.get(key) is plain.get(key) for _, key in steps)
    within = [plain[key] for key in sorted(plain) if start <= key < end]
    assert ordered.between(start, end) == within
    assert OrderedObjects(plain[key] for key in sorted(plain)).between(start, end) == within
