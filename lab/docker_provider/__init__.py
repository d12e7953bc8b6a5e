"""The lab's stand-in for the official Docker provider plugin, version 5.2.0: the resource `Image` only.

`install.make_plugin` writes it as a plugin folder. What it keeps of the real one, and where it stops, is in
`provider`.
"""
