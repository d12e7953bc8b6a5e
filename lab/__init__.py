"""A real Kubernetes node with a real Docker Engine on one Linux machine, in namespaces of its own.

The product does not import this package: a cluster of one's own needs none of it.
"""
