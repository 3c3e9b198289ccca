"""The command `idsharp measure`."""
