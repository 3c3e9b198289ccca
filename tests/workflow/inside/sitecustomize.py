"""Python imports this where it starts: in one job, code that a test has given runs first."""

import os
import sys

words, code = os.environ["INSIDE"].split("\n", 1)
command = " ".join(sys.orig_argv)
if all(word in command for word in words.split()):
    from idsharp.common import script

    run = script.run
    # Once everything is imported, and where errors are told.
    script.run = lambda main, **options: run(lambda: (exec(code, {}), main()), **options)
