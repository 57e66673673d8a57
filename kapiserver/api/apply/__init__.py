"""Server-side apply: who owns which field, and the merge of what somebody applies.

Pure, but for `verb`: objects, managedFields and types go in; objects, managedFields or conflicts
come out. From the bottom up: `elements` and `sets` (sets of field paths in the shape of FieldsV1),
`types` (a schema as ownership sees it), `extract`, `compare`, `merge`, `remove`, `reconcile` and
`check` (walks over one or two objects and their type), `managers` (the entries of managedFields),
`updater` (the rules of ownership), `manager` (the rules of one resource, versions included).
"""
