"""The packages of the wheel: those that are found, and resources/ inside the package."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["idsharp*"]), "idsharp.resources"])
