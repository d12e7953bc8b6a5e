"""A private container registry on Kubernetes, as Pulumi components.

Nothing is imported here, so that settings can be read without the Kubernetes SDK, which takes a while to load.
"""
