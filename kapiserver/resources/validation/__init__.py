"""Rules of the built-in kinds: what the schema cannot say about an object.

One module per topic. Rules are plain functions over decoded objects that have their defaults and
passed the schema; `check_*` functions append what they find to the list they are given, with the
field paths, messages and quirks of kube-apiserver, and change nothing.
"""
