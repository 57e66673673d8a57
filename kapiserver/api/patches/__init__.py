"""Patch algorithms, pure: a decoded document and a decoded patch in, the patched document out.

They take over both arguments (the result may share parts with either), so decode anew for a retry.
"""
